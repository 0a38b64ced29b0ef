#include "agent/arm/module_closure.h"

#include <fmt/format.h>
#include <libkmod.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <filesystem>
#include <memory>
#include <set>

namespace lastword {
namespace {

namespace fs = std::filesystem;

// "kernel/drivers/scsi/sd_mod.ko.xz" -> "sd_mod". The kernel writes '_' where file names may have
// '-'.
std::string module_name(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  name.erase(std::min(name.find(".ko"), name.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void ignore_log(void*, int, const char*, int, const char*, const char*, va_list) {}

struct FreeContext {
  void operator()(kmod_ctx* context) const { kmod_unref(context); }
};
struct FreeModule {
  void operator()(kmod_module* module) const { kmod_module_unref(module); }
};
struct FreeModules {
  void operator()(kmod_list* modules) const { kmod_module_unref_list(modules); }
};
using Context = std::unique_ptr<kmod_ctx, FreeContext>;
using Module = std::unique_ptr<kmod_module, FreeModule>;
using Modules = std::unique_ptr<kmod_list, FreeModules>;

enum class Need : std::uint8_t { kHard, kSoft };

// Walks from modules to what they need; every module once.
class Closure {
 public:
  Closure(kmod_ctx* context, std::string directory)
      : context_(context), directory_(std::move(directory)) {}

  Status add(const std::string& name) {
    kmod_list* found = nullptr;
    const int error = kmod_module_new_from_lookup(context_, name.c_str(), &found);
    const Modules modules(found);
    if (error < 0 || modules == nullptr) return not_found(name, -error);
    return visit_all(modules.get(), Need::kHard);
  }

  std::vector<KernelModule> take() { return std::move(order_); }

 private:
  // kmod_module_get_probe_list() of libkmod, which is not exported: what a module depends on, then
  // what it wishes to have before it, then the module, then what it wishes to have after it.
  Status visit(kmod_module* module, Need need) {
    const char* const name = kmod_module_get_name(module);
    if (visited_.contains(name)) return {};
    const char* const path = kmod_module_get_path(module);
    if (path == nullptr || (need == Need::kSoft && !fs::exists(path))) {
      return need == Need::kSoft ? Status() : not_found(name, 0);
    }
    visited_.insert(name);
    const Modules dependencies(kmod_module_get_dependencies(module));
    if (Status status = visit_all(dependencies.get(), need); !status) return status;
    kmod_list* before = nullptr;
    kmod_list* after = nullptr;
    kmod_module_get_softdeps(module, &before, &after);
    const Modules pre(before);
    const Modules post(after);
    if (Status status = visit_all(pre.get(), Need::kSoft); !status) return status;
    const char* const options = kmod_module_get_options(module);
    order_.push_back({.path = path, .options = options != nullptr ? options : ""});
    return visit_all(post.get(), Need::kSoft);
  }

  // What is built in is read from the directory. kmod_module_get_initstate() would say what the
  // running kernel has, which may be another one.
  Status visit_all(kmod_list* modules, Need need) {
    kmod_list* loadable = nullptr;
    if (const int error =
            kmod_module_apply_filter(context_, KMOD_FILTER_BUILTIN, modules, &loadable);
        error < 0) {
      return fail({.code = Code::kIo,
                   .sys_errno = -error,
                   .operation = "find built-in modules",
                   .disk = directory_});
    }
    const Modules all(loadable);
    for (kmod_list* at = all.get(); at != nullptr; at = kmod_list_next(all.get(), at)) {
      const Module module(kmod_module_get_module(at));
      if (Status status = visit(module.get(), need); !status) return status;
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> not_found(const std::string& name, int error) const {
    return fail({.code = Code::kNotFound,
                 .sys_errno = error,
                 .operation = "find kernel module",
                 .disk = directory_,
                 .detail = fmt::format("{} is neither a module nor built in; is the package of "
                                       "this kernel installed whole?",
                                       name)});
  }

  kmod_ctx* context_;
  std::string directory_;
  std::set<std::string> visited_;
  std::vector<KernelModule> order_;
};

}  // namespace

Result<std::vector<std::string>> driver_modules_of(const std::string& sysfs,
                                                   const std::string& disk) {
  std::error_code error;
  const fs::path root = fs::canonical(sysfs, error);
  const fs::path device = fs::canonical(root / "block" / disk / "device", error);
  if (error) {
    return fail({.code = Code::kNotFound,
                 .sys_errno = error.value(),
                 .operation = "find device",
                 .disk = disk});
  }
  std::vector<std::string> names;
  unsigned drivers_above = 0;
  for (fs::path at = device; at != root && at.has_relative_path(); at = at.parent_path()) {
    if (!fs::exists(at / "driver", error)) continue;
    if (at != device) ++drivers_above;
    const fs::path module = fs::canonical(at / "driver" / "module", error);
    if (!error) names.push_back(module_name(module.filename().string()));
  }
  if (drivers_above == 0) {
    return fail(
        {.code = Code::kUnsupported,
         .operation = "find drivers",
         .disk = disk,
         .detail = "no hardware driver above it in sysfs: a capture image cannot reach it"});
  }
  return names;
}

Result<std::vector<KernelModule>> close_modules(const std::string& modules_directory,
                                                const std::vector<std::string>& names,
                                                const std::vector<std::string>& configuration) {
  // libkmod finds nothing at all without it, and does not say why.
  std::error_code error;
  if (!fs::exists(modules_directory + "/modules.dep.bin", error)) {
    return fail(
        {.code = Code::kNotFound,
         .operation = "find kernel modules",
         .disk = modules_directory,
         .detail = "the modules of the capture kernel are not installed, or depmod has not run"});
  }
  std::vector<const char*> directories;
  for (const std::string& directory : configuration) directories.push_back(directory.c_str());
  directories.push_back(nullptr);
  const Context context(
      kmod_new(modules_directory.c_str(), configuration.empty() ? nullptr : directories.data()));
  if (context == nullptr) {
    return fail({.code = Code::kIo,
                 .sys_errno = errno,
                 .operation = "read module configuration",
                 .disk = modules_directory});
  }
  // libkmod would write to standard error, for example about soft dependencies that do not exist.
  kmod_set_log_fn(context.get(), ignore_log, nullptr);
  // The indexes stay open; without it each look-up opens them again.
  (void)kmod_load_resources(context.get());
  Closure closure(context.get(), modules_directory);
  for (const std::string& name : names) {
    if (Status status = closure.add(name); !status) return fail(status.error());
  }
  return closure.take();
}

}  // namespace lastword

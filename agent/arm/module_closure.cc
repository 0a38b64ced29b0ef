#include "agent/arm/module_closure.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "agent/base/text_file.h"

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

class ModuleIndex {
 public:
  static Result<ModuleIndex> read(const std::string& directory) {
    ModuleIndex index;
    index.directory_ = directory;
    const auto dependencies = read_text_file(directory + "/modules.dep");
    if (!dependencies) return fail(with_advice(dependencies.error()));
    index.read_dependencies(*dependencies);
    // Either may be missing: a kernel without built-in or soft dependencies.
    if (const auto builtin = read_text_file(directory + "/modules.builtin")) {
      index.read_builtin(*builtin);
    }
    if (const auto soft = read_text_file(directory + "/modules.softdep")) index.read_soft(*soft);
    return index;
  }

  // Depth first: a module comes after all it depends on.
  Status visit(const std::string& name, std::vector<std::string>& order) {
    if (builtin_.contains(name) || !visited_.insert(name).second) return {};
    const auto found = modules_.find(name);
    if (found == modules_.end()) {
      return fail({.code = Code::kNotFound,
                   .operation = "find kernel module",
                   .disk = directory_,
                   .detail = fmt::format("{} is neither a module nor built in; is the package of "
                                         "this kernel installed whole?",
                                         name)});
    }
    if (const auto soft = soft_.find(name); soft != soft_.end()) {
      for (const std::string& wish : soft->second) {
        if (!modules_.contains(wish)) continue;
        if (Status status = visit(wish, order); !status) return status;
      }
    }
    for (const std::string& dependency : found->second.dependencies) {
      if (Status status = visit(dependency, order); !status) return status;
    }
    order.push_back(found->second.path);
    return {};
  }

 private:
  struct Module {
    std::string path;
    std::vector<std::string> dependencies;
  };

  static Error with_advice(Error error) {
    error.detail = "the modules of the capture kernel are not installed, or depmod has not run";
    return error;
  }

  // "kernel/a.ko: kernel/b.ko kernel/c.ko"
  void read_dependencies(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      Module module{.path = line.substr(0, colon)};
      std::istringstream words(line.substr(colon + 1));
      for (std::string word; words >> word;) module.dependencies.push_back(module_name(word));
      modules_[module_name(module.path)] = std::move(module);
    }
  }

  void read_builtin(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) builtin_.insert(module_name(line));
  }

  // "softdep NAME pre: a b post: c"
  void read_soft(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string word;
      std::string name;
      if (!(words >> word >> name) || word != "softdep") continue;
      bool before = false;
      while (words >> word) {
        if (word.back() == ':') {
          before = word == "pre:";
        } else if (before) {
          soft_[module_name(name)].push_back(module_name(word));
        }
      }
    }
  }

  std::string directory_;
  std::map<std::string, Module> modules_;
  std::map<std::string, std::vector<std::string>> soft_;
  std::set<std::string> builtin_;
  std::set<std::string> visited_;
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

Result<std::vector<std::string>> close_modules(const std::string& modules_directory,
                                               const std::vector<std::string>& names) {
  auto index = ModuleIndex::read(modules_directory);
  if (!index) return fail(index.error());
  std::vector<std::string> order;
  for (const std::string& name : names) {
    if (Status status = index->visit(module_name(name), order); !status) {
      return fail(status.error());
    }
  }
  return order;
}

}  // namespace lastword

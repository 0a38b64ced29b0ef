#include "agent/node/config_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "agent/node/cluster_key.h"
#include "agent/node/hook_plan.h"

namespace lastword {
namespace {

bool is_file(const std::string& path) {
  std::error_code unknown;
  return std::filesystem::is_regular_file(path, unknown);
}

// "/sbin/service start": the word before the blank is a program.
bool is_command_line(const std::string& path) {
  const std::size_t blank = path.find_first_of(" \t");
  return blank != path.npos && is_file(path.substr(0, blank));
}

// Why there is no such file that may be used so (access(2)); empty: there is one.
std::string why_no_file(const std::string& path, int use) {
  if (::access(path.c_str(), F_OK) != 0) return strerrordesc_np(errno);
  if (!is_file(path)) return "not a file";
  return ::access(path.c_str(), use) == 0 ? "" : strerrordesc_np(errno);
}

class NamedFiles {
 public:
  explicit NamedFiles(const std::string& config_path) : config_path_(config_path) {}

  void add(std::string_view key, const std::string& path, std::string_view why,
           std::string_view remedy) {
    if (!why.empty()) add(fmt::format("{} = \"{}\": {}; {}", key, path, why, remedy));
  }
  void add(std::string_view detail) {
    problems_.push_back({.code = Code::kUsage,
                         .operation = "check configuration",
                         .disk = config_path_,
                         .detail = detail});
  }

  [[nodiscard]] std::vector<Error> problems() && { return std::move(problems_); }

 private:
  const std::string& config_path_;
  std::vector<Error> problems_;
};

// Every file of the directory is a hook, or a mistake that would show at the first takeover.
void check_hook_directory(const std::string& path, NamedFiles& files) {
  std::error_code code;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(path, code), end; !code && entry != end;
       entry.increment(code)) {
    names.push_back(entry->path().filename().string());
  }
  if (code) {
    files.add("[hooks] directory", path, code.message(), "make the directory, or leave it out");
    return;
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const std::string file = path + "/" + name;
    const std::string why = why_no_hook(name, is_program(file));
    if (!why.empty()) files.add(fmt::format("[hooks] directory: {}: {}", file, why));
  }
}

// The same directory, however it is written; it need not be there yet.
bool is_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code unknown;
  return (a / "").lexically_normal() == (b / "").lexically_normal() ||
         std::filesystem::equivalent(a, b, unknown);
}

}  // namespace

bool is_program(const std::string& path) {
  return why_no_file(path, X_OK).empty();
}

std::string why_not_run(const std::string& program) {
  std::string why = why_no_file(program, X_OK);
  if (why.empty() || !is_command_line(program)) return why;
  return "a path is wanted, not a command line: write a script that gives the arguments";
}

std::vector<Error> check_named_files(const Config& config, const std::string& path) {
  NamedFiles files(path);
  if (is_same(config.self.core_directory, config.partner.core_directory)) {
    files.add(
        fmt::format("[nodes] {} and {} have the same core_directory, {}: give each one of its own, "
                    "so that it is seen whose dumps they are",
                    config.self.name, config.partner.name, config.self.core_directory));
  }
  if (const std::string& kernel = config.capture_kernel; !kernel.empty()) {
    files.add("[capture] kernel", kernel, why_no_file(kernel, R_OK),
              "name a kernel image that is there, or leave it out");
  }
  for (const auto& [name, hook] : {std::pair{"[hooks] service_taken", config.hooks.service_taken},
                                   {"[hooks] fenced", config.hooks.fenced}}) {
    if (hook.empty()) continue;
    files.add(name, hook, why_not_run(hook), "name an executable file, or leave it out");
  }
  if (!config.hooks.directory.empty()) check_hook_directory(config.hooks.directory, files);
  if (!config.links.empty()) {
    if (const auto key = load_cluster_key(config.key_file); !key) {
      files.add("[[link]]: " + describe(key.error()));
    }
  }
  files.add("[paths] dump_program", config.dump_program, why_no_file(config.dump_program, R_OK),
            "`make install` puts it into /usr/lib/lastword");
  return std::move(files).problems();
}

}  // namespace lastword

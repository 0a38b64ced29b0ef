#include "agent/node/config_init.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <utility>

#include "agent/base/text_file.h"
#include "agent/node/config_example.h"
#include "agent/node/config_file.h"

namespace lastword {
namespace {

constexpr std::string_view kSelf = "alpha";  // the nodes of the example
constexpr std::string_view kPartner = "beta";
constexpr std::string_view kPlaceholder = "00000000-0000-0000-0000-000000000000";
constexpr std::string_view kNodeLine = "#node = \"alpha\"";

// In one go: a node may be called as the other one of the example.
std::string replace_all(std::string_view text,
                        std::span<const std::pair<std::string_view, std::string>> changes) {
  std::string out;
  while (!text.empty()) {
    const auto change =
        std::ranges::find_if(changes, [&](const auto& one) { return text.starts_with(one.first); });
    const std::size_t taken = change == changes.end() ? 1 : change->first.size();
    out += change == changes.end() ? text.substr(0, 1) : std::string_view(change->second);
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace

Result<std::string> make_config(const NewConfig& wanted) {
  for (const std::string& name : {wanted.self, wanted.partner}) {
    if (Status good = check_node_name(name); !good) return fail(good.error());
  }
  if (wanted.self == wanted.partner) {
    return fail({.code = Code::kUsage,
                 .operation = "name the nodes",
                 .detail = fmt::format("this node and its partner are both called \"{}\": give "
                                       "--partner the other node's name, or --node this one's",
                                       wanted.self)});
  }
  const std::array<std::pair<std::string_view, std::string>, 4> changes{
      {{kNodeLine, fmt::format("{}node = \"{}\"", wanted.name_self ? "" : "#", wanted.self)},
       {kPlaceholder, to_string(wanted.cluster)},
       {kSelf, wanted.self},
       {kPartner, wanted.partner}}};
  std::string text = replace_all(kConfigExample, changes);
  const auto read = parse_config(text, "the new configuration", wanted.self);
  if (!read) return fail(read.error());
  return text;
}

Status write_new_config(const std::string& path, std::string_view text) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code code;
  if (!folder.empty()) std::filesystem::create_directory(folder, code);
  if (code) {
    return fail({.code = Code::kIo,
                 .sys_errno = code.value(),
                 .operation = "create directory",
                 .disk = folder.string()});
  }
  constexpr unsigned kReadByAll = 0644;
  return create_file(path, text, kReadByAll);
}

}  // namespace lastword

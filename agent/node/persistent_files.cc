#include "agent/node/persistent_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>

#include "agent/base/text_file.h"
#include "proto/keys.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

std::string generation_file(const Config& config) {
  return fmt::format("{}/generation-{}", config.persistent_directory, config.self.id);
}

constexpr std::string_view kLost = " lost";

std::string life_file(const Config& config) {
  return fmt::format("{}/in-service-{}", config.persistent_directory, config.self.id);
}

std::string mailbox_file(const Config& config) {
  return config.persistent_directory + "/mailbox-disks";
}

// A note that says so already is left alone: its file system may be full or read-only by now.
Status keep(const Config& config, const std::string& path, const std::string& text) {
  if (const auto kept = read_text_file(path); kept && *kept == text) return {};
  if (Status status = make_directory(config.persistent_directory); !status) return status;
  return replace_file(path, text);
}

}  // namespace

Result<std::uint32_t> load_last_generation(const Config& config) {
  const std::string path = generation_file(config);
  const auto text = read_text_file(path);
  if (!text && text.error().code == Code::kNotFound) return 0U;
  if (!text) return fail(text.error());
  std::uint32_t generation = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, generation);
  if (error == std::errc() && stop + 1 == end && *stop == '\n' &&
      generation <= kMaxBootGeneration) {
    return generation;
  }
  return fail({.code = Code::kCorrupt,
               .operation = "read last generation",
               .disk = path,
               .detail = "not the number that lastword writes; remove the file: the disks tell of "
                         "the generation too"});
}

Status keep_last_generation(const Config& config, std::uint32_t generation) {
  return keep(config, generation_file(config), std::to_string(generation) + "\n");
}

std::optional<LifeInBoot> load_life_in_boot(const Config& config) {
  auto text = read_text_file(life_file(config));
  if (!text) return std::nullopt;
  while (text->ends_with('\n')) text->pop_back();
  LifeInBoot life{.boot_id = {}, .lost = text->ends_with(kLost)};
  if (life.lost) text->resize(text->size() - kLost.size());
  life.boot_id = std::move(*text);
  return life;
}

Status keep_life_in_boot(const Config& config, const LifeInBoot& life) {
  return keep(config, life_file(config),
              fmt::format("{}{}\n", life.boot_id, life.lost ? kLost : ""));
}

Status note_life_in_boot(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  const auto before = load_life_in_boot(config);
  if (before && before->boot_id == *boot_id) return {};
  return keep_life_in_boot(config, {.boot_id = *boot_id});
}

Status forget_life_in_boot(const Config& config) {
  const auto life = load_life_in_boot(config);
  if (life && life->lost) return {};
  return remove_file(life_file(config));
}

Result<std::vector<std::string>> load_known_mailboxes(const Config& config) {
  const std::string path = mailbox_file(config);
  const auto text = read_text_file(path);
  if (!text && text.error().code == Code::kNotFound) return std::vector<std::string>{};
  if (!text) return fail(text.error());
  std::vector<std::string> uuids;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const auto uuid = parse_uuid(line);
    if (!uuid) {
      return fail({.code = Code::kCorrupt,
                   .operation = "read known mailbox disks",
                   .disk = path,
                   .detail = "wanted: the UUID of a disk on each line"});
    }
    uuids.push_back(to_string(*uuid));  // an operator edits this file
  }
  std::sort(uuids.begin(), uuids.end());
  return uuids;
}

Status keep_known_mailboxes(const Config& config, const std::vector<std::string>& uuids) {
  std::string text;
  for (const std::string& uuid : uuids) text += uuid + "\n";
  return keep(config, mailbox_file(config), text);
}

}  // namespace lastword

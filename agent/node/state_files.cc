#include "agent/node/state_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <sstream>

#include "agent/base/text_file.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

std::string node_file(const Config& config) {
  return config.state_directory + "/node.json";
}

std::string armed_file(const Config& config) {
  return config.state_directory + "/armed.json";
}

std::string generation_file(const Config& config) {
  return fmt::format("{}/generation-{}", config.persistent_directory, config.self.id);
}

std::string mailbox_file(const Config& config) {
  return config.persistent_directory + "/mailbox-disks";
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(
      {.code = Code::kIo, .sys_errno = errno, .operation = "create directory", .disk = path});
}

Error no_state(const std::string& path, std::string_view detail) {
  return {.code = Code::kNotFound,
          .operation = "read state",
          .disk = path,
          .detail = std::string(detail)};
}

// `absent` says what to do where there is no such file of this boot.
template <class Message>
Result<Message> load(const std::string& path, std::string_view boot_id, std::string_view absent) {
  const auto text = read_text_file(path);
  if (!text) {
    if (text.error().code == Code::kNotFound) return fail(no_state(path, absent));
    return fail(text.error());
  }
  Message message;
  if (!google::protobuf::util::JsonStringToMessage(*text, &message).ok()) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read state",
                 .disk = path,
                 .detail = "not the JSON that lastword writes; remove the file, then run `lastword "
                           "start` and `lastword arm`"});
  }
  if (message.boot_id() != boot_id) return fail(no_state(path, absent));
  return message;
}

Status save(const Config& config, const std::string& path,
            const google::protobuf::Message& message) {
  if (Status status = make_state_directory(config); !status) return status;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) {
    return fail({.code = Code::kIo, .operation = "format state", .disk = path});
  }
  return replace_file(path, text);
}

// One that is not there counts as removed.
Status remove_file(const std::string& path) {
  if (std::remove(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail({.code = Code::kIo, .sys_errno = errno, .operation = "remove", .disk = path});
}

std::optional<ReservationKey> parse_key_text(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  ReservationKey key;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), key.value, 16);
  if (error != std::errc() || end != text.end() || !parse_key(key)) return std::nullopt;
  return key;
}

}  // namespace

Result<std::string> read_boot_id() {
  auto text = read_text_file("/proc/sys/kernel/random/boot_id");
  if (!text) return text;
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return text;
}

Status make_state_directory(const Config& config) {
  return make_directory(config.state_directory);
}

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

Result<std::vector<std::string>> load_known_mailboxes(const Config& config) {
  const std::string path = mailbox_file(config);
  const auto text = read_text_file(path);
  if (!text && text.error().code == Code::kNotFound) return std::vector<std::string>{};
  if (!text) return fail(text.error());
  std::vector<std::string> uuids;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (!parse_uuid(line)) {
      return fail({.code = Code::kCorrupt,
                   .operation = "read known mailbox disks",
                   .disk = path,
                   .detail = "wanted: the UUID of a disk on each line"});
    }
    uuids.push_back(line);
  }
  std::sort(uuids.begin(), uuids.end());
  return uuids;
}

Status keep_known_mailboxes(const Config& config, const std::vector<std::string>& uuids) {
  if (Status status = make_directory(config.persistent_directory); !status) return status;
  std::string text;
  for (const std::string& uuid : uuids) text += uuid + "\n";
  return replace_file(mailbox_file(config), text);
}

Status keep_last_generation(const Config& config, std::uint32_t generation) {
  if (Status status = make_directory(config.persistent_directory); !status) return status;
  return replace_file(generation_file(config), std::to_string(generation) + "\n");
}

namespace {

// Of a file in the state directory; `busy` says who may hold it.
Result<FileDescriptor> lock(const Config& config, const char* name, bool wait,
                            std::string_view busy) {
  if (Status status = make_state_directory(config); !status) return fail(status.error());
  const std::string path = config.state_directory + "/" + name;
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "open lock", .disk = path});
  }
  while (::flock(file.get(), wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    return fail({.code = Code::kRefused,
                 .sys_errno = errno,
                 .operation = "lock",
                 .disk = path,
                 .detail = busy});
  }
  return file;
}

}  // namespace

Result<FileDescriptor> lock_state(const Config& config) {
  return lock(config, "lock", false,
              "another `lastword` start, stop, arm or disarm is running; wait for it");
}

Result<FileDescriptor> lock_takeover(const Config& config, bool wait) {
  return lock(config, "takeover.lock", wait,
              "another takeover is running on this node; it finishes by itself");
}

Result<NodeState> load_last_life(const Config& config, std::string_view boot_id) {
  const std::string path = node_file(config);
  const auto file =
      load<pb::NodeStateFile>(path, boot_id,
                              "this node's disks are not in service since boot: run `lastword "
                              "start`");
  if (!file) return fail(file.error());
  const auto key = parse_key_text(file->key());
  if (!key || parse_key(*key)->boot_generation != file->boot_generation()) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read state",
                 .disk = path,
                 .detail = "its key is not one of lastword's; remove the file and run `lastword "
                           "start`"});
  }
  return NodeState{.boot_generation = file->boot_generation(),
                   .key = *key,
                   .mailbox_disks = {file->mailbox_disks().begin(), file->mailbox_disks().end()},
                   .mailbox_joined = {file->mailbox_joined().begin(), file->mailbox_joined().end()},
                   .stopped = file->stopped()};
}

Result<NodeState> load_last_life(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load_last_life(config, *boot_id);
}

Result<NodeState> load_node_state(const Config& config, std::string_view boot_id) {
  auto state = load_last_life(config, boot_id);
  if (state && state->stopped) {
    return fail({.code = Code::kNotFound,
                 .operation = "read state",
                 .disk = node_file(config),
                 .detail = "`lastword stop` has ended this node's life and could not release "
                           "everything: run it again, or `lastword start`"});
  }
  return state;
}

Result<NodeState> load_node_state(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load_node_state(config, *boot_id);
}

Status save_node_state(const Config& config, const NodeState& state, std::string_view boot_id) {
  pb::NodeStateFile file;
  file.set_boot_id(std::string(boot_id));
  file.set_boot_generation(state.boot_generation);
  file.set_key(to_string(state.key));
  for (const std::string& uuid : state.mailbox_disks) file.add_mailbox_disks(uuid);
  for (const std::string& uuid : state.mailbox_joined) file.add_mailbox_joined(uuid);
  file.set_stopped(state.stopped);
  return save(config, node_file(config), file);
}

Status save_node_state(const Config& config, const NodeState& state) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return save_node_state(config, state, *boot_id);
}

Result<pb::ArmedState> load_armed_state(const Config& config, std::string_view boot_id) {
  return load<pb::ArmedState>(armed_file(config), boot_id,
                              "nothing is armed since boot: run `lastword arm`");
}

Result<pb::ArmedState> load_armed_state(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load_armed_state(config, *boot_id);
}

Status save_armed_state(const Config& config, const pb::ArmedState& state,
                        std::string_view boot_id) {
  pb::ArmedState stamped = state;
  stamped.set_boot_id(std::string(boot_id));
  return save(config, armed_file(config), stamped);
}

Status save_armed_state(const Config& config, const pb::ArmedState& state) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return save_armed_state(config, state, *boot_id);
}

Status remove_node_state(const Config& config) {
  return remove_file(node_file(config));
}

Status remove_armed_state(const Config& config) {
  return remove_file(armed_file(config));
}

}  // namespace lastword

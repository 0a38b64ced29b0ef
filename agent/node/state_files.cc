#include "agent/node/state_files.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>

#include "agent/base/json.h"
#include "agent/base/text_file.h"
#include "agent/node/locks.h"

namespace lastword {
namespace {

std::string node_file(const Config& config) {
  return config.state_directory + "/node.json";
}

std::string armed_file(const Config& config) {
  return config.state_directory + "/armed.json";
}

std::string partner_file(const Config& config) {
  return config.state_directory + "/partner.json";
}

std::string phase_file(const Config& config) {
  return config.state_directory + "/phase.json";
}
std::string request_file(const Config& config) {
  return config.state_directory + "/request.json";
}

std::string answer_file(const Config& config) {
  return config.state_directory + "/answer.json";
}

std::string announced_file(const Config& config) {
  return config.state_directory + "/announced.json";
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
  Message message;
  if (const Status loaded = load_json(path, message); !loaded) {
    Error error = loaded.error();
    if (error.code == Code::kNotFound) return fail(no_state(path, absent));
    if (error.code == Code::kCorrupt) {
      error.operation = "read state";
      error.detail =
          "not the JSON that lastword writes; remove the file, then run `lastword start` and "
          "`lastword arm`";
    }
    return fail(error);
  }
  if (message.boot_id() != boot_id) return fail(no_state(path, absent));
  return message;
}

Status save(const Config& config, const std::string& path,
            const google::protobuf::Message& message) {
  if (Status status = make_directory(config.state_directory); !status) return status;
  return save_json(path, message);
}

// The boot_id field is filled in here.
template <class File>
Status save_of_this_boot(const Config& config, const std::string& path, File file) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  file.set_boot_id(*boot_id);
  return save(config, path, file);
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

namespace {

// Of earlier lives too: no stop ends the service of a disk of the partner's.
std::vector<std::string> served_since(const Config& config, std::string_view boot_id) {
  const auto announced = load<pb::AnnouncedService>(announced_file(config), boot_id, "");
  if (!announced) return {};
  return {announced->told().begin(), announced->told().end()};
}

}  // namespace

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
                   .stopped = file->stopped(),
                   .waiting = file->waiting(),
                   .unannounced = file->unannounced(),
                   .handed_over = file->handed_over(),
                   .lost = file->lost(),
                   .served = served_since(config, boot_id)};
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
  if (state && state->handed_over) {
    return fail({.code = Code::kNotFound,
                 .operation = "read state",
                 .disk = node_file(config),
                 .detail = "this life has left its disks to the partner: `lastword start` begins "
                           "the next one"});
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
  file.set_waiting(state.waiting);
  file.set_unannounced(state.unannounced);
  file.set_handed_over(state.handed_over);
  file.set_lost(state.lost);
  return save(config, node_file(config), file);
}

Status save_node_state(const Config& config, const NodeState& state) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return save_node_state(config, state, *boot_id);
}

Status set_unannounced(const Config& config, ReservationKey key, bool unannounced) {
  const auto lock = lock_state(config);
  if (!lock) return fail(lock.error());
  auto state = load_node_state(config);
  if (!state) return fail(state.error());
  if (state->key != key || state->unannounced == unannounced) return {};
  state->unannounced = unannounced;
  return save_node_state(config, *state);
}

bool is_unannounced(const Config& config, ReservationKey key) {
  const auto state = load_node_state(config);
  return state && state->key == key && state->unannounced;
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

Result<pb::PartnerSeen> load_partner_seen(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  auto seen = load<pb::PartnerSeen>(partner_file(config), *boot_id,
                                    "the partner has not been heard since boot");
  if (!seen) return fail(seen.error());
  if (seen->has_newest() && seen->newest().node() != config.partner.id) {
    return fail(no_state(partner_file(config), "it is of another partner"));
  }
  return seen;
}

Status save_partner_seen(const Config& config, const pb::PartnerSeen& seen) {
  return save_of_this_boot(config, partner_file(config), seen);
}

Result<pb::OpenRequest> load_request(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load<pb::OpenRequest>(request_file(config), *boot_id, "the partner is not asked to leave");
}

Status save_request(const Config& config, const pb::OpenRequest& request) {
  return save_of_this_boot(config, request_file(config), request);
}

Status remove_request(const Config& config) {
  return remove_file(request_file(config));
}

Result<pb::RequestAnswer> load_answer(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load<pb::RequestAnswer>(answer_file(config), *boot_id,
                                 "no request to leave was answered since boot");
}

Status save_answer(const Config& config, const pb::RequestAnswer& answer) {
  return save_of_this_boot(config, answer_file(config), answer);
}

Result<pb::AgentPhase> load_agent_phase(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load<pb::AgentPhase>(phase_file(config), *boot_id, "no agent has run since boot");
}

Status save_agent_phase(const Config& config, const pb::AgentPhase& phase) {
  return save_of_this_boot(config, phase_file(config), phase);
}

Result<pb::AnnouncedService> load_announced(const Config& config) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  return load<pb::AnnouncedService>(announced_file(config), *boot_id,
                                    "the hook service-taken has not ended well since boot");
}

Status save_announced(const Config& config, const pb::AnnouncedService& announced) {
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  pb::AnnouncedService stamped = announced;
  stamped.set_boot_id(*boot_id);
  return save(config, announced_file(config), stamped);
}

Status add_told(const Config& config, std::uint32_t life, const std::vector<std::string>& disks) {
  auto announced = load_announced(config).value_or(pb::AnnouncedService());
  if (announced.generation() != life) announced.clear_disks();
  announced.set_generation(life);
  for (const std::string& disk : disks) {
    if (std::ranges::count(announced.told(), disk) == 0) announced.add_told(disk);
  }
  return save_announced(config, announced);
}

Status forget_told(const Config& config, const std::vector<std::string>& disks) {
  auto announced = load_announced(config);
  if (!announced) {
    return announced.error().code == Code::kNotFound ? Status() : fail(announced.error());
  }
  pb::AnnouncedService left = *announced;
  const auto keep_others = [&](const auto& all, auto* others) {
    others->Clear();
    for (const std::string& disk : all) {
      if (std::ranges::count(disks, disk) == 0) *others->Add() = disk;
    }
  };
  keep_others(announced->told(), left.mutable_told());
  keep_others(announced->disks(), left.mutable_disks());
  return save_announced(config, left);
}

Status forget_acknowledged(const Config& config) {
  auto announced = load_announced(config);
  if (!announced) return remove_file(announced_file(config));
  announced->clear_disks();
  return save_announced(config, *announced);
}

}  // namespace lastword

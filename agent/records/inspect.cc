#include "agent/records/inspect.h"

#include <fmt/format.h>

#include <array>

#include "agent/disks/metadata_place.h"
#include "proto/keys.h"
#include "proto/record.h"
#include "proto/unit_attention.h"
#include "storage/block/record_io.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

std::string place_name(RecordPlace place) {
  if (place == RecordPlace::kMailboxLow) return "mailbox slot of the lower node";
  if (place == RecordPlace::kMailboxHigh) return "mailbox slot of the higher node";
  return std::string(name_of(kind_at(place)));
}

// False: the frame holds, but its payload does not parse.
bool decode(RecordPlace place, std::span<const std::byte> payload, pb::InspectSlot& into) {
  const auto parse = [&](google::protobuf::MessageLite& message) {
    return message.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  };
  switch (kind_at(place)) {
    case RecordKind::kLabel:
      return parse(*into.mutable_label());
    case RecordKind::kCoredumpHeader:
      return parse(*into.mutable_coredump_header());
    default:
      return parse(*into.mutable_mailbox_slot());
  }
}

pb::InspectSlot inspect_slot(RecordPlace place, Slot& slot) {
  pb::InspectSlot out;
  if (slot.record) {
    out.set_sequence(slot.record->sequence);
    out.set_version(slot.record->version);
    out.set_payload_bytes(static_cast<std::uint32_t>(slot.record->payload.size()));
  }
  if (slot.state == SlotState::kValid && !decode(place, slot.record->payload, out)) {
    slot.state = SlotState::kBadPayload;
    out.clear_payload();
  }
  out.set_state(std::string(name_of(slot.state)));
  return out;
}

void inspect_record(RecordIo& records, std::uint64_t metadata_offset, RecordPlace place,
                    pb::InspectReport& report) {
  pb::InspectRecord& out = *report.add_records();
  out.set_name(place_name(place));
  const auto problem = [&](const Error& error) {
    out.set_verdict(fmt::format("{}: {}", name_of(error.code), error.detail.view()));
    report.add_problems(fmt::format("{}: {}", out.name(), out.verdict()));
  };
  std::array<Slot, 2> slots;  // views into the buffers of `records`
  bool readable = true;
  for (unsigned i = 0; i < 2; ++i) {
    pb::InspectSlot& slot = *out.add_slots();
    if (const auto block = records.read_slot(place, i)) {
      slots[i] = parse_slot(*block, kind_at(place));
      slot = inspect_slot(place, slots[i]);
    } else {
      slot.set_state(describe(block.error()));
      problem(block.error());
      readable = false;
    }
    slot.set_offset_bytes(metadata_offset + slot_offset(place, i));
  }
  if (!readable) return;  // the slot that could not be read may be the newer one
  const auto choice = choose_slot(slots[0], slots[1]);
  if (choice) {
    out.set_verdict(fmt::format("slot {} counts", *choice->current));
    out.mutable_slots(static_cast<int>(*choice->current))->set_counts(true);
  } else if (choice.error().code == Code::kNotFound) {
    out.set_verdict("never written");
  } else {
    problem(choice.error());
  }
}

const pb::InspectSlot* current_slot(const pb::InspectReport& report, RecordPlace place) {
  const int index = static_cast<int>(place);
  if (index >= report.records_size()) return nullptr;
  for (const pb::InspectSlot& slot : report.records(index).slots()) {
    if (slot.counts()) return &slot;
  }
  return nullptr;
}

Status inspect_table(const DiskInfo& info, pb::InspectReport& report) {
  const auto fd = open_for_tables(info.path, Access::kReadOnly);
  if (!fd) return fail(fd.error());
  const auto table = find_table(fd->get(), info.path, info.size_bytes);
  if (!table) return fail(table.error());
  if (*table) {
    for (const TablePartition& entry : (*table)->partitions) {
      pb::InspectPartition& out = *report.add_partitions();
      out.set_number(entry.number);
      out.set_offset_bytes(entry.place.offset_bytes);
      out.set_length_bytes(entry.place.length_bytes);
      out.set_type(entry.type);
      out.set_name(entry.name);
    }
  }
  const auto signatures = find_signatures(fd->get(), info.path, {0, info.size_bytes});
  if (!signatures) return fail(signatures.error());
  for (const Signature& signature : *signatures) {
    if (signature.usage == "table" && *table && (*table)->type == "gpt") continue;
    pb::InspectSignature& out = *report.add_signatures();
    out.set_type(signature.type);
    out.set_label(signature.label);
    out.set_offset_bytes(signature.offset_bytes);
  }
  return {};
}

pb::InspectKey inspect_key(ReservationKey key, const pb::Label* label) {
  pb::InspectKey out;
  out.set_key(to_string(key));
  if (const auto parts = parse_key(key)) {
    out.set_made_by_lastword(true);
    out.set_of_this_cluster(label != nullptr &&
                            cluster_key_bits(label->cluster_uuid()) == parts->cluster);
    out.set_node(parts->node);
    out.set_boot_generation(parts->boot_generation);
  }
  return out;
}

void inspect_reservation(ScsiLun& lun, const pb::Label* label, pb::InspectReport& report) {
  pb::InspectReservation& out = *report.mutable_reservation();
  const auto keys = past_unit_attentions([&] { return lun.read_keys(); });
  const auto held = past_unit_attentions([&] { return lun.read_reservation(); });
  if (!keys || !held) {
    out.set_problem(describe(keys ? held.error() : keys.error()));
  }
  if (keys) {
    out.set_pr_generation(keys->generation);
    for (const ReservationKey key : keys->keys) {
      *out.add_registrations() = inspect_key(key, label);
    }
  }
  if (held && *held) {
    out.set_type(std::string(name_of((*held)->type)));
    if ((*held)->holder.value != 0) *out.mutable_holder() = inspect_key((*held)->holder, label);
  }
}

Status inspect_metadata(OpenDisk& disk, std::optional<std::uint64_t> asked,
                        pb::InspectReport& report) {
  const auto metadata = find_metadata(*disk.device, asked);
  if (!metadata) {
    if (metadata.error().code == Code::kNotFound) return {};
    if (metadata.error().code != Code::kCorrupt) return fail(metadata.error());
    report.add_problems(describe(metadata.error()));
    return {};
  }
  if (!asked && !metadata->found_by_label.empty()) {
    report.add_problems(metadata->found_by_label);
  }
  RecordIo records(*disk.device, metadata->offset_bytes);
  for (const RecordPlace place : kRecordPlaces) {
    inspect_record(records, metadata->offset_bytes, place, report);
  }
  return {};
}

}  // namespace

Result<pb::InspectReport> inspect_disk(const std::string& path,
                                       std::chrono::milliseconds io_timeout,
                                       std::optional<std::uint64_t> metadata_offset) {
  auto disk = open_disk(path, Access::kReadOnly, io_timeout);
  if (!disk) return fail(disk.error());
  pb::InspectReport report;
  report.set_disk(disk->info.path);
  report.set_description(disk->info.description);
  report.set_size_bytes(disk->info.size_bytes);
  if (Status status = inspect_table(disk->info, report); !status) return fail(status.error());
  if (Status status = inspect_metadata(*disk, metadata_offset, report); !status)
    return fail(status.error());
  const pb::InspectSlot* label = current_slot(report, RecordPlace::kLabel);
  report.set_labelled(label != nullptr);
  const pb::InspectSlot* header = current_slot(report, RecordPlace::kCoredump);
  if (header != nullptr && header->coredump_header().durable_bytes() != 0) {
    std::string problem;
    *report.mutable_stream() = inspect_stream(*disk->device, header->coredump_header(), problem);
    if (!problem.empty()) report.add_problems(problem);
  }
  if (disk->lun) {
    inspect_reservation(*disk->lun, label == nullptr ? nullptr : &label->label(), report);
  }
  return report;
}

}  // namespace lastword

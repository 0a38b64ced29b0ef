#include "agent/recover/dump_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/disks/found_header.h"
#include "agent/disks/held_disk.h"
#include "proto/coredump.h"
#include "proto/record_names.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

Error header_error(const DumpSource& source, Code code, std::string_view detail) {
  return {.code = code,
          .operation = "coredump header",
          .disk = source.device.name(),
          .offset = source.metadata_offset + slot_offset(RecordPlace::kCoredump, 0),
          .detail = detail};
}

// Of the extent; 0: it makes no sense for this disk.
std::uint64_t bytes_on_disk(const DumpSource& source, const pb::CoredumpHeader& header) {
  const std::uint64_t offset = header.extent_offset_bytes();
  const std::uint64_t length = header.extent_length_bytes();
  const std::uint64_t size = source.device.size_bytes();
  if (offset % kBlockBytes != 0 || length % kBlockBytes != 0 || offset >= size) return 0;
  return std::min(length, (size - offset) / kBlockBytes * kBlockBytes);
}

Status check_attribute(const DumpSource& source, const pb::CoredumpHeader& header,
                       bool writer_is_over, bool readable = true) {
  switch (header.attribute()) {
    case pb::COMPLETED:
    case pb::ABORTED:
    case pb::SAVED:
      return {};
    case pb::IN_PROGRESS:
      if (writer_is_over) return {};
      return fail(
          header_error(source, Code::kRefused,
                       fmt::format("{}: the dump writer may be at work; {}",
                                   readable ? "IN_PROGRESS" : "it cannot be read",
                                   source.lun != nullptr
                                       ? "take the disk over first (lastword takeover)"
                                       : "when nothing writes to it any more: --writer-gone")));
    default:
      return fail(header_error(source, Code::kNotFound,
                               fmt::format("no dump on this disk: {}; one that it was armed over "
                                           "may still be read: --by-stream",
                                           name_of(header.attribute()))));
  }
}

// Changes the header in place if `change` agrees, with this node holding the reservation.
template <class Change>
Status change_header(const DumpSource& source, const std::string& crash_id, Change change) {
  if (Status status = check_holder(source); !status) return status;
  auto found = find_header(source.device, source.metadata_offset);
  if (!found) return fail(found.error());
  pb::CoredumpHeader& header = found->header;
  if (header.crash_id() != crash_id) {
    return fail(
        header_error(source, Code::kRefused, "it is about another dump by now; left as it is"));
  }
  const pb::Attribute before = header.attribute();
  if (Status status = change(header); !status) return status;
  if (header.attribute() == before) return {};
  RecordIo records(source.device, source.metadata_offset);
  const auto written = records.write(RecordPlace::kCoredump, found->at, header);
  if (written) return {};
  Error error = written.error();
  if (error.code == Code::kConflict) {
    error.code = Code::kFenced;
    error.detail = "another node took this disk; the recovered files are good";
  }
  return fail(error);
}

}  // namespace

Result<Dump> read_dump(const DumpSource& source, bool writer_is_over, bool by_stream) {
  auto found = find_header(source.device, source.metadata_offset);
  if (!found) return fail(found.error());
  Dump dump;
  dump.header = std::move(found->header);
  dump.header_problem = std::move(found->problem);
  const bool readable = dump.header_problem.empty();
  const pb::Attribute attribute = dump.header.attribute();
  if (by_stream && (attribute == pb::INACTIVE || attribute == pb::ARMED)) {
    auto below = find_header_by_stream(source.device, source.metadata_offset);
    if (!below) return fail(below.error());
    dump.record = std::exchange(dump.header, std::move(*below));
  }
  if (Status status = check_attribute(source, dump.header, writer_is_over, readable); !status) {
    return fail(status.error());
  }
  const auto crash_id = parse_uuid(dump.header.crash_id());
  if (!crash_id) return fail(header_error(source, Code::kCorrupt, "no crash id"));
  dump.extent_bytes = bytes_on_disk(source, dump.header);
  if (dump.extent_bytes == 0) {
    return fail(header_error(
        source, Code::kCorrupt,
        fmt::format("the dump's extent ({} bytes at {}) is not on this disk of {} bytes",
                    dump.header.extent_length_bytes(), dump.header.extent_offset_bytes(),
                    source.device.size_bytes())));
  }
  dump.claimed_bytes = is_stand_in(dump.header)
                           ? dump.extent_bytes
                           : std::min(dump.header.durable_bytes(), dump.extent_bytes);
  dump.crash_id = *crash_id;
  RecordIo records(source.device, source.metadata_offset);
  pb::Label label;
  if (const auto read = records.read(RecordPlace::kLabel, label)) {
    dump.disk_uuid = label.disk_uuid();
    dump.cluster = parse_uuid(label.cluster_uuid());
  } else {
    Error problem = read.error();
    problem.disk = {};
    dump.label_problem = describe(problem);
  }
  return dump;
}

std::string header_change(const DumpSource& source, const Dump& dump) {
  const auto found = find_header(source.device, source.metadata_offset);
  if (!found) {
    Error problem = found.error();
    problem.disk = {};
    return fmt::format("its coredump header cannot be read any more ({})", describe(problem));
  }
  const auto figures = [](pb::CoredumpHeader header) {
    header.clear_attribute();
    header.clear_reason();
    return header.SerializeAsString();
  };
  if (figures(found->header) == figures(dump.record.value_or(dump.header))) return {};
  const bool same_crash = found->header.crash_id() == dump.header.crash_id();
  return fmt::format("its coredump header says {} now{}", name_of(found->header.attribute()),
                     same_crash ? ", of the same crash, but was written anew"
                     : found->header.crash_id().empty()
                         ? std::string()
                         : fmt::format(" of another crash, {}", found->header.crash_id()));
}

std::string number_name(const Dump& dump) {
  const std::string name = fmt::format("node{}", dump.header.node());
  constexpr std::size_t kClusterDigits = 8;
  if (!dump.cluster) return name;
  return fmt::format("{}.{}", name, to_string(*dump.cluster).substr(0, kClusterDigits));
}

Status check_holder(const DumpSource& source) {
  if (source.lun == nullptr) return {};
  if (source.own_key.value == 0) {
    return fail({.code = Code::kRefused,
                 .operation = "check reservation",
                 .disk = source.device.name(),
                 .detail = "this node holds no disk (lastword start has not run); --no-mark "
                           "recovers without marking the disk"});
  }
  const Status held = require_hold(*source.lun, source.own_key);
  if (held) return {};
  Error error = held.error();
  error.detail =
      fmt::format("{}; --no-mark recovers without marking the disk", error.detail.view());
  return fail(error);
}

Status mark_saved(const DumpSource& source, const std::string& crash_id) {
  return change_header(source, crash_id, [&](pb::CoredumpHeader& header) -> Status {
    if (Status status = check_attribute(source, header, false); !status) return status;
    static_cast<void>(mark_dump_saved(header));
    return {};
  });
}

Status end_orphaned_dump(const DumpSource& source, std::uint8_t self,
                         std::uint32_t boot_generation) {
  const auto found = find_header(source.device, source.metadata_offset);
  if (!found) return fail(found.error());
  const pb::CoredumpHeader& header = found->header;
  const bool own = header.node() == self;
  if (header.attribute() != pb::IN_PROGRESS) return {};
  if (own && header.boot_generation() >= boot_generation) {
    return fail(header_error(source, Code::kRefused, "IN_PROGRESS in this node's present life"));
  }
  return mark_aborted(source, header.crash_id(), own ? pb::REBOOTED : pb::STALLED);
}

Status mark_aborted(const DumpSource& source, const std::string& crash_id, pb::Reason reason) {
  return change_header(source, crash_id, [&](pb::CoredumpHeader& header) -> Status {
    static_cast<void>(abort_dump(header, reason));
    return {};
  });
}

}  // namespace lastword

#include "agent/records/label_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "agent/disks/held_disk.h"
#include "agent/disks/survey.h"
#include "proto/coredump.h"
#include "proto/record.h"
#include "proto/unit_attention.h"
#include "proto/uuid.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/exclusive_lock.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

Status read_records(OpenDisk& disk, DiskFindings& findings) {
  const auto metadata = find_metadata_partition(findings.info.path);
  if (!metadata) {
    if (metadata.error().code == Code::kNotFound) return {};
    if (metadata.error().code != Code::kCorrupt) return fail(metadata.error());
    findings.label_problem = metadata.error();
    return {};
  }
  findings.metadata = *metadata;
  RecordIo records(*disk.device, metadata->offset_bytes);
  pb::Label label;
  const auto read_label = records.read(RecordPlace::kLabel, label);
  if (read_label) {
    findings.label = label;
  } else if (read_label.error().code != Code::kNotFound) {
    findings.label_problem = read_label.error();
  }
  const auto read_header = records.read(RecordPlace::kCoredump, findings.header);
  if (!read_header) {
    findings.header.Clear();
    if (read_header.error().code != Code::kNotFound && !findings.label_problem) {
      findings.label_problem = read_header.error();
    }
  }
  return {};
}

void read_reservation(OpenDisk& disk, DiskFindings& findings) {
  if (!disk.lun) return;
  if (const Status ready = wait_until_ready(*disk.lun); !ready) {
    findings.reservation_problem = ready.error();
    return;
  }
  const auto reservation = past_unit_attentions([&] { return disk.lun->read_reservation(); });
  if (reservation) {
    findings.reservation = *reservation;
  } else {
    findings.reservation_problem = reservation.error();
  }
}

// Signatures of the disk as a whole. A partition table that can be read is not among them: judge()
// knows its partitions. Traces of a table that cannot be read are: they may be all that is left in
// front of somebody's data.
Result<std::vector<Signature>> disk_signatures(int fd, const DiskInfo& info, bool table_readable) {
  auto found = find_signatures(fd, info.path, {0, info.size_bytes});
  if (found && table_readable) {
    std::erase_if(*found, [](const Signature& signature) { return signature.usage == "table"; });
  }
  return found;
}

// Where a first partition usually begins, whatever became of the table that said so: behind one
// track of 63 sectors, and at whole MiB.
constexpr std::array<std::uint64_t, 3> kUsualBeginnings{63 * 512, 1 << 20, 2 << 20};

// The regions whose signatures matter: partitions that would be removed, since their content would
// be lost; the places of metadata and data, since they must be free; and what may begin there on a
// disk whose table is lost.
std::vector<Partition> regions_to_probe(const DiskFindings& findings, const LabelRequest& request) {
  std::vector<Partition> regions;
  if (!request.adopt && findings.table) {
    for (const TablePartition& entry : findings.table->partitions) regions.push_back(entry.place);
  }
  if (findings.layout) {
    regions.push_back(findings.layout->metadata);
    regions.push_back(findings.layout->data);
  }
  if (!request.adopt) {
    for (const std::uint64_t begin : kUsualBeginnings) {
      if (begin < findings.info.size_bytes) {
        regions.push_back({begin, findings.info.size_bytes - begin});
      }
    }
  }
  std::erase_if(regions, [&](const Partition& region) {
    return region.length_bytes == 0 || region.offset_bytes >= findings.info.size_bytes ||
           region.length_bytes > findings.info.size_bytes - region.offset_bytes;
  });
  return regions;
}

Status find_all_signatures(int fd, const LabelRequest& request, DiskFindings& findings) {
  auto of_disk = disk_signatures(fd, findings.info, findings.table.has_value());
  if (!of_disk) return fail(of_disk.error());
  findings.disk_signatures = std::move(*of_disk);
  for (const Partition& region : regions_to_probe(findings, request)) {
    const auto found = find_signatures(fd, findings.info.path, region);
    if (!found) return fail(found.error());
    for (const Signature& signature : *found) {
      // Two regions may overlap, and one may begin where the disk does or end where it ends.
      const auto same = [&](const Signature& other) {
        return other.offset_bytes == signature.offset_bytes && other.type == signature.type;
      };
      const auto known = [&](const std::vector<Signature>& list) {
        return std::any_of(list.begin(), list.end(), same);
      };
      if (!known(findings.disk_signatures) && !known(findings.signatures)) {
        findings.signatures.push_back(signature);
      }
    }
  }
  return {};
}

Result<DiskLayout> plan_layout(int fd, const DiskInfo& info, const LabelRequest& request) {
  const bool is_dump_target = may_hold_dump(request.role);
  if (request.adopt) {
    const auto gpt = read_gpt(fd, info.path);
    if (!gpt) return fail(gpt.error());
    return plan_adopted_layout(info.path, *gpt, is_dump_target);
  }
  const auto sector = sector_bytes_of(fd, info.path);
  if (!sector) return fail(sector.error());
  return plan_fresh_layout(info.path, info.size_bytes, *sector, request.role != pb::MAILBOX);
}

// Calls visit(offset, buffer) for the blocks of a region, a chunk at a time, until it fails.
template <class Visit>
Status for_each_chunk(const Partition& region, Visit visit) {
  const AlignedBuffer buffer(kChunkBytes);
  for (std::uint64_t done = 0; done < region.length_bytes;) {
    const auto length = std::min<std::uint64_t>(kChunkBytes, region.length_bytes - done);
    const Status status = visit(region.offset_bytes + done, buffer.span().first(length));
    if (!status) return status;
    done += length;
  }
  return {};
}

Status look_into_gap(BlockDevice& device, DiskFindings& findings) {
  return for_each_chunk(
      findings.layout->metadata, [&](std::uint64_t offset, std::span<std::byte> chunk) -> Status {
        if (Status status = device.read(offset, chunk); !status) return status;
        const auto data = std::find_if(chunk.begin(), chunk.end(),
                                       [](std::byte value) { return value != std::byte{0}; });
        if (data != chunk.end() && !findings.gap_data_bytes) {
          findings.gap_data_bytes = offset + static_cast<std::uint64_t>(data - chunk.begin());
        }
        return {};
      });
}

Status invalidate_label(BlockDevice& device, const Partition& metadata) {
  RecordIo records(device, metadata.offset_bytes);
  pb::Label label;
  const auto choice = records.read(RecordPlace::kLabel, label);
  const unsigned current = choice ? *choice->current : 0;
  const AlignedBuffer zeros(kBlockBytes);
  for (const unsigned slot : {1 - current, current}) {
    const std::uint64_t offset = metadata.offset_bytes + slot_offset(RecordPlace::kLabel, slot);
    if (Status status = device.write(offset, zeros.span()); !status) return status;
    if (Status status = device.flush(); !status) return status;
  }
  return {};
}

Status zero(BlockDevice& device, const Partition& region) {
  const auto write = [&](std::uint64_t offset, std::span<std::byte> chunk) {
    return device.write(offset, chunk);
  };
  if (Status status = for_each_chunk(region, write); !status) return status;
  return device.flush();
}

Status write_records(BlockDevice& device, const Partition& metadata, const pb::Label& label) {
  RecordIo records(device, metadata.offset_bytes);
  const Status status = records.put(RecordPlace::kCoredump, pb::CoredumpHeader());
  if (!status) return status;
  return records.put(RecordPlace::kLabel, label);
}

// Finds the label as every reader does, by the GPT: one that readers do not find is useless.
Status verify_label(const DiskFindings& findings, BlockDevice& device, const pb::Label& label) {
  const auto metadata = find_metadata_partition(findings.info.path);
  if (!metadata) return fail(metadata.error());
  pb::Label found;
  const auto read = RecordIo(device, metadata->offset_bytes).read(RecordPlace::kLabel, found);
  if (!read) return fail(read.error());
  if (found.SerializeAsString() == label.SerializeAsString()) return {};
  return fail(
      {.code = Code::kCorrupt,
       .operation = "verify label",
       .disk = findings.info.path,
       .offset = metadata->offset_bytes,
       .detail = "another label than the one just written: does somebody else write here?"});
}

Error same_disk(std::string_view one, std::string_view other) {
  return {.code = Code::kUsage,
          .operation = "label",
          .detail = fmt::format("{} and {} are the same disk", one, other)};
}

// All but the verdict.
Status prepare(DiskToLabel& disk, std::span<const DiskToLabel> others, const LabelRequest& request,
               milliseconds io_timeout, Executor& executor) {
  auto findings = examine_disk(disk.name, request, io_timeout);
  if (!findings) return fail(findings.error());
  for (const DiskToLabel& other : others) {
    std::error_code unreadable;
    if (!other.problem &&
        std::filesystem::equivalent(other.findings.info.path, findings->info.path, unreadable)) {
      return fail(same_disk(other.name, disk.name));
    }
  }
  auto lock = lock_disk(findings->info.path, [&] { executor.sleep(milliseconds(100)); });
  if (!lock) return fail(lock.error());
  disk.lock = std::move(*lock);
  // Examined again: before the lock, somebody else could still change the disk.
  findings = examine_disk(disk.name, request, io_timeout);
  if (!findings) return fail(findings.error());
  disk.findings = std::move(*findings);
  return {};
}

// What else of this machine's disks carries the label of one of them.
void find_copies(std::vector<DiskToLabel>& disks, milliseconds io_timeout) {
  const auto has_label = [](const DiskToLabel& disk) {
    return !disk.problem && !disk.findings.info.is_image && disk.findings.label;
  };
  if (std::ranges::none_of(disks, has_label)) return;
  Config config;
  config.timing.settings.io_timeout = io_timeout;
  const auto survey = survey_disks(config);
  for (DiskToLabel& disk : disks) {
    if (!has_label(disk)) continue;
    if (survey) {
      disk.findings.copies = copies_in(*survey, disk.findings);
    } else {
      disk.problem = survey.error();
    }
  }
}

}  // namespace

Result<DiskFindings> examine_disk(const std::string& path, const LabelRequest& request,
                                  milliseconds io_timeout) {
  auto disk = open_disk(path, Access::kReadOnly, io_timeout);
  if (!disk) return fail(disk.error());
  DiskFindings findings;
  findings.info = disk->info;
  read_reservation(*disk, findings);
  auto uses = find_uses(findings.info.path);
  if (!uses) return fail(uses.error());
  findings.uses = std::move(*uses);
  if (Status status = read_records(*disk, findings); !status) return fail(status.error());

  const auto fd = open_for_tables(findings.info.path, Access::kReadOnly);
  if (!fd) return fail(fd.error());
  auto table = find_table(fd->get(), findings.info.path, findings.info.size_bytes);
  if (!table) return fail(table.error());
  findings.table = std::move(*table);
  findings.layout = plan_layout(fd->get(), findings.info, request);
  if (Status status = find_all_signatures(fd->get(), request, findings); !status) {
    return fail(status.error());
  }
  if (request.adopt && findings.layout && !findings.metadata) {
    if (Status status = look_into_gap(*disk->device, findings); !status) {
      return fail(status.error());
    }
  }
  return findings;
}

Status write_label(const DiskFindings& findings, const LabelRequest& request,
                   const pb::Label& label, milliseconds io_timeout) {
  const std::string& path = findings.info.path;
  const auto fd = open_for_tables(path, Access::kReadWrite);
  if (!fd) return fail(fd.error());
  const auto disk = open_disk(path, Access::kReadWrite, io_timeout);
  if (!disk) return fail(disk.error());
  if (findings.metadata) {
    Status status = invalidate_label(*disk->device, *findings.metadata);
    if (!status) return status;
  }
  std::vector<Partition> regions = regions_to_probe(findings, request);
  if (!request.adopt) regions.push_back({0, findings.info.size_bytes});
  for (const Partition& region : regions) {
    Status status = wipe_signatures(fd->get(), path, region);
    if (!status) return status;
  }
  if (Status status = zero(*disk->device, findings.layout->metadata); !status) return status;
  Status status = request.adopt ? extend_table(fd->get(), path, *findings.layout)
                                : write_fresh_table(fd->get(), path, *findings.layout);
  if (!status) return status;
  status = write_records(*disk->device, findings.layout->metadata, label);
  if (!status) return status;
  return verify_label(findings, *disk->device, label);
}

std::vector<DiskToLabel> prepare_disks(const std::vector<std::string>& names,
                                       const LabelRequest& request, milliseconds io_timeout,
                                       Executor& executor) {
  std::vector<DiskToLabel> all;
  for (const std::string& name : names) {
    DiskToLabel& disk = all.emplace_back();
    disk.name = name;
    const auto others = std::span(all).first(all.size() - 1);
    if (Status status = prepare(disk, others, request, io_timeout, executor); !status) {
      disk.problem = status.error();
    }
  }
  find_copies(all, io_timeout);
  for (DiskToLabel& disk : all) {
    if (!disk.problem) disk.verdict = judge(disk.findings, request);
  }
  return all;
}

Result<pb::Label> label_disk(const DiskToLabel& disk, const LabelRequest& request,
                             milliseconds io_timeout, Executor& executor) {
  pb::Label label = make_label(disk.findings, request, disk.verdict);
  label.set_disk_uuid(to_string(random_uuid()));
  label.set_written_unix_ms(executor.unix_ms());
  const Status written = write_label(disk.findings, request, label, io_timeout);
  if (!written) return fail(written.error());
  return label;
}

}  // namespace lastword

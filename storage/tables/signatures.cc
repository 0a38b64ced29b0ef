#include "storage/tables/signatures.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "storage/tables/blkid_probe.h"

namespace lastword {
namespace {

// More than any disk has; a device that ignores writes must not keep wipe_signatures busy for ever.
constexpr int kMaxSignatures = 64;

Error probe_error(std::string_view operation, std::string_view disk, std::uint64_t offset) {
  return {.code = Code::kIo,
          .sys_errno = errno,
          .operation = operation,
          .disk = disk,
          .offset = offset};
}

Result<BlkidProbe> open_probe(int fd, std::string_view disk, const Partition& region) {
  const auto sector = sector_bytes_of(fd, disk);
  if (!sector) return fail(sector.error());
  BlkidProbe probe(blkid_new_probe());
  if (!probe ||
      blkid_probe_set_device(probe.get(), fd, static_cast<blkid_loff_t>(region.offset_bytes),
                             static_cast<blkid_loff_t>(region.length_bytes)) != 0) {
    return fail(probe_error("probe", disk, region.offset_bytes));
  }
  blkid_probe_set_sectorsize(probe.get(), *sector);
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                                     BLKID_SUBLKS_LABEL | BLKID_SUBLKS_MAGIC |
                                                     BLKID_SUBLKS_BADCSUM);
  blkid_probe_enable_partitions(probe.get(), 1);
  // Also a GPT that has lost its protective MBR or its primary copy.
  blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
  return probe;
}

std::string value_of(const BlkidProbe& probe, const char* name) {
  const char* data = nullptr;
  if (blkid_probe_lookup_value(probe.get(), name, &data, nullptr) != 0) return {};
  return data;
}

Signature current_signature(const BlkidProbe& probe, const Partition& region) {
  Signature signature;
  std::string offset;
  signature.type = value_of(probe, "TYPE");
  if (!signature.type.empty()) {
    signature.usage = value_of(probe, "USAGE");
    signature.label = value_of(probe, "LABEL");
    offset = value_of(probe, "SBMAGIC_OFFSET");
  } else {
    signature.type = value_of(probe, "PTTYPE");
    signature.usage = "table";
    offset = value_of(probe, "PTMAGIC_OFFSET");
  }
  signature.offset_bytes = region.offset_bytes + std::strtoull(offset.c_str(), nullptr, 10);
  return signature;
}

}  // namespace

std::string describe(const Signature& signature) {
  std::string_view what = "signature";
  if (signature.usage == "filesystem") what = "file system";
  if (signature.usage == "raid") what = "RAID or volume manager member";
  if (signature.usage == "crypto") what = "encrypted volume";
  if (signature.usage == "table") what = "partition table";
  const std::string label = signature.label.empty() ? "" : fmt::format(" \"{}\"", signature.label);
  return fmt::format("{} {}{} at byte {}", signature.type, what, label, signature.offset_bytes);
}

Result<std::vector<Signature>> find_signatures(int fd, std::string_view disk,
                                               const Partition& region) {
  const auto probe = open_probe(fd, disk, region);
  if (!probe) return fail(probe.error());
  std::vector<Signature> found;
  for (int i = 0; i < kMaxSignatures; ++i) {
    errno = 0;
    const int result = blkid_do_probe(probe->get());
    if (result < 0) return fail(probe_error("probe", disk, region.offset_bytes));
    if (result != 0) break;
    Signature signature = current_signature(*probe, region);
    if (!signature.type.empty()) found.push_back(std::move(signature));
  }
  return found;
}

Status wipe_signatures(int fd, std::string_view disk, const Partition& region) {
  const auto probe = open_probe(fd, disk, region);
  if (!probe) return fail(probe.error());
  for (int i = 0;; ++i) {
    errno = 0;
    const int result = blkid_do_probe(probe->get());
    if (result > 0) break;
    if (result < 0 || i == kMaxSignatures || blkid_do_wipe(probe->get(), 0) != 0) {
      return fail(probe_error("wipe signature", disk, region.offset_bytes));
    }
  }
  if (fsync(fd) != 0) return fail(probe_error("flush", disk, region.offset_bytes));
  return {};
}

Result<std::optional<FoundTable>> find_table(int fd, std::string_view disk,
                                             std::uint64_t size_bytes) {
  const auto probe = open_probe(fd, disk, {0, size_bytes});
  if (!probe) return fail(probe.error());
  blkid_probe_enable_superblocks(probe->get(), 0);
  errno = 0;
  blkid_partlist list = blkid_probe_get_partitions(probe->get());
  if (list == nullptr) {
    if (errno == EIO) return fail(probe_error("read partition table", disk, 0));
    return std::nullopt;
  }
  const blkid_parttable table = blkid_partlist_get_table(list);
  if (table == nullptr) return std::nullopt;
  FoundTable found{.type = blkid_parttable_get_type(table), .partitions = {}};
  for (int i = 0; i < blkid_partlist_numof_partitions(list); ++i) {
    const blkid_partition entry = blkid_partlist_get_partition(list, i);
    const auto bytes = [](blkid_loff_t sectors) {
      return static_cast<std::uint64_t>(sectors) * kBlkidSectorBytes;
    };
    const auto text = [](const char* value) { return std::string(value ? value : ""); };
    found.partitions.push_back(
        {.number = static_cast<std::uint32_t>(blkid_partition_get_partno(entry)),
         .place = {.offset_bytes = bytes(blkid_partition_get_start(entry)),
                   .length_bytes = bytes(blkid_partition_get_size(entry))},
         .type = text(blkid_partition_get_type_string(entry)),
         .name = text(blkid_partition_get_name(entry))});
  }
  return found;
}

}  // namespace lastword

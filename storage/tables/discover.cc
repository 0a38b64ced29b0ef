#include "storage/tables/discover.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "proto/crc32c.h"
#include "proto/layout.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/io_error.h"
#include "storage/tables/blkid_probe.h"

namespace lastword {
namespace {

constexpr std::string_view kOperation = "read GPT";

// MBR, GPT header and the usual 128 entries, with blocks of 512 or 4096 bytes.
constexpr std::size_t kUsualGptBytes = 24 << 10;
// The same with up to 400 entries; the copy at the end of the disk is as long.
constexpr std::size_t kGptBytes = 64 << 10;

// libblkid reads through the page cache, which keeps what this node saw before the partner wrote
// its GPT. It therefore probes a sparse copy in memory of what was read with O_DIRECT.
class GptCopy {
 public:
  explicit GptCopy(BlockDevice& device) : device_(device) {}

  // Reads this part of the disk. Blocks on bad spots of the medium become zero: see bad_spot().
  [[nodiscard]] Status read(std::uint64_t offset, std::size_t length) {
    offset_ = offset;
    if (buffer_.span().size() < length) buffer_ = AlignedBuffer(length);
    part_ = buffer_.span().first(length);
    const Status status = device_.read(offset, part_);
    return status || !is_bad_spot(status.error()) ? status : read_blocks();
  }
  // What was read last.
  [[nodiscard]] std::span<const std::byte> part() const { return part_; }
  // Puts what was read last into the copy.
  [[nodiscard]] Status keep() {
    if (!fd_.valid()) {
      fd_ = FileDescriptor(::memfd_create("gpt", MFD_CLOEXEC));
      if (!fd_.valid() || ::ftruncate(fd_.get(), static_cast<off_t>(device_.size_bytes())) != 0) {
        return fail(io_error(kOperation, device_.name(), kNoOffset, errno));
      }
    }
    if (::pwrite(fd_.get(), part_.data(), part_.size(), static_cast<off_t>(offset_)) !=
        static_cast<ssize_t>(part_.size())) {
      return fail(io_error(kOperation, device_.name(), offset_, errno));
    }
    return {};
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // The first that was met in any part.
  [[nodiscard]] const std::optional<Error>& bad_spot() const { return bad_spot_; }
  // The block with the protective MBR, without which no GPT counts, lies on one.
  [[nodiscard]] bool lacks_mbr() const { return lacks_mbr_; }

 private:
  [[nodiscard]] Status read_blocks() {
    for (std::size_t place = 0; place < part_.size(); place += kBlockBytes) {
      const auto block = part_.subspan(place, kBlockBytes);
      const Status status = device_.read(offset_ + place, block);
      if (status) continue;
      if (!is_bad_spot(status.error())) return status;
      std::ranges::fill(block, std::byte{0});
      if (!bad_spot_) bad_spot_ = status.error();
      if (offset_ + place == 0) lacks_mbr_ = true;
    }
    return {};
  }

  BlockDevice& device_;
  FileDescriptor fd_;
  AlignedBuffer buffer_{kUsualGptBytes};
  std::uint64_t offset_ = 0;
  std::span<std::byte> part_;
  std::optional<Error> bad_spot_;
  bool lacks_mbr_ = false;
};

Error gpt_error(Code code, const BlockDevice& device, std::string_view detail) {
  return {.code = code, .operation = kOperation, .disk = device.name(), .detail = detail};
}

std::vector<std::uint32_t> possible_sector_bytes(const BlockDevice& device) {
  if (device.logical_block_bytes() == 0) return {512, 4096};
  return {device.logical_block_bytes()};
}

// One entry of a table, as libblkid has read it.
struct Entry {
  Partition place;
  bool metadata = false;  // by its type
};
using Entries = std::vector<Entry>;

// What tables say, by their bytes. A node looks at all of its disks every few seconds, and the
// tables of none of them change in weeks; libblkid takes half a millisecond for each.
class KnownTables {
 public:
  struct Key {
    std::span<const std::byte> bytes;  // from the beginning of the disk
    std::uint64_t disk_bytes = 0;
    std::uint32_t sector_bytes = 0;
  };

  [[nodiscard]] std::optional<Entries> find(const Key& key) {
    const std::uint32_t checksum = crc32c(key.bytes);
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(checksum);
    if (found == tables_.end() || !found->second.is_of(key)) return std::nullopt;
    return found->second.entries;
  }
  void keep(const Key& key, const Entries& entries) {
    const std::uint32_t checksum = crc32c(key.bytes);
    const std::lock_guard lock(mutex_);
    if (tables_.size() >= kMostTables) tables_.clear();
    tables_.insert_or_assign(checksum, Table{.bytes = {key.bytes.begin(), key.bytes.end()},
                                             .disk_bytes = key.disk_bytes,
                                             .sector_bytes = key.sector_bytes,
                                             .entries = entries});
  }

 private:
  static constexpr std::size_t kMostTables = 512;  // some 12 MiB

  struct Table {
    std::vector<std::byte> bytes;
    std::uint64_t disk_bytes = 0;
    std::uint32_t sector_bytes = 0;
    Entries entries;
    [[nodiscard]] bool is_of(const Key& key) const {
      return disk_bytes == key.disk_bytes && sector_bytes == key.sector_bytes &&
             std::ranges::equal(bytes, key.bytes);
    }
  };

  std::mutex mutex_;
  std::map<std::uint32_t, Table> tables_;  // by the checksum of their bytes
};

KnownTables& known_tables() {
  static auto* const tables = new KnownTables;  // threads that hang outlive main()
  return *tables;
}

// The list belongs to the probe. Null: no GPT.
Result<blkid_partlist> read_gpt(blkid_probe probe, const GptCopy& copy, const BlockDevice& device,
                                std::uint32_t sector_bytes) {
  std::array<char, 4> type{"gpt"};
  std::array<char*, 2> types{type.data(), nullptr};
  if (blkid_probe_set_device(probe, copy.fd(), 0, static_cast<blkid_loff_t>(device.size_bytes())) !=
          0 ||
      blkid_probe_set_sectorsize(probe, sector_bytes) != 0 ||
      blkid_probe_enable_superblocks(probe, 0) != 0 ||
      blkid_probe_enable_partitions(probe, 1) != 0 ||
      blkid_probe_filter_partitions_type(probe, BLKID_FLTR_ONLYIN, types.data()) != 0 ||
      blkid_probe_set_partitions_flags(probe, copy.lacks_mbr() ? BLKID_PARTS_FORCE_GPT : 0) != 0) {
    return fail(gpt_error(Code::kIo, device, "libblkid refuses the disk"));
  }
  return blkid_probe_get_partitions(probe);
}

Partition place_of(blkid_partition entry) {
  return {.offset_bytes =
              static_cast<std::uint64_t>(blkid_partition_get_start(entry)) * kBlkidSectorBytes,
          .length_bytes =
              static_cast<std::uint64_t>(blkid_partition_get_size(entry)) * kBlkidSectorBytes};
}

Entries entries_of(blkid_partlist list) {
  Entries entries;
  for (int i = 0; i < blkid_partlist_numof_partitions(list); ++i) {
    blkid_partition entry = blkid_partlist_get_partition(list, i);
    const char* type = blkid_partition_get_type_string(entry);
    entries.push_back(
        {.place = place_of(entry), .metadata = type != nullptr && type == kMetadataPartitionType});
  }
  return entries;
}

// The first copy of the GPT that is whole.
Result<Entries> read_table(BlockDevice& device) {
  const std::uint64_t whole_blocks = device.size_bytes() / kBlockBytes * kBlockBytes;
  if (whole_blocks < 2 * kGptBytes) {
    return fail(gpt_error(Code::kNotFound, device, "too small for a GPT"));
  }
  GptCopy copy(device);
  struct Part {
    std::uint64_t offset;
    std::size_t length;
  };
  const Part parts[] = {{0, kUsualGptBytes},
                        {kUsualGptBytes, kGptBytes - kUsualGptBytes},
                        {whole_blocks - kGptBytes, kGptBytes}};
  for (const Part& part : parts) {
    if (Status status = copy.read(part.offset, part.length); !status) return fail(status.error());
    // What such bytes say, they say alone.
    const bool whole = part.offset == 0 && !copy.bad_spot();
    for (const std::uint32_t sector_bytes : possible_sector_bytes(device)) {
      const KnownTables::Key key{
          .bytes = copy.part(), .disk_bytes = device.size_bytes(), .sector_bytes = sector_bytes};
      if (whole) {
        if (auto known = known_tables().find(key)) return std::move(*known);
      }
      if (Status status = copy.keep(); !status) return fail(status.error());
      const BlkidProbe probe(blkid_new_probe());
      if (!probe) return fail(io_error(kOperation, device.name(), kNoOffset, ENOMEM));
      const auto list = read_gpt(probe.get(), copy, device, sector_bytes);
      if (!list) return fail(list.error());
      if (*list == nullptr) continue;
      Entries entries = entries_of(*list);
      if (whole) known_tables().keep(key, entries);
      return entries;
    }
  }
  if (copy.bad_spot()) return fail(*copy.bad_spot());
  return fail(gpt_error(Code::kNotFound, device, "no GPT"));
}

}  // namespace

Result<Partition> find_metadata_partition(BlockDevice& device) {
  const auto entries = read_table(device);
  if (!entries) return fail(entries.error());
  std::optional<Partition> found;
  for (const Entry& entry : *entries) {
    if (!entry.metadata) continue;
    if (found) {
      return fail(gpt_error(Code::kCorrupt, device, "more than one metadata partition"));
    }
    found = entry.place;
  }
  if (!found) return fail(gpt_error(Code::kNotFound, device, "no metadata partition"));
  if (found->offset_bytes % kBlockBytes != 0 || found->length_bytes < kMetadataMinBytes ||
      found->offset_bytes > device.size_bytes() ||
      found->length_bytes > device.size_bytes() - found->offset_bytes) {
    Error error = gpt_error(Code::kCorrupt, device,
                            "metadata partition misaligned, too small or beyond the disk's end");
    error.offset = found->offset_bytes;
    return fail(error);
  }
  return *found;
}

Result<std::vector<Partition>> list_partitions(BlockDevice& device) {
  const auto entries = read_table(device);
  if (!entries) return fail(entries.error());
  std::vector<Partition> partitions;
  for (const Entry& entry : *entries) partitions.push_back(entry.place);
  return partitions;
}

Result<Partition> find_metadata_partition(const std::string& path) {
  const auto device = LinuxBlockDevice::open(path, Access::kReadOnly);
  if (!device) return fail(device.error());
  (*device)->use(DiskTurn::of((*device)->fd()));
  return find_metadata_partition(**device);
}

}  // namespace lastword

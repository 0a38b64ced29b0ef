#include "storage/tables/discover.h"

#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

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
  [[nodiscard]] static Result<GptCopy> create(BlockDevice& device) {
    FileDescriptor fd(::memfd_create("gpt", MFD_CLOEXEC));
    if (!fd.valid() || ::ftruncate(fd.get(), static_cast<off_t>(device.size_bytes())) != 0) {
      return fail(io_error(kOperation, device.name(), kNoOffset, errno));
    }
    return GptCopy(device, std::move(fd));
  }

  [[nodiscard]] Status copy(std::uint64_t offset, std::size_t length) {
    const std::span<std::byte> part = buffer_.span().first(length);
    if (Status status = device_->read(offset, part); !status) return status;
    if (::pwrite(fd_.get(), part.data(), part.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(part.size())) {
      return fail(io_error(kOperation, device_->name(), offset, errno));
    }
    return {};
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  GptCopy(BlockDevice& device, FileDescriptor fd) : device_(&device), fd_(std::move(fd)) {}

  BlockDevice* device_;
  FileDescriptor fd_;
  AlignedBuffer buffer_{kGptBytes};
};

Error gpt_error(Code code, const BlockDevice& device, std::string_view detail) {
  return {.code = code, .operation = kOperation, .disk = device.name(), .detail = detail};
}

std::vector<std::uint32_t> possible_sector_bytes(const BlockDevice& device) {
  if (device.logical_block_bytes() == 0) return {512, 4096};
  return {device.logical_block_bytes()};
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
      blkid_probe_filter_partitions_type(probe, BLKID_FLTR_ONLYIN, types.data()) != 0) {
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

Result<Partition> find_in(blkid_partlist list, const BlockDevice& device) {
  std::optional<Partition> found;
  for (int i = 0; i < blkid_partlist_numof_partitions(list); ++i) {
    blkid_partition entry = blkid_partlist_get_partition(list, i);
    const char* type = blkid_partition_get_type_string(entry);
    if (type == nullptr || type != kMetadataPartitionType) continue;
    if (found) {
      return fail(gpt_error(Code::kCorrupt, device, "more than one metadata partition"));
    }
    found = place_of(entry);
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

// What `use` makes of the list of the first copy of the GPT that is whole.
template <class T>
Result<T> with_gpt(BlockDevice& device, Result<T> (*use)(blkid_partlist, const BlockDevice&)) {
  const std::uint64_t whole_blocks = device.size_bytes() / kBlockBytes * kBlockBytes;
  if (whole_blocks < 2 * kGptBytes) {
    return fail(gpt_error(Code::kNotFound, device, "too small for a GPT"));
  }
  Result<GptCopy> copy = GptCopy::create(device);
  if (!copy) return fail(copy.error());
  struct Part {
    std::uint64_t offset;
    std::size_t length;
  };
  const Part parts[] = {{0, kUsualGptBytes},
                        {kUsualGptBytes, kGptBytes - kUsualGptBytes},
                        {whole_blocks - kGptBytes, kGptBytes}};
  for (const Part& part : parts) {
    if (Status status = copy->copy(part.offset, part.length); !status) {
      return fail(status.error());
    }
    for (const std::uint32_t sector_bytes : possible_sector_bytes(device)) {
      const BlkidProbe probe(blkid_new_probe());
      if (!probe) return fail(io_error(kOperation, device.name(), kNoOffset, ENOMEM));
      const auto list = read_gpt(probe.get(), *copy, device, sector_bytes);
      if (!list) return fail(list.error());
      if (*list != nullptr) return use(*list, device);
    }
  }
  return fail(gpt_error(Code::kNotFound, device, "no GPT"));
}

Result<std::vector<Partition>> all_in(blkid_partlist list, const BlockDevice&) {
  std::vector<Partition> partitions;
  for (int i = 0; i < blkid_partlist_numof_partitions(list); ++i) {
    partitions.push_back(place_of(blkid_partlist_get_partition(list, i)));
  }
  return partitions;
}

}  // namespace

Result<Partition> find_metadata_partition(BlockDevice& device) {
  return with_gpt(device, find_in);
}

Result<std::vector<Partition>> list_partitions(BlockDevice& device) {
  return with_gpt(device, all_in);
}

Result<Partition> find_metadata_partition(const std::string& path) {
  const auto device = LinuxBlockDevice::open(path, Access::kReadOnly);
  if (!device) return fail(device.error());
  return find_metadata_partition(**device);
}

}  // namespace lastword

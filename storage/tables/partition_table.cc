#include "storage/tables/partition_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libfdisk/libfdisk.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>

namespace lastword {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
// The backup copy at the end: at least 16 KiB of entries (UEFI 2.10, 5.3.1) and the header's
// sector.
constexpr std::uint64_t kGptEntriesBytes = 16 << 10;
constexpr std::uint32_t kGptEntryBytes = 128;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}
constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t unit) {
  return value / unit * unit;
}
std::uint64_t end_of(const Partition& place) {
  return place.offset_bytes + place.length_bytes;
}

Error table_error(Code code, std::string_view operation, std::string_view disk,
                  std::string_view detail) {
  return {.code = code, .operation = operation, .disk = disk, .detail = detail};
}

template <auto function>
struct Call {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using PartitionTemplate = std::unique_ptr<fdisk_partition, Call<fdisk_unref_partition>>;
using TypeTemplate = std::unique_ptr<fdisk_parttype, Call<fdisk_unref_parttype>>;
using LabelItem = std::unique_ptr<fdisk_labelitem, Call<fdisk_unref_labelitem>>;

// libfdisk at work on an open disk. It asks no questions and prints nothing; the first warning is
// kept, because it tells more than the return value.
class Fdisk {
 public:
  Fdisk(int fd, std::string_view disk, std::uint32_t sector_bytes, bool read_only)
      : disk_(disk), context_(fdisk_new_context()) {
    fdisk_set_ask(context_.get(), &Fdisk::answer, this);
    fdisk_disable_dialogs(context_.get(), 1);
    // Matters for images only; a disk has its own.
    fdisk_save_user_sector_size(context_.get(), sector_bytes, sector_bytes);
    assigned_ = fdisk_assign_device_by_fd(context_.get(), fd, disk_.c_str(), read_only ? 1 : 0);
  }
  // Without libfdisk's sync(2), which would wait for every other disk of the machine too.
  ~Fdisk() {
    if (assigned_ == 0) fdisk_deassign_device(context_.get(), 1);
  }
  Fdisk(const Fdisk&) = delete;
  Fdisk& operator=(const Fdisk&) = delete;

  [[nodiscard]] fdisk_context* get() const { return context_.get(); }
  [[nodiscard]] Status opened() const { return check(assigned_, "read partition table"); }

  [[nodiscard]] Status check(int result, std::string_view operation) const {
    if (result == 0) return {};
    return fail({.code = Code::kIo,
                 .sys_errno = result < 0 ? -result : 0,
                 .operation = operation,
                 .disk = disk_,
                 .detail = warning_});
  }

  [[nodiscard]] std::uint64_t item(int id) const {
    const LabelItem item(fdisk_new_labelitem());
    std::uint64_t value = 0;
    if (fdisk_get_disklabel_item(context_.get(), id, item.get()) == 0) {
      fdisk_labelitem_get_data_u64(item.get(), &value);
    }
    return value;
  }

  [[nodiscard]] Status add(const Partition& place, std::string_view type, std::string_view name,
                           std::uint32_t sector_bytes) {
    const PartitionTemplate partition(fdisk_new_partition());
    const TypeTemplate parttype(fdisk_new_parttype());
    fdisk_parttype_set_typestr(parttype.get(), std::string(type).c_str());
    fdisk_partition_set_type(partition.get(), parttype.get());
    fdisk_partition_set_name(partition.get(), std::string(name).c_str());
    fdisk_partition_set_start(partition.get(), place.offset_bytes / sector_bytes);
    fdisk_partition_set_size(partition.get(), place.length_bytes / sector_bytes);
    // Otherwise libfdisk shortens it to its own alignment.
    fdisk_partition_size_explicit(partition.get(), 1);
    fdisk_partition_partno_follow_default(partition.get(), 1);
    return check(fdisk_add_partition(get(), partition.get(), nullptr), "add partition");
  }

  // Writes the table in UEFI's order: backup entries, backup header, primary entries, primary
  // header, protective MBR (libfdisk 2.38, gpt_write_disklabel).
  [[nodiscard]] Status write(int fd) {
    if (Status status = check(fdisk_write_disklabel(get()), "write partition table"); !status) {
      return status;
    }
    if (fsync(fd) != 0) return check(-errno, "flush partition table");
    // Updates the kernel's view of the partitions. Where that fails (a partition is in use, or this
    // is an image), the view changes at the next rescan.
    (void)ioctl(fd, BLKRRPART);
    return {};
  }

 private:
  static int answer(fdisk_context*, fdisk_ask* ask, void* self) {
    const int type = fdisk_ask_get_type(ask);
    if (type == FDISK_ASKTYPE_WARN || type == FDISK_ASKTYPE_WARNX) {
      std::string& warning = static_cast<Fdisk*>(self)->warning_;
      if (warning.empty()) warning = fdisk_ask_print_get_mesg(ask);
    }
    return 0;
  }

  std::string disk_;
  std::string warning_;
  std::unique_ptr<fdisk_context, Call<fdisk_unref_context>> context_;
  int assigned_ = -1;
};

std::vector<TablePartition> partitions_of(const Fdisk& fdisk, std::uint32_t sector_bytes) {
  std::vector<TablePartition> found;
  for (std::size_t i = 0; i < fdisk_get_npartitions(fdisk.get()); ++i) {
    if (fdisk_is_partition_used(fdisk.get(), i) == 0) continue;
    fdisk_partition* raw = nullptr;
    if (fdisk_get_partition(fdisk.get(), i, &raw) != 0) continue;
    const PartitionTemplate partition(raw);
    const auto text = [](const char* value) { return std::string(value ? value : ""); };
    TablePartition entry{.number = static_cast<std::uint32_t>(i + 1),
                         .place = {.offset_bytes = fdisk_partition_get_start(raw) * sector_bytes,
                                   .length_bytes = fdisk_partition_get_size(raw) * sector_bytes},
                         .type = text(fdisk_parttype_get_string(fdisk_partition_get_type(raw))),
                         .name = text(fdisk_partition_get_name(raw))};
    std::transform(entry.type.begin(), entry.type.end(), entry.type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    found.push_back(std::move(entry));
  }
  return found;
}

const TablePartition* find_type(const std::vector<TablePartition>& partitions,
                                std::string_view type) {
  const auto it = std::find_if(partitions.begin(), partitions.end(),
                               [&](const TablePartition& entry) { return entry.type == type; });
  return it == partitions.end() ? nullptr : &*it;
}

// The first usable sector must be lowered to make room for the metadata: libfdisk's own tables put
// it at 1 MiB. libfdisk has no call for that, but it puts the first usable sector directly behind
// the entries whenever the number of entries changes. So the number is lowered by one sector's
// worth, and set back. (Raised and set back would need a free sector in front of the backup copy.)
// The entries that are gone in between must be free. Returns how many entries stay.
std::uint32_t entries_kept(std::uint32_t count, std::uint32_t sector_bytes) {
  return count - std::min(count, sector_bytes / kGptEntryBytes);
}

Status make_gap_usable(Fdisk& fdisk, std::uint32_t sector_bytes) {
  const auto count = static_cast<std::uint32_t>(fdisk_get_npartitions(fdisk.get()));
  for (const std::uint32_t number : {entries_kept(count, sector_bytes), count}) {
    const int result = fdisk_gpt_set_npartitions(fdisk.get(), number);
    if (Status status = fdisk.check(result, "adopt partition table"); !status) return status;
  }
  return {};
}

bool overlap(const Partition& one, const Partition& other) {
  return one.offset_bytes < end_of(other) && other.offset_bytes < end_of(one);
}

// Why one of lastword's partitions that is there already cannot be used; empty: it can.
std::string reject_place(const TablePartition& own, const GptGeometry& gpt,
                         std::uint64_t min_bytes) {
  if (own.place.offset_bytes < gpt.entries_end_bytes || end_of(own.place) > gpt.usable_end_bytes) {
    return fmt::format("partition {} overlaps the GPT itself", own.number);
  }
  for (const TablePartition& other : gpt.partitions) {
    if (other.number == own.number) continue;
    if (other.type == own.type) {
      return fmt::format("partitions {} and {} are both lastword's, of one kind", own.number,
                         other.number);
    }
    if (overlap(own.place, other.place)) {
      return fmt::format("partition {}, which is lastword's, overlaps partition {}", own.number,
                         other.number);
    }
  }
  if (own.place.offset_bytes % kBlockBytes != 0 || own.place.length_bytes < min_bytes) {
    return fmt::format(
        "partition {}, which is lastword's, has {} bytes at byte {}: too small, or "
        "not at a multiple of {}",
        own.number, own.place.length_bytes, own.place.offset_bytes, kBlockBytes);
  }
  return {};
}

}  // namespace

Result<std::uint32_t> sector_bytes_of(int fd, std::string_view disk) {
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    return fail({.sys_errno = errno, .operation = "stat", .disk = disk});
  }
  if (S_ISBLK(info.st_mode)) {
    int bytes = 0;
    if (ioctl(fd, BLKSSZGET, &bytes) != 0) {
      return fail({.sys_errno = errno, .operation = "read sector size", .disk = disk});
    }
    return static_cast<std::uint32_t>(bytes);
  }
  constexpr std::string_view kGptMagic = "EFI PART";
  std::array<char, kGptMagic.size()> magic{};
  const bool is_4k = pread(fd, magic.data(), magic.size(), 4096) == ssize_t{kGptMagic.size()} &&
                     std::string_view(magic.data(), magic.size()) == kGptMagic;
  return is_4k ? 4096 : 512;
}

Result<DiskLayout> plan_fresh_layout(std::string_view disk, std::uint64_t size_bytes,
                                     std::uint32_t sector_bytes, bool with_data) {
  DiskLayout layout{
      .sector_bytes = sector_bytes, .metadata = {kMiB, kMetadataPartitionBytes}, .data = {}};
  const std::uint64_t start = end_of(layout.metadata);
  const std::uint64_t backup = kGptEntriesBytes + sector_bytes;
  const std::uint64_t needed = start + backup + (with_data ? kMinDataBytes + kBlockBytes : 0);
  if (size_bytes < needed) {
    return fail(
        table_error(Code::kRefused, "plan partitions", disk,
                    fmt::format("too small: {} bytes, and {} are needed", size_bytes, needed)));
  }
  if (with_data) {
    const std::uint64_t end = round_down(size_bytes, sector_bytes) - backup;
    layout.data = {start, round_down(end, kBlockBytes) - start};
  }
  return layout;
}

Result<GptGeometry> read_gpt(int fd, std::string_view disk) {
  const auto sector = sector_bytes_of(fd, disk);
  if (!sector) return fail(sector.error());
  const Fdisk fdisk(fd, disk, *sector, true);
  if (Status status = fdisk.opened(); !status) return fail(status.error());
  if (!fdisk_is_label(fdisk.get(), GPT)) {
    return fail(table_error(Code::kNotFound, "read partition table", disk, "no GPT"));
  }
  // libfdisk would move the backup copy when it writes.
  if (fdisk.item(GPT_LABELITEM_ALTLBA) + 1 != fdisk_get_nsectors(fdisk.get())) {
    return fail(table_error(Code::kRefused, "adopt partition table", disk,
                            "the GPT's backup copy is not at the end of the disk; move it there "
                            "first, with fdisk or sgdisk"));
  }
  if (fdisk.item(GPT_LABELITEM_ENTRIESLBA) != 2) {
    return fail(table_error(Code::kRefused, "adopt partition table", disk,
                            "the GPT's entries are not directly behind its header"));
  }
  return GptGeometry{.sector_bytes = *sector,
                     .entries_end_bytes = (fdisk.item(GPT_LABELITEM_ENTRIESLASTLBA) + 1) * *sector,
                     .usable_start_bytes = fdisk.item(GPT_LABELITEM_FIRSTLBA) * *sector,
                     .usable_end_bytes = (fdisk.item(GPT_LABELITEM_LASTLBA) + 1) * *sector,
                     .entry_count = static_cast<std::uint32_t>(fdisk_get_npartitions(fdisk.get())),
                     .partitions = partitions_of(fdisk, *sector)};
}

Result<DiskLayout> plan_adopted_layout(std::string_view disk, const GptGeometry& gpt,
                                       bool with_data) {
  const auto refuse = [&](const std::string& why) {
    return fail(table_error(Code::kRefused, "adopt partition table", disk, why));
  };
  DiskLayout layout{.sector_bytes = gpt.sector_bytes, .metadata = {}, .data = {}};
  std::uint64_t first = kAdoptGapEnd;
  std::uint64_t last_end = kAdoptGapEnd;
  std::string first_name = "the first MiB boundary";
  for (const TablePartition& entry : gpt.partitions) {
    last_end = std::max(last_end, end_of(entry.place));
    if (entry.place.offset_bytes < first) {
      first = entry.place.offset_bytes;
      first_name = fmt::format("partition {}", entry.number);
    }
  }
  std::size_t added = 0;
  for (const auto& [type, min_bytes] : {std::pair{kMetadataPartitionType, kMetadataMinBytes},
                                        std::pair{kDataPartitionType, kMinDataBytes}}) {
    if (type == kDataPartitionType && !with_data) continue;
    const auto* there = find_type(gpt.partitions, type);
    const std::string problem = there ? reject_place(*there, gpt, min_bytes) : std::string();
    if (!problem.empty()) return refuse(problem + "; mend the table first, with fdisk or sgdisk");
  }
  if (const auto* there = find_type(gpt.partitions, kMetadataPartitionType)) {
    layout.metadata = there->place;
  } else {
    const std::uint64_t start = round_up(gpt.entries_end_bytes, kBlockBytes);
    const std::uint64_t end = round_down(first, kBlockBytes);
    if (end < start + kMetadataMinBytes) {
      return refuse(fmt::format(
          "no gap for the metadata: {} bytes are free between the GPT's entries and {}, and {} are "
          "needed; move that partition, or label the disk without --adopt",
          end > start ? end - start : 0, first_name, kMetadataMinBytes));
    }
    const std::uint32_t kept = entries_kept(gpt.entry_count, gpt.sector_bytes);
    const bool in_the_way =
        std::any_of(gpt.partitions.begin(), gpt.partitions.end(),
                    [kept](const TablePartition& entry) { return entry.number > kept; });
    if (gpt.usable_start_bytes > start && (kept == 0 || in_the_way)) {
      return refuse("the GPT's last entries are in use; renumber its partitions");
    }
    layout.metadata = {start, end - start};
    ++added;
  }
  if (with_data) {
    if (const auto* there = find_type(gpt.partitions, kDataPartitionType)) {
      layout.data = there->place;
    } else {
      const std::uint64_t start = round_up(last_end, kMiB);
      const std::uint64_t end = round_down(gpt.usable_end_bytes, kBlockBytes);
      if (end < start + kMinDataBytes) {
        return refuse(fmt::format(
            "no room for dumps: {} bytes are free behind the last partition, and {} are needed; "
            "shrink that partition, or label the disk without --adopt",
            end > start ? end - start : 0, kMinDataBytes));
      }
      layout.data = {start, end - start};
      ++added;
    }
  }
  if (gpt.partitions.size() + added > gpt.entry_count) {
    return refuse(fmt::format("all {} entries of the GPT are in use", gpt.entry_count));
  }
  return layout;
}

Status write_fresh_table(int fd, std::string_view disk, const DiskLayout& layout) {
  Fdisk fdisk(fd, disk, layout.sector_bytes, false);
  if (Status status = fdisk.opened(); !status) return status;
  Status status = fdisk.check(fdisk_create_disklabel(fdisk.get(), "gpt"), "create GPT");
  if (!status) return status;
  status = fdisk.add(layout.metadata, kMetadataPartitionType, kMetadataPartitionName,
                     layout.sector_bytes);
  if (!status) return status;
  if (layout.data.length_bytes != 0) {
    status = fdisk.add(layout.data, kDataPartitionType, kDataPartitionName, layout.sector_bytes);
    if (!status) return status;
  }
  return fdisk.write(fd);
}

Status extend_table(int fd, std::string_view disk, const DiskLayout& layout) {
  Fdisk fdisk(fd, disk, layout.sector_bytes, false);
  if (Status status = fdisk.opened(); !status) return status;
  const auto partitions = partitions_of(fdisk, layout.sector_bytes);
  const bool add_metadata = find_type(partitions, kMetadataPartitionType) == nullptr;
  const bool add_data =
      layout.data.length_bytes != 0 && find_type(partitions, kDataPartitionType) == nullptr;
  if (!add_metadata && !add_data) return {};
  if (add_metadata) {
    if (fdisk.item(GPT_LABELITEM_FIRSTLBA) * layout.sector_bytes > layout.metadata.offset_bytes) {
      Status status = make_gap_usable(fdisk, layout.sector_bytes);
      if (!status) return status;
    }
    Status status = fdisk.add(layout.metadata, kMetadataPartitionType, kMetadataPartitionName,
                              layout.sector_bytes);
    if (!status) return status;
  }
  if (add_data) {
    Status status =
        fdisk.add(layout.data, kDataPartitionType, kDataPartitionName, layout.sector_bytes);
    if (!status) return status;
  }
  return fdisk.write(fd);
}

}  // namespace lastword

// A GPT as other tools leave it, for tests of adoption.
#pragma once

#include <libfdisk/libfdisk.h>

#include <vector>

#include "storage/tables/discover.h"
#include "tests/support/image_file.h"

namespace lastword::test {

// Linux partitions named "service 1", "service 2", ... at these places.
inline void write_foreign_gpt(const ImageFile& image, std::uint32_t sector_bytes,
                              const std::vector<Partition>& places) {
  const auto require = [](int result, const char* what) {
    if (result != 0) throw std::runtime_error(what);
  };
  const FileDescriptor fd = image.open();
  fdisk_context* context = fdisk_new_context();
  fdisk_disable_dialogs(context, 1);
  fdisk_save_user_sector_size(context, sector_bytes, sector_bytes);
  require(fdisk_assign_device_by_fd(context, fd.get(), image.path().c_str(), 0), "assign");
  require(fdisk_create_disklabel(context, "gpt"), "create");
  int number = 0;
  for (const Partition& place : places) {
    // libfdisk's own first usable sector is at 1 MiB; that of other tools is behind the entries.
    if (place.offset_bytes < 1 << 20) {
      require(fdisk_gpt_set_npartitions(context, 96), "shrink");
      require(fdisk_gpt_set_npartitions(context, 128), "grow");
    }
    fdisk_partition* partition = fdisk_new_partition();
    fdisk_partition_set_start(partition, place.offset_bytes / sector_bytes);
    fdisk_partition_set_size(partition, place.length_bytes / sector_bytes);
    fdisk_partition_size_explicit(partition, 1);
    fdisk_partition_partno_follow_default(partition, 1);
    fdisk_partition_set_name(partition, fmt::format("service {}", ++number).c_str());
    require(fdisk_add_partition(context, partition, nullptr), "add");
    fdisk_unref_partition(partition);
  }
  require(fdisk_write_disklabel(context), "write");
  fdisk_deassign_device(context, 1);
  fdisk_unref_context(context);
}

}  // namespace lastword::test

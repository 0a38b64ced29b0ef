// Two nodes of one cluster at a fake shelf, with labelled disks: what tests of start, arm and their
// like begin with.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "agent/disks/own_disk.h"
#include "agent/disks/survey.h"
#include "storage/block/record_io.h"
#include "tests/fake/fake_shelf.h"

namespace lastword::test {

inline constexpr std::uint8_t kAlpha = 1;
inline constexpr std::uint8_t kBeta = 2;
inline const std::string kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
inline constexpr std::uint64_t kMetadataOffset = 1 << 20;
inline constexpr std::uint64_t kDataOffset = 4 << 20;

inline ReservationKey key_of(std::uint8_t node, std::uint32_t generation) {
  return make_key(
      {.cluster = cluster_key_bits(kCluster), .node = node, .boot_generation = generation});
}

inline Config cluster_config() {
  Config config;
  config.cluster_uuid = kCluster;
  config.self = {.name = "alpha", .id = kAlpha, .core_directory = "/var/crash/alpha"};
  config.partner = {.name = "beta", .id = kBeta, .core_directory = "/var/crash/beta"};
  return config;
}

inline OwnerIdentity identity(std::uint8_t node, std::uint32_t generation) {
  return {.cluster_uuid = kCluster,
          .node = node,
          .boot_generation = generation,
          .key = key_of(node, generation)};
}

inline std::string uuid_of(unsigned lun) {
  return "00000000-0000-4000-8000-00000000000" + std::to_string(lun);
}

inline pb::Label make_label(unsigned lun, pb::Role role, std::uint8_t home = kAlpha) {
  pb::Label label;
  label.set_cluster_uuid(kCluster);
  label.set_disk_uuid(uuid_of(lun));
  label.set_role(role);
  label.set_home_node(home);
  label.set_data_offset_bytes(kDataOffset);
  label.set_data_length_bytes(32 << 20);
  return label;
}

// One node's way to one disk.
class NodeDisk {
 public:
  NodeDisk(const fake::Nexus& nexus, unsigned lun)
      : lun_number_(lun), device_(nexus.device(lun)), lun_(nexus.lun(lun)) {}
  [[nodiscard]] OwnDisk own() const {
    return {.device = *device_,
            .lun = *lun_,
            .metadata_offset = kMetadataOffset,
            .disk_uuid = uuid_of(lun_number_)};
  }
  [[nodiscard]] ScsiLun& lun() const { return *lun_; }
  [[nodiscard]] RecordIo records() const { return {*device_, kMetadataOffset}; }

 private:
  unsigned lun_number_;
  std::unique_ptr<BlockDevice> device_;
  std::unique_ptr<ScsiLun> lun_;
};

// Records as the medium has them, read past every reservation and fault.
class Medium final : public BlockDevice {
 public:
  Medium(fake::FakeShelf& shelf, unsigned lun) : shelf_(shelf), lun_(lun) {}
  [[nodiscard]] std::string_view name() const override { return "medium"; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return 64 << 20; }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    shelf_.peek(lun_, offset, buffer);
    return {};
  }
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    shelf_.poke(lun_, offset, buffer);
    return {};
  }
  [[nodiscard]] Status flush() override { return {}; }
  [[nodiscard]] Status flush_all() override { return {}; }

 private:
  fake::FakeShelf& shelf_;
  unsigned lun_;
};

inline pb::Label label_on(fake::FakeShelf& shelf, unsigned lun) {
  Medium medium(shelf, lun);
  pb::Label label;
  if (!RecordIo(medium, kMetadataOffset).read(RecordPlace::kLabel, label)) label.Clear();
  return label;
}

inline pb::CoredumpHeader header_on(fake::FakeShelf& shelf, unsigned lun) {
  Medium medium(shelf, lun);
  pb::CoredumpHeader header;
  if (!RecordIo(medium, kMetadataOffset).read(RecordPlace::kCoredump, header)) header.Clear();
  return header;
}

// In beta's slot.
inline pb::TakeoverIntent intent_on(fake::FakeShelf& shelf, unsigned lun) {
  Medium medium(shelf, lun);
  pb::MailboxSlot slot;
  if (!RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot)) slot.Clear();
  return slot.intent();
}

// Of both nodes; one that cannot be read is empty.
inline std::array<pb::MailboxSlot, 2> slots_on(fake::FakeShelf& shelf, unsigned lun) {
  Medium medium(shelf, lun);
  std::array<pb::MailboxSlot, 2> slots;
  RecordIo records(medium, kMetadataOffset);
  if (!records.read(RecordPlace::kMailboxLow, slots[0])) slots[0].Clear();
  if (!records.read(RecordPlace::kMailboxHigh, slots[1])) slots[1].Clear();
  return slots;
}

// Both copies, as a bad spot or somebody's tool leaves them.
inline void damage_slot(fake::FakeShelf& shelf, unsigned lun, RecordPlace place) {
  AlignedBuffer block(kBlockBytes);
  std::ranges::fill(block.span(), std::byte{0x5a});
  for (const unsigned copy : {0U, 1U}) {
    shelf.poke(lun, kMetadataOffset + slot_offset(place, copy), block.span());
  }
}

inline void plant(fake::FakeShelf& shelf, unsigned lun, const pb::MailboxSlot& slot,
                  RecordPlace place) {
  Medium medium(shelf, lun);
  (void)RecordIo(medium, kMetadataOffset).put(place, slot);
}

inline void plant(fake::FakeShelf& shelf, unsigned lun, const pb::Label& label) {
  Medium medium(shelf, lun);
  (void)RecordIo(medium, kMetadataOffset).put(RecordPlace::kLabel, label);
}

inline void plant(fake::FakeShelf& shelf, unsigned lun, const pb::CoredumpHeader& header) {
  Medium medium(shelf, lun);
  (void)RecordIo(medium, kMetadataOffset).put(RecordPlace::kCoredump, header);
}

}  // namespace lastword::test

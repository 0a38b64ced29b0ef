#include "agent/transfer/thin_record.h"

#include <cstring>
#include <vector>

#include "agent/transfer/range_hash.h"
#include "agent/transfer/stream_head.h"
#include "proto/crc32c.h"

namespace lastword {
namespace {

constexpr std::uint32_t kVersion = 1;

struct SlotHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t payload_crc32c;
  std::uint64_t payload_bytes;
  std::uint32_t header_crc32c;  // over this block with 0 here
  std::uint32_t reserved;
};
static_assert(sizeof(SlotHeader) == 32);
constexpr char kMagic[8] = {'L', 'W', 'T', 'H', 'I', 'N', 'R', '1'};

std::uint64_t whole_blocks(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

std::uint64_t slot_bytes(std::uint64_t size) {
  return size / 2 / kBlockBytes * kBlockBytes;
}

tl::unexpected<Error> bad_record(const ThinFile& file, std::string_view detail,
                                 Code code = Code::kCorrupt) {
  return fail({.code = code,
               .operation = "read record of snapshot",
               .disk = file.path(),
               .detail = detail});
}

Status check_record(const ThinFile& file, const pb::CloneThinRecord& record) {
  const pb::CloneSnapshot& snapshot = record.snapshot();
  bool good = is_canonical_uuid(snapshot.uuid()) && is_canonical_uuid(snapshot.set_uuid()) &&
              snapshot.volumes_size() > 0 &&
              snapshot.volumes_size() <= static_cast<int>(kMaxCloneVolumes) &&
              (record.tables_size() == 0 || record.tables_size() == snapshot.volumes_size());
  for (int i = 0; good && i < snapshot.volumes_size(); ++i) {
    const pb::CloneVolume& volume = snapshot.volumes(i);
    good = is_canonical_uuid(volume.uuid()) && volume.size() <= kMaxVolumeBytes &&
           check_clone_name(volume.name()).has_value();
    if (!good || record.tables_size() == 0) continue;
    const std::string& bytes = record.tables(i);
    RangeTable table(range_count(volume.size()));
    good = bytes.size() == table.size() * sizeof(Hash128);
    if (!good) break;
    std::memcpy(table.data(), bytes.data(), bytes.size());
    good = to_string(root_of(volume.size(), table)) == volume.root();
  }
  return good ? Status{} : bad_record(file, "not the record of a snapshot");
}

Result<pb::CloneThinRecord> read_slot(const ThinFile& file, std::uint64_t at,
                                      std::uint64_t length) {
  std::vector<std::byte> block(kBlockBytes);
  if (Status status = file.read(at, block); !status) return fail(status.error());
  SlotHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  const std::uint32_t crc = header.header_crc32c;
  header.header_crc32c = 0;
  std::memcpy(block.data(), &header, sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || crc != crc32c(block)) {
    return bad_record(file, "no record there");
  }
  if (header.version > kVersion)
    return bad_record(file, "of a newer lastword", Code::kFutureVersion);
  if (header.payload_bytes > length - kBlockBytes) return bad_record(file, "longer than its place");
  std::vector<std::byte> payload(header.payload_bytes);
  if (Status status = file.read(at + kBlockBytes, payload); !status) return fail(status.error());
  pb::CloneThinRecord record;
  if (crc32c(payload) != header.payload_crc32c ||
      !record.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return bad_record(file, "its checksum is wrong");
  }
  if (Status status = check_record(file, record); !status) return fail(status.error());
  return record;
}

}  // namespace

std::uint64_t record_bytes(const pb::CloneSnapshot& snapshot) {
  std::uint64_t tables = 0;
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    tables += range_count(volume.size()) * sizeof(Hash128);
  }
  constexpr std::uint64_t kOfVolume = 1024;  // its names, hashes and numbers
  const auto volumes = static_cast<std::uint64_t>(snapshot.volumes_size());
  return 2 * whole_blocks(kRangeBytes + volumes * kOfVolume + tables);
}

Status write_record(ThinFile& file, std::uint64_t size, RecordSlot slot,
                    const pb::CloneThinRecord& record) {
  const std::string payload = record.SerializeAsString();
  const std::uint64_t length = slot_bytes(size);
  const std::uint64_t at = slot == RecordSlot::kFirst ? 0 : length;
  if (payload.size() > length - kBlockBytes) {
    return fail({.code = Code::kNoSpace, .operation = "write record", .disk = file.path()});
  }
  const auto bytes = std::as_bytes(std::span(payload));
  SlotHeader header{.magic = {},
                    .version = kVersion,
                    .payload_crc32c = crc32c(bytes),
                    .payload_bytes = payload.size(),
                    .header_crc32c = 0,
                    .reserved = 0};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  std::vector<std::byte> block(kBlockBytes);
  std::memcpy(block.data(), &header, sizeof header);
  header.header_crc32c = crc32c(block);
  std::memcpy(block.data(), &header, sizeof header);
  if (Status status = file.write(at + kBlockBytes, bytes); !status) return status;
  if (Status status = file.sync(); !status) return status;
  if (Status status = file.write(at, block); !status) return status;
  return file.sync();
}

Result<pb::CloneThinRecord> read_record(const ThinFile& file, std::uint64_t size) {
  auto second = read_slot(file, slot_bytes(size), slot_bytes(size));
  if (second || second.error().code == Code::kFutureVersion) return second;
  return read_slot(file, 0, slot_bytes(size));
}

}  // namespace lastword

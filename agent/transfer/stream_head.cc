#include "agent/transfer/stream_head.h"

#include <algorithm>
#include <set>
#include <string>

#include "agent/base/utf8.h"
#include "agent/transfer/clone_position.h"
#include "agent/transfer/range_hash.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

constexpr std::size_t kMaxName = 200;  // NAME_MAX is 255; what we add to it needs room
// A content section has room for several.
constexpr std::uint32_t kMaxBlockBytes = 64 << 10;

std::string_view wrong_with(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxName) return "is longer than 200 bytes";
  if (name.front() == '.' || name.front() == '-') return "begins with '.' or '-'";
  if (name == "snapshots") return "is where snapshots are kept";
  if (name.find('/') != name.npos) return "holds a '/'";
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (std::ranges::any_of(name, control)) return "holds a control character";
  if (valid_utf8(name) != name) return "is not UTF-8";
  return {};
}

// Adds what is not there yet.
bool is_new(std::set<std::string>& seen, const std::string& text) {
  return seen.insert(text).second;
}

Status check_volumes(const pb::CloneSnapshot& snapshot) {
  if (snapshot.volumes_size() == 0) return corrupt_stream("no volumes in its head");
  std::set<std::string> names;
  std::set<std::string> uuids;
  std::uint64_t all = 0;
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    if (Status name = check_clone_name(volume.name()); !name) {
      return corrupt_stream(
          format_text("the name of a volume {}", name.error().detail.view()).view());
    }
    if (!is_canonical_uuid(volume.uuid())) return corrupt_stream("a volume without UUID");
    if (!is_new(names, volume.name())) return corrupt_stream("two volumes of one name");
    if (!is_new(uuids, volume.uuid())) return corrupt_stream("two volumes with one UUID");
    if (volume.size() > kMaxVolumeBytes) return corrupt_stream("a volume of more than 16 TiB");
    all += volume.size();
  }
  if (all > kMaxSetBytes) return corrupt_stream("a set of more than 64 TiB");
  return {};
}

Status check_base(const pb::CloneStreamHead& head) {
  if (head.base_uuid().empty() != (head.base_volumes_size() == 0)) {
    return corrupt_stream("a base without volumes, or volumes without a base");
  }
  if (head.base_uuid().empty()) return {};
  if (!is_canonical_uuid(head.base_uuid())) return corrupt_stream("the base has no UUID");
  if (head.base_uuid() == head.snapshot().uuid())
    return corrupt_stream("the base is the snapshot itself");
  std::set<std::string> uuids;
  for (const pb::CloneBaseVolume& volume : head.base_volumes()) {
    if (!is_canonical_uuid(volume.uuid()))
      return corrupt_stream("a volume of the base without UUID");
    if (!is_new(uuids, volume.uuid()))
      return corrupt_stream("two volumes of the base with one UUID");
    if (volume.size() > kMaxVolumeBytes) return corrupt_stream("a volume of more than 16 TiB");
    if (!parse_hash(volume.root())) return corrupt_stream("a volume of the base without root");
  }
  return {};
}

// Whoever begins as another volume comes after it.
Status check_parents(const pb::CloneStreamHead& head) {
  const int volumes = head.snapshot().volumes_size();
  if (head.parents_size() == 0) {
    for (const pb::CloneVolume& volume : head.snapshot().volumes()) {
      if (volume.ancestor()) return corrupt_stream("an ancestor of nobody");
    }
    return {};
  }
  if (head.parents_size() != volumes) return corrupt_stream("parents of not all volumes");
  for (int i = 0; i < volumes; ++i) {
    const pb::CloneParent& parent = head.parents(i);
    const auto index = static_cast<std::int64_t>(parent.volume());
    const bool sent = parent.kind() == pb::CloneParent::SENT && index < i;
    const bool base = parent.kind() == pb::CloneParent::BASE && index < head.base_volumes_size();
    const bool none = parent.kind() == pb::CloneParent::NONE && index == 0;
    if (!sent && !base && !none) return corrupt_stream("a parent that cannot be there");
  }
  return {};
}

}  // namespace

tl::unexpected<Error> corrupt_stream(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read clone stream", .detail = detail});
}

bool is_canonical_uuid(std::string_view text) {
  const auto uuid = parse_uuid(text);
  return uuid && to_string(*uuid) == text;
}

Status check_clone_name(std::string_view name) {
  const std::string_view wrong = wrong_with(name);
  if (wrong.empty()) return {};
  return fail({.code = Code::kRefused,
               .operation = "check name",
               .disk = valid_utf8(name.substr(0, 96)),
               .detail = wrong});
}

Status check_head(const pb::CloneStreamHead& head, const UuidBytes& id) {
  const pb::CloneSnapshot& snapshot = head.snapshot();
  if (snapshot.uuid() != to_string(id)) return corrupt_stream("its head has another UUID");
  if (!is_canonical_uuid(snapshot.set_uuid())) return corrupt_stream("its set has no UUID");
  if (Status name = check_clone_name(snapshot.set_name()); !name) {
    return corrupt_stream(format_text("the name of its set {}", name.error().detail.view()).view());
  }
  const std::uint32_t block = head.block_bytes();
  if (block < 512 || block > kMaxBlockBytes || (block & (block - 1)) != 0) {
    return corrupt_stream("no block size");
  }
  // Ranges are whole multiples of it.
  const std::uint32_t share = head.share_bytes();
  if (share != 0 && (share < block || share > kRangeBytes || (share & (share - 1)) != 0)) {
    return corrupt_stream("no size of what is shared");
  }
  if (snapshot.volumes_size() > static_cast<int>(kMaxCloneVolumes) ||
      head.base_volumes_size() > static_cast<int>(kMaxCloneVolumes)) {
    return corrupt_stream("more than 1024 volumes");
  }
  if (snapshot.taken_utc().size() > 64) return corrupt_stream("no time");
  if (Status status = check_volumes(snapshot); !status) return status;
  if (Status status = check_parents(head); !status) return status;
  if (head.data_bytes() > kMaxSetBytes || head.shared_bytes() > kMaxSetBytes ||
      head.made_bytes() > kMaxSetBytes) {
    return corrupt_stream("more data than volumes hold");
  }
  if (!is_place_in(snapshot, position_of(head.start()))) {
    return corrupt_stream("it begins outside its volumes");
  }
  return check_base(head);
}

Status check_hashes(const pb::CloneHashes& hashes) {
  const pb::CloneSnapshot& snapshot = hashes.snapshot();
  if (!is_canonical_uuid(snapshot.uuid())) return corrupt_stream("hashes of no snapshot");
  if (snapshot.volumes_size() > static_cast<int>(kMaxCloneVolumes)) {
    return corrupt_stream("more than 1024 volumes");
  }
  if (Status status = check_volumes(snapshot); !status) return status;
  if (hashes.tables_size() != snapshot.volumes_size())
    return corrupt_stream("no table of a volume");
  for (int i = 0; i < snapshot.volumes_size(); ++i) {
    if (hashes.tables(i).size() != range_count(snapshot.volumes(i).size()) * sizeof(Hash128)) {
      return corrupt_stream("a table of another length than its volume has");
    }
  }
  return {};
}

std::uint64_t share_bytes_of(const pb::CloneStreamHead& head) {
  return head.share_bytes() == 0 ? head.block_bytes() : head.share_bytes();
}

bool same_stream(const pb::CloneStreamHead& one, const pb::CloneStreamHead& other) {
  const auto identity = [](pb::CloneStreamHead head) {
    head.clear_start();
    head.clear_data_bytes();
    head.clear_shared_bytes();
    return head.SerializeAsString();
  };
  return identity(one) == identity(other);
}

}  // namespace lastword

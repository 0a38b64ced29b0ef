#include "agent/transfer/thin_staging.h"

#include <algorithm>
#include <utility>

#include "agent/transfer/stream_head.h"
#include "agent/transfer/thin_lock.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

tl::unexpected<Error> refused_by_pool(const std::string& what, std::string_view why) {
  return fail({.code = Code::kRefused, .operation = "receive clones", .disk = what, .detail = why});
}

}  // namespace

ThinStaging::~ThinStaging() {
  if (!over_) (void)remove_staged();
}

Status ThinStaging::check_pool(const pb::CloneStreamHead& head) {
  const std::string pool = to_string(place_);
  if (!head.start().SerializeAsString().empty()) {
    return refused_by_pool(
        pool, "a thin pool keeps nothing of a transfer that broke off; send all of it");
  }
  const std::string set = tag_value(pool_.tags, kSetTag);
  if (!set.empty() && set != head.snapshot().set_uuid()) {
    return refused_by_pool(
        pool, "it has snapshots of another set; a thin pool is for one; nothing was changed");
  }
  const auto whole = whole_snapshots(pool_);
  if (std::ranges::find(whole, head.snapshot().uuid(), &ThinSnapshotName::uuid) != whole.end()) {
    return refused_by_pool(pool, "this snapshot is here already; nothing was changed");
  }
  const auto use = use_of_pool(commands_, pool_);
  if (!use) return fail(use.error());
  const auto held = is_held(commands_, pool_);
  if (!held) return fail(held.error());
  if (*held) return refused_by_pool(pool, kSomebodyElsesSnapshot);
  if (!use->writes) return refused_by_pool(pool, "the pool takes no writes; nothing was changed");
  if (!use->discards) {
    return refused_by_pool(pool,
                           "the pool ignores discards (lvchange --discards passdown); nothing was "
                           "changed");
  }
  const ThinCost cost = cost_of(head, pool_.block_bytes);
  shares_ = cost.shares;
  if (shares_) return {};
  if (!options_.allow_unshared) {
    return refused_by_pool(
        pool, format_text("its blocks of {} bytes cannot be shared as the sender's of {} are: "
                          "up to {} bytes instead of {}; --allow-unshared takes them; nothing "
                          "was changed",
                          pool_.block_bytes, share_bytes_of(head), cost.bytes, head.data_bytes())
                  .view());
  }
  if (!pool_.zeroes) {
    return refused_by_pool(pool,
                           "the pool does not zero its blocks (lvchange --zero y); nothing was "
                           "changed");
  }
  if (options_.tell_cost) options_.tell_cost(cost.bytes, head.data_bytes());
  return {};
}

Status ThinStaging::check_space(std::uint64_t wanted) {
  const auto use = use_of_pool(commands_, pool_);
  if (!use) return fail(use.error());
  const auto volumes = static_cast<std::uint64_t>(head_.snapshot().volumes_size());
  Status status = check_thin_space(*use, pool_, wanted, volumes);
  if (status) return status;
  Error error = status.error();
  error.operation = "receive clones";
  error.detail = format_text("{}; {}", error.detail.view(),
                             wanted == 0 ? "the transfer ends here, and what was staged is removed"
                                         : "nothing was changed")
                     .view();
  return fail(error);
}

Result<std::vector<RangeTable>> ThinStaging::open_base(const pb::CloneStreamHead& head) {
  if (head.base_uuid().empty()) return std::vector<RangeTable>{};
  auto base = load_thin_snapshot(commands_, pool_, head.base_uuid());
  if (!base) return fail(base.error());
  base_ = std::move(*base);
  const pb::CloneSnapshot& here = base_->record.snapshot();
  bool same = here.volumes_size() == head.base_volumes_size() &&
              here.set_uuid() == head.snapshot().set_uuid();
  for (int i = 0; same && i < head.base_volumes_size(); ++i) {
    const pb::CloneBaseVolume& there = head.base_volumes(i);
    same = here.volumes(i).uuid() == there.uuid() && here.volumes(i).size() == there.size() &&
           (here.volumes(i).root().empty() || here.volumes(i).root() == there.root());
  }
  if (!same) {
    return refused_by_pool(head.base_uuid(),
                           "differs from the sender's snapshot of that UUID; nothing was changed");
  }
  for (const LvmVolume& member : base_->members) {
    if (member.open) return refused_by_pool(member.name, "is in use; nothing was changed");
    if (member.writable)
      return refused_by_pool(member.name, "was made writable; nothing was changed");
  }
  const auto maps = read_maps(commands_, pool_);
  if (!maps) return fail(maps.error());
  if (Status status = check_unmodified(*base_, *maps); !status) return fail(status.error());
  std::vector<std::string> names;
  for (const LvmVolume& member : base_->members) names.push_back(member.name);
  auto active = ActiveVolumes::of(commands_, pool_, names);
  if (!active) return fail(active.error());
  base_active_.emplace(std::move(*active));
  for (const std::string& name : names) base_files_.add(commands_.device(place_, name));
  auto tables = tables_of(base_->record);
  if (!tables.empty()) return tables;
  for (std::size_t i = 0; i < base_files_.size(); ++i) {
    const pb::CloneBaseVolume& there = head.base_volumes(static_cast<int>(i));
    const auto file = base_files_.at(i);
    if (!file) return fail(file.error());
    auto table = hash_volume(**file, there.size());
    if (!table) return fail(table.error());
    if (to_string(root_of(there.size(), *table)) != there.root()) {
      return refused_by_pool(names[i], "differs from the sender's volume of that UUID");
    }
    tables.push_back(std::move(*table));
  }
  return tables;
}

Result<Staging::Begun> ThinStaging::begin(const pb::CloneStreamHead& head) {
  auto lock = lock_thin_pool(commands_, place_);
  if (!lock) return fail(lock.error());
  lock_.emplace(std::move(*lock));
  auto pool = examine_thin_pool(commands_, place_);
  if (!pool) return fail(pool.error());
  pool_ = std::move(*pool);
  if (const auto swept = sweep_thin_pool(commands_, pool_); !swept) return fail(swept.error());
  head_ = head;
  if (Status status = check_pool(head); !status) return fail(status.error());
  auto base_tables = open_base(head);
  if (!base_tables) return fail(base_tables.error());
  const std::uint64_t record = rounded_up(record_bytes(head.snapshot()), pool_.block_bytes);
  if (Status status = check_space(cost_of(head, pool_.block_bytes).bytes + record); !status) {
    return fail(status.error());
  }
  over_ = false;
  return Begun{.base_tables = std::move(*base_tables), .tables = {}};
}

// Volumes of the stream follow each other, so that a parent is complete when its child is made.
Status ThinStaging::make_up_to(std::uint32_t volume) {
  while (created_ <= volume) {
    if (Status status = files_.sync(); !status) return status;
    if (Status status = make(static_cast<std::uint32_t>(created_)); !status) return status;
  }
  return {};
}

std::uint64_t ThinStaging::size_of(std::uint32_t volume) const {
  std::uint64_t size = 1;
  for (const pb::CloneVolume& one : head_.snapshot().volumes()) {
    const bool counts = head_.snapshot().volumes(static_cast<int>(volume)).ancestor() ||
                        one.uuid() == head_.snapshot().volumes(static_cast<int>(volume)).uuid();
    if (counts) size = std::max<std::uint64_t>(size, one.size());
  }
  return rounded_up(size, pool_.extent_bytes);
}

Status ThinStaging::make(std::uint32_t volume) {
  const std::string& uuid = head_.snapshot().uuid();
  const std::string name = staged_name(uuid, volume);
  const std::uint64_t size = size_of(volume);
  const std::string text = std::to_string(size) + "b";
  std::vector<std::string> words{
      "lvcreate", "-y", "-q", "-kn", "-ay", "-n", name, "--addtag", std::string(kStagedTag) + uuid};
  const auto& parent =
      shares_ ? head_.parents(static_cast<int>(volume)) : pb::CloneParent::default_instance();
  std::uint64_t begins_with = size;
  if (parent.kind() == pb::CloneParent::NONE) {
    words.insert(words.end(), {"-V", text, "--thinpool", place_.pool, place_.group});
  } else if (parent.kind() == pb::CloneParent::BASE) {
    const LvmVolume& base = base_->members[parent.volume()];
    begins_with = base.size;
    words.insert(words.end(), {"-s", whole_name(place_, base.name)});
  } else {
    begins_with = size_of(parent.volume());
    words.insert(words.end(), {"-s", whole_name(place_, staged_name(uuid, parent.volume()))});
  }
  if (const auto made = commands_.lvm(words); !made) return fail(made.error());
  if (begins_with != size) {
    const auto resized =
        commands_.lvm({"lvresize", "-q", "-y", "-f", "-L", text, whole_name(place_, name)});
    if (!resized) return fail(resized.error());
  }
  files_.add(commands_.device(place_, name));
  ++created_;
  return {};
}

Status ThinStaging::keep_reserve(std::uint64_t bytes) {
  since_look_ += bytes;
  if (since_look_ < options_.look_every) return {};
  since_look_ = 0;
  return check_space(0);
}

Status ThinStaging::write(std::uint32_t volume, std::uint64_t offset,
                          std::span<const std::byte> data) {
  if (Status status = make_up_to(volume); !status) return status;
  const auto file = files_.at(volume);
  if (!file) return fail(file.error());
  if (Status status = (*file)->write(offset, data); !status) return status;
  return keep_reserve(data.size());
}

Status ThinStaging::share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length,
                          bool from_base, std::uint32_t source, std::uint64_t source_offset) {
  if (Status status = make_up_to(volume); !status) return status;
  if (shares_ && source_offset == offset) {
    const pb::CloneParent& parent = head_.parents(static_cast<int>(volume));
    const auto kind = from_base ? pb::CloneParent::BASE : pb::CloneParent::SENT;
    // It began as that.
    if (parent.kind() == kind && parent.volume() == source) return {};
  }
  const auto from = (from_base ? base_files_ : files_).at(source);
  if (!from) return fail(from.error());
  const auto to = files_.at(volume);
  if (!to) return fail(to.error());
  AlignedBuffer buffer(std::min<std::uint64_t>(length, kRangeBytes));
  for (std::uint64_t at = 0; at < length;) {
    const auto piece = buffer.span().first(std::min<std::uint64_t>(length - at, kRangeBytes));
    if (Status status = (*from)->read(source_offset + at, piece); !status) return status;
    if (Status status = (*to)->write(offset + at, piece); !status) return status;
    at += piece.size();
  }
  unshared_bytes_ += length;
  return keep_reserve(length);
}

Status ThinStaging::clear(std::uint32_t volume, std::uint64_t offset, std::uint64_t length) {
  if (Status status = make_up_to(volume); !status) return status;
  // An empty volume reads as zeros.
  if (!shares_ || head_.parents(static_cast<int>(volume)).kind() == pb::CloneParent::NONE) {
    return {};
  }
  const auto file = files_.at(volume);
  if (!file) return fail(file.error());
  return (*file)->discard(offset, rounded_up(length, pool_.block_bytes));
}

Status ThinStaging::sync() {
  return files_.sync();
}

Status ThinStaging::read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) {
  if (Status status = make_up_to(volume); !status) return status;
  const auto file = files_.at(volume);
  return file ? (*file)->read(offset, buffer) : fail(file.error());
}

Status ThinStaging::note(const ClonePosition&, std::span<const RangeTable>) {
  return {};
}

Status ThinStaging::remove_staged() {
  over_ = true;
  files_.clear();
  base_files_.clear();
  base_active_.reset();
  const auto now = examine_thin_pool(commands_, place_);
  if (!now) return fail(now.error());
  const auto swept = sweep_thin_pool(commands_, *now);
  return swept ? Status{} : fail(swept.error());
}

Status ThinStaging::make_members(pb::CloneThinRecord& record) {
  const pb::CloneSnapshot& snapshot = record.snapshot();
  for (int i = 0; i < snapshot.volumes_size(); ++i) {
    const auto& volumes = head_.snapshot().volumes();
    const auto staged = std::ranges::find(volumes, snapshot.volumes(i).uuid(),
                                          [](const pb::CloneVolume& one) { return one.uuid(); });
    const auto made = commands_.lvm(
        {"lvcreate", "-y", "-q", "-s", "-an", "-ky", "-pr", "-n",
         member_name(snapshot.uuid(), static_cast<std::size_t>(i)), "--addtag",
         std::string(kSnapshotTag) + snapshot.uuid(),
         whole_name(place_, staged_name(snapshot.uuid(),
                                        static_cast<std::size_t>(staged - volumes.begin())))});
    if (!made) return fail(made.error());
  }
  const auto now = examine_thin_pool(commands_, place_);
  if (!now) return fail(now.error());
  const auto maps = read_maps(commands_, *now);
  if (!maps) return fail(maps.error());
  if (base_) {
    // What began as the base while it changed would be neither.
    if (Status status = check_unmodified(*base_, *maps); !status) return status;
  }
  for (int i = 0; i < snapshot.volumes_size(); ++i) {
    const std::string name = member_name(snapshot.uuid(), static_cast<std::size_t>(i));
    const auto member = std::ranges::find(now->volumes, name, &LvmVolume::name);
    const auto device =
        member == now->volumes.end() ? maps->devices.end() : maps->devices.find(member->id);
    if (device == maps->devices.end()) return refused_by_pool(name, "LVM lost what it made");
    record.mutable_snapshot()->mutable_volumes(i)->set_map(map_digest(device->second));
  }
  return {};
}

Status ThinStaging::publish(std::span<const RangeTable> tables) {
  const int all = head_.snapshot().volumes_size();
  if (all != 0) {
    if (Status status = make_up_to(static_cast<std::uint32_t>(all - 1)); !status) return status;
  }
  if (Status status = sync(); !status) return status;
  std::vector<int> order;
  for (int i = 0; i < all; ++i) {
    if (!head_.snapshot().volumes(i).ancestor()) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](int i) { return head_.snapshot().volumes(i).name(); });
  pb::CloneThinRecord record;
  *record.mutable_snapshot() = head_.snapshot();
  record.mutable_snapshot()->clear_volumes();
  std::vector<RangeTable> of_volumes;
  for (const int i : order) {
    *record.mutable_snapshot()->add_volumes() = head_.snapshot().volumes(i);
    of_volumes.push_back(tables[static_cast<std::size_t>(i)]);
  }
  if (Status status = make_members(record); !status) return status;
  put_tables(record, of_volumes);
  if (Status status = create_record(commands_, pool_, record); !status) return status;
  const Status noted = publish_thin(commands_, pool_, record.snapshot(), Published::kReceived);
  if (!noted && !is_published()) return noted;
  const Status removed = remove_staged();
  if (removed) return {};
  return published_but(removed.error(),
                       "lastword clone abort " + to_string(place_) + " removes what was staged");
}

bool ThinStaging::is_published() {
  const auto now = examine_thin_pool(commands_, place_);
  if (!now) return false;
  const auto whole = whole_snapshots(*now);
  return std::ranges::find(whole, head_.snapshot().uuid(), &ThinSnapshotName::uuid) != whole.end();
}

}  // namespace lastword

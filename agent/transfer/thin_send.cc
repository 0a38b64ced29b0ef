#include "agent/transfer/thin_send.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <utility>

#include "agent/transfer/family_plan.h"
#include "agent/transfer/node_reader.h"
#include "agent/transfer/send_stream.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/thin_files.h"
#include "agent/transfer/thin_store.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

// A whole snapshot, its volumes active and open.
struct OpenThin {
  ThinSnapshot snapshot;
  std::optional<ActiveVolumes> active;
  ThinFiles files{ThinFile::For::kReading};
  std::vector<std::vector<Mapping>> maps;

  [[nodiscard]] const pb::CloneSnapshot& record() const { return snapshot.record.snapshot(); }
  [[nodiscard]] Result<std::vector<RangeTable>> hash_all() {
    std::vector<RangeTable> tables;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto file = files.at(i);
      if (!file) return fail(file.error());
      auto table = hash_volume(**file, record().volumes(static_cast<int>(i)).size());
      if (!table) return fail(table.error());
      tables.push_back(std::move(*table));
    }
    return tables;
  }
  // They are read while this is there.
  [[nodiscard]] std::vector<ReadableVolume> readable() {
    std::vector<ReadableVolume> result;
    for (std::size_t i = 0; i < files.size(); ++i) {
      result.push_back(
          {.map = &maps[i], .read = [this, i](std::uint64_t offset, std::span<std::byte> buffer) {
             const auto file = files.at(i);
             return file ? (*file)->read(offset, buffer) : fail(file.error());
           }});
    }
    return result;
  }
};

Result<std::unique_ptr<OpenThin>> open_thin(LvmCommands& commands, const LvmPool& pool,
                                            ThinBlockMap& blocks, const std::string& uuid) {
  auto open = std::make_unique<OpenThin>();
  auto snapshot = load_thin_snapshot(commands, pool, uuid);
  if (!snapshot) return fail(snapshot.error());
  open->snapshot = std::move(*snapshot);
  if (Status status = check_external_origins(
          pool, open->snapshot.members, "read snapshot",
          "Copy its volume into a new thin volume, remove that, and take another snapshot");
      !status) {
    return fail(status.error());
  }
  if (Status status = check_unmodified(open->snapshot, blocks.pool()); !status) {
    return fail(status.error());
  }
  std::vector<std::string> names;
  for (const LvmVolume& member : open->snapshot.members) {
    names.push_back(member.name);
    auto map = blocks.map(std::to_string(member.id));
    if (!map) return fail(map.error());
    open->maps.push_back(std::move(*map));
  }
  auto active = ActiveVolumes::of(commands, pool, names);
  if (!active) return fail(active.error());
  open->active.emplace(std::move(*active));
  for (const std::string& name : names) open->files.add(commands.device(pool.place, name));
  return open;
}

// Known, or read and kept now.
Result<std::vector<RangeTable>> known_tables(LvmCommands& commands, const LvmPool& pool,
                                             OpenThin& open) {
  auto tables = tables_of(open.snapshot.record);
  if (!tables.empty()) return tables;
  auto read = open.hash_all();
  if (!read) return read;
  if (Status status = save_thin_tables(commands, pool, open.snapshot, *read); !status) {
    return fail(status.error());
  }
  return read;
}

// Of an ancestor: the same in each stream of this snapshot.
std::string ancestor_uuid(const std::string& snapshot_uuid, std::size_t node) {
  const std::string text = snapshot_uuid + "/" + std::to_string(node);
  UuidBytes uuid = hash_of_bytes(std::as_bytes(std::span(text))).bytes;
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x80);  // RFC 9562: version 8
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return to_string(uuid);
}

std::uint64_t end_of(const std::vector<Mapping>& content) {
  return content.empty() ? 0 : content.back().offset + content.back().length;
}

pb::CloneStreamHead head_of(const OpenThin& sent, const OpenThin* base, const FamilyPlan& plan,
                            std::uint64_t block_bytes) {
  pb::CloneStreamHead head;
  *head.mutable_snapshot() = sent.record();
  head.mutable_snapshot()->clear_volumes();
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const FamilyNode& node = plan.nodes[i];
    pb::CloneVolume& volume = *head.mutable_snapshot()->add_volumes();
    if (node.volume) {
      const pb::CloneVolume& recorded = sent.record().volumes(static_cast<int>(*node.volume));
      volume.set_uuid(recorded.uuid());
      volume.set_name(recorded.name());
      volume.set_size(recorded.size());
    } else {
      volume.set_uuid(ancestor_uuid(sent.record().uuid(), i));
      volume.set_name("lastword-ancestor-" + std::to_string(i));
      volume.set_size(end_of(node.content));
      volume.set_ancestor(true);
    }
    pb::CloneParent& parent = *head.add_parents();
    if (node.parent.kind == FamilyParent::Kind::kNone) continue;
    const bool of_base = node.parent.kind == FamilyParent::Kind::kBase;
    parent.set_kind(of_base ? pb::CloneParent::BASE : pb::CloneParent::SENT);
    parent.set_volume(static_cast<std::uint32_t>(node.parent.index));
  }
  constexpr std::uint64_t kMostOfRun = 64 << 10;
  head.set_block_bytes(static_cast<std::uint32_t>(std::min(block_bytes, kMostOfRun)));
  head.set_share_bytes(static_cast<std::uint32_t>(block_bytes));
  head.set_made_bytes(plan.made_bytes);
  if (base == nullptr) return head;
  head.set_base_uuid(base->record().uuid());
  for (const pb::CloneVolume& volume : base->record().volumes()) {
    pb::CloneBaseVolume& one = *head.add_base_volumes();
    one.set_uuid(volume.uuid());
    one.set_size(volume.size());
    one.set_root(volume.root());
  }
  return head;
}

Status learn(SharePlanner& planner, const FamilyPlan& plan, NodeMaps& nodes, ThinBlockMap& blocks,
             const pb::CloneStreamHead& head, const OpenThin* base) {
  for (std::size_t i = 0; base != nullptr && i < base->snapshot.members.size(); ++i) {
    const VolumeMap map{.blocks = &blocks,
                        .volume = std::to_string(base->snapshot.members[i].id),
                        .size = base->record().volumes(static_cast<int>(i)).size()};
    if (Status status = planner.add_base(map); !status) return status;
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const FamilyParent& from = plan.nodes[i].parent;
    std::optional<SharePlanner::Parent> parent;
    if (from.kind != FamilyParent::Kind::kNone) {
      const bool of_base = from.kind == FamilyParent::Kind::kBase;
      parent = {.kind = of_base ? CloneRunKind::kBase : CloneRunKind::kSent,
                .volume = static_cast<std::uint32_t>(from.index)};
    }
    const VolumeMap map{.blocks = &nodes,
                        .volume = std::to_string(i),
                        .size = head.snapshot().volumes(static_cast<int>(i)).size()};
    if (Status status = planner.add_volume(map, {}, parent); !status) return status;
  }
  return {};
}

// Tables of the volumes in the order of the record, of those of all nodes.
std::vector<RangeTable> of_volumes(std::vector<RangeTable> tables, const FamilyPlan& plan,
                                   std::size_t count) {
  std::vector<RangeTable> result(count);
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    if (plan.nodes[i].volume) result[*plan.nodes[i].volume] = std::move(tables[i]);
  }
  return result;
}

}  // namespace

Result<std::string> newest_thin_snapshot(const LvmPool& pool) {
  const auto whole = whole_snapshots(pool);
  if (!whole.empty()) return whole.back().uuid;
  return fail({.code = Code::kNotFound,
               .operation = "find snapshot",
               .disk = to_string(pool.place),
               .detail = "the pool has no snapshot; lastword clone snapshot takes one"});
}

Result<pb::CloneTransfer> send_thin(LvmCommands& commands, const ThinPlace& place,
                                    const SendRequest& request) {
  if (request.start != ClonePosition{} || request.against) {
    return fail({.code = Code::kUsage,
                 .disk = to_string(place),
                 .detail = "a thin pool sends from the beginning, and not against hashes"});
  }
  const auto pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  if (!std::has_single_bit(pool->block_bytes) || pool->block_bytes > kRangeBytes) {
    return fail({.code = Code::kUnsupported,
                 .operation = "send clones",
                 .disk = to_string(place),
                 .detail = "its blocks are larger than 1 MiB, or no power of two"});
  }
  std::string uuid = request.snapshot;
  if (uuid.empty()) {
    auto newest = newest_thin_snapshot(*pool);
    if (!newest) return fail(newest.error());
    uuid = std::move(*newest);
  }
  auto maps = read_maps(commands, *pool);
  if (!maps) return fail(maps.error());
  ThinBlockMap blocks(std::move(*maps));
  const auto sent = open_thin(commands, *pool, blocks, uuid);
  if (!sent) return fail(sent.error());
  std::unique_ptr<OpenThin> base;
  std::vector<RangeTable> base_tables;
  if (!request.base.empty()) {
    auto opened = open_thin(commands, *pool, blocks, request.base);
    if (!opened) return fail(opened.error());
    base = std::move(*opened);
    auto tables = known_tables(commands, *pool, *base);
    if (!tables) return fail(tables.error());
    base_tables = std::move(*tables);
  }
  const auto base_maps = base ? base->maps : std::vector<std::vector<Mapping>>();
  const auto plan = plan_family(base_maps, (*sent)->maps);
  if (!plan) return fail(plan.error());
  NodeMaps nodes(*plan);
  pb::CloneStreamHead head = head_of(**sent, base.get(), *plan, pool->block_bytes);
  SharePlanner planner(pool->block_bytes);
  if (Status status = learn(planner, *plan, nodes, blocks, head, base.get()); !status) {
    return fail(status.error());
  }
  NodeReader reader(*plan, (*sent)->readable(),
                    base ? base->readable() : std::vector<ReadableVolume>());
  const auto unchanged = [&]() -> Status {
    if (request.still_held) {
      if (Status status = request.still_held(); !status) return status;
    }
    const auto now = read_maps(commands, *pool);
    if (!now) return fail(now.error());
    if (Status status = check_unmodified((*sent)->snapshot, *now); !status) return status;
    return base ? check_unmodified(base->snapshot, *now) : Status{};
  };
  SectionWriter out(guarded(request), *parse_uuid(uuid), request.codec);
  const SendOrder order{.head = std::move(head),
                        .plan = planner,
                        .base_tables = std::move(base_tables),
                        .reader = reader,
                        .before_end = unchanged,
                        .progress = request.progress};
  auto done = send_stream(order, out);
  if (!done) return fail(done.error());
  const auto tables = of_volumes(std::move(done->tables), *plan, (*sent)->snapshot.members.size());
  if (Status status = save_thin_tables(commands, *pool, (*sent)->snapshot, tables); !status) {
    return fail(status.error());
  }
  return done->figures;
}

Result<pb::CloneSnapshot> verify_thin(LvmCommands& commands, const ThinPlace& place,
                                      const std::string& uuid) {
  const auto pool = examine_thin_pool(commands, place);
  if (!pool) return fail(pool.error());
  std::string wanted = uuid;
  if (wanted.empty()) {
    auto newest = newest_thin_snapshot(*pool);
    if (!newest) return fail(newest.error());
    wanted = std::move(*newest);
  }
  auto maps = read_maps(commands, *pool);
  if (!maps) return fail(maps.error());
  ThinBlockMap blocks(std::move(*maps));
  const auto open = open_thin(commands, *pool, blocks, wanted);
  if (!open) return fail(open.error());
  const auto known = tables_of((*open)->snapshot.record);
  const auto read = (*open)->hash_all();
  if (!read) return fail(read.error());
  for (std::size_t i = 0; i < known.size(); ++i) {
    for (std::uint64_t at = 0; at < known[i].size(); ++at) {
      if (known[i][at] == (*read)[i][at]) continue;
      return fail({.code = Code::kCorrupt,
                   .operation = "verify",
                   .disk = commands.device(place, (*open)->snapshot.members[i].name),
                   .offset = at * kRangeBytes,
                   .detail = "1 MiB from here on is not what the snapshot had"});
    }
  }
  if (known.empty()) {
    if (Status status = save_thin_tables(commands, *pool, (*open)->snapshot, *read); !status) {
      return fail(status.error());
    }
  }
  return (*open)->record();
}

}  // namespace lastword

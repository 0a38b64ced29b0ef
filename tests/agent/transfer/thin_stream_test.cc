// Volumes of a thin pool through the stream into another one that shares by snapshots of whole
// volumes: what they hold, and how many blocks that takes.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/node_reader.h"
#include "tests/agent/transfer/clone_streams.h"
#include "tests/agent/transfer/planned.h"
#include "tests/agent/transfer/thin_history.h"
#include "tests/fake/check.h"

namespace lastword::fake {
namespace {

using Maps = std::vector<std::vector<Mapping>>;
std::uint64_t thin_block = ThinPool::kBlock;  // larger ones: with_blocks()
constexpr std::uint64_t kPlaces = 40;         // of a volume, in blocks: two ranges and a half
std::uint64_t thin_size = kPlaces * thin_block;

// The same pool with blocks that are so many times as large.
Maps with_blocks(Maps maps, std::uint64_t times) {
  for (auto& map : maps) {
    for (Mapping& one : map) {
      one.offset *= times;
      one.length *= times;
      one.physical *= times;
    }
  }
  return maps;
}

// What the volume with this map holds: a block is filled with its number.
Bytes content_of(const std::vector<Mapping>& map) {
  Bytes bytes(thin_size);
  for (const Mapping& one : map) {
    for (std::uint64_t at = 0; at < one.length; at += sizeof(std::uint64_t)) {
      const std::uint64_t word = (one.physical + at) / thin_block;
      std::memcpy(bytes.data() + one.offset + at, &word, sizeof word);
    }
  }
  return bytes;
}

std::vector<ReadableVolume> readable(const Maps& maps) {
  std::vector<ReadableVolume> result;
  for (const auto& map : maps) {
    result.push_back(
        {.map = &map, .read = [&map](std::uint64_t offset, std::span<std::byte> buffer) {
           const Bytes content = content_of(map);
           std::ranges::copy(std::span(content).subspan(offset, buffer.size()), buffer.begin());
           return Status{};
         }});
  }
  return result;
}

// A pool that begins each volume as the head says. A block that is written is a new one.
class ThinMemory final : public Staging {
 public:
  explicit ThinMemory(const Maps& base) : base_(base) {}

  Result<Begun> begin(const pb::CloneStreamHead& head) override {
    head_ = head;
    Begun begun;
    for (const auto& map : base_) {
      begun.base_tables.push_back(table_of(content_of(map)));
      Volume& volume = base_volumes_.emplace_back(kPlaces);
      for (const Mapping& one : map) {
        for (std::uint64_t at = 0; at < one.length; at += thin_block) {
          volume[(one.offset + at) / thin_block] = one.physical + at + kOfBase;
        }
      }
      base_content_.push_back(content_of(map));
    }
    return begun;
  }
  Status write(std::uint32_t volume, std::uint64_t offset,
               std::span<const std::byte> data) override {
    make_up_to(volume);
    put(volume, offset, data);
    return {};
  }
  Status share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length, bool from_base,
               std::uint32_t source, std::uint64_t source_offset) override {
    make_up_to(volume);
    const pb::CloneParent& parent = head_.parents(static_cast<int>(volume));
    const auto kind = from_base ? pb::CloneParent::BASE : pb::CloneParent::SENT;
    if (parent.kind() == kind && parent.volume() == source && offset == source_offset) return {};
    const Bytes from = (from_base ? base_content_ : contents)[source];
    put(volume, offset, std::span(from).subspan(source_offset, length));
    copied += length;
    return {};
  }
  Status clear(std::uint32_t volume, std::uint64_t offset, std::uint64_t length) override {
    make_up_to(volume);
    BOOST_TEST(offset % thin_block == 0U);
    std::fill_n(contents[volume].begin() + static_cast<std::ptrdiff_t>(offset), length,
                std::byte{0});
    for (std::uint64_t at = offset; at < offset + length; at += thin_block) {
      blocks_[volume][at / thin_block] = 0;
    }
    return {};
  }
  Status sync() override { return {}; }
  Status read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) override {
    std::ranges::copy(std::span(contents[volume]).subspan(offset, buffer.size()), buffer.begin());
    return {};
  }
  Status note(const ClonePosition&, std::span<const RangeTable>) override { return {}; }
  void keep() override {}
  Status publish(std::span<const RangeTable>) override {
    make_up_to(static_cast<std::uint32_t>(head_.snapshot().volumes_size() - 1));
    return {};
  }

  // Blocks that are there beside the base, while the ancestors are.
  [[nodiscard]] std::uint64_t taken_bytes() const { return last_block_ * thin_block; }

  std::vector<Bytes> contents;
  std::uint64_t copied = 0;

 private:
  using Volume = std::vector<std::uint64_t>;
  static constexpr std::uint64_t kOfBase = std::uint64_t{1} << 50;

  void make_up_to(std::uint32_t volume) {
    while (contents.size() <= volume) {
      const pb::CloneParent& parent = head_.parents(static_cast<int>(contents.size()));
      const bool none = parent.kind() == pb::CloneParent::NONE;
      const bool base = parent.kind() == pb::CloneParent::BASE;
      BOOST_REQUIRE((none || base || parent.volume() < contents.size()));
      contents.push_back(none ? Bytes(thin_size)
                              : Bytes((base ? base_content_ : contents)[parent.volume()]));
      blocks_.push_back(none ? Volume(kPlaces)
                             : Volume((base ? base_volumes_ : blocks_)[parent.volume()]));
    }
  }
  void put(std::uint32_t volume, std::uint64_t offset, std::span<const std::byte> data) {
    std::ranges::copy(data, contents[volume].begin() + static_cast<std::ptrdiff_t>(offset));
    for (std::uint64_t at = offset; at < offset + data.size(); at += 64 << 10) {
      // A part of a block that this volume alone has stays where it is.
      std::uint64_t& block = blocks_[volume][at / thin_block];
      if (at % thin_block == 0 || block == 0) block = ++last_block_;
    }
  }

  const Maps& base_;
  pb::CloneStreamHead head_;
  std::vector<Volume> base_volumes_;
  std::vector<Bytes> base_content_;
  std::vector<Volume> blocks_;
  std::uint64_t last_block_ = 0;
};

struct Arrived {
  FamilyPlan plan;
  std::uint64_t data_bytes = 0;
  std::uint64_t copied = 0;
  std::uint64_t taken = 0;
};

// From one pool to the other; what the volumes hold there is compared.
Arrived transfer(const Maps& base, const Maps& volumes) {
  const auto plan = plan_family(base, volumes);
  BOOST_REQUIRE(ok(plan));
  pb::CloneStreamHead head;
  head.mutable_snapshot()->set_uuid(kSnapshotUuid);
  head.mutable_snapshot()->set_set_uuid(kSetUuid);
  head.mutable_snapshot()->set_set_name("pool");
  head.set_block_bytes(64 << 10);
  head.set_share_bytes(static_cast<std::uint32_t>(thin_block));
  NodeMaps nodes(*plan);
  MemoryMap base_map;
  SharePlanner planner(thin_block);
  std::vector<RangeTable> base_tables;
  if (!base.empty()) head.set_base_uuid(kBaseUuid);
  for (std::size_t i = 0; i < base.size(); ++i) {
    base_tables.push_back(table_of(content_of(base[i])));
    auto& one = *head.add_base_volumes();
    one.set_uuid(volume_uuid('b', i));
    one.set_size(thin_size);
    one.set_root(to_string(root_of(thin_size, base_tables.back())));
    BOOST_REQUIRE(ok(planner.add_base(base_map.add({.size = thin_size, .mappings = base[i]}))));
  }
  for (std::size_t i = 0; i < plan->nodes.size(); ++i) {
    const FamilyParent& from = plan->nodes[i].parent;
    auto& volume = *head.mutable_snapshot()->add_volumes();
    volume.set_uuid(volume_uuid('a', i));
    volume.set_name("v" + std::to_string(i));
    volume.set_size(thin_size);
    volume.set_ancestor(!plan->nodes[i].volume.has_value());
    auto& parent = *head.add_parents();
    std::optional<SharePlanner::Parent> known;
    if (from.kind != FamilyParent::Kind::kNone) {
      const bool of_base = from.kind == FamilyParent::Kind::kBase;
      parent.set_kind(of_base ? pb::CloneParent::BASE : pb::CloneParent::SENT);
      parent.set_volume(static_cast<std::uint32_t>(from.index));
      known = {.kind = of_base ? CloneRunKind::kBase : CloneRunKind::kSent,
               .volume = static_cast<std::uint32_t>(from.index)};
    }
    const VolumeMap map{.blocks = &nodes, .volume = std::to_string(i), .size = thin_size};
    BOOST_REQUIRE(ok(planner.add_volume(map, {}, known)));
  }
  NodeReader reader(*plan, readable(volumes), readable(base));
  Bytes bytes;
  SectionWriter out(
      [&](std::span<const std::byte> data) -> Status {
        bytes.insert(bytes.end(), data.begin(), data.end());
        return {};
      },
      *parse_uuid(kSnapshotUuid), *CodecSetting::parse("none"));
  const auto sent = send_stream({.head = head,
                                 .plan = planner,
                                 .base_tables = base_tables,
                                 .reader = reader,
                                 .before_end = [] { return Status{}; },
                                 .progress = {}},
                                out);
  BOOST_REQUIRE(ok(sent));
  ThinMemory pool(base);
  const auto received = receive(bytes, pool);
  BOOST_REQUIRE(ok(received));
  BOOST_TEST(received->volumes() == volumes.size());
  for (std::size_t i = 0; i < plan->nodes.size(); ++i) {
    const auto& volume = plan->nodes[i].volume;
    if (volume) BOOST_TEST((pool.contents[i] == content_of(volumes[*volume])));
  }
  return {.plan = *plan,
          .data_bytes = received->data_bytes(),
          .copied = pool.copied,
          .taken = pool.taken_bytes()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thin_stream)

// Golden images that were overwritten and deleted, clones of clones, discards.
BOOST_AUTO_TEST_CASE(family_arrives_with_each_block_once) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Dice dice(seed);
    ThinPool pool;
    live(pool, 60, 6, kPlaces, dice);
    const auto arrived = transfer({}, pool.maps());
    BOOST_TEST(arrived.taken == arrived.plan.made_bytes, "seed " << seed);
    BOOST_TEST(arrived.data_bytes == arrived.plan.exact_bytes, "seed " << seed);
    BOOST_TEST(arrived.copied == arrived.taken - arrived.data_bytes, "seed " << seed);
  }
}

// Larger than what a section of the stream holds.
BOOST_AUTO_TEST_CASE(large_blocks_arrive_as_well) {
  thin_block = 512 << 10;
  thin_size = kPlaces * thin_block;
  Dice dice(1);
  ThinPool pool;
  live(pool, 60, 4, kPlaces, dice);
  const auto arrived = transfer({}, with_blocks(pool.maps(), 8));
  BOOST_TEST(arrived.taken == arrived.plan.made_bytes);
  BOOST_TEST(arrived.data_bytes == arrived.plan.exact_bytes);
  thin_block = ThinPool::kBlock;
  thin_size = kPlaces * thin_block;
}

BOOST_AUTO_TEST_CASE(increment_begins_as_the_base) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Dice dice(seed);
    ThinPool pool;
    live(pool, 60, 6, kPlaces, dice);
    // A snapshot of each volume, which is the base, and a later one.
    ThinPool kept = pool;
    const std::size_t count = kept.volumes().size();
    for (std::size_t i = 0; i < count; ++i) (void)kept.snapshot(i);
    Maps base;
    for (std::size_t i = count; i < 2 * count; ++i) {
      base.push_back(ThinPool::map_of(kept.volumes()[i]));
    }
    for (int i = 0; i < 3; ++i) age_volume(kept, dice.below(count), kPlaces, dice);
    Maps volumes;
    for (std::size_t i = 0; i < count; ++i) {
      volumes.push_back(ThinPool::map_of(kept.volumes()[i]));
    }
    const auto arrived = transfer(base, volumes);
    BOOST_TEST(arrived.data_bytes == arrived.plan.exact_bytes, "seed " << seed);
    BOOST_TEST(arrived.taken == arrived.plan.made_bytes, "seed " << seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake

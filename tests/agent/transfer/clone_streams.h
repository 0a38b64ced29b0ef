// Clone streams of volumes in memory: made, cut into their sections, spoiled and received.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "agent/transfer/clone_position.h"
#include "agent/transfer/receive_stream.h"
#include "agent/transfer/send_stream.h"
#include "proto/crc32c.h"
#include "tests/agent/transfer/fake_pool.h"

namespace lastword::fake {

using Bytes = std::vector<std::byte>;

inline const std::string kSnapshotUuid = "11111111-1111-4111-8111-111111111111";
inline const std::string kBaseUuid = "22222222-2222-4222-8222-222222222222";
inline const std::string kSetUuid = "33333333-3333-4333-8333-333333333333";

inline std::string volume_uuid(char kind, std::size_t index) {
  return fmt::format("{0}{0}{0}{0}{0}{0}{0}{0}-0000-4000-8000-{1:012}", kind, index);
}

inline RangeTable table_of(const Bytes& content) {
  RangeTable table(range_count(content.size()));
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] =
        hash_of_range(std::span(content).subspan(i * kRangeBytes, range_length(content.size(), i)));
  }
  return table;
}

// What both sides have: the base's volumes and the snapshot's, by name, in the order of the lists.
struct Sets {
  FakePool pool;
  std::vector<std::string> base;
  std::vector<std::string> volumes;

  [[nodiscard]] Bytes content(const std::string& volume) const {
    return FakePool::content_of(pool.blocks(volume));
  }
};

inline pb::CloneStreamHead head_of_sets(const Sets& sets) {
  pb::CloneStreamHead head;
  pb::CloneSnapshot& snapshot = *head.mutable_snapshot();
  snapshot.set_uuid(kSnapshotUuid);
  snapshot.set_set_uuid(kSetUuid);
  snapshot.set_set_name("db");
  snapshot.set_taken_utc("2026-11-26T00:00:00Z");
  for (std::size_t i = 0; i < sets.volumes.size(); ++i) {
    pb::CloneVolume& volume = *snapshot.add_volumes();
    volume.set_uuid(volume_uuid('a', i));
    volume.set_name(sets.volumes[i]);
    volume.set_size(sets.pool.blocks(sets.volumes[i]).size() * kBlock);
  }
  head.set_block_bytes(kBlock);
  if (!sets.base.empty()) head.set_base_uuid(kBaseUuid);
  for (std::size_t i = 0; i < sets.base.size(); ++i) {
    const Bytes content = sets.content(sets.base[i]);
    pb::CloneBaseVolume& volume = *head.add_base_volumes();
    volume.set_uuid(volume_uuid('b', i));
    volume.set_size(content.size());
    volume.set_root(to_string(root_of(content.size(), table_of(content))));
  }
  return head;
}

class MemoryReader final : public VolumeReader {
 public:
  explicit MemoryReader(const Sets& sets) : sets_(sets) {}
  Status read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) override {
    if (volume != volume_) content_ = sets_.content(sets_.volumes[volume]);
    volume_ = volume;
    std::ranges::copy(std::span(content_).subspan(offset, buffer.size()), buffer.begin());
    read_bytes += buffer.size();
    return {};
  }
  std::uint64_t read_bytes = 0;

 private:
  const Sets& sets_;
  std::uint32_t volume_ = ~0U;
  Bytes content_;  // of that volume
};

struct MadeStream {
  Bytes bytes;
  Sent sent;
  std::uint64_t read_bytes = 0;
};

inline Result<MadeStream> make_stream(
    Sets& sets, std::string_view codec = "none",
    std::function<Status()> before_end = [] { return Status{}; }, const ClonePosition& start = {}) {
  std::vector<RangeTable> tables;
  SharePlanner plan(kBlock, start);
  const auto map_of = [&](const std::string& name) {
    return VolumeMap{
        .blocks = &sets.pool, .volume = name, .size = sets.pool.blocks(name).size() * kBlock};
  };
  for (const auto& name : sets.base) {
    if (Status status = plan.add_base(map_of(name)); !status) return fail(status.error());
    tables.push_back(table_of(sets.content(name)));
  }
  for (const auto& name : sets.volumes) {
    if (Status status = plan.add_volume(map_of(name)); !status) return fail(status.error());
  }
  MemoryReader reader(sets);
  MadeStream made;
  SectionWriter out(
      [&](std::span<const std::byte> data) -> Status {
        made.bytes.insert(made.bytes.end(), data.begin(), data.end());
        return {};
      },
      *parse_uuid(kSnapshotUuid), *CodecSetting::parse(codec));
  pb::CloneStreamHead head = head_of_sets(sets);
  if (start != ClonePosition{}) set_position(*head.mutable_start(), start);
  auto sent = send_stream({.head = std::move(head),
                           .plan = plan,
                           .base_tables = tables,
                           .reader = reader,
                           .before_end = std::move(before_end),
                           .progress = {}},
                          out);
  if (!sent) return fail(sent.error());
  made.sent = std::move(*sent);
  made.read_bytes = reader.read_bytes;
  return made;
}

// Where each section begins, and the end of the last one, as far as lengths make sense.
inline std::vector<std::size_t> boundaries(std::span<const std::byte> stream) {
  std::vector<std::size_t> starts;
  std::size_t at = 0;
  while (stream.size() - at >= kCloneHeaderBytes) {
    starts.push_back(at);
    SectionHeader header;
    std::memcpy(&header, stream.data() + at, sizeof header);
    if (header.stored_bytes > stream.size() - at - kCloneHeaderBytes) break;
    at += kCloneHeaderBytes + header.stored_bytes;
  }
  starts.push_back(std::min(at, stream.size()));
  return starts;
}

// Puts every CRC right, so that what was spoiled has to be found by other means.
inline void reseal_clone(std::span<std::byte> stream) {
  const auto starts = boundaries(stream);
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    const auto section = stream.subspan(starts[i]);
    if (section.size() < kCloneHeaderBytes) return;
    SectionHeader header;
    std::memcpy(&header, section.data(), sizeof header);
    if (header.stored_bytes > section.size() - kCloneHeaderBytes) return;
    header.payload_crc32c = crc32c(section.subspan(kCloneHeaderBytes, header.stored_bytes));
    header.header_crc32c = 0;
    std::array<std::byte, kBlockBytes> block{};
    std::memcpy(block.data(), &header, sizeof header);
    header.header_crc32c = crc32c(block);
    std::memcpy(section.data(), &header, sizeof header);
  }
}

// A pool in memory. Every call is checked: one outside the volumes, or out of order, is `wrong`.
class MemoryStaging final : public Staging {
 public:
  // Of a receiver that has the base of `sets`; without sets it takes only streams without a base.
  explicit MemoryStaging(const Sets* sets = nullptr) : sets_(sets) {}

  Result<Begun> begin(const pb::CloneStreamHead& head) override {
    std::uint64_t all = head.data_bytes();
    for (const auto& volume : head.snapshot().volumes()) all += volume.size();
    if (all > room) return fail({.code = Code::kNoSpace, .operation = "begin"});
    Begun result;
    base_.clear();
    if (!head.base_uuid().empty()) {
      if (sets_ == nullptr || head.base_volumes_size() != static_cast<int>(sets_->base.size())) {
        return fail({.code = Code::kRefused, .operation = "begin"});
      }
      for (std::size_t i = 0; i < sets_->base.size(); ++i) {
        base_.push_back(sets_->content(sets_->base[i]));
        result.base_tables.push_back(table_of(base_.back()));
        const auto& wanted = head.base_volumes(static_cast<int>(i));
        const Hash128 root = root_of(base_.back().size(), result.base_tables.back());
        if (wanted.size() != base_.back().size() || wanted.root() != to_string(root)) {
          return fail({.code = Code::kRefused, .operation = "begin"});
        }
      }
    }
    const ClonePosition start = position_of(head.start());
    if (start == ClonePosition{}) noted.reset();
    if (start != ClonePosition{} && (!kept || !noted || noted->reached != start)) {
      return fail({.code = Code::kRefused, .operation = "begin"});
    }
    if (noted) result.tables = noted->tables;
    volumes.resize(static_cast<std::size_t>(head.snapshot().volumes_size()));
    for (std::uint32_t i = 0; i < volumes.size(); ++i) {
      // Of the kept ones, what the pool had as the transfer broke off may be anything behind.
      if (i == start.volume) volumes[i].resize(start.offset);
      if (i > start.volume) volumes[i].clear();
      volumes[i].resize(head.snapshot().volumes(static_cast<int>(i)).size());
    }
    kept = false;
    return result;
  }
  Status note(const ClonePosition& reached, std::span<const RangeTable> tables) override {
    if (!synced) wrong = true;
    for (std::uint32_t i = 0; i < volumes.size(); ++i) {
      const std::uint64_t length = i < reached.volume    ? volumes[i].size()
                                   : i == reached.volume ? reached.offset
                                                         : 0;
      const Bytes content(volumes[i].begin(),
                          volumes[i].begin() + static_cast<std::ptrdiff_t>(length));
      const RangeTable table = table_of(content);
      if (!std::equal(table.begin(), table.end(), tables[i].begin())) wrong = true;
    }
    noted = Noted{.reached = reached, .tables = {tables.begin(), tables.end()}};
    noted->tables.resize(std::min<std::size_t>(volumes.size(), reached.volume + 1));
    return {};
  }
  void keep() override { kept = noted.has_value(); }
  Status write(std::uint32_t volume, std::uint64_t offset,
               std::span<const std::byte> data) override {
    synced = false;
    if (data.size() > takes) return fail({.code = Code::kNoSpace, .operation = "write"});
    takes -= data.size();
    if (!inside(volumes, volume, offset, data.size())) return {};
    std::ranges::copy(data, volumes[volume].begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Status share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length, bool from_base,
               std::uint32_t source, std::uint64_t source_offset) override {
    const std::vector<Bytes>& from = from_base ? base_ : volumes;
    if (!inside(volumes, volume, offset, length)) return {};
    if (!inside(from, source, source_offset, length)) return {};
    if (!from_base && source == volume && source_offset + length > offset) wrong = true;
    if (!from_base && source > volume) wrong = true;
    std::memmove(volumes[volume].data() + offset, from[source].data() + source_offset, length);
    return {};
  }
  Status clear(std::uint32_t volume, std::uint64_t offset, std::uint64_t length) override {
    if (!inside(volumes, volume, offset, length)) return {};
    std::fill_n(volumes[volume].begin() + static_cast<std::ptrdiff_t>(offset), length,
                std::byte{0});
    return {};
  }
  Status sync() override {
    if (spoil_at_sync) volumes.at(0).at(*spoil_at_sync) ^= std::byte{1};
    synced = true;
    return {};
  }
  Status read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) override {
    if (!inside(volumes, volume, offset, buffer.size())) return {};
    std::memcpy(buffer.data(), volumes[volume].data() + offset, buffer.size());
    if (!synced) wrong = true;
    return {};
  }
  Status publish(std::span<const RangeTable> tables) override {
    published = true;
    for (std::size_t i = 0; i < volumes.size(); ++i) {
      if (tables[i] != table_of(volumes[i])) wrong = true;
    }
    return {};
  }

  std::uint64_t room = 1 << 30;
  std::uint64_t takes = ~std::uint64_t{0};  // so much data, until others have filled the pool
  std::vector<Bytes> volumes;
  bool synced = false;
  bool published = false;
  bool wrong = false;
  struct Noted {
    ClonePosition reached;
    std::vector<RangeTable> tables;
  };
  std::optional<Noted> noted;
  bool kept = false;
  std::optional<std::size_t> spoil_at_sync;  // a byte of the first volume that the disk loses

 private:
  bool inside(const std::vector<Bytes>& all, std::uint32_t volume, std::uint64_t offset,
              std::uint64_t length) {
    const bool good = volume < all.size() && offset <= all[volume].size() &&
                      length <= all[volume].size() - offset && length != 0;
    if (!good) wrong = true;
    return good;
  }
  const Sets* sets_;
  std::vector<Bytes> base_;
};

inline Result<pb::CloneTransfer> receive(std::span<const std::byte> stream, Staging& staging,
                                         const ReceiveOptions& options = {}) {
  SectionReader in([stream, at = std::size_t{0}](std::span<std::byte> buffer) mutable {
    // In pieces, as a pipe gives them.
    const std::size_t count = std::min({buffer.size(), stream.size() - at, std::size_t{30000}});
    std::ranges::copy(stream.subspan(at, count), buffer.begin());
    at += count;
    return Result<std::size_t>(count);
  });
  return receive_stream(in, staging, options);
}

}  // namespace lastword::fake

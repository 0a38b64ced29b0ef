#include "agent/transfer/send_run.h"

#include <fcntl.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/transfer/clone_position.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/send_stream.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/xfs_files.h"
#include "proto/format_text.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {
namespace {

constexpr std::chrono::seconds kLookAtHold{1};

struct OpenVolume {
  std::string path;
  std::uint64_t size = 0;
  FileDescriptor file;
};

// A published snapshot, its volumes open.
class OpenSnapshot final : public VolumeReader {
 public:
  static Result<OpenSnapshot> open(const std::string& set, const std::string& uuid) {
    OpenSnapshot result;
    result.directory_ = directory_of(set, uuid);
    auto record = load_snapshot(result.directory_);
    if (!record) return fail(record.error());
    result.record_ = std::move(*record);
    if (Status status = result.check(); !status) return fail(status.error());
    for (const pb::CloneVolume& volume : result.record_.volumes()) {
      OpenVolume opened{
          .path = result.directory_ + "/" + volume.name(), .size = volume.size(), .file = {}};
      auto file = open_volume(opened.path);
      if (!file) return fail(file.error());
      opened.file = std::move(*file);
      result.volumes_.push_back(std::move(opened));
    }
    return result;
  }

  Status read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) override {
    const OpenVolume& from = volumes_[volume];
    return read_volume(from.file.get(), from.path, offset, buffer);
  }
  [[nodiscard]] Status check() const { return check_unmodified(directory_, record_); }
  // Known, or read now.
  [[nodiscard]] Result<std::vector<RangeTable>> tables() {
    auto known = load_tables(directory_, record_);
    if (known || known.error().code != Code::kNotFound) return known;
    auto tables = hash_all();
    if (!tables) return tables;
    if (Status status = keep(*tables); !status) return fail(status.error());
    return tables;
  }
  [[nodiscard]] Result<std::vector<RangeTable>> hash_all() {
    std::vector<RangeTable> tables;
    for (std::uint32_t i = 0; i < volumes_.size(); ++i) {
      auto table = hash(i);
      if (!table) return fail(table.error());
      tables.push_back(std::move(*table));
    }
    return tables;
  }
  [[nodiscard]] Status keep(std::span<const RangeTable> tables) {
    return save_tables(directory_, tables, record_);
  }
  [[nodiscard]] Result<RangeTable> hash(std::uint32_t volume) {
    AlignedBuffer buffer(kRangeBytes);
    const std::uint64_t size = volumes_[volume].size;
    RangeTable table(range_count(size));
    for (std::uint64_t i = 0; i < table.size(); ++i) {
      const auto content = buffer.span().first(range_length(size, i));
      if (Status status = read(volume, i * kRangeBytes, content); !status) {
        return fail(status.error());
      }
      table[i] = hash_of_range(content);
    }
    return table;
  }
  [[nodiscard]] const pb::CloneSnapshot& record() const { return record_; }
  [[nodiscard]] const std::vector<OpenVolume>& volumes() const { return volumes_; }

 private:
  std::string directory_;
  pb::CloneSnapshot record_;
  std::vector<OpenVolume> volumes_;
};

pb::CloneStreamHead head_of(const pb::CloneSnapshot& snapshot, std::uint64_t block_bytes) {
  pb::CloneStreamHead head;
  *head.mutable_snapshot() = snapshot;
  for (pb::CloneVolume& volume : *head.mutable_snapshot()->mutable_volumes()) {
    volume.clear_root();
    volume.clear_inode();
    volume.clear_changed_ns();
    volume.clear_written_ns();
  }
  head.set_block_bytes(static_cast<std::uint32_t>(block_bytes));
  return head;
}

void add_base(pb::CloneStreamHead& head, const pb::CloneSnapshot& base) {
  head.set_base_uuid(base.uuid());
  for (const pb::CloneVolume& volume : base.volumes()) {
    pb::CloneBaseVolume& one = *head.add_base_volumes();
    one.set_uuid(volume.uuid());
    one.set_size(volume.size());
    one.set_root(volume.root());
  }
}

std::vector<RangeTable> add_hashes(pb::CloneStreamHead& head, const pb::CloneHashes& hashes) {
  std::vector<RangeTable> tables;
  pb::CloneSnapshot base = hashes.snapshot();
  for (int i = 0; i < base.volumes_size(); ++i) {
    const std::string& bytes = hashes.tables(i);
    RangeTable& table = tables.emplace_back(bytes.size() / sizeof(Hash128));
    std::memcpy(table.data(), bytes.data(), bytes.size());
    pb::CloneVolume& volume = *base.mutable_volumes(i);
    volume.set_root(to_string(root_of(volume.size(), table)));
  }
  add_base(head, base);
  return tables;
}

VolumeMap map_of(const OpenVolume& volume) {
  static XfsBlockMap blocks;
  return {.blocks = &blocks, .volume = volume.path, .size = volume.size};
}

Error without_snapshot(Error error, const std::string& set, const std::string& uuid) {
  if (error.code != Code::kNotFound) return error;
  return {.code = Code::kRefused,
          .operation = "find snapshot",
          .disk = set,
          .detail = format_text("has no snapshot {}", uuid).view()};
}

}  // namespace

PipeOutput guarded(const SendRequest& request) {
  using Clock = std::chrono::steady_clock;
  if (!request.still_held) return request.output;
  return [&request, next = Clock::time_point()](std::span<const std::byte> data) mutable -> Status {
    if (Clock::now() >= next) {
      if (Status status = request.still_held(); !status) return status;
      next = Clock::now() + kLookAtHold;
    }
    return request.output(data);
  };
}

Result<pb::CloneTransfer> send_set(const SendRequest& request) {
  const auto pool = examine_pool(request.set);
  if (!pool) return fail(pool.error());
  std::string uuid = request.snapshot;
  if (uuid.empty()) {
    const auto newest = newest_snapshot(request.set);
    if (!newest) return fail(newest.error());
    uuid = *newest;
  }
  auto sent = OpenSnapshot::open(request.set, uuid);
  if (!sent) return fail(without_snapshot(sent.error(), request.set, uuid));
  pb::CloneStreamHead head = head_of(sent->record(), pool->block_bytes);
  if (!is_place_in(head.snapshot(), request.start)) {
    return fail({.code = Code::kUsage,
                 .operation = "resume",
                 .disk = to_string(request.start),
                 .detail = "no range of this snapshot begins there"});
  }
  set_position(*head.mutable_start(), request.start);
  SharePlanner plan(pool->block_bytes, request.start);
  std::optional<OpenSnapshot> base;
  std::vector<RangeTable> base_tables;
  if (!request.base.empty()) {
    auto opened = OpenSnapshot::open(request.set, request.base);
    if (!opened) return fail(without_snapshot(opened.error(), request.set, request.base));
    base.emplace(std::move(*opened));
    auto tables = base->tables();
    if (!tables) return fail(tables.error());
    base_tables = std::move(*tables);
    add_base(head, base->record());
    for (const OpenVolume& volume : base->volumes()) {
      if (Status status = plan.add_base(map_of(volume)); !status) return fail(status.error());
    }
  }
  std::vector<RangeTable> tables;  // of what is sent, where they tell what need not go
  if (request.against) {
    base_tables = add_hashes(head, *request.against);
    auto here = sent->tables();
    if (!here) return fail(here.error());
    tables = std::move(*here);
    for (std::size_t i = 0; i < base_tables.size(); ++i) {
      plan.add_base_hashes(head.base_volumes(static_cast<int>(i)).size(), base_tables[i]);
    }
  }
  for (std::size_t i = 0; i < sent->volumes().size(); ++i) {
    const auto table =
        tables.empty() ? std::span<const Hash128>() : std::span<const Hash128>(tables[i]);
    if (Status status = plan.add_volume(map_of(sent->volumes()[i]), table); !status) {
      return fail(status.error());
    }
  }
  const auto id = parse_uuid(uuid);
  SectionWriter out(guarded(request), *id, request.codec);
  // What was planned by the maps still holds.
  const auto unchanged = [&]() -> Status {
    if (request.still_held) {
      if (Status status = request.still_held(); !status) return status;
    }
    if (Status status = sent->check(); !status) return status;
    if (base) {
      if (Status status = base->check(); !status) return status;
    }
    return plan.check_unmoved();
  };
  const SendOrder order{.head = std::move(head),
                        .plan = plan,
                        .base_tables = std::move(base_tables),
                        .reader = *sent,
                        .before_end = unchanged,
                        .progress = request.progress};
  auto done = send_stream(order, out);
  if (!done) return fail(done.error());
  if (Status status = sent->keep(done->tables); !status) return fail(status.error());
  return done->figures;
}

Result<pb::CloneSnapshot> verify_snapshot(const std::string& set, const std::string& uuid) {
  auto snapshot = OpenSnapshot::open(set, uuid);
  if (!snapshot) return fail(without_snapshot(snapshot.error(), set, uuid));
  const auto known = load_tables(directory_of(set, uuid), snapshot->record());
  if (!known && known.error().code != Code::kNotFound) return fail(known.error());
  std::vector<RangeTable> tables;
  for (std::uint32_t i = 0; i < snapshot->volumes().size(); ++i) {
    // What the disk has, not what this machine remembers of it.
    (void)::posix_fadvise(snapshot->volumes()[i].file.get(), 0, 0, POSIX_FADV_DONTNEED);
    auto table = snapshot->hash(i);
    if (!table) return fail(table.error());
    for (std::uint64_t at = 0; known && at < table->size(); ++at) {
      if ((*table)[at] == (*known)[i][at]) continue;
      return fail({.code = Code::kCorrupt,
                   .operation = "verify",
                   .disk = snapshot->volumes()[i].path,
                   .offset = at * kRangeBytes,
                   .detail = "1 MiB from here on is not what the snapshot had"});
    }
    tables.push_back(std::move(*table));
  }
  if (!known) {
    if (Status status = snapshot->keep(tables); !status) return fail(status.error());
  }
  return snapshot->record();
}

Result<pb::CloneHashes> hashes_of(const std::string& set, const std::string& uuid, bool fresh) {
  auto snapshot = OpenSnapshot::open(set, uuid);
  if (!snapshot) return fail(without_snapshot(snapshot.error(), set, uuid));
  const auto tables = fresh ? snapshot->hash_all() : snapshot->tables();
  if (!tables) return fail(tables.error());
  pb::CloneHashes hashes;
  *hashes.mutable_snapshot() = snapshot->record();
  for (const RangeTable& table : *tables) {
    hashes.add_tables(table.data(), table.size() * sizeof(Hash128));
  }
  return hashes;
}

Result<pb::CloneHashes> read_hashes(const PipeInput& input) {
  // What the largest set has, with room for its names.
  constexpr std::size_t kMaxBytes =
      kMaxSetBytes / kRangeBytes * sizeof(Hash128) + (std::size_t{4} << 20);
  std::string bytes;
  std::vector<std::byte> some(1 << 16);
  for (;;) {
    const auto count = input(some);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    bytes.append(reinterpret_cast<const char*>(some.data()), *count);
    if (bytes.size() > kMaxBytes) return corrupt_stream("more hashes than a set has");
  }
  pb::CloneHashes hashes;
  if (!hashes.ParseFromString(bytes)) return corrupt_stream("its hashes do not parse");
  if (Status status = check_hashes(hashes); !status) return fail(status.error());
  return hashes;
}

}  // namespace lastword

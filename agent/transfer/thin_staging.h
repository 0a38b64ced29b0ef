// Staged volumes of a clone stream in a thin pool. Each begins as a snapshot of its parent, joint
// ancestors too; when all are complete, the snapshot's volumes are made as read-only snapshots of
// them, and what was staged is removed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/transfer/lvm_commands.h"
#include "agent/transfer/receive_stream.h"
#include "agent/transfer/thin_files.h"
#include "agent/transfer/thin_space.h"
#include "agent/transfer/thin_store.h"

namespace lastword {

class ThinStaging final : public Staging {
 public:
  // `allow_unshared`: also a stream whose blocks this pool cannot share as the sender does;
  // `tell_cost` learns what that costs before the first block is taken.
  struct Options {
    bool allow_unshared = false;
    std::uint64_t look_every = 64 << 20;  // bytes; then the pool is looked at again
    std::function<void(std::uint64_t unshared_bytes, std::uint64_t data_bytes)> tell_cost = {};
  };
  ThinStaging(LvmCommands& commands, ThinPlace place, Options options)
      : commands_(commands), place_(std::move(place)), options_(std::move(options)) {}
  ~ThinStaging() override;

  [[nodiscard]] Result<Begun> begin(const pb::CloneStreamHead& head) override;
  [[nodiscard]] Status write(std::uint32_t volume, std::uint64_t offset,
                             std::span<const std::byte> data) override;
  [[nodiscard]] Status share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length,
                             bool from_base, std::uint32_t source,
                             std::uint64_t source_offset) override;
  [[nodiscard]] Status clear(std::uint32_t volume, std::uint64_t offset,
                             std::uint64_t length) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status read(std::uint32_t volume, std::uint64_t offset,
                            std::span<std::byte> buffer) override;
  // Nothing is kept of a stream that breaks off.
  [[nodiscard]] Status note(const ClonePosition& reached,
                            std::span<const RangeTable> tables) override;
  void keep() override {}
  [[nodiscard]] Status publish(std::span<const RangeTable> tables) override;
  [[nodiscard]] std::uint64_t unshared_bytes() const override { return unshared_bytes_; }

 private:
  [[nodiscard]] Status check_pool(const pb::CloneStreamHead& head);
  // Before the first byte, or, with nothing more wanted, in the middle of a transfer.
  [[nodiscard]] Status check_space(std::uint64_t wanted);
  [[nodiscard]] Result<std::vector<RangeTable>> open_base(const pb::CloneStreamHead& head);
  // Volumes up to this one are there.
  [[nodiscard]] Status make_up_to(std::uint32_t volume);
  [[nodiscard]] Status make(std::uint32_t volume);
  // Of the staged one; an ancestor is as large as whoever begins as it.
  [[nodiscard]] std::uint64_t size_of(std::uint32_t volume) const;
  [[nodiscard]] Status keep_reserve(std::uint64_t bytes);
  [[nodiscard]] Status remove_staged();
  [[nodiscard]] Status make_members(pb::CloneThinRecord& record);
  // LVM may have done what it says that it failed to do.
  [[nodiscard]] bool is_published();

  LvmCommands& commands_;
  const ThinPlace place_;
  const Options options_;
  std::optional<FileDescriptor> lock_;
  LvmPool pool_;
  pb::CloneStreamHead head_;
  bool shares_ = false;
  std::optional<ThinSnapshot> base_;
  std::optional<ActiveVolumes> base_active_;
  ThinFiles base_files_{ThinFile::For::kReading};
  ThinFiles files_{ThinFile::For::kWriting};  // of volumes that are there
  std::size_t created_ = 0;
  std::uint64_t unshared_bytes_ = 0;
  std::uint64_t since_look_ = 0;
  bool over_ = true;
};

}  // namespace lastword

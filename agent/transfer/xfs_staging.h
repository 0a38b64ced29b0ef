// Staged volumes of a clone stream in a pool: a directory on an XFS with reflink=1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/transfer/publication.h"
#include "agent/transfer/receive_stream.h"
#include "agent/transfer/staged_progress.h"

namespace lastword {

class XfsStaging final : public Staging {
 public:
  enum class Into : std::uint8_t {
    kPool,  // the directory that the set is in, or comes into
    kSet,   // the set itself, whatever its name is there: a snapshot of it comes back
  };
  explicit XfsStaging(std::string directory, Into into = Into::kPool)
      : pool_(std::move(directory)), into_(into) {}

  [[nodiscard]] Result<Begun> begin(const pb::CloneStreamHead& head) override;
  [[nodiscard]] Status write(std::uint32_t volume, std::uint64_t offset,
                             std::span<const std::byte> data) override;
  [[nodiscard]] Status share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length,
                             bool from_base, std::uint32_t source,
                             std::uint64_t source_offset) override;
  // A new file is a hole, and never begins as another one.
  [[nodiscard]] Status clear(std::uint32_t, std::uint64_t, std::uint64_t) override { return {}; }
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status read(std::uint32_t volume, std::uint64_t offset,
                            std::span<std::byte> buffer) override;
  [[nodiscard]] Status note(const ClonePosition& reached,
                            std::span<const RangeTable> tables) override;
  void keep() override;
  [[nodiscard]] Status publish(std::span<const RangeTable> tables) override;

 private:
  struct Volume {
    std::string path;
    FileDescriptor file;
    bool synced = false;
  };
  [[nodiscard]] Status check_set(const pb::CloneStreamHead& head, std::uint64_t device) const;
  [[nodiscard]] Result<std::vector<RangeTable>> open_base(const pb::CloneStreamHead& head);
  [[nodiscard]] Status create_volumes();
  // Opens what was kept. kRefused: it is of another stream, or is not what it was; it is dropped
  // then.
  [[nodiscard]] Result<std::vector<RangeTable>> resume_volumes(const pb::CloneStreamHead& head);
  // Number `index`, of which `reached` tells how much is there already.
  [[nodiscard]] Result<Volume> resume_volume(const pb::CloneProgress& record, std::uint32_t index,
                                             std::span<const RangeTable> tables) const;
  // Files that are no volumes of the snapshot; `tables` are then those of the volumes.
  [[nodiscard]] Status remove_ancestors(std::vector<RangeTable>& tables);
  // kNoSpace before the pool comes near its end, whoever else fills it.
  [[nodiscard]] Status keep_reserve(std::uint64_t bytes);

  std::string pool_;
  Into into_;
  std::string set_;  // path
  std::optional<StagingArea> area_;
  std::optional<StagedProgress> progress_;
  bool noted_ = false;
  pb::CloneSnapshot snapshot_;
  std::vector<Volume> volumes_;
  std::vector<Volume> base_;
  std::string base_directory_;
  pb::CloneSnapshot base_snapshot_;
  std::uint64_t since_look_ = 0;  // bytes that were taken since the pool was looked at
};

}  // namespace lastword

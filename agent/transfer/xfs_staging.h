// Staged volumes of a clone stream in a pool: a directory on an XFS with reflink=1.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/transfer/publication.h"
#include "agent/transfer/receive_stream.h"

namespace lastword {

class XfsStaging final : public Staging {
 public:
  explicit XfsStaging(std::string pool) : pool_(std::move(pool)) {}

  [[nodiscard]] Result<Base> begin(const pb::CloneStreamHead& head) override;
  [[nodiscard]] Status write(std::uint32_t volume, std::uint64_t offset,
                             std::span<const std::byte> data) override;
  [[nodiscard]] Status share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length,
                             bool from_base, std::uint32_t source,
                             std::uint64_t source_offset) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status read(std::uint32_t volume, std::uint64_t offset,
                            std::span<std::byte> buffer) override;
  [[nodiscard]] Status publish(std::span<const RangeTable> tables) override;

 private:
  struct Volume {
    std::string path;
    FileDescriptor file;
  };
  [[nodiscard]] Status check_set(const pb::CloneStreamHead& head, std::uint64_t device) const;
  [[nodiscard]] Result<Base> open_base(const pb::CloneStreamHead& head);
  [[nodiscard]] Status create_volumes();
  // kNoSpace before the pool comes near its end, whoever else fills it.
  [[nodiscard]] Status keep_reserve(std::uint64_t bytes);

  std::string pool_;
  std::string set_;  // path
  std::optional<StagingArea> area_;
  pb::CloneSnapshot snapshot_;
  std::vector<Volume> volumes_;
  std::vector<Volume> base_;
  std::string base_directory_;
  pb::CloneSnapshot base_snapshot_;
  std::uint64_t since_look_ = 0;  // bytes that were taken since the pool was looked at
};

}  // namespace lastword

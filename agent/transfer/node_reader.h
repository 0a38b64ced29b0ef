// The volumes of a stream from a thin pool, which are the nodes of a family plan: block maps and
// content. A joint ancestor is no volume of the pool; each block of it is read from one that has
// it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/transfer/family_plan.h"
#include "agent/transfer/send_stream.h"

namespace lastword {

// What can be read: a volume of the snapshot or of the base.
struct ReadableVolume {
  const std::vector<Mapping>* map = nullptr;
  std::function<Status(std::uint64_t offset, std::span<std::byte> buffer)> read;
};

// Volumes are named by the number of their node.
class NodeMaps final : public BlockMap {
 public:
  explicit NodeMaps(const FamilyPlan& plan) : plan_(plan) {}
  [[nodiscard]] Result<std::vector<Mapping>> some(const std::string& volume,
                                                  std::uint64_t from) override;

 private:
  const FamilyPlan& plan_;
};

class NodeReader final : public VolumeReader {
 public:
  // `volumes` are those of the plan, in its order, and `others` more that may have blocks of
  // ancestors.
  NodeReader(const FamilyPlan& plan, std::vector<ReadableVolume> volumes,
             std::vector<ReadableVolume> others);
  // kCorrupt: nobody has a block of an ancestor.
  [[nodiscard]] Status read(std::uint32_t node, std::uint64_t offset,
                            std::span<std::byte> buffer) override;

 private:
  [[nodiscard]] Status read_block(const Mapping& block, std::span<std::byte> buffer);

  const FamilyPlan& plan_;
  std::size_t volume_count_;
  std::vector<ReadableVolume> all_;
  std::size_t last_ = 0;  // which had the block before
};

}  // namespace lastword

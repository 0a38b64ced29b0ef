// The shelf as one process of one node sees it: the seam Shelf (agent/disks/shelf.h) over the
// simulated target.
#pragma once

#include <array>

#include "agent/disks/shelf.h"
#include "tests/sim/target.h"

namespace lastword::sim {

inline constexpr unsigned kMaxLuns = 10;

// What one boot of a node sees of the shelf. Device names are given anew at each boot: /dev/sda
// need not be logical unit 0.
struct Sight {
  unsigned luns = 0;
  unsigned rotation = 0;
  std::array<bool, kMaxLuns> unseen{};
  // Something that the service's hooks know nothing of has it: a number of its own. 0: nothing.
  std::array<unsigned, kMaxLuns> claims{};

  [[nodiscard]] std::string path_of(unsigned lun) const {
    return "/dev/sd" + std::string(1, static_cast<char>('a' + (lun + rotation) % luns));
  }
  [[nodiscard]] unsigned lun_of(const std::string& path) const {
    const auto place = static_cast<unsigned>(path.back() - 'a');
    return (place + luns - rotation % luns) % luns;
  }
};

class SimShelf final : public Shelf {
 public:
  // All outlive this, and the fibers that use it.
  SimShelf(Scheduler& scheduler, Random& random, Target& target, const Sight& sight, ActorPtr actor)
      : scheduler_(scheduler),
        random_(random),
        target_(target),
        sight_(sight),
        actor_(std::move(actor)) {}

  Result<std::vector<DiskInfo>> list() override;
  Result<OpenDisk> open(const DiskInfo& info, Access access, milliseconds io_timeout) override;
  Result<std::uint64_t> find_records(OpenDisk& disk) override;
  CacheChanges write_back_early(const DiskInfo&) override { return CacheChanges::kNone; }
  Status drop_stale_cache(const DiskInfo& disk) override;
  Openers find_openers(const std::vector<std::string>& disks) override;
  Result<bool> is_claimed(const std::string& disk) override;
  std::uint64_t count_uevents() override { return 0; }
  Status wait_for_partitions(const std::vector<std::string>&, std::uint64_t) override { return {}; }
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override;

 private:
  // kGone: the node does not see it. Waits while it hangs.
  [[nodiscard]] Status wait_for(unsigned lun, const std::string& path);
  // Under a director: each disk's requests are one command, one disk after the other.
  void read_each(std::span<ReadRequest> requests);

  Scheduler& scheduler_;
  Random& random_;
  Target& target_;
  const Sight& sight_;
  ActorPtr actor_;
};

// One process's way to one disk.
[[nodiscard]] OpenDisk open_lun(Target& target, const ActorPtr& actor, const Sight& sight,
                                unsigned lun);

}  // namespace lastword::sim

// I6: nothing that the service wrote, and that the disk had acknowledged and flushed, is lost: what
// is read later is that record or a later one.
//
// The service writes numbered records to a few places of each disk, again and again (sim_node.h).
// A record is checked when another one lands on its place, when a service begins on the disk, and
// when the shelf has power again. Not blamed: a write of the same node that was accepted before and
// lands late, since a kernel aborts it before it tells the service that it failed; and a write
// while nobody holds the disk, since a shelf without APTPL that lost power admits both nodes
// (docs/protocol.md).
#include <fmt/format.h>

#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/checkers/checker.h"
#include "tests/sim/service_records.h"

namespace lastword::sim {
namespace {

class NothingLost final : public Checker {
 public:
  using Checker::Checker;

  void on_flushed(const Actor& actor, unsigned lun, const ServiceRecords& records) override {
    for (unsigned place = 0; place < kRecordPlaces; ++place) {
      Kept& kept = kept_.at(lun).at(place);
      if (records.at(place) <= kept.number) continue;
      const bool overwritten =
          excused_.at(lun).at(place) > 0 && excused_.at(lun).at(place) == number_on(lun, place);
      if (!overwritten) kept = {.number = records.at(place), .writer = actor.node};
    }
  }

  void on_executed(const Executed& executed) override {
    if (!executed.actor.service || executed.about.command != fake::Command::kWrite) return;
    if (!executed.about.outcome->has_value()) return;
    const unsigned lun = executed.about.lun;
    const unsigned place = place_of(executed.about.offset);
    Kept& kept = kept_.at(lun).at(place);
    const std::uint64_t found = number_on(lun, place);
    const bool excused =
        !watched_.shelf.reservation(lun) || last_writer_.at(lun).at(place) == executed.actor.node;
    excused_.at(lun).at(place) = excused ? found : 0;
    last_writer_.at(lun).at(place) = executed.actor.node;
    if (found >= kept.number) return;
    if (kept.writer == executed.actor.node || !watched_.shelf.reservation(lun)) {
      kept.number = found;
      return;
    }
    lost(lun, place, found, fmt::format("a late write of {}", node_name(executed.actor.node)));
  }

  void on_told(const Actor& actor, unsigned lun) override { check_all(lun, actor.node); }

  void after_power_loss() override {
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      if (is_service(lun)) check_all(lun, 0);
    }
  }

 private:
  struct Kept {
    std::uint64_t number = 0;  // the newest that is durable
    std::uint8_t writer = 0;
  };

  [[nodiscard]] std::uint64_t number_on(unsigned lun, unsigned place) const {
    std::array<std::byte, kBlockBytes> block{};
    watched_.shelf.peek(lun, offset_of(place), block);
    return number_in(block);
  }
  void check_all(unsigned lun, std::uint8_t node) {
    for (unsigned place = 0; place < kRecordPlaces; ++place) {
      const std::uint64_t found = number_on(lun, place);
      if (found >= kept_.at(lun).at(place).number) continue;
      return lost(lun, place, found, node == 0 ? "a power loss" : node_name(node));
    }
  }
  void lost(unsigned lun, unsigned place, std::uint64_t found, const std::string& seen_by) {
    watched_.broken(fmt::format(
        "I6: record {} of {} at place {} of lun {} was flushed and is lost: there is {} ({})",
        kept_.at(lun).at(place).number, node_name(kept_.at(lun).at(place).writer), place, lun,
        found, seen_by));
  }

  std::array<std::array<Kept, kRecordPlaces>, kMaxLuns> kept_{};
  // The number that a write which is not blamed put there; 0: the last one was another.
  std::array<ServiceRecords, kMaxLuns> excused_{};
  std::array<std::array<std::uint8_t, kRecordPlaces>, kMaxLuns> last_writer_{};
};

}  // namespace

std::unique_ptr<Checker> check_nothing_lost(const Watched& watched) {
  return std::make_unique<NothingLost>(watched);
}

}  // namespace lastword::sim

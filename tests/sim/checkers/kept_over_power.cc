// A shelf that offers to keep registrations over a power loss (APTPL) and can, keeps those of both
// nodes: every REGISTER asks for it, one that unregisters too, since the target goes by the last
// one.
//
// Not checked in histories in which REPORT CAPABILITIES may stay without an answer: a node that
// cannot tell what the target offers registers without.
#include <fmt/format.h>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class KeptOverPower final : public Checker {
 public:
  using Checker::Checker;

  void before_power_loss() override {
    before_.clear();
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      before_.push_back(watched_.shelf.registrants(lun));
    }
  }

  void after_power_loss() override {
    const Rates& rates = watched_.rates;
    const fake::ShelfOptions& target = watched_.draw.options;
    const bool answers = rates.lost == 0 && rates.answer_lost == 0 && rates.attention == 0 &&
                         !rates.hangs && !rates.unseen;
    if (!answers || !target.aptpl_capable || target.aptpl_store_missing) return;
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      if (watched_.shelf.registrants(lun) == before_[lun]) continue;
      watched_.broken(fmt::format("lun {} has lost registrations over a power loss", lun));
    }
  }

 private:
  std::vector<std::vector<fake::Registrant>> before_;
};

}  // namespace

std::unique_ptr<Checker> check_kept_over_power(const Watched& watched) {
  return std::make_unique<KeptOverPower>(watched);
}

}  // namespace lastword::sim

// What tests of TakeoverPlan share: a usual takeover, and what its actions say.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "agent/protocol/takeover_plan.h"

namespace lastword::test {

using namespace std::chrono_literals;

inline constexpr std::uint8_t kPartner = 1;
inline constexpr std::uint32_t kGeneration = 7;
using Kind = TakeoverAction::Kind;

inline const Timing kTiming = *derive_timing({});

inline pb::CoredumpHeader header(pb::Attribute attribute, pb::Reason reason = pb::REASON_NONE) {
  pb::CoredumpHeader header;
  header.set_attribute(attribute);
  header.set_reason(reason);
  header.set_node(kPartner);
  header.set_boot_generation(kGeneration);
  header.set_elapsed_ms(2000);
  return header;
}

inline TakeoverDisk disk(pb::Role role, pb::CoredumpHeader header = {}) {
  return {.role = role, .header = std::move(header), .generation = kGeneration};
}

// Disks 0 and 1 hold the service, 2 is an unarmed spare, 3 and 4 are armed.
inline TakeoverPlan usual(pb::CoredumpHeader third = header(pb::ARMED)) {
  return {kTiming,
          kPartner,
          {disk(pb::SERVICE), disk(pb::SERVICE), disk(pb::SPARE), disk(pb::DUMP, std::move(third)),
           disk(pb::SPARE, header(pb::ARMED))}};
}

inline std::vector<std::size_t> taken(const TakeoverPlan::Actions& actions) {
  std::vector<std::size_t> disks;
  for (const auto& action : actions) {
    if (action.kind == Kind::kTake) disks.push_back(action.disk);
  }
  return disks;
}

inline bool has(const TakeoverPlan::Actions& actions, Kind kind) {
  return std::any_of(actions.begin(), actions.end(),
                     [kind](const auto& action) { return action.kind == kind; });
}

using Disks = std::vector<std::size_t>;

// Its header still says what it said when the takeover began.
inline void read_again(TakeoverPlan& plan, const Disks& armed, Instant now) {
  for (const std::size_t i : armed) {
    BOOST_CHECK(plan.header_seen(i, header(pb::ARMED), 0, now).empty());
  }
}

// Disk 2 was free, and still is.
inline TakeoverPlan::Actions begin(TakeoverPlan& plan) {
  auto actions = plan.begin(Instant{0});
  const auto free = plan.header_seen(2, {}, 0, Instant{0});
  actions.insert(actions.end(), free.begin(), free.end());
  return actions;
}

inline void take_first_three(TakeoverPlan& plan) {
  for (const std::size_t i : {0, 1, 2}) (void)plan.disk_taken(i, Status{}, {}, 0ms);
}

// No dump has shown for so long that the armed spares are tried. Returns when that is.
inline Instant take_spares_in_silence(TakeoverPlan& plan) {
  (void)begin(plan);
  take_first_three(plan);
  const Instant now = kTiming.silence(2);
  read_again(plan, {3, 4}, now);
  BOOST_CHECK((taken(plan.tick(now)) == Disks{3, 4}));
  return now;
}

}  // namespace lastword::test

#define CHECK_DISKS(actual, ...)                                                 \
  do {                                                                           \
    const Disks expected_disks __VA_ARGS__;                                      \
    const Disks actual_disks = actual;                                           \
    BOOST_CHECK_EQUAL_COLLECTIONS(actual_disks.begin(), actual_disks.end(),      \
                                  expected_disks.begin(), expected_disks.end()); \
  } while (false)

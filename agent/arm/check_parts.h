// The parts of check_plan.h. Each looks at one matter, and adds to the report what it finds.
#pragma once

#include <string>
#include <string_view>

#include "agent/arm/check_plan.h"

namespace lastword {

// Which answers a problem turns to no.
enum class Concern : std::uint8_t { kDump, kTakeover, kBoth, kNeither };

inline constexpr std::string_view kArmAgain = "run `lastword arm`";
inline constexpr std::string_view kStart = "run `lastword start`";

void add_problem(pb::CheckReport& report, Concern concern, std::string what,
                 std::string_view advice);

// check_loaded.cc: is a capture image loaded, and is it what arming would load now?
void check_loaded(const CheckFacts& facts, pb::CheckReport& report);
void check_image(const CheckFacts& facts, const pb::ArmedState& armed, pb::CheckReport& report);

// check_candidates.cc: would the dump writer accept the plan's disks, and does memory fit them?
void check_candidates(const CheckFacts& facts, const pb::Plan& plan, pb::CheckReport& report);

// check_disks.cc: is each disk in the hands of its one right node?
void check_copies(const CheckFacts& facts, pb::CheckReport& report);
void check_service(const CheckFacts& facts, pb::CheckReport& report);
void check_unreadable(const CheckFacts& facts, pb::CheckReport& report);
void check_registrants(const CheckFacts& facts, pb::CheckReport& report);
void check_strays(const CheckFacts& facts, pb::CheckReport& report);
void check_borrowed(const CheckFacts& facts, pb::CheckReport& report);

// check_mailbox.cc: could either node win a majority of the mailbox disks?
void check_mailbox(const CheckFacts& facts, pb::CheckReport& report);

// check_links.cc: do heartbeats come and go by each link of the configuration?
void check_links(const CheckFacts& facts, pb::CheckReport& report);

}  // namespace lastword

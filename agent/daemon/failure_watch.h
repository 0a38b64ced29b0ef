// Waiting for the partner's failure. A panicked node says so itself, in the coredump header of the
// disk it dumps to; the network has no part in it.
#pragma once

#include "agent/disks/header_watch.h"
#include "agent/disks/survey.h"
#include "agent/node/config.h"
#include "agent/node/event.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {

// What a look has found becomes what is known of the disk: the newer header, or why there is none.
void renew(SurveyedDisk& disk, const SeenHeader& seen);
// What `known`, an earlier survey, had read of the disks that `fresh` reads older now, or not at
// all, still counts: a header never goes back.
void remember_headers(Survey& fresh, const Survey& known);
// The partner has panicked in its current life, `latest` (latest_generation): the header of this
// disk of its own says so. A disk that its `start` could not take may tell of an earlier one.
[[nodiscard]] bool has_panicked(const SurveyedDisk& disk, const Config& config,
                                std::uint32_t latest);
// This node took some of these disks of the partner, and did not finish; or it did, and has been
// rebooted since, so that it holds them by the key of a boot that is over.
[[nodiscard]] bool was_interrupted(const std::vector<SurveyedDisk>& disks, const Config& config,
                                   ReservationKey own);

// Returns what to act on as soon as has_panicked or was_interrupted holds. Looks at the headers
// every kPollInterval, at everything else every few seconds. Errors: no survey can be made at all.
[[nodiscard]] Result<Failure> wait_for_failure(const Config& config, ReservationKey own,
                                               const EventSink& events);

}  // namespace lastword

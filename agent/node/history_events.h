// Which events a node keeps, and what they are part of. An event that is not here is told, and
// forgotten.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace lastword {

enum class IncidentKind : unsigned char {
  kTakeover,  // of the partner's disks
  kGiveback,  // of the partner's disks, back to it
  kHandover,  // of this node's own disks, to the partner in good order
  kReturn,    // of this node's own disks, to a life that waits for them
  kNote,      // of one event
};
inline constexpr std::size_t kIncidentKinds = 5;
[[nodiscard]] inline std::string_view name_of(IncidentKind kind) {
  constexpr std::array<std::string_view, kIncidentKinds> names{"takeover", "giveback", "handover",
                                                               "return", "note"};
  return names.at(static_cast<std::size_t>(kind));
}

enum class Part : unsigned char {
  kBegin,
  kStep,     // begins an incident where none is open: what came before is not kept any more
  kAnew,     // goes on with one that was not finished; begins one where there is none
  kCallOff,  // ends one of which nothing was done yet
  kEnd,
};

struct HistoryEvent {
  std::string_view name;
  IncidentKind kind;
  Part part;
  // It may come again and again: of one that says the same, one each kSparse is kept.
  bool sparse = false;
};

// clang-format off
inline constexpr std::array kHistoryEvents{
    HistoryEvent{"partner-panicked",    IncidentKind::kTakeover, Part::kBegin},
    HistoryEvent{"partner-silent",      IncidentKind::kTakeover, Part::kBegin},
    HistoryEvent{"partner-heard",       IncidentKind::kTakeover, Part::kCallOff},
    HistoryEvent{"partner-left",        IncidentKind::kTakeover, Part::kBegin},
    HistoryEvent{"takeover-announced",  IncidentKind::kTakeover, Part::kBegin},
    HistoryEvent{"takeover-started",    IncidentKind::kTakeover, Part::kAnew},
    HistoryEvent{"takeover-resumed",    IncidentKind::kTakeover, Part::kAnew},
    HistoryEvent{"takeover-asked",      IncidentKind::kTakeover, Part::kBegin},
    HistoryEvent{"takeover-forced",     IncidentKind::kTakeover, Part::kBegin},
    HistoryEvent{"takeover-cancelled",  IncidentKind::kTakeover, Part::kEnd},
    HistoryEvent{"no-majority",         IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"disk-taken",          IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"disk-left",           IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"disk-unreadable",     IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"stale-cache",         IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"changes-refused",     IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"changes-written",     IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"service-held-back",   IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"service-taken",       IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"dump-seen",           IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"dump-disk-claimed",   IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"dump-saved",          IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"dump-unsaved",        IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"takeover-refused",    IncidentKind::kTakeover, Part::kEnd},
    HistoryEvent{"takeover-ended",      IncidentKind::kTakeover, Part::kEnd},
    HistoryEvent{"takeover-finished",   IncidentKind::kTakeover, Part::kEnd},
    HistoryEvent{"takeover-interrupted", IncidentKind::kTakeover, Part::kStep},
    HistoryEvent{"giveback-started",    IncidentKind::kGiveback, Part::kBegin},
    HistoryEvent{"giveback-resumed",    IncidentKind::kGiveback, Part::kStep},
    HistoryEvent{"disks-promised",      IncidentKind::kGiveback, Part::kStep},
    HistoryEvent{"promise-failed",      IncidentKind::kGiveback, Part::kStep},
    HistoryEvent{"service-returning",   IncidentKind::kGiveback, Part::kStep},
    HistoryEvent{"giveback-called-off", IncidentKind::kGiveback, Part::kEnd},
    HistoryEvent{"giveback-finished",   IncidentKind::kGiveback, Part::kEnd},
    HistoryEvent{"handover-started",    IncidentKind::kHandover, Part::kBegin},
    HistoryEvent{"handover-not-told",   IncidentKind::kHandover, Part::kStep},
    HistoryEvent{"still-armed",         IncidentKind::kHandover, Part::kStep},
    HistoryEvent{"handed-over",         IncidentKind::kHandover, Part::kEnd},
    HistoryEvent{"handover-called-off", IncidentKind::kHandover, Part::kEnd},
    HistoryEvent{"handover-refused",    IncidentKind::kHandover, Part::kEnd},
    HistoryEvent{"handover-finished",   IncidentKind::kHandover, Part::kEnd},
    HistoryEvent{"waiting",             IncidentKind::kReturn,   Part::kBegin},
    HistoryEvent{"disk-returned",       IncidentKind::kReturn,   Part::kStep},
    HistoryEvent{"disk-not-returned",   IncidentKind::kReturn,   Part::kStep},
    HistoryEvent{"service-returned",    IncidentKind::kReturn,   Part::kEnd},
    HistoryEvent{"started",             IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"stopped",             IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"armed",               IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"not-armed",           IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"fenced",              IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"panic-failed",        IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"state-lost",          IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"state-impossible",    IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"hook-failed",         IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"dump-recovered",      IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"silence-not-acted-on", IncidentKind::kNote,    Part::kBegin, true},
    HistoryEvent{"takeover-held-back",  IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"held-again",          IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"reservations-lost",   IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"both-wait",           IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"giveback-left-to-operator", IncidentKind::kNote, Part::kBegin},
    HistoryEvent{"giveback-held-back",  IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"giveback-count-ended", IncidentKind::kNote,    Part::kBegin},
    HistoryEvent{"link-works",          IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"link-quiet",          IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"link-one-way",        IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"link-failed",         IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"link-drops",          IncidentKind::kNote,     Part::kBegin, true},
    HistoryEvent{"watchdog-armed",      IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"watchdog-not-armed",  IncidentKind::kNote,     Part::kBegin},
    HistoryEvent{"watchdog-problem",    IncidentKind::kNote,     Part::kBegin},
};
// clang-format on

[[nodiscard]] inline std::optional<HistoryEvent> history_event(std::string_view name) {
  const auto* const found = std::ranges::find(kHistoryEvents, name, &HistoryEvent::name);
  return found == kHistoryEvents.end() ? std::nullopt : std::optional(*found);
}

}  // namespace lastword

"""Faults of one line in the protocol's code, each of which the simulation catches.

A mutation replaces `old`, which is in `file` exactly once, by `new`. `within` is the number of
histories, from seed 1 on, in which the simulation has to break an invariant. `explored` is the
scenario and the depth in which the exhaustive search has to; None: it is not in reach of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    old: str
    new: str
    within: int
    explored: tuple[str, int] | None = None
    also: tuple[tuple[str, str], ...] = ()  # more of the same file: a second line of defence


MUTATIONS = [
    Mutation(
        "skip_arbitration",
        "agent/takeover/arbitration_run.cc",
        "if (tally.majority() || (won_before && tally.lost == 0)) return won;",
        "return won;",
        500,
        explored=("both-take-over", 1),
    ),
    Mutation(
        "unequal_mailbox_sets_accepted",
        "agent/takeover/arbitration_run.cc",
        "if (!same_set && !failure.cannot_race()) return fail(same_set.error());",
        "",
        4000,
    ),
    Mutation(
        "lost_vote_forgotten",
        "agent/disks/mailbox_vote.cc",
        "if (found) return intends_to_take(slot, self.node, self.boot_generation);",
        "if (found) return false;",
        500,
    ),
    Mutation(
        "no_intent_on_mailbox_before_preempt",
        "agent/disks/mailbox_vote.cc",
        "cast.noted = note_intent();",
        "cast.noted = {};",
        100,
        explored=("panic", 1),
    ),
    Mutation(
        "intent_after_preempt",
        "agent/disks/intent_log.cc",
        "[saved, intent, config = config_](std::size_t) { *saved = save_intent(config, intent); });",
        "[saved, intent, config = config_](std::size_t) {"
        " if (intent.phase() != pb::TakeoverIntent::TAKING) *saved = save_intent(config, intent); });",
        100,
        explored=("panic", 1),
    ),
    Mutation(
        "any_life_of_the_victim_is_removed",
        "agent/protocol/seize_plan.cc",
        "const bool failed = !goal.victim_generation || "
        "parts->boot_generation <= *goal.victim_generation;",
        "const bool failed = true;",
        3000,
        explored=("dead", 1),
    ),
    Mutation(
        "dump_claimed_early",
        "agent/protocol/takeover_plan.cc",
        "} else if (disk.last_read - disk.last_progress >= timing_.stall()) {",
        "} else if (disk.last_read - disk.last_progress >= timing_.stall() / 8) {",
        100,
        explored=("panic", 1),
    ),
    Mutation(
        "armed_spare_taken_at_once",
        "agent/protocol/takeover_plan.cc",
        "} else if (place_of_dump && is_armed(disk)) {",
        "} else if (false) {",
        100,
    ),
    Mutation(
        "preempt_without_abort",
        "agent/disks/seize_run.cc",
        "reply.status = lun.preempt_and_abort(goal.own, victim, kOwnerType);",
        "reply.status = lun.preempt(goal.own, victim, kOwnerType);",
        500,
        explored=("giveback", 1),
    ),
    Mutation(
        "no_reset_after_plain_preempt",
        "agent/protocol/seize_plan.cc",
        "    case State::kPreempting:\n      needs_reset_ = true;",
        "    case State::kPreempting:",
        1000,
    ),
    Mutation(
        "label_of_the_partner_ignored_by_start",
        "agent/protocol/start_plan.cc",
        "if (disk.label->owner_node() == config.partner.id) {",
        "if (false) {",
        3000,
    ),
    Mutation(
        "late_disk_of_any_life_is_taken",
        "agent/takeover/takeover_wave.cc",
        "std::min(order.goal.victim_generation.value_or(failed_.latest), failed_.latest);",
        "order.goal.victim_generation;",
        10000,
    ),
    Mutation(
        "own_disk_is_taken_back",
        "agent/protocol/takeover_input.cc",
        " || may_have_been_lost(*disk.label, config, state);\n  });",
        ";\n  });",
        10000,
    ),
    Mutation(
        "stay_registered_after_a_failure",
        "agent/protocol/seize_plan.cc",
        "giving_up_ = sent_register_ || (registered() && !goal_.shared);",
        "giving_up_ = false;",
        3000,
    ),
    Mutation(
        "aptpl_0_on_unregister",
        "agent/disks/seize_run.cc",
        "if (!tries_aptpl(lun)) return with(false);",
        "return with(false);",
        3000,
    ),
    Mutation(
        "resume_without_generation",
        "agent/protocol/takeover_intent.cc",
        "if (latest > intent->victim_generation() && "
        "!(returning && has_partner_disk(survey, config))) {",
        "if (false) {",
        3000,
    ),
    Mutation(
        "sequence_begins_anew",
        "agent/protocol/mailbox.cc",
        "slot.set_sequence(std::max(now.sequence() + 1, beat.sequence));",
        "slot.set_sequence(beat.sequence % 16);",
        500,
    ),
    Mutation(
        "own_stall_counts_as_silence",
        "agent/protocol/peer_watch.cc",
        "if (late || deaf) quiet_since_ = now;",
        "",
        3000,
        also=(("if (now >= end && counts_silence() && all_read_since(end, now)) return",
               "if (now >= end && counts_silence()) return"),
              ("const bool late =", "[[maybe_unused]] const bool late ="),
              ("const bool deaf =", "[[maybe_unused]] const bool deaf =")),
    ),
    Mutation(
        "giver_releases_what_it_promised",
        "agent/disks/given_disk.cc",
        "  return put_changed(\n      held, disk, *label,\n      label_promised("
        "*label, static_cast<std::uint8_t>(to.node), to.boot_generation));",
        "  const Status put = put_changed(held, disk, *label, label_promised("
        "*label, static_cast<std::uint8_t>(to.node), to.boot_generation));"
        "  (void)disk.lun.release(self.key, kOwnerType);"
        "  (void)disk.lun.register_ignoring_existing(ReservationKey{0}, true);"
        "  return put;",
        3000,
    ),
    Mutation(
        "unseen_users_ignored",
        "agent/service/ended_service.cc",
        "} else if (*(*claims)[i]) {",
        "} else if (false) {",
        5000,
    ),
    Mutation(
        "disk_that_was_out_of_sight_is_given",
        "agent/service/giveback_run.cc",
        "if (const Uuids hidden = look_.out_of_sight(service_); !hidden.empty()) {",
        "if (const Uuids hidden; !hidden.empty()) {",
        5000,
        also=(
            ("look_.that_are(ended_, {Whereabouts::kHere});", "look_.that_are(service_, {Whereabouts::kHere});"),
            ("Uuids given = dumps_;", "Uuids given = all_;"),
        ),
    ),
    Mutation(
        "switches_ignored",
        "agent/protocol/node_facts.cc",
        "return asked.on && ",
        "return false && ",
        6000,
    ),
    Mutation(
        "takeover_is_limited_in_place_of_giveback",
        "agent/daemon/failure_watch.cc",
        "void take_from_panicked() { end_",
        "void take_from_panicked() {"
        " if (seen_.intent && seen_.intent->automatic_returns() >= config_.giveback.most) return;"
        " end_",
        6000,
    ),
    Mutation(
        "countdown_forgotten_on_restart",
        "agent/daemon/node_run.cc",
        "  show(found, \"found in this node's records\");",
        "  (void)remove_request(config_);"
        "  show(found, \"found in this node's records\");",
        12000,
    ),
]

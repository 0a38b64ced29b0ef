"""One-line faults in the protocol's code, each of which the simulation catches.

A mutation replaces `old`, which is in `file` exactly once, by `new`. `within` is the number of
histories, from seed 1 on, in which the simulation has to break an invariant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    old: str
    new: str
    within: int


MUTATIONS = [
    Mutation(
        "skip_arbitration",
        "agent/takeover/arbitration_run.cc",
        "if (tally.majority()) return {};",
        "return {};",
        2000,
    ),
    Mutation(
        "unequal_mailbox_sets_accepted",
        "agent/takeover/arbitration_run.cc",
        "if (!same_set && !failure.proven) return same_set;",
        "",
        10000,
    ),
    Mutation(
        "lost_vote_forgotten",
        "agent/disks/mailbox_vote.cc",
        "if (found && intends_to_take(slot, self.node, self.boot_generation)) return true;",
        "",
        10000,
    ),
    Mutation(
        "no_intent_on_mailbox_before_preempt",
        "agent/disks/mailbox_vote.cc",
        "cast.noted = note_intent();",
        "cast.noted = {};",
        2000,
    ),
    Mutation(
        "intent_after_preempt",
        "agent/disks/intent_log.cc",
        "if (Status saved = save_intent(config_, intent); !saved) return fail(saved.error());",
        "if (phase != pb::TakeoverIntent::TAKING) (void)save_intent(config_, intent);",
        2000,
    ),
    Mutation(
        "any_life_of_the_victim_is_removed",
        "agent/protocol/seize_plan.cc",
        "const bool failed = !goal.victim_generation || "
        "parts->boot_generation <= *goal.victim_generation;",
        "const bool failed = true;",
        10000,
    ),
    Mutation(
        "dump_claimed_early",
        "agent/protocol/takeover_plan.cc",
        "} else if (disk.last_read - disk.last_progress >= timing_.stall()) {",
        "} else if (disk.last_read - disk.last_progress >= timing_.stall() / 8) {",
        2000,
    ),
    Mutation(
        "armed_spare_taken_at_once",
        "agent/protocol/takeover_plan.cc",
        "} else if (place_of_dump && is_armed(disk)) {",
        "} else if (false) {",
        2000,
    ),
    Mutation(
        "registered_again_when_fenced",
        "agent/protocol/seize_plan.cc",
        "if (!registered() && !had_registration_ && !goal_.was_registered) {",
        "if (!registered()) {",
        10000,
    ),
    Mutation(
        "stays_registered_after_failure",
        "agent/protocol/seize_plan.cc",
        "giving_up_ = sent_register_ || (registered() && !goal_.shared);",
        "giving_up_ = false;",
        10000,
    ),
    Mutation(
        "preempt_without_abort",
        "agent/disks/seize_run.cc",
        "reply.status = lun.preempt_and_abort(goal.own, victim, kOwnerType);",
        "reply.status = lun.preempt(goal.own, victim, kOwnerType);",
        2000,
    ),
    Mutation(
        "no_reset_after_plain_preempt",
        "agent/protocol/seize_plan.cc",
        "    case State::kPreempting:\n      needs_reset_ = true;",
        "    case State::kPreempting:",
        10000,
    ),
    Mutation(
        "label_of_the_partner_ignored_by_start",
        "agent/protocol/start_plan.cc",
        "if (disk.label->owner_node() == config.partner.id) {",
        "if (false) {",
        10000,
    ),
    Mutation(
        "aptpl_0_on_unregister",
        "agent/disks/seize_run.cc",
        "if (!offers_aptpl(lun)) return with(false);",
        "return with(false);",
        10000,
    ),
]

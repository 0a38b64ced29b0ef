// I3: before a node removes the first key of its partner, its takeover intent against that life is
// durable: on a mailbox disk in the node's slot there; on any other disk in the node's own file,
// or, where that could not be written, in a slot of any mailbox disk.
//
// A stray key that `start` takes away from a disk of its own needs none. Nor does a command that
// was under way when its sender went down, to be installed anew, say anything: the file that it was
// sent by is gone with the node's /var. (A slot on a mailbox disk is not.) And a node that has lost
// /run, with the takeover's lock, may see a later life of the partner's, and end an intent against
// the one before while its own takeover still waits for that one's dump: the key is nobody's.
//
// Checked when the command is executed. An intent of a takeover that is done (TAKEN), or against a
// later life, does as well as one of this takeover: what counts is that whoever finds the key gone
// finds the intent too.
#include <fmt/format.h>

#include "agent/node/intent_file.h"
#include "storage/block/record_io.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

// Reads what was flushed.
class DurableMedium final : public BlockDevice {
 public:
  DurableMedium(fake::FakeShelf& shelf, unsigned lun) : shelf_(shelf), lun_(lun) {}
  [[nodiscard]] std::string_view name() const override { return "medium"; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return 64 << 20; }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    shelf_.peek_durable(lun_, offset, buffer);
    return {};
  }
  [[nodiscard]] Status write(std::uint64_t, std::span<const std::byte>) override {
    return fail({.code = Code::kRefused});
  }
  [[nodiscard]] Status flush() override { return {}; }
  [[nodiscard]] Status flush_all() override { return {}; }

 private:
  fake::FakeShelf& shelf_;
  unsigned lun_;
};

// `late`: the taker has given up meanwhile, and ended its intent; or an earlier one against an
// earlier life stands there again, or what it had is to go back.
bool covers(const pb::TakeoverIntent& intent, const KeyParts& victim, bool late) {
  if (intent.victim_node() != victim.node) return false;
  const bool taking =
      intent.phase() == pb::TakeoverIntent::TAKING || intent.phase() == pb::TakeoverIntent::TAKEN;
  const bool this_life = intent.victim_generation() >= victim.boot_generation;
  if (!late) return taking && this_life;
  return taking || intent.phase() == pb::TakeoverIntent::RETURNING ||
         (intent.phase() == pb::TakeoverIntent::ENDED && this_life);
}

class IntentFirst final : public Checker {
 public:
  using Checker::Checker;

  void on_executed(const Executed& executed) override {
    if (executed.about.command != fake::Command::kPreempt &&
        executed.about.command != fake::Command::kPreemptAndAbort) {
      return;
    }
    if (takes_stray_away(executed) || takes_promised(executed)) return;
    const std::uint8_t taker = executed.actor.node;
    for (const KeyParts& removed : removed_by(executed)) {
      if (removed.node == taker) continue;
      const bool file_lost = executed.actor.boot <= watched_.truth.of(taker).reinstalled_after;
      if (file_lost && !is_mailbox(executed.about.lun)) continue;
      const bool durable = is_mailbox(executed.about.lun)
                               ? covers(slot_of(taker, executed.about.lun), removed, executed.late)
                               : is_kept_anywhere(taker, removed, executed.late) ||
                                     was_ended_without_lock(taker, removed);
      if (durable) continue;
      watched_.broken(
          fmt::format("I3: {}'s {} removes the key of {}'s life {} from lun {}, and has no "
                      "durable intent against it",
                      node_name(taker), executed.actor.process, node_name(removed.node),
                      removed.boot_generation, executed.about.lun));
    }
  }

 private:
  [[nodiscard]] pb::TakeoverIntent file_of(std::uint8_t node) const {
    return load_intent(*watched_.configs.at(node)).value_or(pb::TakeoverIntent());
  }
  [[nodiscard]] bool was_ended_without_lock(std::uint8_t taker, const KeyParts& victim) const {
    if (!watched_.truth.of(taker).run_lost ||
        watched_.truth.of(victim.node).generation <= victim.boot_generation) {
      return false;
    }
    const pb::TakeoverIntent newest = newest_of(taker);
    return newest.phase() == pb::TakeoverIntent::ENDED && newest.victim_node() == victim.node &&
           newest.victim_generation() >= victim.boot_generation;
  }
  [[nodiscard]] bool is_kept_anywhere(std::uint8_t taker, const KeyParts& victim, bool late) const {
    return covers(newest_of(taker), victim, late);
  }
  // The newest copy counts.
  [[nodiscard]] pb::TakeoverIntent newest_of(std::uint8_t taker) const {
    pb::TakeoverIntent newest = file_of(taker);
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      if (!is_mailbox(lun)) continue;
      const pb::TakeoverIntent intent = slot_of(taker, lun);
      if (intent.number() > newest.number()) newest = intent;
    }
    return newest;
  }
  [[nodiscard]] pb::TakeoverIntent slot_of(std::uint8_t node, unsigned lun) const {
    DurableMedium medium(watched_.shelf, lun);
    pb::MailboxSlot slot;
    const auto place = node == 1 ? RecordPlace::kMailboxLow : RecordPlace::kMailboxHigh;
    if (!RecordIo(medium, test::kMetadataOffset).read(place, slot)) slot.Clear();
    return slot.intent();
  }
};

}  // namespace

std::unique_ptr<Checker> check_intent_first(const Watched& watched) {
  return std::make_unique<IntentFirst>(watched);
}

}  // namespace lastword::sim

#include "agent/disks/own_slot.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <array>
#include <functional>

#include "agent/base/text_file.h"
#include "agent/node/locks.h"
#include "agent/protocol/switches.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

using google::protobuf::util::MessageDifferencer;

PairChoice place_of_replacement(RecordIo& records, RecordPlace place) {
  std::array<Slot, 2> copies;
  for (unsigned i = 0; i < 2; ++i) {
    if (const auto block = records.read_slot(place, i)) {
      copies[i] = parse_slot(*block, RecordKind::kMailboxSlot);
    }
  }
  return choose_replacement(copies[0], copies[1]);
}

// What the slot says, and where it goes next.
struct Found {
  pb::MailboxSlot content;  // empty where nothing of this node's can be read
  PairChoice at;
  bool damaged = false;
};

Result<Found> find(RecordIo& records, const SlotWriter& writer) {
  const MailboxMember& member = writer.member;
  Found found;
  const auto at = records.read(member.place, found.content);
  if (at) {
    found.at = *at;
    if (found.content.node() != member.self.node) found.content.Clear();
    return found;
  }
  found.content.Clear();
  if (at.error().code == Code::kNotFound) return found;
  // Nobody else writes here, so nothing is lost that the caller does not know.
  if (at.error().code != Code::kCorrupt || writer.keeps_damaged) return fail(at.error());
  found.damaged = true;
  found.at = place_of_replacement(records, member.place);
  return found;
}

// The copies that a write of this node may still come to, one bit for each: it was not answered in
// time, and the target may execute it after all. All else that is not written to both copies goes
// to such a copy too, so that what was written to both is safe in the other one.
class LateWrites {
 public:
  LateWrites(const std::string& state_directory, std::string_view disk_uuid)
      : file_(state_directory + "/slot-" + std::string(disk_uuid) + ".late") {
    const auto text = read_text_file(file_);
    if (text && text->size() == 1) copies_ = static_cast<unsigned>(text->front() - '0') & kBoth;
  }

  [[nodiscard]] PairChoice place(PairChoice at) const {
    if (copies_ != 0 && copies_ != kBoth) at.next = copies_ - 1;
    return at;
  }
  void note(unsigned copy, const Error& error) {
    if (error.code != Code::kTimeout) return;
    copies_ |= 1U << copy;
    (void)replace_file(file_, std::to_string(copies_));
  }

 private:
  static constexpr unsigned kBoth = 3;
  std::string file_;
  unsigned copies_ = 0;
};

using Change = std::function<Result<pb::MailboxSlot>(const pb::MailboxSlot& now)>;

enum class Writes {
  kIfNew,  // nothing where it reads so already
  kOnce,
  kBothCopies,
};

// What no heartbeat repeats is in both copies, as RecordIo::write_both() has it.
Result<SlotWritten> change(const OwnSlot& slot, const SlotWriter& writer, Writes writes,
                           const Change& apply) {
  const auto lock =
      lock_slot(writer.state_directory, slot.disk_uuid, *writer.executor, writer.patience);
  if (!lock) return fail(lock.error());
  RecordIo records(slot.device, slot.metadata_offset);
  const auto found = find(records, writer);
  if (!found) return fail(found.error());
  const auto changed = apply(found->content);
  if (!changed) return fail(changed.error());
  if (writes == Writes::kIfNew && !found->damaged &&
      MessageDifferencer::Equals(found->content, *changed)) {
    return SlotWritten{};
  }
  LateWrites late(writer.state_directory, slot.disk_uuid);
  PairChoice at = late.place(found->at);
  for (int copies = writes == Writes::kBothCopies ? 2 : 1; copies > 0; --copies) {
    const auto written = records.write(writer.member.place, at, *changed);
    if (!written) late.note(at.next, written.error());
    if (!written) return fail(written.error());
    at = *written;
  }
  return SlotWritten{.was_damaged = found->damaged};
}

}  // namespace

std::uint64_t beyond_all_beats(const Executor& executor) {
  return static_cast<std::uint64_t>(executor.now().count());
}

SlotWriter slot_writer(const Config& config, std::uint32_t boot_generation,
                       const std::vector<std::string>& mailbox_disks, Executor& executor) {
  return {.member = mailbox_member(config, boot_generation, mailbox_disks),
          .state_directory = config.state_directory,
          .executor = &executor,
          .patience = config.timing.settings.io_timeout};
}

Result<SlotWritten> update_slot(const OwnSlot& slot, const SlotWriter& writer,
                                const std::optional<pb::TakeoverIntent>& intent) {
  const auto apply = [&](const pb::MailboxSlot& now) -> Result<pb::MailboxSlot> {
    return current_slot(now, writer.member, intent);
  };
  return change(slot, writer, Writes::kIfNew, apply);
}

Result<SlotWritten> enter_slot(const OwnSlot& slot, const SlotWriter& writer,
                               const std::optional<pb::TakeoverIntent>& intent) {
  const auto apply = [&](const pb::MailboxSlot& now) -> Result<pb::MailboxSlot> {
    return slot_of_life_that_joins(now, writer.member, intent);
  };
  return change(slot, writer, Writes::kIfNew, apply);
}

// Written even where it reads so already: a write before this one may not have reached the medium.
Result<SlotWritten> note_intent(const OwnSlot& slot, const SlotWriter& writer,
                                const pb::TakeoverIntent& intent) {
  return change(slot, writer, Writes::kBothCopies,
                [&](const pb::MailboxSlot& now) { return slot_with(now, writer.member, intent); });
}

Result<SlotWritten> note_switches(const OwnSlot& slot, const SlotWriter& writer,
                                  const pb::Switches& switches) {
  return change(slot, writer, Writes::kBothCopies, [&](const pb::MailboxSlot& now) {
    return slot_with_switches(now, writer.member, switches);
  });
}

Status say_handed_over(const OwnSlot& slot, const SlotWriter& writer, std::uint64_t sequence) {
  const auto said = change(slot, writer, Writes::kBothCopies, [&](const pb::MailboxSlot& now) {
    return slot_of_life_that_leaves(now, writer.member,
                                    std::max(sequence, beyond_all_beats(*writer.executor)));
  });
  if (!said) return fail(said.error());
  return {};
}

Status say_gone(const OwnSlot& slot, const SlotWriter& writer) {
  const auto apply = [&](const pb::MailboxSlot& now) -> Result<pb::MailboxSlot> {
    return slot_of_life_that_ends(now, writer.member, beyond_all_beats(*writer.executor));
  };
  const auto said = change(slot, writer, Writes::kBothCopies, apply);
  if (!said) return fail(said.error());
  return {};
}

Result<pb::MailboxSlot> write_beat(const OwnSlot& slot, const SlotWriter& writer,
                                   const Beat& beat) {
  pb::MailboxSlot written;
  const auto status = change(slot, writer, Writes::kOnce, [&](const pb::MailboxSlot& now) {
    auto next = slot_with_beat(now, writer.member, beat);
    if (next) written = *next;
    return next;
  });
  if (!status) return fail(status.error());
  return written;
}

}  // namespace lastword

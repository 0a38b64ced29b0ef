#include "tests/sim/all_ways.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/block/aligned_buffer.h"
#include "tests/sim/digest.h"
#include "tests/sim/memory_files.h"
#include "tests/sim/sim_node.h"

namespace lastword::sim {
namespace {

using fake::Command;

constexpr Time kOnTheWay{50};
// Times that differ by less count as one.
constexpr Time kTick{50'000};
constexpr Time kLongestLateness{20'000'000};
constexpr Time kQuickReboot{300'000};

bool is_pr_out(Command command) {
  switch (command) {
    case Command::kRegister:
    case Command::kReserve:
    case Command::kRelease:
    case Command::kPreempt:
    case Command::kPreemptAndAbort:
      return true;
    default:
      return false;
  }
}

bool looks_at_reservations(Command command) {
  return command == Command::kTestUnitReady || command == Command::kReadKeys ||
         command == Command::kReadReservation;
}

bool overlap(const fake::CommandTrace& one, const fake::CommandTrace& other) {
  return one.offset < other.offset + other.length && other.offset < one.offset + one.length;
}

// One way round.
bool disturbs(const fake::CommandTrace& one, const fake::CommandTrace& other) {
  switch (one.command) {
    case Command::kWrite:
      return (other.command == Command::kRead || other.command == Command::kWrite) &&
             overlap(one, other);
    case Command::kReset:
      return other.command != Command::kFlush;
    default:
      return is_pr_out(one.command) &&
             (is_pr_out(other.command) || other.command == Command::kWrite ||
              looks_at_reservations(other.command));
  }
}

std::uint64_t digest_of_command(const Actor& actor, const fake::CommandTrace& about) {
  std::uint64_t digest = digest_of(actor.process);
  digest = mix(digest, about.lun << 8 | static_cast<unsigned>(about.command));
  digest = mix(digest, about.own.value);
  digest = mix(digest, about.victim.value);
  return mix(digest, about.offset);
}

}  // namespace

bool interferes(const fake::CommandTrace& one, const fake::CommandTrace& other) {
  return one.lun == other.lun && (disturbs(one, other) || disturbs(other, one));
}

AllWays::AllWays(World& world, Choices& choices) : world_(world), choices_(choices) {
  world_.target.director = this;
}

AllWays::~AllWays() {
  world_.target.director = nullptr;
}

void AllWays::open_window() {
  open_ = true;
  opened_ = world_.scheduler.now();
}

std::uint64_t AllWays::state() const {
  const fake::FakeShelf& shelf = world_.target.shelf();
  std::uint64_t state = static_cast<std::uint64_t>((world_.scheduler.now() - opened_) / kTick);
  for (unsigned lun = 0; lun < world_.luns; ++lun) {
    for (const fake::Registrant& one : shelf.registrants(lun)) {
      state = mix(mix(state, digest_of(one.initiator)), one.key.value);
    }
    const auto held = shelf.reservation(lun);
    state = mix(state, held ? held->holder.value : 0);
    for (const unsigned pending : shelf.pending_attentions(lun)) state = mix(state, pending);
  }
  for (const auto& [place, content] : blocks_) {
    state = mix(state, mix(place.second << 4 | place.first, content));
  }
  for (const std::uint8_t id : kNodes) {
    const NodeTruth& truth = world_.truth.of(id);
    state = mix(state, learnt_.at(id));
    state = mix(state, truth.boot << 2 | (truth.powered ? 2U : 0U) | (truth.panicked ? 1U : 0U));
    for (const bool serves : truth.serves) state = state << 1 ^ (serves ? 1U : 0U);
  }
  for (const Held& held : held_) {
    state = mix(state, mix(held.for_long ? 1 : 0, held.overtaken << 1 | (held.late ? 1U : 0U)));
    state = mix(state, held.about.lun << 8 | static_cast<unsigned>(held.about.command));
    state = mix(state, mix(held.about.own.value, held.about.offset));
  }
  return state;
}

std::optional<AllWays::Way> AllWays::choose(const Actor& actor, const fake::CommandTrace& about,
                                            const std::vector<Way>& ways, std::uint64_t kind) {
  if (ways.empty() || !open_ || !news_.is_first(actor, about, kind)) return {};
  std::vector<Option> options;
  for (const Way way : ways) {
    const bool crash = way == Way::kCrash || way == Way::kCrashForGood;
    const bool overtaken = way == Way::kAfterNext;
    constexpr std::array kWords{"waits for the other node's next one",
                                "waits on",
                                "is lost",
                                "gets no answer",
                                "is late",
                                "is where its node crashes",
                                "is where its node crashes for good"};
    Option option{.kind = crash                  ? Deviation::kCrash
                          : overtaken            ? Deviation::kOvertaken
                          : way == Way::kWaitsOn ? Deviation::kSame
                                                 : Deviation::kLost,
                  .what = {}};
    if (!choices_.searches()) {
      option.what = fmt::format("{} {} {} lun {} at {:#x} {}", node_name(actor.node), actor.process,
                                name_of(about.command), about.lun, about.offset,
                                kWords.at(static_cast<std::size_t>(way)));
    }
    options.push_back(std::move(option));
  }
  const auto chosen =
      choices_.choose(options, mix(mix(state(), kind), digest_of_command(actor, about)));
  return chosen ? std::optional(ways[*chosen]) : std::nullopt;
}

Fate AllWays::fate_of(const Actor& actor, const fake::CommandTrace& about) {
  Fate fate{.arrives_after = kOnTheWay};
  learnt(actor, digest_of_command(actor, about));
  std::vector<Way> ways;
  if (!actor.service) ways.push_back(Way::kLost);
  if (changes_something(about.command)) {
    if (!actor.service) ways.push_back(Way::kAnswerLost);
    ways.push_back(Way::kLate);
  }
  if (about.command == Command::kFlush || about.command == Command::kReportCapabilities)
    return fate;
  const auto way = choose(actor, about, ways, 1);
  if (!way) return fate;
  news_.happened();
  world_.scheduler.after(Time(world_.timing.settings.io_timeout), [this] { news_.happened(); });
  fate.answered = false;
  fate.arrives = *way != Way::kLost;
  if (*way == Way::kLate) fate.executed_after = kLongestLateness;
  return fate;
}

bool AllWays::holds(const Actor& actor, const fake::CommandTrace& about, bool accepted,
                    std::function<void()> go_on) {
  if (accepted) {
    hold(actor, about, std::move(go_on), true);
    return true;
  }
  std::vector<Way> ways;
  if (!actor.service && about.command != Command::kFlush &&
      about.command != Command::kReportCapabilities) {
    ways.push_back(Way::kAfterNext);
  }
  if (!actor.service && changes_something(about.command)) {
    ways.push_back(Way::kCrash);
    ways.push_back(Way::kCrashForGood);
  }
  const auto way = choose(actor, about, ways, 2);
  if (!way) return false;
  if (*way == Way::kAfterNext) {
    hold(actor, about, std::move(go_on), false);
    return true;
  }
  loses_ = true;
  crash(actor.node, *way == Way::kCrashForGood);
  loses_ = false;
  return true;
}

void AllWays::hold(const Actor& actor, const fake::CommandTrace& about, std::function<void()> go_on,
                   bool late) {
  const std::uint64_t number = ++numbers_;
  held_.push_back({.node = actor.node,
                   .about = about,
                   .go_on = std::move(go_on),
                   .number = number,
                   .late = late,
                   .service = actor.service});
  const Time patience = late ? kLongestLateness : Time(world_.timing.settings.io_timeout) * 9 / 10;
  world_.scheduler.after(patience, [this, number] { time_is_over(number); });
}

void AllWays::time_is_over(std::uint64_t number) {
  const auto found = std::ranges::find(held_, number, &Held::number);
  if (found == held_.end()) return;
  const Held held = std::move(*found);
  held_.erase(found);
  // After one of many: that is the other choice.
  if (!held.late && held.overtaken < (held.for_long ? 2U : 1U)) choices_.end_as_vain();
  held.go_on();
}

// At the first command that overtakes it, it may wait on, for most of an I/O time-out.
bool AllWays::goes_on_after(const Actor& actor, const fake::CommandTrace& about, Held& held) {
  if (held.node == actor.node || !interferes(held.about, about)) return false;
  if (++held.overtaken == 1 && (!held.late || held.service)) {
    held.for_long = choose(actor, about, {Way::kWaitsOn}, 4 + held.number).has_value();
  }
  return !held.for_long;
}

void AllWays::executed(const Actor& actor, const fake::CommandTrace& about) {
  note_write(actor, about);
  for (auto held = held_.begin(); held != held_.end();) {
    if (!goes_on_after(actor, about, *held)) {
      ++held;
      continue;
    }
    world_.scheduler.after(Time{0}, [go_on = std::move(held->go_on)] { go_on(); });
    held = held_.erase(held);
  }
  if (actor.service || !changes_something(about.command)) return;
  if (world_.truth.of(actor.node).boot != actor.boot || !world_.truth.of(actor.node).powered)
    return;
  const auto way = choose(actor, about, {Way::kCrash, Way::kCrashForGood}, 3);
  // Before the answer is heard.
  if (way) crash(actor.node, *way == Way::kCrashForGood);
}

// What it had under way is executed, unless loses_.
void AllWays::crash(std::uint8_t node, bool for_good) {
  SimNode& what = world_.node(node);
  news_.happened();
  what.power_off();
  learnt_.at(node) =
      mix(world_.truth.of(node).boot, digest_of_folder(what.config().persistent_directory));
  if (for_good) return;
  world_.scheduler.after(kQuickReboot, [&what] { what.power_on(); });
}

bool AllWays::loses_commands_of(std::uint8_t) {
  return loses_;
}

void AllWays::learnt(const Actor& actor, std::uint64_t digest) {
  std::uint64_t& all = learnt_.at(actor.node);
  all = mix(mix(all, digest_of(actor.process)), digest);
}

void AllWays::note_write(const Actor& actor, const fake::CommandTrace& about) {
  if (about.command != Command::kWrite) return news_.executed(actor, about, {});
  AlignedBuffer content(about.length);
  world_.target.shelf().peek(about.lun, about.offset, content.span());
  news_.executed(actor, about, content.span());
  blocks_[{about.lun, about.offset}] = digest_of(content.span());
}

}  // namespace lastword::sim

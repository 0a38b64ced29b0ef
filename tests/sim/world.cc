#include "tests/sim/world.h"

#include <fmt/format.h>

#include "proto/coredump.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/memory_files.h"
#include "tests/sim/sim_node.h"

namespace lastword::sim {
namespace {

using fake::Command;

constexpr std::array<OwnedDisk, 6> kOwned{{{pb::SERVICE, 1},
                                           {pb::SERVICE, 1},
                                           {pb::SPARE, 1},
                                           {pb::DUMP, 1},
                                           {pb::SERVICE, 2},
                                           {pb::SPARE, 2}}};

// Short ones: a history is over sooner. What follows from them scales.
Timing short_timing() {
  return *derive_timing({.io_timeout = milliseconds(500),
                         .dump_limit = milliseconds(3000),
                         .grace = milliseconds(1000),
                         .client_timeout = milliseconds(20'000),
                         .heartbeat = kShortestHeartbeat});
}

bool is_header_slot(std::uint64_t offset) {
  for (unsigned slot = 0; slot < 2; ++slot) {
    if (offset == test::kMetadataOffset + slot_offset(RecordPlace::kCoredump, slot)) return true;
  }
  return false;
}

// Reads and waits would fill the trace.
bool worth_telling(const Executed& executed, unsigned owned) {
  switch (executed.about.command) {
    case Command::kTestUnitReady:
    case Command::kReadKeys:
    case Command::kReadReservation:
    case Command::kReportCapabilities:
    case Command::kRead:
    case Command::kFlush:
      return false;
    case Command::kWrite:
      // So would heartbeats. One that is late may land on what was written since.
      if (executed.about.lun >= owned && executed.actor.process == "agent") return executed.late;
      return !executed.actor.service || !executed.about.outcome->has_value();
    default:
      return true;
  }
}

}  // namespace

WorldDraw draw_world(std::uint64_t seed) {
  Random random(seed);
  Rates rates = draw_rates(random);
  const ShelfDraw shelf = draw_shelf(random);
  Random apart(~seed);
  if (apart.one_in(6)) rates.held_after_hook = 2 + apart.pick(4);
  return {.random = random,
          .rates = rates,
          .shelf = shelf,
          .disks = {kOwned.begin(), kOwned.end()},
          .links = seed};
}

World::World(const WorldDraw& drawn, std::function<void(const std::string&)> tell)
    : random(drawn.random),
      rates(drawn.rates),
      draw(drawn.shelf),
      timing(short_timing()),
      disks(drawn.disks),
      owned(static_cast<unsigned>(disks.size())),
      luns(owned + draw.mailboxes + (rates.more_mailboxes ? 1 : 0)),
      network(scheduler, drawn.links),
      target(scheduler, random, draw, luns, rates, timing.settings.io_timeout),
      tell_(std::move(tell)) {
  forget_files(random);
  for (const std::uint8_t id : kNodes) nodes_.at(id) = std::make_unique<SimNode>(*this, id);
  std::vector<pb::Role> roles;
  std::vector<std::uint8_t> homes;
  for (unsigned lun = 0; lun < luns; ++lun) {
    roles.push_back(lun < owned ? drawn.disks[lun].role : pb::MAILBOX);
    homes.push_back(lun < owned ? drawn.disks[lun].home : std::uint8_t{0});
    if (lun == owned + draw.mailboxes) {
      roles.back() = pb::ROLE_UNSPECIFIED;
      continue;
    }
    test::plant(target.shelf(), lun, test::make_label(lun, roles.back(), homes.back()));
  }
  watched_.emplace(Watched{.scheduler = scheduler,
                           .shelf = target.shelf(),
                           .truth = truth,
                           .configs = {nullptr, &node(1).config(), &node(2).config()},
                           .roles = std::move(roles),
                           .homes = std::move(homes),
                           .rates = target.rates(),
                           .draw = draw,
                           .readable_since =
                               [this](std::uint8_t id, unsigned lun, Time since) {
                                 return node(id).sees(lun) && target.hung_until(id, lun) < since;
                               },
                           .broken =
                               [this](const std::string& what) {
                                 say("BROKEN " + what);
                                 if (!broken) broken = what;
                               }});
  checkers_ = make_checkers(*watched_);
  target.on_sent = [this](const Actor& actor, const fake::CommandTrace& about) {
    for (const auto& checker : checkers_) checker->on_sent(actor, about);
  };
  target.on_executed = [this](const Executed& executed) { on_executed(executed); };
  if (tracing()) target.note = [this](const std::string& line) { say(line); };
  say(fmt::format("{} links, {} mailbox disks, APTPL {}{}, PREEMPT AND ABORT {}",
                  network.links_of(1).size(), draw.mailboxes,
                  draw.options.aptpl_capable ? "offered" : "not offered",
                  draw.options.aptpl_store_missing ? " and not kept" : "",
                  !draw.preempt_and_abort               ? "not supported"
                  : draw.options.aborts_for_holder_only ? "aborts for a holder only"
                                                        : "supported"));
}

World::~World() {
  scheduler.end();
}

void World::say(const std::string& line) const {
  if (!tell_) return;
  tell_(fmt::format("{:10.3f} {}", static_cast<double>(scheduler.now().count()) / 1000, line));
}

void World::note_header(const Executed& executed) {
  const pb::CoredumpHeader header = test::header_on(target.shelf(), executed.about.lun);
  HeaderTruth& known = truth.headers.at(executed.about.lun);
  const bool same_life =
      known.node == header.node() && known.generation == header.boot_generation();
  // A record of an earlier life that is executed late is behind the newer one: nothing changes.
  const bool unchanged =
      same_life && known.attribute == header.attribute() && known.elapsed == header.elapsed_ms();
  if (unchanged) return;
  Time sign = same_life ? known.sign : Time{-1};
  if (executed.actor.capture) {
    sign = scheduler.now();
  } else if (same_life && known.attribute == pb::IN_PROGRESS) {
    sign += timing.stall();
  }
  known = {.attribute = header.attribute(),
           .node = header.node(),
           .generation = header.boot_generation(),
           .elapsed = header.elapsed_ms(),
           .final_end = is_final_end(header),
           .changed = scheduler.now(),
           .dumping =
               same_life && known.attribute == header.attribute() ? known.dumping : scheduler.now(),
           .sign = sign};
}

// What was not flushed is gone. Signs that were seen stay: they were given.
void World::note_lost_header(unsigned lun) {
  const pb::CoredumpHeader header = test::header_on(target.shelf(), lun);
  HeaderTruth& known = truth.headers.at(lun);
  known.attribute = header.attribute();
  known.node = header.node();
  known.generation = header.boot_generation();
  known.elapsed = header.elapsed_ms();
  known.final_end = is_final_end(header);
}

void World::on_executed(const Executed& executed) {
  const fake::CommandTrace& about = executed.about;
  const bool done = about.outcome->has_value();
  // A target that cannot keep registrations registers, and answers that it did not.
  const auto is_registered = [&] {
    const auto keys = target.shelf().registrations(about.lun).keys;
    return std::ranges::find(keys, about.own) != keys.end();
  };
  if (about.command == Command::kRegister && about.own.value != 0 && (done || is_registered())) {
    const auto parts = parse_key(about.own);
    NodeTruth& node = truth.of(executed.actor.node);
    node.boots.try_emplace(parts->boot_generation, executed.actor.boot);
    if (executed.actor.boot == node.boot) {
      node.generation = std::max(node.generation, parts->boot_generation);
    }
  }
  if (done && about.command == Command::kWrite && is_header_slot(about.offset) &&
      about.lun < owned) {
    note_header(executed);
  }
  // One that is late may say less than what is there already, and then it is no heartbeat.
  if (done && about.command == Command::kWrite && about.lun >= owned && !executed.late &&
      executed.actor.process == "agent") {
    truth.of(executed.actor.node).beats.at(about.lun) = scheduler.now();
  }
  if (tracing() && worth_telling(executed, owned)) {
    std::string line = fmt::format("{:5} {:9} {} lun {}", node_name(executed.actor.node),
                                   executed.actor.process, name_of(about.command), about.lun);
    if (about.own.value != 0) line += fmt::format(" own {}", to_string(about.own));
    if (about.victim.value != 0) line += fmt::format(" victim {}", to_string(about.victim));
    if (about.command == Command::kWrite) line += fmt::format(" at {:#x}", about.offset);
    if (executed.late) line += " (late)";
    if (!done) line += fmt::format(": {}", name_of(about.outcome->error().code));
    say(line);
  }
  for (const auto& checker : checkers_) checker->on_executed(executed);
}

void World::event(const Actor& actor, const Event& event, unsigned lun) {
  if (tracing()) {
    say(fmt::format("{:5} {:9} event {} {} {}", node_name(actor.node), actor.process, event.name,
                    lun < kMaxLuns ? fmt::format("lun {}", lun) : "", event.detail));
  }
  for (const auto& checker : checkers_) checker->on_event(actor, event, lun);
}

void World::told(const Actor& actor, unsigned lun) {
  say(fmt::format("{:5} {:9} serves lun {}", node_name(actor.node), actor.process, lun));
  truth.of(actor.node).serves.at(lun) = true;
  for (const auto& checker : checkers_) checker->on_told(actor, lun);
}

void World::flushed(const Actor& actor, unsigned lun, const ServiceRecords& records) {
  for (const auto& checker : checkers_) checker->on_flushed(actor, lun, records);
}

void World::lose_power() {
  say("shelf loses power");
  ++truth.power_losses;
  if (!draw.options.aptpl_capable || draw.options.aptpl_store_missing) {
    truth.power_lost = scheduler.now();
  }
  for (const auto& checker : checkers_) checker->before_power_loss();
  target.lose_power();
  for (unsigned lun = 0; lun < owned; ++lun) note_lost_header(lun);
  for (const auto& checker : checkers_) checker->after_power_loss();
}

void World::label_mailbox() {
  const unsigned lun = luns - 1;
  if (watched_->roles.at(lun) != pb::ROLE_UNSPECIFIED) return;
  say(fmt::format("lun {} becomes a mailbox disk", lun));
  watched_->roles.at(lun) = pb::MAILBOX;
  ++draw.mailboxes;
  test::plant(target.shelf(), lun, test::make_label(lun, pb::MAILBOX, 0));
}

// As `lastword label` allows it, but that the disk keeps its UUID: who knows it by that is not
// told.
void World::relabel_spare() {
  for (unsigned lun = 0; lun < owned; ++lun) {
    const bool unused = !target.may_change(lun) && target.shelf().registrations(lun).keys.empty() &&
                        is_free(test::header_on(target.shelf(), lun));
    if (disks[lun].role != pb::SPARE || !unused || !random.one_in(2)) continue;
    std::uint8_t& home = watched_->homes.at(lun);
    home = disks[lun].home = partner_of(home);
    say(fmt::format("lun {} is labelled for {}", lun, node_name(home)));
    test::plant(target.shelf(), lun, pb::CoredumpHeader());
    test::plant(target.shelf(), lun, test::make_label(lun, pb::SPARE, home));
    note_lost_header(lun);
    return;
  }
}

void World::stop_faults() {
  say("faults stop");
  calm = true;
  rates = {};
  network.calm();
  target.calm();
}

}  // namespace lastword::sim

#include "proto/coredump.h"

#include <algorithm>
#include <string>
#include <vector>

#include "proto/format_text.h"

namespace lastword {
namespace {

tl::unexpected<Error> refused(const FixedText<256>& detail) {
  return fail({.code = Code::kRefused, .operation = "arm", .detail = detail});
}

NodeLife life_of(const pb::Plan& plan) {
  return {.node = plan.node(), .boot_generation = plan.boot_generation()};
}

// The nonces of this life. Those of an earlier one belong to no plan that is still loaded.
std::vector<std::string> live_nonces(const pb::CoredumpHeader& now, const pb::Plan& plan) {
  if (now.attribute() != pb::ARMED || !is_of(now, life_of(plan))) return {};
  return {now.plan_nonces().begin(), now.plan_nonces().end()};
}

std::uint64_t count_of(std::chrono::milliseconds time) {
  return time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
}

}  // namespace

bool is_of(const pb::CoredumpHeader& header, const NodeLife& life) {
  return header.node() == life.node && header.boot_generation() == life.boot_generation;
}

bool is_current(const pb::CoredumpHeader& header, const pb::Label& label) {
  return is_of(header, {.node = label.owner_node(), .boot_generation = label.owner_generation()});
}

bool is_free(const pb::CoredumpHeader& header) {
  return header.attribute() == pb::INACTIVE || header.attribute() == pb::SAVED;
}

bool holds_unsaved_dump(const pb::CoredumpHeader& header) {
  return header.attribute() == pb::COMPLETED || header.attribute() == pb::ABORTED;
}

bool tells_of_panic(const pb::CoredumpHeader& header) {
  return header.attribute() == pb::IN_PROGRESS || holds_unsaved_dump(header);
}

bool is_final_end(const pb::CoredumpHeader& header) {
  return header.attribute() == pb::COMPLETED ||
         (header.attribute() == pb::ABORTED && header.reason() != pb::IO_ERROR &&
          header.reason() != pb::STALLED && header.reason() != pb::DEADLINE);
}

bool is_stand_in(const pb::CoredumpHeader& header) {
  return !header.crash_id().empty() && header.started_unix_ms() == 0 && header.elapsed_ms() == 0 &&
         header.durable_bytes() == 0;
}

bool ended_empty(const pb::CoredumpHeader& header) {
  const bool by_writer_after_flush =
      header.reason() == pb::LIMIT || header.reason() == pb::DISK_FULL ||
      header.reason() == pb::VMCORE || header.reason() == pb::STOPPED;
  return header.attribute() == pb::ABORTED && by_writer_after_flush && header.durable_bytes() == 0;
}

bool has_final_figures(const pb::CoredumpHeader& header) {
  return header.reason() == pb::REASON_NONE && header.attribute() != pb::IN_PROGRESS;
}

Result<pb::CoredumpHeader> armed_header(const pb::CoredumpHeader& now, const pb::Plan& plan,
                                        const pb::Candidate& candidate) {
  if (now.attribute() == pb::IN_PROGRESS) return refused("a dump is in progress on it");
  if (holds_unsaved_dump(now) && !plan.keep_latest()) {
    return refused("it holds a dump that is not saved; run `lastword recover`");
  }
  auto nonces = live_nonces(now, plan);
  if (std::find(nonces.begin(), nonces.end(), plan.nonce()) == nonces.end()) {
    nonces.push_back(plan.nonce());
  }
  if (nonces.size() > kMaxPlanNonces) {
    return refused(
        format_text("arming was interrupted {} times in a row; run `lastword disarm`, "
                    "then `lastword arm`",
                    nonces.size() - 1));
  }
  pb::CoredumpHeader armed;
  armed.set_attribute(pb::ARMED);
  armed.set_node(plan.node());
  armed.set_boot_generation(plan.boot_generation());
  armed.set_rank(candidate.rank());
  for (std::string& nonce : nonces) armed.add_plan_nonces(std::move(nonce));
  armed.set_limit_ms(plan.dump_limit_ms());
  armed.set_extent_offset_bytes(candidate.data_offset_bytes());
  armed.set_extent_length_bytes(candidate.data_length_bytes());
  // `check` tells by these how late a dump of this node begins.
  if (now.node() == plan.node()) {
    armed.set_started_unix_ms(now.started_unix_ms());
    armed.set_began_after_ms(now.began_after_ms());
  }
  return armed;
}

Result<pb::CoredumpHeader> collapsed_header(const pb::CoredumpHeader& now, const pb::Plan& plan) {
  const auto nonces = live_nonces(now, plan);
  if (std::find(nonces.begin(), nonces.end(), plan.nonce()) == nonces.end()) {
    return refused("its header was changed by another; run `lastword arm` again");
  }
  pb::CoredumpHeader collapsed = now;
  collapsed.clear_plan_nonces();
  collapsed.add_plan_nonces(plan.nonce());
  return collapsed;
}

pb::CoredumpHeader retired_header(const pb::CoredumpHeader& now, std::uint32_t node) {
  pb::CoredumpHeader retired = now;
  if (now.node() == node) static_cast<void>(disarm(retired));
  return retired;
}

void begin_dump(pb::CoredumpHeader& header, const pb::CoredumpHeader& found,
                const DumpExtent& extent, const DumpBeginning& beginning) {
  header.set_attribute(pb::IN_PROGRESS);
  header.set_reason(pb::REASON_NONE);
  header.set_rank(found.rank());
  header.set_started_unix_ms(beginning.unix_ms);
  header.set_began_after_ms(count_of(beginning.since_panic));
  header.set_extent_offset_bytes(extent.offset_bytes);
  header.set_extent_length_bytes(extent.length_bytes);
}

void set_figures(pb::CoredumpHeader& header, const DumpFigures& figures) {
  header.set_elapsed_ms(count_of(figures.elapsed));
  header.set_eta_ms(count_of(figures.eta));
  header.set_durable_bytes(figures.durable_bytes);
  header.set_scanned_bytes(figures.scanned_bytes);
  header.set_stored_pages(figures.stored_pages);
  header.set_zero_pages(figures.zero_pages);
  header.set_excluded_pages(figures.excluded_pages);
  header.set_unclassified_pages(figures.unclassified_pages);
  header.mutable_codec()->assign(figures.codec);
}

bool complete_dump(pb::CoredumpHeader& header) {
  if (header.attribute() != pb::IN_PROGRESS) return false;
  header.set_attribute(pb::COMPLETED);
  return true;
}

bool abort_dump(pb::CoredumpHeader& header, pb::Reason reason) {
  if (header.attribute() != pb::IN_PROGRESS) return false;
  header.set_attribute(pb::ABORTED);
  header.set_reason(reason);
  return true;
}

bool disarm(pb::CoredumpHeader& header) {
  if (header.attribute() != pb::ARMED) return false;
  header.Clear();
  return true;
}

bool mark_dump_saved(pb::CoredumpHeader& header) {
  if (!holds_unsaved_dump(header)) return header.attribute() == pb::SAVED;
  header.set_attribute(pb::SAVED);
  return true;
}

bool end_header(pb::CoredumpHeader& header, pb::Reason reason) {
  return abort_dump(header, reason) || disarm(header);
}

pb::CoredumpHeader header_after_reboot(const pb::CoredumpHeader& now, const NodeLife& present) {
  pb::CoredumpHeader after = now;
  const bool earlier_life =
      now.node() == present.node && now.boot_generation() < present.boot_generation;
  if (earlier_life) static_cast<void>(end_header(after, pb::REBOOTED));
  return after;
}

}  // namespace lastword

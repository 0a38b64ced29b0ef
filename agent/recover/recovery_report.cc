#include "agent/recover/recovery_report.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "agent/base/text_file.h"
#include "agent/base/utc.h"
#include "agent/corefile/core_notes.h"
#include "agent/protocol/late_begin.h"
#include "proto/coredump.h"
#include "proto/printable.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

std::string_view meaning_of(pb::Reason reason) {
  switch (reason) {
    case pb::LIMIT:
      return "the dump writer reached its time limit";
    case pb::IO_ERROR:
      return "the disk failed while the dump was written";
    case pb::DISK_FULL:
      return "the disk was full";
    case pb::STALLED:
      return "the dump writer made no progress and its disk was taken";
    case pb::DEADLINE:
      return "the dump was not over at the deadline and its disk was taken";
    case pb::VMCORE:
      return "the capture kernel failed to read the crashed kernel's memory";
    case pb::REBOOTED:
      return "the node rebooted before its dump was over";
    case pb::STOPPED:
      return "the dump writer was stopped by a signal";
    default:
      return "the dump ended early";
  }
}

// Writer and reader must count the same pages; else one of them is wrong about this dump.
bool totals_agree(const DumpReceiver& content, const pb::RecoveryReport& report) {
  const EndPayload& totals = content.end().totals;
  const std::uint64_t zero_filled = content.zero_filled_pages();
  return totals.memory_pages + zero_filled == report.memory_pages() &&
         totals.stored_pages == report.stored_pages() + report.stray_pages() &&
         totals.zero_pages + zero_filled == report.zero_pages() &&
         totals.excluded_pages == content.excluded_pages() &&
         totals.unreadable_pages == report.missing_pages();
}

// A copy of the first part of a disk.
bool is_cut(const Dump& dump) {
  return dump.extent_bytes < dump.header.extent_length_bytes() / kBlockBytes * kBlockBytes;
}

std::string why_incomplete(const Dump& dump, const DumpReceiver& content,
                           const pb::RecoveryReport& report) {
  const StreamEnd& end = content.end();
  if (!end.whole) {
    Error stop = end.why;
    stop.disk = {};
    std::string where = describe(stop);
    if (end.skipped > 0)
      where += fmt::format("; damaged places that were skipped: {}", end.skipped);
    if (content.head_lost()) {
      where +=
          "; the vmcore's head is lost: there are no registers and no VMCOREINFO, and memory is "
          "what the dump tells of";
    }
    if (is_cut(dump)) {
      where += fmt::format("; the disk ends at byte {}, the dump's extent at {}: a copy of a part",
                           dump.header.extent_offset_bytes() + dump.extent_bytes,
                           dump.header.extent_offset_bytes() + dump.header.extent_length_bytes());
    }
    if (report.loss()) return fmt::format("the disk lost part of the dump: {}", where);
    return fmt::format("{} ({})", meaning_of(dump.header.reason()), where);
  }
  if (!totals_agree(content, report)) {
    return fmt::format(
        "the dump writer counted {} stored, {} zero, {} excluded and {} unreadable of {} pages",
        end.totals.stored_pages, end.totals.zero_pages, sum_of(end.totals.excluded_pages),
        end.totals.unreadable_pages, end.totals.memory_pages);
  }
  if (report.missing_pages() > 0) return "the dump writer could not read some pages";
  return {};
}

bool lost_part(const Dump& dump, const StreamEnd& end) {
  if (end.whole) return false;
  if (end.skipped > 0) return true;
  const std::uint64_t durable =
      std::min(dump.header.durable_bytes(), dump.header.extent_length_bytes());
  return end.bytes < durable || dump.header.attribute() == pb::COMPLETED;
}

// What its header says of a dump.
pb::RecoveryReport report_on(const Dump& dump, std::string_view disk, std::string_view node_name) {
  pb::RecoveryReport report;
  report.set_crash_id(dump.header.crash_id());
  report.set_node(std::string(node_name));
  report.set_node_id(dump.header.node());
  if (dump.cluster) report.set_cluster_uuid(to_string(*dump.cluster));
  report.set_boot_generation(dump.header.boot_generation());
  report.set_kernel_release(
      std::string(printable<kMaxKernelRelease>(dump.header.kernel_release()).view()));
  if (!is_stand_in(dump.header)) report.set_started_utc(utc_time(dump.header.started_unix_ms()));
  report.set_elapsed_ms(dump.header.elapsed_ms());
  report.set_disk(std::string(disk));
  report.set_disk_uuid(dump.disk_uuid);
  report.set_attribute(dump.header.attribute());
  report.set_reason(dump.header.reason());
  report.set_tool_version(LASTWORD_VERSION);
  set_record_problems(dump, report);
  return report;
}

// As the writer noted it. A header of an earlier version does not say: from the panic, by the dead
// kernel's wall clock, to the beginning of the dump, by the capture kernel's. 0: unknown, or the
// clocks contradict the writer's last record.
std::uint64_t began_after_ms(const Dump& dump, const CoreHead& head) {
  if (dump.header.began_after_ms() != 0) return dump.header.began_after_ms();
  constexpr std::uint64_t kRounding = 1000;  // CRASHTIME is in whole seconds
  const std::int64_t crashed = read_core_notes(head.notes).vmcoreinfo.crash_time().value_or(0);
  const std::int64_t started_ms = dump.header.started_unix_ms();
  if (crashed <= 0 || crashed > started_ms / 1000) return 0;
  const auto began = static_cast<std::uint64_t>(started_ms - crashed * 1000);
  return began <= dump.header.elapsed_ms() + kRounding ? began : 0;
}

}  // namespace

pb::RecoveryReport make_report(const Dump& dump, const DumpReceiver& content, std::string_view disk,
                               std::string_view node_name) {
  const StreamEnd& end = content.end();
  const std::vector<PfnRange> missing = content.missing();
  pb::RecoveryReport report = report_on(dump, disk, node_name);
  report.set_began_after_ms(began_after_ms(dump, content.head()));
  report.set_memory_pages(content.layout().memory_pages());
  report.set_stored_pages(sum_of(content.stored_pages()));
  report.set_zero_pages(content.zero_pages());
  report.set_excluded_pages(sum_of(content.excluded_pages()));
  report.set_missing_pages(count_pages(missing));
  report.set_unclassified_pages(end.whole ? end.totals.unclassified_pages : 0);
  if (content.last_pass()) report.set_last_pass(std::string(name_of(*content.last_pass())));
  for (std::size_t i = 0; i < kPageClasses; ++i) {
    if (content.stored_pages()[i] + content.excluded_pages()[i] == 0) continue;
    pb::PagesOfClass& counts = *report.add_classes();
    counts.set_name(std::string(name_of(static_cast<PageClass>(i))));
    counts.set_stored_pages(content.stored_pages()[i]);
    counts.set_excluded_pages(content.excluded_pages()[i]);
  }
  report.set_unreadable_pages(end.whole ? end.totals.unreadable_pages : 0);
  report.set_missing_ranges(missing.size());
  report.set_stray_pages(content.stray_pages());
  for (std::size_t i = 0; i < std::min(missing.size(), kMaxListedRanges); ++i) {
    pb::PageRange& range = *report.add_missing();
    range.set_first_pfn(missing[i].first);
    range.set_end_pfn(missing[i].end);
  }

  report.set_stream_bytes(end.bytes);
  report.set_checksums_verified(2 * end.sections);
  report.set_dmesg_bytes(content.dmesg().size());
  report.set_head_lost(content.head_lost());
  report.set_loss(lost_part(dump, end));
  report.set_incomplete_because(why_incomplete(dump, content, report));
  report.set_complete(report.incomplete_because().empty());
  return report;
}

pb::RecoveryReport report_of_nothing(const Dump& dump, std::string_view disk,
                                     std::string_view node_name) {
  pb::RecoveryReport report = report_on(dump, disk, node_name);
  report.set_incomplete_because(fmt::format("{}, before the first byte of the dump was written",
                                            meaning_of(dump.header.reason())));
  return report;
}

void tell_of_change(pb::RecoveryReport& report, std::string_view change) {
  report.set_incomplete_because(fmt::format(
      "the disk was written to while it was read: {}; {}", change,
      report.complete() ? "what was read has the dump's checksums" : report.incomplete_because()));
  report.set_complete(false);
  report.set_loss(true);
  report.set_changed_meanwhile(std::string(change));
}

std::vector<std::string> record_problems(const Dump& dump) {
  std::vector<std::string> problems;
  if (!dump.header_problem.empty()) {
    problems.push_back(fmt::format(
        "its coredump header cannot be read ({}): recovered by the stream", dump.header_problem));
  } else if (dump.record) {
    problems.push_back(
        fmt::format("its coredump header says {}: recovered by the stream, which the next dump "
                    "overwrites",
                    name_of(dump.record->attribute())));
  } else if (is_stand_in(dump.header)) {
    problems.emplace_back(
        "its coredump header took the place of one that could not be read: recovered by the "
        "stream");
  }
  if (!dump.label_problem.empty()) {
    problems.push_back(
        fmt::format("its label cannot be read ({}): which disk, and of which cluster, is not known",
                    dump.label_problem));
  }
  return problems;
}

void set_record_problems(const Dump& dump, pb::RecoveryReport& report) {
  report.set_header_problem(dump.header_problem);
  report.set_label_problem(dump.label_problem);
}

std::string summary_of(const pb::RecoveryReport& report) {
  if (report.complete()) return "complete";
  if (report.stream_bytes() == 0) {
    return fmt::format("nothing was dumped: {}", report.incomplete_because());
  }
  if (report.head_lost()) {
    return fmt::format("incomplete: how many pages are missing is not known: {}",
                       report.incomplete_because());
  }
  return fmt::format("incomplete: {} of {} pages missing: {}", report.missing_pages(),
                     report.memory_pages(), report.incomplete_because());
}

std::string late_begin(const pb::RecoveryReport& report, milliseconds grace) {
  constexpr auto kMost = static_cast<std::uint64_t>(kLongestTime.count());
  return late_begin(milliseconds(std::min(report.began_after_ms(), kMost)), grace);
}

Result<pb::RecoveryReport> load_report(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return fail(text.error());
  pb::RecoveryReport report;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // those of a later version
  if (!google::protobuf::util::JsonStringToMessage(*text, &report, options).ok() ||
      report.crash_id().empty() || report.recovered_utc().empty()) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read report",
                 .disk = path,
                 .detail = "not the report of a finished recovery"});
  }
  return report;
}

}  // namespace lastword

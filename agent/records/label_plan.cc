#include "agent/records/label_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/coredump.h"
#include "proto/keys.h"
#include "proto/layout.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

bool is_lastwords(const TablePartition& entry) {
  return entry.type == kMetadataPartitionType || entry.type == kDataPartitionType;
}

bool same_cluster(const DiskFindings& findings, const LabelRequest& request) {
  return findings.label && findings.label->cluster_uuid() == request.cluster_uuid;
}

std::string describe_holder(const Reservation& reservation, const LabelRequest& request) {
  const auto parts = parse_key(reservation.holder);
  if (!parts) {
    return fmt::format("reserved ({}) with key {}, which lastword did not make",
                       name_of(reservation.type), to_string(reservation.holder));
  }
  const bool ours = parts->cluster == cluster_key_bits(request.cluster_uuid);
  return fmt::format("reserved by node {} of {} cluster", parts->node, ours ? "this" : "another");
}

bool holds_reservation(const LabelRequest& request, const Reservation& reservation) {
  const auto parts = parse_key(reservation.holder);
  return parts && request.self_node != 0 && parts->node == request.self_node &&
         parts->cluster == cluster_key_bits(request.cluster_uuid);
}

std::string describe_table(const FoundTable& table) {
  std::string text = fmt::format("{} partition table with {} partition{}", table.type,
                                 table.partitions.size(), table.partitions.size() == 1 ? "" : "s");
  for (const TablePartition& entry : table.partitions) {
    if (!entry.name.empty()) text += fmt::format(", {} \"{}\"", entry.number, entry.name);
  }
  return text;
}

// Without the disk's name, which the caller puts in front.
std::string phrase(Error error) {
  error.disk = {};
  return describe(error);
}

// Of a disk and its clone, only one that this node holds is known to be the disk.
void judge_copies(const DiskFindings& findings, const LabelRequest& request,
                  LabelVerdict& verdict) {
  if (findings.copies.empty()) return;
  if (findings.reservation && holds_reservation(request, *findings.reservation)) return;
  verdict.refusals.push_back(fmt::format(
      "it carries the same label as {}: one is a clone or a snapshot of the other. Take "
      "the wrong one away; to use it as a disk of its own, `wipefs -a` it first",
      fmt::join(findings.copies, " and ")));
}

void judge_records(const DiskFindings& findings, const LabelRequest& request,
                   LabelVerdict& verdict) {
  if (findings.label_problem) {
    const bool damaged = findings.label_problem->code == Code::kCorrupt;
    (damaged ? verdict.objections : verdict.refusals).push_back(phrase(*findings.label_problem));
  }
  if (!findings.label) return;
  const pb::Label& label = *findings.label;
  if (same_cluster(findings, request)) {
    verdict.objections.push_back(
        fmt::format("labelled in this cluster already, as {}", describe_role(label)));
  } else {
    verdict.objections.push_back(fmt::format("labelled for another cluster ({}), as {}",
                                             label.cluster_uuid(), describe_role(label)));
  }
  const pb::Attribute attribute = findings.header.attribute();
  if (!is_free(findings.header) && !ended_empty(findings.header)) {
    verdict.objections.push_back(fmt::format(
        "its coredump header says {} for node {}{}", name_of(attribute), findings.header.node(),
        attribute == pb::ARMED ? "; disarm it first" : ": not saved yet"));
  }
}

// Adopted: its metadata lies beside partitions that are not lastword's.
bool was_adopted(const DiskFindings& findings) {
  return findings.label && findings.table &&
         !std::ranges::all_of(findings.table->partitions, is_lastwords);
}

// Records lie in a partition of their own, and what fills a whole disk leaves no room for one.
std::string why_not_adopted(const DiskFindings& findings) {
  if (findings.table && findings.table->type != "gpt") {
    return fmt::format(
        "no GPT to adopt: its partition table is of type {}; sgdisk --mbrtogpt makes a GPT of a "
        "dos "
        "table in place",
        findings.table->type);
  }
  if (findings.disk_signatures.empty()) return "no GPT to adopt; label it without --adopt";
  return fmt::format(
      "no GPT to adopt: the disk has no partitions, {} fills it and leaves no room for a label, so "
      "that it cannot be kept in its place. Copy it to another disk, label this one without "
      "--adopt "
      "(and with --force), and copy it back into the new partition 2",
      describe(findings.disk_signatures.front()));
}

void judge_content(const DiskFindings& findings, const LabelRequest& request,
                   LabelVerdict& verdict) {
  if (findings.table && !request.adopt) {
    const auto& partitions = findings.table->partitions;
    const bool own = std::all_of(partitions.begin(), partitions.end(), is_lastwords);
    // Under a valid label the table is lastword's own: judge_records() has objected to the label.
    if (!is_unfinished_label(findings) && !(own && findings.label)) {
      verdict.objections.push_back(describe_table(*findings.table));
    }
  }
  if (was_adopted(findings) && request.force && !request.adopt && !request.wipe) {
    verdict.refusals.push_back(fmt::format("{} was adopted: --adopt keeps it, --wipe destroys it",
                                           describe_table(*findings.table)));
  }
  verdict.adoptable = !request.adopt && findings.table && findings.table->type == "gpt" &&
                      !std::ranges::all_of(findings.table->partitions, is_lastwords);
  const bool no_gpt = !findings.table || findings.table->type != "gpt";
  if (request.adopt && no_gpt) {
    verdict.refusals.push_back(why_not_adopted(findings));
  } else if (!findings.layout) {
    verdict.refusals.push_back(phrase(findings.layout.error()));
  }
  for (const Signature& signature : findings.disk_signatures) {
    if (request.adopt && no_gpt) continue;  // said above
    if (request.adopt) {
      verdict.refusals.push_back(describe(signature) +
                                 ", beside the GPT: wipe the one that is not in use first");
    } else {
      verdict.objections.push_back(describe(signature));
    }
  }
  for (const Signature& signature : findings.signatures) {
    verdict.objections.push_back(describe(signature));
  }
  if (findings.gap_data_bytes) {
    verdict.objections.push_back(
        fmt::format("the gap before the first partition is not empty: data at byte {}",
                    *findings.gap_data_bytes));
  }
}

}  // namespace

std::string describe_role(const pb::Label& label) {
  const std::string role(name_of(label.role()));
  if (label.home_node() == 0) return role + " disk";
  return fmt::format("{} disk of node {}", role, label.home_node());
}

bool is_unfinished_label(const DiskFindings& findings) {
  if (!findings.table || findings.table->type != "gpt" || findings.label ||
      findings.label_problem) {
    return false;
  }
  const auto& partitions = findings.table->partitions;
  return std::all_of(partitions.begin(), partitions.end(), is_lastwords) && !partitions.empty();
}

std::vector<std::string> copies_in(const Survey& survey, const DiskFindings& findings) {
  std::vector<std::string> copies;
  for (const DiskView& disk : survey.disks) {
    if (disk.label && disk.label->disk_uuid() == findings.label->disk_uuid() &&
        disk.label->cluster_uuid() == findings.label->cluster_uuid() &&
        disk.info.path != findings.info.path) {
      copies.push_back(disk.info.path);
    }
  }
  return copies;
}

LabelVerdict judge(const DiskFindings& findings, const LabelRequest& request) {
  LabelVerdict verdict;
  judge_copies(findings, request, verdict);
  if (verdict.refusals.empty() && same_cluster(findings, request) &&
      findings.label->role() == request.role && findings.label->home_node() == request.home_node &&
      !request.force) {
    verdict.nothing_to_do = true;
    return verdict;
  }
  verdict.refusals.insert(verdict.refusals.end(), findings.uses.begin(), findings.uses.end());
  if (findings.reservation_problem) {
    const Error& problem = *findings.reservation_problem;
    verdict.refusals.push_back(problem.code == Code::kUnsupported
                                   ? "it has no persistent reservations (" + phrase(problem) + ")"
                                   : phrase(problem));
  } else if (findings.reservation && !holds_reservation(request, *findings.reservation)) {
    verdict.refusals.push_back(describe_holder(*findings.reservation, request));
  } else if (findings.reservation && same_cluster(findings, request) &&
             findings.label->home_node() != request.home_node) {
    verdict.refusals.emplace_back(
        "this node holds it, so it cannot get another home: `lastword stop` first");
  }
  judge_records(findings, request, verdict);
  judge_content(findings, request, verdict);
  return verdict;
}

pb::Label make_label(const DiskFindings& findings, const LabelRequest& request,
                     const LabelVerdict& verdict) {
  pb::Label label;
  label.set_cluster_uuid(request.cluster_uuid);
  label.set_role(request.role);
  label.set_home_node(request.home_node);
  if (findings.layout->data.length_bytes != 0) {
    label.set_data_offset_bytes(findings.layout->data.offset_bytes);
    label.set_data_length_bytes(findings.layout->data.length_bytes);
  }
  label.set_formerly_formatted(request.adopt || !verdict.objections.empty());
  return label;
}

}  // namespace lastword

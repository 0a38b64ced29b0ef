// Labelling image files as `lastword label` does, for tests of what it does and what it refuses.
#pragma once

#include <boost/test/unit_test.hpp>

#include "agent/records/label_run.h"
#include "proto/keys.h"
#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"
#include "tests/support/signature_bytes.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kMiB = 1 << 20;
inline constexpr std::uint64_t kSize = 32 * kMiB;
inline constexpr const char* kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
inline constexpr const char* kOtherCluster = "00000000-0000-4000-8000-000000000001";

inline LabelRequest request(pb::Role role = pb::SPARE) {
  return {.cluster_uuid = kCluster, .role = role, .home_node = 1, .self_node = 1};
}

inline DiskFindings examine(const ImageFile& image, const LabelRequest& wanted) {
  auto findings = examine_disk(image.path(), wanted, 1s);
  BOOST_REQUIRE_MESSAGE(findings, (findings ? "" : describe(findings.error())));
  return *findings;
}

inline std::string all_of(const LabelVerdict& verdict) {
  std::string text;
  for (const auto* list : {&verdict.refusals, &verdict.objections}) {
    for (const std::string& line : *list) text += line + "\n";
  }
  BOOST_TEST_MESSAGE(text);
  return text;
}

// What `lastword label` does with one disk. Returns what it complains about; empty: labelled.
inline std::string label(const ImageFile& image, const LabelRequest& wanted) {
  VirtualExecutor executor;
  const auto disks = prepare_disks({image.path()}, wanted, 1s, executor);
  if (disks.front().problem) return describe(*disks.front().problem);
  const LabelVerdict& verdict = disks.front().verdict;
  if (verdict.nothing_to_do) return "nothing to do";
  if (verdict.refused(wanted)) return all_of(verdict);
  const auto labelled = label_disk(disks.front(), wanted, 1s, executor);
  return labelled ? "" : describe(labelled.error());
}

inline pb::Label label_on(const ImageFile& image) {
  const DiskFindings findings = examine(image, request());
  BOOST_REQUIRE(findings.label);
  BOOST_TEST(!findings.label_problem);
  return *findings.label;
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

// Findings of an empty disk, for judging by hand.
inline DiskFindings clean_findings() {
  DiskFindings findings;
  findings.info = {.path = "/dev/sdc", .size_bytes = kSize};
  findings.layout = *plan_fresh_layout("/dev/sdc", kSize, 512, true);
  return findings;
}

inline Reservation held_by(std::uint8_t node, const char* cluster = kCluster) {
  return {.holder =
              make_key({.cluster = cluster_key_bits(cluster), .node = node, .boot_generation = 3})};
}

}  // namespace lastword::test

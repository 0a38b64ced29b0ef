#include "agent/labelling.h"

#include <boost/test/unit_test.hpp>

#include "agent/label_disk.h"
#include "proto/keys.h"
#include "storage/record_io.h"
#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"
#include "tests/support/signature_bytes.h"

using namespace lastword;
using namespace lastword::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kSize = 32 * kMiB;
constexpr const char* kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
constexpr const char* kOtherCluster = "00000000-0000-4000-8000-000000000001";

LabelRequest request(pb::Role role = pb::SPARE) {
  return {.cluster_uuid = kCluster, .role = role, .home_node = 1, .self_node = 1};
}

DiskFindings examine(const ImageFile& image, const LabelRequest& wanted) {
  auto findings = examine_disk(image.path(), wanted, 1s);
  BOOST_REQUIRE_MESSAGE(findings, (findings ? "" : describe(findings.error())));
  return *findings;
}

std::string all_of(const LabelVerdict& verdict) {
  std::string text;
  for (const auto* list : {&verdict.refusals, &verdict.objections}) {
    for (const std::string& line : *list) text += line + "\n";
  }
  BOOST_TEST_MESSAGE(text);
  return text;
}

// What `lastword label` does with one disk. Returns what it complains about; empty: labelled.
std::string label(const ImageFile& image, const LabelRequest& wanted) {
  const DiskFindings findings = examine(image, wanted);
  const LabelVerdict verdict = judge(findings, wanted);
  if (verdict.nothing_to_do) return "nothing to do";
  if (verdict.refused(wanted)) return all_of(verdict);
  const Status status =
      write_label(findings, wanted, make_label(findings, wanted, !verdict.objections.empty()), 1s);
  return status ? "" : describe(status.error());
}

pb::Label label_on(const ImageFile& image) {
  const DiskFindings findings = examine(image, request());
  BOOST_REQUIRE(findings.label);
  BOOST_TEST(!findings.label_problem);
  return *findings.label;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

// Findings of an empty disk, for judging by hand.
DiskFindings clean_findings() {
  DiskFindings findings;
  findings.info = {.path = "/dev/sdc", .size_bytes = kSize};
  findings.layout = *plan_fresh_layout("/dev/sdc", kSize, 512, true);
  return findings;
}

Reservation held_by(std::uint8_t node, const char* cluster = kCluster) {
  return {.holder =
              make_key({.cluster = cluster_key_bits(cluster), .node = node, .boot_generation = 3})};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fresh_label)

BOOST_AUTO_TEST_CASE(empty_disk_gets_an_unowned_label_and_an_inactive_header) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request(pb::DUMP)) == "");
  const DiskFindings findings = examine(image, request());
  BOOST_REQUIRE(findings.label);
  BOOST_TEST(findings.label->cluster_uuid() == kCluster);
  BOOST_TEST(findings.label->disk_uuid().size() == 36U);
  BOOST_TEST(findings.label->role() == pb::DUMP);
  BOOST_TEST(findings.label->home_node() == 1U);
  BOOST_TEST(findings.label->owner_node() == 0U);
  BOOST_TEST(findings.label->ownership_epoch() == 0U);
  BOOST_TEST(findings.label->data_offset_bytes() == 2 * kMiB);
  BOOST_TEST(findings.label->data_length_bytes() % kBlockBytes == 0U);
  BOOST_TEST(!findings.label->formerly_formatted());
  BOOST_TEST(findings.header.attribute() == pb::INACTIVE);
  BOOST_REQUIRE(findings.table);
  BOOST_TEST(findings.table->partitions.size() == 2U);
}

BOOST_AUTO_TEST_CASE(mailbox_has_no_home_and_no_data_region) {
  const ImageFile image(4 * kMiB);
  LabelRequest wanted = request(pb::MAILBOX);
  wanted.home_node = 0;
  BOOST_TEST(label(image, wanted) == "");
  BOOST_TEST(label_on(image).home_node() == 0U);
  BOOST_TEST(label_on(image).data_length_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(same_label_again_changes_nothing) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  const std::string content = image.content();
  BOOST_TEST(label(image, request()) == "nothing to do");
  BOOST_TEST((image.content() == content));
}

BOOST_AUTO_TEST_CASE(every_signature_is_refused_by_name_and_left_alone) {
  const struct {
    const char* type;
    void (*write)(const ImageFile&, std::uint64_t);
  } kinds[]{
      {"ext4", [](const ImageFile& image, std::uint64_t at) { write_ext4(image, at, "home"); }},
      {"xfs", write_xfs},
      {"swap", write_swap},
      {"LVM2_member", write_lvm}};
  for (const auto& kind : kinds) {
    // On the whole disk, and where the data region would begin.
    for (const std::uint64_t at : {0 * kMiB, 2 * kMiB}) {
      BOOST_TEST_CONTEXT(kind.type << " at " << at) {
        const ImageFile image(kSize);
        kind.write(image, at);
        const std::string content = image.content();
        BOOST_TEST(contains(label(image, request()), kind.type));
        BOOST_TEST((image.content() == content));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(partition_table_is_refused_with_its_partitions_and_their_content) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  write_ext4(image, kMiB, "home");
  const std::string content = image.content();
  const std::string complaint = label(image, request());
  BOOST_TEST(contains(complaint, "gpt partition table with 1 partition, 1 \"service 1\""));
  BOOST_TEST(contains(complaint, "ext4 file system \"home\""));
  BOOST_TEST((image.content() == content));
}

BOOST_AUTO_TEST_CASE(force_wipes_what_was_there) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}, {8 * kMiB, 4 * kMiB}});
  write_ext4(image, 8 * kMiB, "home");
  LabelRequest wanted = request();
  wanted.force = true;
  BOOST_TEST(label(image, wanted) == "");
  BOOST_TEST(label_on(image).formerly_formatted());
  const auto found = find_signatures(image.open().get(), image.path(), {8 * kMiB, 4 * kMiB});
  BOOST_REQUIRE(found);
  BOOST_TEST(found->empty());
}

BOOST_AUTO_TEST_CASE(disk_that_is_too_small_is_refused_even_with_force) {
  const ImageFile image(2 * kMiB);
  LabelRequest wanted = request();
  wanted.force = true;
  const std::string content = image.content();
  BOOST_TEST(contains(label(image, wanted), "too small"));
  BOOST_TEST((image.content() == content));
}

BOOST_AUTO_TEST_CASE(label_of_another_cluster_is_refused_and_forced_without_a_trace) {
  const ImageFile image(kSize);
  LabelRequest other = request();
  other.cluster_uuid = kOtherCluster;
  BOOST_TEST(label(image, other) == "");
  const std::string content = image.content();
  BOOST_TEST(contains(label(image, request()), std::string("labelled for another cluster (") +
                                                   kOtherCluster + "), as spare disk of node 1"));
  BOOST_TEST((image.content() == content));
  LabelRequest forced = request();
  forced.force = true;
  BOOST_TEST(label(image, forced) == "");
  BOOST_TEST(label_on(image).cluster_uuid() == kCluster);
  BOOST_TEST(!contains(image.content(), kOtherCluster));
}

BOOST_AUTO_TEST_CASE(other_role_in_the_same_cluster_is_refused_with_the_present_one) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  BOOST_TEST(contains(label(image, request(pb::DUMP)),
                      "labelled in this cluster already, as spare disk of node 1"));
  LabelRequest elsewhere = request();
  elsewhere.home_node = 2;
  BOOST_TEST(contains(label(image, elsewhere), "labelled in this cluster already"));
}

BOOST_AUTO_TEST_CASE(disk_with_an_unsaved_dump_is_refused) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  auto disk = open_disk(image.path(), Access::kReadWrite, 1s);
  BOOST_REQUIRE(disk);
  pb::CoredumpHeader header;
  header.set_attribute(pb::COMPLETED);
  header.set_node(1);
  BOOST_REQUIRE(RecordIo(*disk->device, kMiB).put(RecordPlace::kCoredump, header));
  BOOST_TEST(contains(label(image, request(pb::DUMP)), "COMPLETED for node 1: not saved yet"));
}

BOOST_AUTO_TEST_CASE(damaged_label_is_refused_and_can_be_forced) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  image.write(kMiB + 40, "?");
  BOOST_TEST(contains(label(image, request()), "label at byte 1048576: corrupt"));
  LabelRequest forced = request();
  forced.force = true;
  BOOST_TEST(label(image, forced) == "");
}

BOOST_AUTO_TEST_CASE(label_of_a_newer_version_is_refused_even_with_force) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  DiskFindings findings = examine(image, request());
  findings.label.reset();
  findings.label_problem = Error{.code = Code::kFutureVersion, .operation = "label"};
  LabelRequest forced = request();
  forced.force = true;
  const LabelVerdict verdict = judge(findings, forced);
  BOOST_TEST(verdict.refused(forced));
  BOOST_TEST(contains(all_of(verdict), "newer version"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(interrupted_label)

// Each prefix of what write_label does, told by what is left out at the end of it.
BOOST_AUTO_TEST_CASE(table_without_records_is_not_labelled_and_can_be_labelled) {
  const ImageFile image(kSize);
  const auto layout = plan_fresh_layout(image.path(), kSize, 512, true);
  BOOST_REQUIRE(write_fresh_table(image.open().get(), image.path(), *layout));
  BOOST_TEST(!examine(image, request()).label);
  BOOST_TEST(label(image, request(pb::DUMP)) == "");
}

BOOST_AUTO_TEST_CASE(backup_copy_alone_can_be_labelled) {
  const ImageFile image(kSize);
  const auto layout = plan_fresh_layout(image.path(), kSize, 512, true);
  BOOST_REQUIRE(write_fresh_table(image.open().get(), image.path(), *layout));
  image.write(0, std::string(kMiB, '\0'));
  BOOST_TEST(!examine(image, request()).label);
  BOOST_TEST(label(image, request()) == "");
}

BOOST_AUTO_TEST_CASE(header_without_label_can_be_labelled) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  image.write(kMiB, std::string(kBlockBytes, '\0'));
  BOOST_TEST(!examine(image, request()).label);
  BOOST_TEST(label(image, request(pb::SERVICE)) == "");
  BOOST_TEST(label_on(image).role() == pb::SERVICE);
}

BOOST_AUTO_TEST_CASE(adopted_table_without_label_can_be_adopted_again) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  LabelRequest wanted = request(pb::SERVICE);
  wanted.adopt = true;
  const DiskFindings findings = examine(image, wanted);
  BOOST_REQUIRE(extend_table(image.open().get(), image.path(), *findings.layout));
  BOOST_TEST(!examine(image, wanted).label);
  BOOST_TEST(label(image, wanted) == "");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(adopted_disk)

BOOST_AUTO_TEST_CASE(existing_partitions_stay_byte_for_byte) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}, {8 * kMiB, 4 * kMiB}});
  write_ext4(image, kMiB, "home");
  image.write(12 * kMiB - 4, "last");
  const std::string content = image.content();
  LabelRequest wanted = request(pb::SERVICE);
  wanted.adopt = true;
  BOOST_TEST(label(image, wanted) == "");
  // From the first MiB to the backup copy of the table.
  const std::size_t length = kSize - kMiB - (33 * 512);
  BOOST_TEST((image.content().compare(kMiB, length, content, kMiB, length) == 0));
  BOOST_TEST(label_on(image).formerly_formatted());
  BOOST_TEST(label_on(image).data_length_bytes() == 0U);
  const DiskFindings findings = examine(image, request());
  BOOST_REQUIRE(findings.metadata);
  BOOST_TEST(findings.metadata->offset_bytes == 20U << 10);
  BOOST_TEST(findings.table->partitions.size() == 3U);
}

BOOST_AUTO_TEST_CASE(spare_gets_the_free_end_for_dumps) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  LabelRequest wanted = request(pb::SPARE);
  wanted.adopt = true;
  BOOST_TEST(label(image, wanted) == "");
  BOOST_TEST(label_on(image).data_offset_bytes() == 5 * kMiB);
}

BOOST_AUTO_TEST_CASE(forgotten_file_system_at_the_free_end_is_refused) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  write_ext4(image, 5 * kMiB, "old");
  LabelRequest wanted = request(pb::SPARE);
  wanted.adopt = true;
  const std::string content = image.content();
  BOOST_TEST(contains(label(image, wanted), "ext4 file system \"old\""));
  BOOST_TEST((image.content() == content));
}

BOOST_AUTO_TEST_CASE(no_gap_is_refused_even_with_force) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{34 * 512, 4 * kMiB}});
  LabelRequest wanted = request(pb::SERVICE);
  wanted.adopt = true;
  wanted.force = true;
  const std::string content = image.content();
  BOOST_TEST(contains(label(image, wanted), "no gap for the metadata"));
  BOOST_TEST((image.content() == content));
}

BOOST_AUTO_TEST_CASE(data_in_the_gap_is_refused_with_its_place) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  image.write(123456, "boot loader");
  LabelRequest wanted = request(pb::SERVICE);
  wanted.adopt = true;
  const std::string content = image.content();
  BOOST_TEST(contains(label(image, wanted), "not empty: data at byte 123456"));
  BOOST_TEST((image.content() == content));
}

BOOST_AUTO_TEST_CASE(disk_without_a_gpt_is_refused) {
  const ImageFile image(kSize);
  LabelRequest wanted = request(pb::SERVICE);
  wanted.adopt = true;
  BOOST_TEST(contains(label(image, wanted), "no GPT to adopt"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decision)

BOOST_AUTO_TEST_CASE(clean_disk_is_allowed) {
  const LabelVerdict verdict = judge(clean_findings(), request());
  BOOST_TEST(!verdict.refused(request()));
  BOOST_TEST(all_of(verdict) == "");
}

BOOST_AUTO_TEST_CASE(used_disk_is_refused_even_with_force) {
  DiskFindings findings = clean_findings();
  findings.uses = {"sdc1 is mounted on /srv"};
  LabelRequest forced = request();
  forced.force = true;
  const LabelVerdict verdict = judge(findings, forced);
  BOOST_TEST(verdict.refused(forced));
  BOOST_TEST(contains(all_of(verdict), "sdc1 is mounted on /srv"));
}

BOOST_AUTO_TEST_CASE(foreign_reservation_is_refused_even_with_force) {
  LabelRequest forced = request();
  forced.force = true;
  const struct {
    Reservation reservation;
    const char* text;
  } cases[]{{held_by(2), "reserved by node 2 of this cluster"},
            {held_by(1, kOtherCluster), "reserved by node 1 of another cluster"},
            {{.holder = {0x1234}}, "with key 0x0000000000001234, which lastword did not make"},
            {{.holder = {0}, .type = PrType::kWriteExclusiveAllRegistrants}, "lastword did not"}};
  for (const auto& c : cases) {
    DiskFindings findings = clean_findings();
    findings.reservation = c.reservation;
    const LabelVerdict verdict = judge(findings, forced);
    BOOST_TEST(verdict.refused(forced));
    BOOST_TEST(contains(all_of(verdict), c.text));
  }
}

BOOST_AUTO_TEST_CASE(own_reservation_is_no_obstacle) {
  DiskFindings findings = clean_findings();
  findings.reservation = held_by(1);
  BOOST_TEST(!judge(findings, request()).refused(request()));
  LabelRequest nobody = request();
  nobody.self_node = 0;  // without a configuration nobody knows who "I" am
  BOOST_TEST(judge(findings, nobody).refused(nobody));
}

BOOST_AUTO_TEST_CASE(disk_without_persistent_reservations_is_refused) {
  DiskFindings findings = clean_findings();
  findings.reservation_problem = Error{.code = Code::kUnsupported, .operation = "READ RESERVATION"};
  const LabelVerdict verdict = judge(findings, request());
  BOOST_TEST(verdict.refused(request()));
  BOOST_TEST(contains(all_of(verdict), "no persistent reservations"));
}

BOOST_AUTO_TEST_SUITE_END()

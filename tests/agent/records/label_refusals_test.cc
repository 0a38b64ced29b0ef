// Disks that are not labelled, and what says so; nothing on them changes.
#include "agent/records/label_plan.h"
#include "storage/block/record_io.h"
#include "tests/agent/records/label_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(refused_label)

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

BOOST_AUTO_TEST_SUITE(refused_adoption)

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
  BOOST_TEST(contains(label(image, wanted), "no GPT to adopt; label it without --adopt"));
}

// To label it without --adopt would destroy what was to be kept.
BOOST_AUTO_TEST_CASE(file_system_that_fills_the_disk_is_refused_with_what_can_be_done) {
  const ImageFile image(kSize);
  write_ext4(image, 0, "home");
  LabelRequest wanted = request(pb::SERVICE);
  wanted.adopt = true;
  const std::string said = label(image, wanted);
  BOOST_TEST(contains(said, "the disk has no partitions, ext4 file system"), said);
  BOOST_TEST(contains(said, "copy it back into the new partition 2"), said);
  BOOST_TEST(!contains(said, "beside the GPT"), said);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(refused_or_allowed)

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

BOOST_AUTO_TEST_CASE(copy_of_a_disk_in_sight_is_refused_unless_this_node_holds_the_disk) {
  DiskFindings findings = clean_findings();
  findings.label = pb::Label();
  findings.label->set_cluster_uuid(kCluster);
  findings.label->set_disk_uuid("disk-uuid");
  findings.label->set_role(pb::SPARE);
  findings.label->set_home_node(1);
  Survey survey;
  for (const char* path : {"/dev/sdb", "/dev/sdc", "/dev/sdd", "/dev/sde"}) {
    DiskView& disk = survey.disks.emplace_back();
    disk.info.path = path;
    disk.label = findings.label;
  }
  survey.disks[2].label->set_disk_uuid("another");
  survey.disks[3].label.reset();
  findings.copies = copies_in(survey, findings);
  BOOST_TEST((findings.copies == std::vector<std::string>{"/dev/sdb"}));
  // Not even "nothing to do" is said of it, and no force helps.
  LabelRequest forced = request();
  forced.force = true;
  for (const LabelRequest& wanted : {request(), forced}) {
    const LabelVerdict verdict = judge(findings, wanted);
    BOOST_TEST(verdict.refused(wanted));
    BOOST_TEST(!verdict.nothing_to_do);
    BOOST_TEST(contains(all_of(verdict), "the same label as /dev/sdb"));
    BOOST_TEST(contains(all_of(verdict), "wipefs -a"));
  }
  findings.reservation = held_by(1);
  BOOST_TEST(judge(findings, forced).refusals.empty());
}

BOOST_AUTO_TEST_CASE(own_reservation_is_no_obstacle) {
  DiskFindings findings = clean_findings();
  findings.reservation = held_by(1);
  BOOST_TEST(!judge(findings, request()).refused(request()));
  LabelRequest nobody = request();
  nobody.self_node = 0;  // without a configuration nobody knows who "I" am
  BOOST_TEST(judge(findings, nobody).refused(nobody));
}

BOOST_AUTO_TEST_CASE(disk_that_this_node_holds_gets_no_other_home_even_with_force) {
  DiskFindings findings;
  findings.reservation = held_by(1);
  findings.label = pb::Label();
  findings.label->set_cluster_uuid(kCluster);
  findings.label->set_role(pb::SPARE);
  findings.label->set_home_node(1);
  LabelRequest wanted = request(pb::SPARE);
  wanted.force = true;
  BOOST_TEST(judge(findings, wanted).refusals.empty());
  wanted.home_node = 2;
  BOOST_TEST(contains(all_of(judge(findings, wanted)), "cannot get another home"));
}

BOOST_AUTO_TEST_CASE(disk_without_persistent_reservations_is_refused) {
  DiskFindings findings = clean_findings();
  findings.reservation_problem = Error{.code = Code::kUnsupported, .operation = "READ RESERVATION"};
  const LabelVerdict verdict = judge(findings, request());
  BOOST_TEST(verdict.refused(request()));
  BOOST_TEST(contains(all_of(verdict), "no persistent reservations"));
}

BOOST_AUTO_TEST_SUITE_END()

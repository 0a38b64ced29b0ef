// Disks that become labelled, and what they hold then.
#include "agent/records/label_plan.h"

#include "tests/agent/records/label_fixture.h"

using namespace lastword;
using namespace lastword::test;

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

BOOST_AUTO_TEST_CASE(dump_that_ended_before_its_first_byte_is_nothing_to_lose) {
  const ImageFile image(kSize);
  BOOST_TEST(label(image, request()) == "");
  DiskFindings findings = examine(image, request());
  findings.header.set_attribute(pb::ABORTED);
  findings.header.set_reason(pb::VMCORE);
  const auto told = [&] {
    std::string all;
    for (const std::string& objection : judge(findings, request(pb::DUMP)).objections)
      all += objection;
    return all.find("not saved yet") != std::string::npos;
  };
  BOOST_TEST(!told());
  findings.header.set_durable_bytes(1);
  BOOST_TEST(told());
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

BOOST_AUTO_TEST_SUITE_END()

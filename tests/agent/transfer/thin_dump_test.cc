// thin_dump's XML, and everything that is none.
#include "agent/transfer/thin_dump.h"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>

#include "tests/fake/check.h"

namespace lastword {
namespace {

constexpr std::uint64_t kBlock = 64 << 10;

const std::string kSuperblock =
    R"(<superblock uuid="" time="3" transaction="7" flags="0" version="2" data_block_size="128" nr_data_blocks="1000">)";

std::string device(std::string_view inside, std::uint64_t mapped = 0, unsigned id = 1) {
  return fmt::format(R"(<device dev_id="{}" mapped_blocks="{}" transaction="0" creation_time="0" )"
                     R"(snap_time="1">{}</device>)",
                     id, mapped, inside);
}
std::string dump(std::string_view inside) {
  return kSuperblock + "\n  " + std::string(inside) + "\n</superblock>\n";
}
std::string range_of(std::uint64_t origin, std::uint64_t data, std::uint64_t length,
                     unsigned time = 0) {
  return fmt::format(R"(<range_mapping origin_begin="{}" data_begin="{}" length="{}" time="{}"/>)",
                     origin, data, length, time);
}
std::string single(std::uint64_t origin, std::uint64_t data, unsigned time = 0) {
  return fmt::format(R"(<single_mapping origin_block="{}" data_block="{}" time="{}"/>)", origin,
                     data, time);
}

Result<ThinPoolMaps> read(std::string_view xml, std::size_t piece = 7,
                          std::uint64_t max_runs = 100) {
  ThinDumpReader reader(max_runs);
  for (std::size_t at = 0; at < xml.size(); at += piece) {
    const auto some = xml.substr(at, piece);
    if (Status status = reader.add({some.data(), some.size()}); !status)
      return fail(status.error());
  }
  return reader.end();
}

void refused(std::string_view xml, Code code = Code::kCorrupt) {
  BOOST_TEST(fake::fails(read(xml), code), xml);
  BOOST_TEST(fake::fails(read(xml, 1 << 20), code), xml);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thin_dump)

BOOST_AUTO_TEST_CASE(mappings_have_the_blocks_of_the_pool_and_their_time) {
  auto pool =
      read("<?xml version=\"1.0\"?>\n" + dump(device(range_of(0, 10, 3, 1) + single(3, 13, 1) +
                                                         single(4, 14, 2) + range_of(9, 100, 2, 0),
                                                     7) +
                                              device("", 0, 2)));
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST(pool->block_bytes == kBlock);
  BOOST_TEST(pool->time == 3U);
  BOOST_TEST(pool->transaction == 7U);
  ThinBlockMap map(std::move(*pool));
  const std::vector<Mapping> wanted{
      {.offset = 0, .length = 4 * kBlock, .physical = 10 * kBlock, .age = 1},
      {.offset = 4 * kBlock, .length = kBlock, .physical = 14 * kBlock, .age = 2},
      {.offset = 9 * kBlock, .length = 2 * kBlock, .physical = 100 * kBlock}};
  BOOST_TEST((*map.map("1") == wanted));
  BOOST_TEST(map.map("2")->empty());
  const auto behind = map.some("1", 2 * kBlock);
  BOOST_REQUIRE(fake::ok(behind));
  BOOST_TEST(
      ((*behind)[0] ==
       Mapping{.offset = 2 * kBlock, .length = 2 * kBlock, .physical = 12 * kBlock, .age = 1}));
  BOOST_TEST(map.some("1", 11 * kBlock)->empty());
  for (const char* name : {"3", "", "x", "1x", "-1"}) {
    BOOST_TEST(fake::fails(map.some(name, 0), Code::kNotFound));
  }
}

// thin_dump 0.9.0 of a metadata snapshot: a volume, a clone of it that was written and discarded
// in, and a later one.
BOOST_AUTO_TEST_CASE(metadata_snapshot_says_nothing_of_the_pools_size) {
  auto pool = read(
      R"(<superblock uuid="" time="2" transaction="3" flags="0" version="2" data_block_size="128" nr_data_blocks="0">
  <device dev_id="1" mapped_blocks="128" transaction="0" creation_time="0" snap_time="1">
    <range_mapping origin_begin="0" data_begin="0" length="128" time="0"/>
  </device>
  <device dev_id="2" mapped_blocks="126" transaction="1" creation_time="1" snap_time="1">
    <range_mapping origin_begin="0" data_begin="160" length="3" time="1"/>
    <single_mapping origin_block="5" data_block="5" time="0"/>
    <range_mapping origin_begin="6" data_begin="6" length="122" time="0"/>
  </device>
  <device dev_id="3" mapped_blocks="0" transaction="2" creation_time="2" snap_time="2">
  </device>
</superblock>
)");
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST(pool->data_blocks == 0U);
  BOOST_TEST(pool->devices.at(2).created == 1U);
  BOOST_TEST(pool->devices.at(2).runs.size() == 2U);
  BOOST_TEST(pool->devices.at(3).runs.empty());
}

BOOST_AUTO_TEST_CASE(shared_lists_are_in_every_device_that_refers_to_them) {
  const std::string def = R"(<def name="5">)" + range_of(2, 50, 4, 1) + "</def>";
  auto pool = read(dump(def + device(single(0, 1) + R"(<ref name="5"/>)", 5, 1) +
                        device(R"(<ref name="5"/>)" + single(8, 2), 5, 2)));
  BOOST_REQUIRE(fake::ok(pool));
  ThinBlockMap map(std::move(*pool));
  BOOST_TEST(((*map.map("1"))[1] == (*map.map("2"))[0]));
}

BOOST_AUTO_TEST_CASE(cut_anywhere_it_is_refused) {
  const std::string whole = dump(device(range_of(0, 10, 3, 1) + single(3, 13, 1), 4));
  BOOST_REQUIRE(fake::ok(read(whole)));
  for (std::size_t end = 0; end < whole.size() - 1; ++end) refused(whole.substr(0, end));
  refused(whole + whole);
}

BOOST_AUTO_TEST_CASE(what_thin_dump_does_not_write) {
  refused("");
  refused("hello");
  refused("<device/>");
  refused(dump("<superblock/>"));
  refused(dump("<unknown/>"));
  refused(dump(single(0, 1)));
  refused(dump("text"));
  refused(dump(device(device("", 0, 2))));
  refused(dump(device(single(0, 1) + "text", 1)));
  refused(dump(device(
      R"(<single_mapping origin_block="0" data_block="1" time="0"><x/></single_mapping>)", 1)));
  refused(dump(device(R"(<ref name="5"/>)")));
  refused(dump(R"(<def name="5"><ref name="5"/></def>)"));
  refused(dump(R"(<def name="5"/><def name="5"/>)"));
  refused(dump(device("") + device("")));
  refused(dump(device("", 0, 1U << 24)));
  refused("<!DOCTYPE superblock [<!ENTITY a \"b\">]>" + dump(device("")));
}

BOOST_AUTO_TEST_CASE(attributes_that_cannot_be) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string xml = dump(device(single(0, 1), 1));
    xml.replace(xml.find(from), from.size(), to);
    return xml;
  };
  BOOST_REQUIRE(fake::ok(read(with("flags", "other"))));
  for (const char* size : {"0", "64", "129", "2097280", "-128", "128x", "0x80", ""}) {
    refused(with("data_block_size=\"128\"", fmt::format("data_block_size=\"{}\"", size)));
  }
  refused(with("nr_data_blocks=\"1000\"", "nr_data_blocks=\"18446744073709551615\""));
  refused(with("nr_data_blocks=\"1000\"", "nr_data_blocks=\"18446744073709551616\""));
  refused(with(" time=\"3\"", " time=\"16777216\""));
  refused(with(" time=\"3\"", ""));
  refused(with("creation_time=\"0\"", "creation_time=\"4\""));
  refused(with("creation_time=\"0\"", ""));
  refused(with("mapped_blocks=\"1\"", "mapped_blocks=\"2\""));
  refused(with("dev_id=\"1\"", ""));
  refused(with("data_block=\"1\"", "data_block=\"one\""));
}

BOOST_AUTO_TEST_CASE(mappings_that_cannot_be) {
  refused(dump(device(single(0, 1000), 1)));
  refused(dump(device(range_of(0, 999, 2), 2)));
  refused(dump(device(range_of(0, 0, 0), 0)));
  refused(dump(device(range_of(0, 5, ~std::uint64_t{0}), 1)));
  refused(dump(device(range_of(~std::uint64_t{0}, 5, 2), 2)));
  refused(dump(device(range_of((std::uint64_t{16} << 40) / kBlock - 1, 5, 2), 2)));
  refused(dump(device(single(0, 1, 4), 1)));
  refused(dump(device(single(5, 1) + single(5, 2), 2)));
  refused(dump(device(single(5, 1) + single(4, 2), 2)));
  refused(dump(device(range_of(0, 1, 3) + single(2, 9), 4)));
}

BOOST_AUTO_TEST_CASE(more_than_it_may_hold) {
  std::string many;
  for (std::uint64_t i = 0; i < 101; ++i) many += single(i, 999 - i);
  refused(dump(device(many, 101)), Code::kUnsupported);
  std::string refs;
  for (unsigned i = 1; i < 60; ++i) refs += device(R"(<ref name="a"/>)", 2, i);
  refused(dump(R"(<def name="a">)" + single(0, 1) + single(1, 5) + "</def>" + refs),
          Code::kUnsupported);
  refused("<superblock uuid=\"" + std::string(200 << 10, 'x') + "\"/>");
  refused(kSuperblock + std::string(200 << 10, ' '));
}

BOOST_AUTO_TEST_CASE(first_error_stays) {
  ThinDumpReader reader;
  const std::string_view wrong = "<device/>";
  BOOST_TEST(fake::fails(reader.add(wrong), Code::kCorrupt));
  BOOST_TEST(fake::fails(reader.add(wrong), Code::kCorrupt));
  BOOST_TEST(fake::fails(reader.end(), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

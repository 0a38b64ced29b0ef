// A stream that breaks off anywhere, and the next one that goes on where the first was verified.
#include <boost/test/unit_test.hpp>

#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"

namespace lastword::fake {
namespace {

// A golden image, a clone, holes, an odd size, and an increment on top of it.
Sets some_sets(bool increment) {
  Sets sets;
  sets.pool.put("empty", {});
  sets.pool.put("gold", range(1000, 700));
  Blocks clone = range(1000, 700);
  clone[7] = 5000;
  clone[600] = 0;
  sets.pool.put("clone", clone);
  Blocks sparse(1100);
  sparse[300] = 77;
  sparse[1099] = FakePool::kZeroFrom + 3;
  sets.pool.put("sparse", sparse);
  if (increment) sets.base = {"gold", "sparse"};
  Blocks now = range(1000, 700);
  now[0] = 8000;
  now[650] = 8001;
  sets.pool.put("now", now);
  sets.volumes = {"clone", "empty", "gold", "now", "sparse"};
  return sets;
}

const ReceiveOptions kResumable{.keep = true, .note_every = 1};
constexpr auto kNoCheck = [] { return Status{}; };

void arrived(const Sets& sets, const MemoryStaging& staging) {
  BOOST_TEST(staging.published);
  BOOST_TEST(!staging.wrong);
  for (std::size_t i = 0; i < sets.volumes.size(); ++i) {
    BOOST_TEST((staging.volumes.at(i) == sets.content(sets.volumes[i])), sets.volumes[i]);
  }
}

std::vector<std::size_t> cuts_of(std::span<const std::byte> stream) {
  std::vector<std::size_t> cuts;
  for (const std::size_t start : boundaries(stream)) {
    for (const std::size_t cut : {start, start + 1, start + kCloneHeaderBytes + 5}) {
      if (cut < stream.size()) cuts.push_back(cut);
    }
  }
  return cuts;
}

struct Broken {
  Sets sets = some_sets(false);
  MadeStream whole = *make_stream(sets);
  MemoryStaging staging{&sets};

  // Near its end.
  Broken() {
    const auto starts = boundaries(whole.bytes);
    const auto most = std::span(whole.bytes).first(starts[starts.size() - 2]);
    BOOST_REQUIRE(!receive(most, staging, kResumable).has_value());
    BOOST_REQUIRE(staging.kept);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(clone_resume)

BOOST_AUTO_TEST_CASE(broken_off_anywhere_it_goes_on_and_arrives) {
  for (const bool increment : {false, true}) {
    Sets sets = some_sets(increment);
    const auto whole = make_stream(sets, "lz4");
    std::size_t resumed = 0;
    for (const std::size_t cut : cuts_of(whole->bytes)) {
      MemoryStaging staging(&sets);
      const auto first = std::span(whole->bytes).first(cut);
      BOOST_TEST(fails(receive(first, staging, kResumable), Code::kCorrupt));
      BOOST_TEST(!staging.published);
      const ClonePosition start = staging.kept ? staging.noted->reached : ClonePosition{};
      resumed += staging.kept ? 1 : 0;
      const auto rest = make_stream(sets, "none", kNoCheck, start);
      BOOST_REQUIRE(ok(rest));
      BOOST_TEST(ok(receive(rest->bytes, staging, kResumable)));
      arrived(sets, staging);
      BOOST_TEST((rest->sent.tables == whole->sent.tables));
    }
    BOOST_TEST(resumed >= (increment ? 1U : 5U));
  }
}

BOOST_AUTO_TEST_CASE(killed_between_two_notes_it_goes_on_from_the_last) {
  Sets sets = some_sets(false);
  const auto whole = make_stream(sets);
  std::size_t resumed = 0;
  for (const std::size_t cut : cuts_of(whole->bytes)) {
    MemoryStaging staging(&sets);
    (void)receive(std::span(whole->bytes).first(cut), staging,
                  {.keep = true, .note_every = 3 << 20});
    // The note at the end is what a killed receiver does not come to.
    MemoryStaging before(&sets);
    (void)receive(std::span(whole->bytes).first(cut / 4 * 3), before,
                  {.keep = true, .note_every = 1 << 19});
    if (!before.kept) continue;
    ++resumed;
    staging.noted = before.noted;
    staging.kept = true;
    const auto rest = make_stream(sets, "none", kNoCheck, before.noted->reached);
    BOOST_TEST(ok(receive(rest->bytes, staging, kResumable)));
    arrived(sets, staging);
  }
  BOOST_TEST(resumed > 0U);
}

BOOST_AUTO_TEST_CASE(what_had_arrived_is_not_sent_again) {
  Broken broken;
  const auto rest = make_stream(broken.sets, "none", kNoCheck, broken.staging.noted->reached);
  BOOST_TEST(rest->sent.figures.resumed_bytes() ==
             bytes_before(head_of_sets(broken.sets).snapshot(), broken.staging.noted->reached));
  const std::uint64_t again =
      rest->sent.figures.data_bytes() + kRangeBytes - broken.whole.sent.figures.data_bytes();
  BOOST_TEST(rest->bytes.size() < kRangeBytes + 10 * kBlockBytes, again);
  BOOST_TEST(ok(receive(rest->bytes, broken.staging, kResumable)));
}

BOOST_AUTO_TEST_CASE(broken_off_at_every_section_in_turn) {
  Sets sets = some_sets(false);
  MemoryStaging staging(&sets);
  ClonePosition start;
  std::size_t times = 0;
  for (; times < 100; ++times) {
    const auto stream = make_stream(sets, "none", kNoCheck, start);
    const auto starts = boundaries(stream->bytes);
    // The head, and then three sections: fewer may end no range.
    const std::size_t end = starts[std::min<std::size_t>(starts.size() - 1, 4)];
    const auto result = receive(std::span(stream->bytes).first(end), staging, kResumable);
    if (result) break;
    BOOST_REQUIRE(staging.kept);
    BOOST_TEST((staging.noted->reached > start));
    start = staging.noted->reached;
  }
  BOOST_TEST(times > 1U);
  arrived(sets, staging);
}

BOOST_AUTO_TEST_CASE(pool_that_fills_up_keeps_what_was_noted) {
  Sets sets = some_sets(false);
  const auto whole = make_stream(sets);
  MemoryStaging staging(&sets);
  staging.takes = 2 << 20;
  BOOST_TEST(fails(receive(whole->bytes, staging, kResumable), Code::kNoSpace));
  BOOST_REQUIRE(staging.kept);
  staging.takes = 1 << 30;
  const auto rest = make_stream(sets, "none", kNoCheck, staging.noted->reached);
  BOOST_TEST(rest->bytes.size() < whole->bytes.size());
  BOOST_TEST(ok(receive(rest->bytes, staging, kResumable)));
  arrived(sets, staging);
}

BOOST_AUTO_TEST_CASE(without_being_asked_nothing_is_kept) {
  Sets sets = some_sets(false);
  const auto whole = make_stream(sets);
  MemoryStaging staging(&sets);
  (void)receive(std::span(whole->bytes).first(whole->bytes.size() - 1), staging);
  BOOST_TEST(!staging.kept);
  BOOST_TEST(!staging.noted.has_value());
}

BOOST_AUTO_TEST_CASE(stream_that_is_wrong_leaves_nothing) {
  Sets sets = some_sets(false);
  const auto whole = make_stream(sets);
  const auto starts = boundaries(whole->bytes);
  Bytes spoiled = whole->bytes;
  spoiled[starts[starts.size() - 2] + kCloneHeaderBytes] ^= std::byte{1};
  MemoryStaging staging(&sets);
  BOOST_TEST(fails(receive(spoiled, staging, kResumable), Code::kCorrupt));
  BOOST_TEST(staging.noted.has_value());
  BOOST_TEST(!staging.kept);
}

BOOST_AUTO_TEST_CASE(what_does_not_read_back_is_not_noted) {
  Sets sets = some_sets(false);
  const auto whole = make_stream(sets);
  MemoryStaging staging(&sets);
  staging.spoil_at_sync = 5;
  const auto most = std::span(whole->bytes).first(whole->bytes.size() - 32);
  BOOST_TEST(fails(receive(most, staging, {.keep = true}), Code::kCorrupt));
  BOOST_TEST(!staging.noted.has_value());
  BOOST_TEST(!staging.kept);
}

// Content that is not the sender's is found by the roots, wherever it was kept.
BOOST_AUTO_TEST_CASE(kept_hash_that_is_not_the_senders_is_found_at_the_end) {
  Broken broken;
  broken.staging.noted->tables[0][0].bytes[0] ^= 1;
  const auto rest = make_stream(broken.sets, "none", kNoCheck, broken.staging.noted->reached);
  BOOST_TEST(fails(receive(rest->bytes, broken.staging, kResumable), Code::kCorrupt));
  BOOST_TEST(!broken.staging.published);
  BOOST_TEST(!broken.staging.kept);
}

BOOST_AUTO_TEST_CASE(all_had_arrived_but_the_end) {
  Broken broken;
  const auto volumes = static_cast<std::uint32_t>(broken.sets.volumes.size());
  if (broken.staging.noted->reached != ClonePosition{.volume = volumes}) {
    const auto rest = make_stream(broken.sets, "none", kNoCheck, broken.staging.noted->reached);
    const std::size_t end = boundaries(rest->bytes).end()[-2];
    (void)receive(std::span(rest->bytes).first(end), broken.staging, kResumable);
  }
  BOOST_REQUIRE((broken.staging.noted->reached == ClonePosition{.volume = volumes}));
  const auto rest = make_stream(broken.sets, "none", kNoCheck, broken.staging.noted->reached);
  BOOST_TEST(boundaries(rest->bytes).size() == 3U);  // head, end
  BOOST_TEST(ok(receive(rest->bytes, broken.staging, kResumable)));
  arrived(broken.sets, broken.staging);
}

BOOST_AUTO_TEST_CASE(places_as_text) {
  for (const ClonePosition place : {ClonePosition{}, {.volume = 3, .offset = 1 << 20}}) {
    BOOST_TEST((parse_position(to_string(place)) == place));
  }
  for (const char* text : {"", "3", "3:", ":5", "3:5x", "x:5", "-1:0", "3 :5", "4294967296:0"}) {
    BOOST_TEST(!parse_position(text).has_value(), text);
  }
  pb::CloneStaged staged;
  staged.set_snapshot_uuid(kSnapshotUuid);
  set_position(*staged.mutable_reached(), {.volume = 1, .offset = 2 << 20});
  for (const std::string& base : {std::string(), kBaseUuid}) {
    staged.set_base_uuid(base);
    const auto parsed = parse_staged(to_string(staged));
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->SerializeAsString() == staged.SerializeAsString());
  }
  BOOST_TEST(!parse_staged("").has_value());
  BOOST_TEST(!parse_staged("x 1:0").has_value());
  BOOST_TEST(!parse_staged(kSnapshotUuid + " 1:0 x").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake

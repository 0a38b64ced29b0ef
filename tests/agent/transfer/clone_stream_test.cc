// A set through the stream and back: what arrives, what goes over the line, and that a stream that
// is not whole, or was spoiled, is refused and publishes nothing.
#include <boost/test/unit_test.hpp>

#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"

namespace lastword::fake {
namespace {

constexpr std::size_t kRangeBlocks = kRangeBytes / kBlock;

// A golden image, two clones with changes, and something of its own.
Sets small_sets() {
  Sets sets;
  sets.pool.put("gold", range(1000, 600));
  Blocks clone = range(1000, 600);
  clone[7] = 5000;
  clone[300] = 5001;
  sets.pool.put("clone1", clone);
  clone[300] = 0;
  sets.pool.put("clone2", clone);
  sets.pool.put("own", {0, 0, 9, 0, FakePool::kZeroFrom + 1, 10});
  sets.volumes = {"gold", "clone1", "clone2", "own"};
  return sets;
}

// The same set later: one block more changed, one clone more.
Sets later_sets() {
  Sets sets = small_sets();
  sets.base = sets.volumes;
  Blocks changed = sets.pool.blocks("clone1");
  changed[400] = 6000;
  sets.pool.put("clone1-now", changed);
  sets.pool.put("clone3-now", sets.pool.blocks("clone2"));
  sets.volumes = {"gold", "clone1-now", "clone2", "clone3-now", "own"};
  return sets;
}

void arrives(const Sets& sets, const MemoryStaging& staging) {
  BOOST_TEST(staging.published);
  BOOST_TEST(!staging.wrong);
  BOOST_REQUIRE(staging.volumes.size() == sets.volumes.size());
  for (std::size_t i = 0; i < sets.volumes.size(); ++i) {
    BOOST_TEST((staging.volumes[i] == sets.content(sets.volumes[i])), sets.volumes[i]);
  }
}

// Refused with `code`, and nothing of it seen.
void refused(std::span<const std::byte> stream, const Sets* sets = nullptr,
             Code code = Code::kCorrupt) {
  MemoryStaging staging(sets);
  BOOST_TEST(fails(receive(stream, staging), code));
  BOOST_TEST(!staging.published);
  BOOST_TEST(!staging.wrong);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clone_stream)

BOOST_AUTO_TEST_CASE(set_arrives_as_it_was_with_every_codec) {
  for (const char* codec : {"none", "lz4", "zstd", "zstd:3", "auto"}) {
    Sets sets = small_sets();
    const auto made = make_stream(sets, codec);
    BOOST_REQUIRE(ok(made));
    MemoryStaging staging;
    BOOST_TEST(ok(receive(made->bytes, staging)));
    arrives(sets, staging);
  }
}

BOOST_AUTO_TEST_CASE(each_distinct_block_goes_once_and_zeros_never) {
  Sets sets = small_sets();
  const auto made = make_stream(sets);
  // 600 of gold, 2 of clone1, 2 of own; the block of zeros is none.
  BOOST_TEST(made->sent.figures.data_bytes() == 604 * kBlock);
  BOOST_TEST(made->sent.figures.shared_bytes() == (598 + 599) * kBlock);
  BOOST_TEST(made->bytes.size() < 604 * kBlock * 101 / 100);
  BOOST_TEST(made->sent.figures.stream_bytes() == made->bytes.size());
}

BOOST_AUTO_TEST_CASE(increment_sends_only_what_the_base_never_had) {
  Sets sets = later_sets();
  const auto made = make_stream(sets);
  BOOST_REQUIRE(ok(made));
  BOOST_TEST(made->sent.figures.data_bytes() == kBlock);
  MemoryStaging staging(&sets);
  BOOST_TEST(ok(receive(made->bytes, staging)));
  arrives(sets, staging);
}

// Volumes without changes cost a run each.
BOOST_AUTO_TEST_CASE(many_unchanged_volumes_take_no_section_each) {
  Sets sets;
  for (int i = 0; i < 100; ++i) {
    sets.pool.put(fmt::format("v{}", i), range(1000 + 300 * static_cast<std::uint64_t>(i), 300));
    sets.volumes.push_back(fmt::format("v{}", i));
  }
  sets.base = sets.volumes;
  const auto made = make_stream(sets);
  BOOST_TEST(boundaries(made->bytes).size() == 3U + 1U);  // head, content, end
  MemoryStaging staging(&sets);
  BOOST_TEST(ok(receive(made->bytes, staging)));
  arrives(sets, staging);
}

BOOST_AUTO_TEST_CASE(increment_reads_only_ranges_that_changed) {
  Sets sets = later_sets();
  const auto made = make_stream(sets);
  // Of clone1-now the range with block 400; the rest has its hashes from the base.
  BOOST_TEST(made->read_bytes == kRangeBytes);
  for (std::size_t i = 0; i < sets.volumes.size(); ++i) {
    BOOST_TEST((made->sent.tables[i] == table_of(sets.content(sets.volumes[i]))));
  }
}

BOOST_AUTO_TEST_CASE(base_that_differs_is_refused) {
  Sets sets = later_sets();
  const auto made = make_stream(sets);
  refused(made->bytes, nullptr, Code::kRefused);
  Sets other = later_sets();
  other.pool.put("own", {0, 0, 9, 0, 0, 11});
  refused(made->bytes, &other, Code::kRefused);
}

BOOST_AUTO_TEST_CASE(what_does_not_read_back_is_not_published) {
  Sets sets = small_sets();
  const auto made = make_stream(sets);
  for (const std::size_t at : {std::size_t{0}, kRangeBytes + 5, 600 * kBlock - 1}) {
    MemoryStaging staging;
    staging.spoil_at_sync = at;
    const auto result = receive(made->bytes, staging);
    BOOST_TEST(fails(result, Code::kCorrupt));
    BOOST_TEST(result.error().offset == at / kRangeBytes * kRangeBytes);
    BOOST_TEST(!staging.published);
  }
}

BOOST_AUTO_TEST_CASE(volumes_that_changed_while_sent_leave_a_stream_without_end) {
  Sets sets = small_sets();
  Bytes bytes;
  const auto moved = [] { return fail({.code = Code::kIo, .operation = "moved"}); };
  BOOST_TEST(fails(make_stream(sets, "none", [&]() -> Status { return moved(); }), Code::kIo));
  auto made = make_stream(sets);
  const auto starts = boundaries(made->bytes);
  made->bytes.resize(starts[starts.size() - 2]);
  refused(made->bytes);
}

BOOST_AUTO_TEST_CASE(cut_at_every_section_and_inside_each) {
  Sets sets = later_sets();
  const auto made = make_stream(sets);
  for (const std::size_t start : boundaries(made->bytes)) {
    for (const std::size_t end :
         {start, start + 1, start + kCloneHeaderBytes, start + kCloneHeaderBytes + 9}) {
      if (end < made->bytes.size()) refused(std::span(made->bytes).first(end), &sets);
    }
  }
}

BOOST_AUTO_TEST_CASE(flipped_bit_anywhere) {
  Sets sets;
  sets.pool.put("a", {1, 0, 2});
  sets.pool.put("b", {1, 3, 2});
  sets.volumes = {"a", "b"};
  const auto made = make_stream(sets);
  // Each byte of every header, run and hash, and some of what is behind them.
  const auto starts = boundaries(made->bytes);
  const auto step = [&](std::size_t at) -> std::size_t {
    const auto next = std::ranges::upper_bound(starts, at);
    return at - *std::prev(next) < 160 ? 1 : 29;
  };
  for (std::size_t at = 0; at < made->bytes.size(); at += step(at)) {
    Bytes spoiled = made->bytes;
    spoiled[at] ^= static_cast<std::byte>(1U << at % 8);
    MemoryStaging staging;
    const auto result = receive(spoiled, staging);
    BOOST_TEST(!result.has_value(), "byte " << at);
    BOOST_TEST(!staging.published);
    BOOST_TEST(!staging.wrong);
  }
}

BOOST_AUTO_TEST_CASE(section_missing_twice_or_misplaced) {
  Sets sets = later_sets();
  const auto made = make_stream(sets);
  const auto starts = boundaries(made->bytes);
  const auto section = [&](std::size_t i) {
    return std::span(made->bytes).subspan(starts[i], starts[i + 1] - starts[i]);
  };
  const std::size_t count = starts.size() - 1;
  const auto joined = [&](const std::vector<std::size_t>& order) {
    Bytes bytes;
    for (const std::size_t i : order)
      bytes.insert(bytes.end(), section(i).begin(), section(i).end());
    return bytes;
  };
  std::vector<std::size_t> whole;
  for (std::size_t i = 0; i < count; ++i) whole.push_back(i);
  for (std::size_t i = 0; i < count; ++i) {
    auto missing = whole;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    refused(joined(missing), &sets);
    auto twice = whole;
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), i);
    refused(joined(twice), &sets);
    if (i + 1 == count) continue;
    auto swapped = whole;
    std::swap(swapped[i], swapped[i + 1]);
    refused(joined(swapped), &sets);
  }
}

BOOST_AUTO_TEST_CASE(something_behind_the_end) {
  Sets sets = small_sets();
  auto made = make_stream(sets);
  made->bytes.push_back(std::byte{0});
  refused(made->bytes);
}

BOOST_AUTO_TEST_CASE(section_of_another_stream) {
  Sets sets = small_sets();
  auto made = make_stream(sets);
  const auto starts = boundaries(made->bytes);
  SectionHeader header;
  std::memcpy(&header, made->bytes.data() + starts[1], sizeof header);
  header.crash_id[0] ^= 1;
  std::memcpy(made->bytes.data() + starts[1], &header, sizeof header);
  reseal_clone(made->bytes);
  refused(made->bytes);
}

BOOST_AUTO_TEST_CASE(other_versions_are_named_as_such) {
  Sets sets = small_sets();
  for (const std::uint32_t version : {2U, 4U}) {
    auto made = make_stream(sets);
    SectionHeader header;
    std::memcpy(&header, made->bytes.data(), sizeof header);
    header.version = version;
    std::memcpy(made->bytes.data(), &header, sizeof header);
    reseal_clone(made->bytes);
    refused(made->bytes, nullptr, version == 2 ? Code::kUnsupported : Code::kFutureVersion);
  }
}

BOOST_AUTO_TEST_CASE(volume_that_ends_inside_a_range) {
  Sets sets;
  sets.pool.put("gold", range(10, kRangeBlocks + 3));
  sets.pool.put("longer", range(10, kRangeBlocks + 5));
  sets.pool.put("shifted", range(11, kRangeBlocks + 2));
  sets.pool.put("shorter", range(10, kRangeBlocks + 1));
  sets.pool.put("empty", {});
  sets.volumes = {"empty", "gold", "longer", "shifted", "shorter"};
  const auto made = make_stream(sets, "lz4");
  BOOST_REQUIRE(ok(made));
  MemoryStaging staging;
  BOOST_TEST(ok(receive(made->bytes, staging)));
  arrives(sets, staging);
}

// Many scattered blocks: runs fill sections, not data.
BOOST_AUTO_TEST_CASE(scattered_blocks_take_more_than_one_section) {
  Sets sets;
  Blocks gold(46000);
  for (std::size_t i = 0; i < gold.size(); ++i) gold[i] = i % 2 == 0 ? 0 : 100 + 7 * i % 4001;
  sets.pool.put("gold", gold);
  std::ranges::reverse(gold);
  sets.pool.put("reversed", gold);
  sets.volumes = {"gold", "reversed"};
  const auto made = make_stream(sets, "auto");
  BOOST_REQUIRE(ok(made));
  MemoryStaging staging;
  BOOST_TEST(ok(receive(made->bytes, staging)));
  arrives(sets, staging);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake

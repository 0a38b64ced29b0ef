// What an increment costs over the line beside the blocks that changed. docs/clone-stream.md has
// the table.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/run_codec.h"
#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"

namespace lastword::fake {
namespace {

constexpr std::size_t kVolumeBlocks = 128 * kRangeBytes / kBlock;

// Two volumes of 128 MiB; in the first one `count` stretches of `length` blocks have changed.
Sets changed_sets(std::size_t count, std::size_t length) {
  Sets sets;
  Blocks blocks = range(1, kVolumeBlocks);
  sets.pool.put("gold", blocks);
  sets.pool.put("other", range(1 + kVolumeBlocks, kVolumeBlocks));
  sets.base = {"gold", "other"};
  std::uint64_t seed = 1;
  std::uint64_t fresh = 3 * kVolumeBlocks;
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::size_t at = (seed >> 33) % (kVolumeBlocks / length) * length;
    for (std::size_t k = 0; k < length; ++k) blocks[at + k] = fresh++;
  }
  sets.pool.put("gold-now", blocks);
  sets.volumes = {"gold-now", "other"};
  return sets;
}

// Bytes of a stream by what they are for.
struct Parts {
  std::uint64_t data = 0;
  std::uint64_t runs = 0;
  std::uint64_t hashes = 0;
  std::uint64_t headers = 0;  // of sections
  std::uint64_t ends = 0;     // payloads of the head and of the end
};

Parts parts_of(const MadeStream& made, const Sets& sets) {
  std::vector<std::uint64_t> sizes;
  for (const auto& name : sets.volumes) sizes.push_back(sets.pool.blocks(name).size() * kBlock);
  Parts parts;
  RunCodec codec(sizes, kBlock, {});
  const auto starts = boundaries(made.bytes);
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    SectionHeader header;
    std::memcpy(&header, made.bytes.data() + starts[i], sizeof header);
    const auto payload =
        std::span(made.bytes).subspan(starts[i] + kCloneHeaderBytes, header.stored_bytes);
    parts.headers += kCloneHeaderBytes;
    if (static_cast<CloneSection>(header.kind) != CloneSection::kContent) {
      parts.ends += payload.size();
      continue;
    }
    const auto decoded = codec.decode(header.run_count, payload);
    BOOST_REQUIRE(ok(decoded));
    std::uint64_t data = 0;
    for (const CloneRun& run : decoded->runs) {
      if (static_cast<CloneRunKind>(run.kind) == CloneRunKind::kData) data += run.length;
    }
    parts.data += data;
    parts.runs += decoded->bytes;
    parts.hashes += payload.size() - decoded->bytes - data;
  }
  return parts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stream_overhead)

BOOST_AUTO_TEST_CASE(increment_costs_little_beside_what_changed) {
  struct Case {
    std::size_t count;
    std::size_t length;
  };
  for (const Case& one : {Case{1, 1},
                          {10, 1},
                          {32, 1},
                          {100, 1},
                          {1000, 1},
                          {8000, 1},
                          {100, 16},
                          {4, 256},
                          {32, 256}}) {
    Sets sets = changed_sets(one.count, one.length);
    const auto made = make_stream(sets);
    BOOST_REQUIRE(ok(made));
    const Parts parts = parts_of(*made, sets);
    BOOST_TEST(parts.data == made->sent.figures.data_bytes());
    BOOST_TEST(parts.data + parts.runs + parts.hashes + parts.headers + parts.ends ==
               made->bytes.size());
    BOOST_TEST_MESSAGE(fmt::format(
        "| {} x {} KiB | {} | {} | {} | {} | {} | {:.4f} |", one.count, one.length * kBlock / 1024,
        parts.data, parts.runs, parts.hashes, parts.headers, parts.ends,
        static_cast<double>(made->bytes.size()) / static_cast<double>(parts.data)));
    // Of each changed block at most two runs and a hash, of each 512 KiB a header.
    BOOST_TEST(made->bytes.size() < parts.data + parts.data / 100 + 1024);
    if (one.count >= 32) BOOST_TEST(made->bytes.size() * 100 < parts.data * 102);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake

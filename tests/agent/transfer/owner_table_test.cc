// Who has a block first, against a table with an entry for each block.
#include "agent/transfer/owner_table.h"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace lastword {
namespace {

constexpr std::uint64_t kBlock = 512;

void same_as_a_plain_table(std::uint64_t blocks, std::uint64_t longest, std::uint64_t rounds,
                           bool ascending) {
  OwnerTable table(kBlock);
  std::vector<std::optional<Owner>> plain(blocks);
  std::uint64_t seed = 3;
  const auto random = [&](std::uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % below;
  };
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const std::uint64_t length = 1 + random(longest);
    const std::uint64_t first = ascending ? i * blocks / rounds : random(blocks);
    const std::uint64_t end = std::min(first + length, blocks);
    const bool base = random(2) == 0;
    for (std::uint64_t at = first; at < end;) {
      const auto piece = table.look(at * kBlock, (end - at) * kBlock);
      BOOST_REQUIRE((piece.length > 0 && piece.length % kBlock == 0));
      const std::uint64_t count = piece.length / kBlock;
      BOOST_REQUIRE(at + count <= end);
      for (std::uint64_t k = 0; k < count; ++k) {
        std::optional<Owner> owner = piece.owner;
        if (owner) owner->offset += k * kBlock;
        BOOST_REQUIRE((owner == plain[at + k]));
      }
      if (!piece.owner) {
        const Owner owner{.kind = base ? CloneRunKind::kBase : CloneRunKind::kSent,
                          .volume = static_cast<std::uint32_t>(random(kMaxCloneVolumes)),
                          .offset = random(kMaxVolumeBytes / kBlock - longest) * kBlock};
        table.claim(at * kBlock, piece.length, owner);
        for (std::uint64_t k = 0; k < count; ++k) {
          plain[at + k] = owner;
          plain[at + k]->offset += k * kBlock;
        }
      }
      at += count;
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(owner_table)

BOOST_AUTO_TEST_CASE(first_one_keeps_its_blocks) {
  same_as_a_plain_table(40000, 30, 20000, false);
  same_as_a_plain_table(40000, 1, 30000, false);
  same_as_a_plain_table(40000, 5, 20000, true);
}

// An entry has 18 bits for its length.
BOOST_AUTO_TEST_CASE(stretch_of_more_blocks_than_an_entry_has) {
  same_as_a_plain_table(3000000, 1000000, 12, false);
  OwnerTable table(kBlock);
  table.claim(0, kMaxVolumeBytes, {.volume = 1023});
  const auto last = table.look(kMaxVolumeBytes - kBlock, 9 * kBlock);
  BOOST_TEST(last.length == kBlock);
  BOOST_REQUIRE(last.owner.has_value());
  BOOST_TEST((*last.owner == Owner{.volume = 1023, .offset = kMaxVolumeBytes - kBlock}));
  BOOST_TEST(!table.look(kMaxVolumeBytes, kBlock).owner.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

// The kdump-compressed core, and what holds of a core in every format.
#include <boost/test/unit_test.hpp>

#include "agent/corefile/core_kind.h"
#include "tests/agent/recover/recover_fixture.h"
#include "tests/support/kdump_reader.h"

namespace lastword {
namespace {

using Page = KdumpReader::Page;
constexpr std::uint64_t kOverheadBytes = 4 << 20;  // agent/recover/recover_dump.cc

class FormatsFixture : public RecoverFixture {
 public:
  FormatsFixture() { format = CoreFormat::kKdump; }

  // The sample's memory with pages of every fate: 1 .. 64 stored, 256 .. 300 zero, 300 .. 400
  // excluded, 400 .. 512 stored.
  fake::StreamBuilder mixed_stream() const {
    const auto run = [](std::uint64_t first, std::uint64_t end, RunKind what, PageClass is) {
      return PageRun{.pfn = first,
                     .count = static_cast<std::uint32_t>(end - first),
                     .what = static_cast<std::uint16_t>(what),
                     .page_class = static_cast<std::uint16_t>(is)};
    };
    fake::StreamBuilder stream(kCrash);
    stream.elf_head(fake::vmcore_head(kMemory, fake::note("CORE", 1, std::string(336, 'r'))));
    stream.dmesg(kLog);
    stream.runs(PagePass::kKernel, std::array{run(256, 300, RunKind::kZero, PageClass::kKernel),
                                              run(300, 400, RunKind::kExcluded, PageClass::kUser),
                                              run(400, 512, RunKind::kStored, PageClass::kKernel)});
    stream.runs(PagePass::kCache, std::array{run(1, 64, RunKind::kStored, PageClass::kCache)},
                Codec::kLz4);
    return stream;
  }
  std::string core_text() { return content_of(expected_path() + "/vmcore"); }
};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

BOOST_FIXTURE_TEST_SUITE(recover_formats, FormatsFixture)

BOOST_AUTO_TEST_CASE(kdump_core_tells_stored_zero_and_excluded_pages_apart) {
  auto stream = mixed_stream();
  put(stream.end(), pb::COMPLETED, pb::REASON_NONE);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().core_format() == "kdump, zlib");
  BOOST_TEST(result->report().complete());
  const std::string text = core_text();
  BOOST_TEST(result->report().core_bytes() == text.size());
  const KdumpReader core(bytes_of(text));
  BOOST_TEST(core.header.status == kKdumpZlib);
  BOOST_TEST(core.sub_header.dump_level == 8);
  for (std::uint64_t pfn = 0; pfn < 520; ++pfn) {
    const bool memory = (pfn >= 1 && pfn < 64) || (pfn >= 256 && pfn < 512);
    const bool excluded = pfn >= 300 && pfn < 400;
    const Page expected = !memory ? Page::kNotMemory : excluded ? Page::kExcluded : Page::kThere;
    BOOST_TEST_REQUIRE((core.state(pfn) == expected), "page frame " << pfn);
    if (expected != Page::kThere) continue;
    const bool zero = pfn >= 256 && pfn < 300;
    BOOST_TEST_REQUIRE((core.content(pfn) ==
                        (zero ? std::vector<std::byte>(kPageBytes) : fake::page_content(pfn))),
                       "page frame " << pfn);
  }
}

BOOST_AUTO_TEST_CASE(kdump_core_of_a_partial_dump_is_marked_and_lacks_what_was_not_reached) {
  const auto stream = mixed_stream();
  const std::size_t cut = stream.boundaries()[3];  // before 1 .. 64
  put_stream(std::span(stream.bytes()).first(cut));
  put_header(pb::ABORTED, pb::LIMIT, cut);
  const auto result = recover();
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->report().complete());
  BOOST_TEST(result->report().missing_pages() == 63U);
  const std::string text = core_text();
  const KdumpReader core(bytes_of(text));
  BOOST_TEST((core.header.status & kKdumpIncomplete) != 0U);
  BOOST_TEST((core.state(1) == Page::kMissing));
  BOOST_TEST((core.state(63) == Page::kMissing));
  BOOST_TEST((core.state(300) == Page::kExcluded));
  BOOST_TEST((core.content(511) == fake::page_content(511)));
}

BOOST_AUTO_TEST_CASE(codec_is_what_was_asked_for) {
  auto stream = mixed_stream();
  put(stream.end(), pb::COMPLETED, pb::REASON_NONE);
  RecoverOptions with_zstd = options();
  with_zstd.core.codec = PageCodec::kZstd;
  const auto result = recover_dump(source(), with_zstd);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->report().core_format() == "kdump, zstd");
  const std::string text = core_text();
  const KdumpReader core(bytes_of(text));
  BOOST_TEST(core.descriptor(511).flags == kKdumpZstd);
  BOOST_TEST((core.content(511) == fake::page_content(511)));
}

BOOST_AUTO_TEST_CASE(finished_recovery_in_another_format_is_kept_and_that_is_said) {
  put_complete_dump();
  RecoverOptions elf = options();
  elf.core.format = CoreFormat::kElf;
  elf.mark_saved = false;
  BOOST_TEST_REQUIRE(recover_dump(source(), elf).has_value());
  const auto again = recover();
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST(again->recovered_before());
  BOOST_TEST(again->saved());
  BOOST_TEST(again->note() == "its vmcore is elf; with --format kdump you get another one");
  BOOST_TEST(core_text().substr(0, 4) == "\177ELF");
}

BOOST_AUTO_TEST_CASE(format_that_was_asked_for_is_written_beside_a_finished_one) {
  put_complete_dump();
  RecoverOptions asked = options();
  asked.any_core = false;
  asked.core.format = CoreFormat::kElf;
  BOOST_TEST_REQUIRE(recover_dump(source(), asked).has_value());
  asked.core = {.format = CoreFormat::kKdump, .codec = PageCodec::kZstd};
  const std::string other = directory + "/alpha-20231114T221320Z-kdump-zstd-0a1b2c3d";
  for (const bool before : {false, true}) {
    const auto again = recover_dump(source(), asked);
    BOOST_TEST_REQUIRE(again.has_value());
    BOOST_TEST(again->recovered_before() == before);
    BOOST_TEST(again->directory() == other);
    BOOST_TEST(again->report().core_format() == "kdump, zstd");
  }
  BOOST_TEST(content_of(other + "/vmcore").substr(0, 5) == "KDUMP");
  BOOST_TEST(core_text().substr(0, 4) == "\177ELF");
  // The first one is still found by its format.
  asked.core = {.format = CoreFormat::kElf};
  const auto first = recover_dump(source(), asked);
  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST(first->recovered_before());
  BOOST_TEST(first->directory() == expected_path());
}

BOOST_AUTO_TEST_CASE(format_that_was_asked_for_of_nothing_is_no_second_directory) {
  put_header(pb::ABORTED, pb::LIMIT, 0);
  BOOST_TEST_REQUIRE(recover().has_value());
  RecoverOptions asked = options();
  asked.any_core = false;
  asked.core.format = CoreFormat::kElf;
  const auto again = recover_dump(source(), asked);
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST(again->recovered_before());
  BOOST_TEST(left_behind().size() == 1U);
}

BOOST_AUTO_TEST_CASE(killed_at_any_step_a_kdump_recovery_succeeds_the_next_time) {
  std::string whole;
  kill_at_every_step([&](const pb::RecoveryResult&) {
    if (whole.empty()) whole = core_text();
    BOOST_TEST((core_text() == whole));
  });
}

BOOST_AUTO_TEST_CASE(full_in_the_middle_leaves_neither_files_nor_mark) {
  check_full_leaves_nothing({0, 50, 10'000, 16'000});
}

BOOST_AUTO_TEST_CASE(recovering_writes_no_more_than_it_asked_for) {
  constexpr std::uint64_t kSpace = 1 << 30;
  for (const CoreFormat one : {CoreFormat::kKdump, CoreFormat::kElf}) {
    for (const bool whole : {true, false}) {
      BOOST_TEST_CONTEXT(name_of(one) << (whole ? ", whole" : ", stalled")) {
        std::filesystem::remove_all(expected_path());
        whole ? put_complete_dump() : put_stalled_dump();
        format = one;
        RecoverOptions uncompressed = options();
        uncompressed.core.codec = PageCodec::kNone;
        fake::FaultyFileSystem files;
        files.space = kSpace;
        BOOST_TEST_REQUIRE(recover_dump(source(), uncompressed, files).has_value());
        const std::uint64_t used = kSpace - files.space;

        std::filesystem::remove_all(expected_path());
        whole ? put_complete_dump() : put_stalled_dump();
        files.reported_space = used + kOverheadBytes - (64 << 10);
        check_error(recover_dump(source(), uncompressed, files), Code::kNoSpace,
                    "nothing was written");
        BOOST_TEST(left_behind().empty());
        // What it asks for is close to what it takes, too.
        files.reported_space = used + kOverheadBytes + (64 << 10);
        BOOST_TEST(recover_dump(source(), uncompressed, files).has_value());
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword

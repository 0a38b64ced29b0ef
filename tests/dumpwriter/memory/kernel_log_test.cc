#include "dumpwriter/memory/kernel_log.h"

#include <boost/test/unit_test.hpp>
#include <memory>

#include "tests/fake/synthetic_vmcore.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

using fake::SyntheticLog;
using fake::SyntheticLogWriter;
using fake::SyntheticVmcore;

struct Log {
  test::TestFolder folder;
  SyntheticVmcore core = fake::small_vmcore();

  std::string read(std::size_t buffer_bytes = KernelLog::kMinReadBytes) {
    core.write(folder.file("vmcore"));
    const auto vmcore = Vmcore::open(folder.file("vmcore"));
    BOOST_REQUIRE(vmcore.has_value());
    auto log = KernelLog::open(*vmcore);
    BOOST_REQUIRE(log.has_value());
    std::string text;
    std::string buffer(buffer_bytes, '\0');
    while (const std::size_t n = log->read(buffer)) {
      BOOST_TEST(buffer[n - 1] == '\n');
      text.append(buffer, 0, n);
    }
    return text;
  }
  Error open_error() {
    core.write(folder.file("vmcore"));
    const auto vmcore = Vmcore::open(folder.file("vmcore"));
    BOOST_REQUIRE(vmcore.has_value());
    const auto log = KernelLog::open(*vmcore);
    BOOST_REQUIRE(!log);
    return log.error();
  }
  void replace_in_info(std::string_view from, std::string_view to) {
    const std::size_t at = core.vmcoreinfo.find(from);
    BOOST_REQUIRE(at != std::string::npos);
    core.vmcoreinfo.replace(at, from.size(), to);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(kernel_log, Log)

BOOST_AUTO_TEST_CASE(lines_read_like_dmesg) {
  SyntheticLogWriter writer(core, {});
  writer.add(0, "Linux version 6.1.0");
  writer.add(12'345'678'900, "Kernel panic - not syncing");
  BOOST_TEST(read() ==
             "[    0.000000] Linux version 6.1.0\n"
             "[   12.345678] Kernel panic - not syncing\n");
}

BOOST_AUTO_TEST_CASE(every_line_of_a_record_has_its_time) {
  SyntheticLogWriter writer(core, {});
  writer.add(1'000'000'000, "first\nsecond");
  BOOST_TEST(read() == "[    1.000000] first\n[    1.000000] second\n");
}

BOOST_AUTO_TEST_CASE(control_characters_are_escaped) {
  SyntheticLogWriter writer(core, {});
  writer.add(0, "a\x1b[31mb\tc\x7f");
  BOOST_TEST(read() == "[    0.000000] a\\x1b[31mb\tc\\x7f\n");
}

BOOST_AUTO_TEST_CASE(wrapped_ring_gives_the_newest_records_oldest_first) {
  SyntheticLogWriter writer(core, {.count_bits = 3, .size_bits = 9});
  for (int i = 0; i < 100; ++i) writer.add(0, "record number " + std::to_string(i));
  std::string expected;
  for (int i = 92; i < 100; ++i) {
    expected += "[    0.000000] record number " + std::to_string(i) + "\n";
  }
  BOOST_TEST(read() == expected);
}

BOOST_AUTO_TEST_CASE(record_whose_text_was_overwritten_is_left_out) {
  // Three of these blocks fit into the ring, sixteen descriptors into theirs.
  SyntheticLogWriter writer(core, {.count_bits = 4, .size_bits = 7});
  for (int i = 0; i < 6; ++i) writer.add(0, "text of some thirty bytes " + std::to_string(i));
  BOOST_TEST(read() ==
             "[    0.000000] text of some thirty bytes 3\n"
             "[    0.000000] text of some thirty bytes 4\n"
             "[    0.000000] text of some thirty bytes 5\n");
}

BOOST_AUTO_TEST_CASE(block_that_ends_exactly_at_the_rings_end_is_read) {
  SyntheticLogWriter writer(core,
                            {.count_bits = 4, .size_bits = 7, .blocks_may_end_at_ring_end = true});
  for (int i = 0; i < 4; ++i) writer.add(0, std::string(24, static_cast<char>('a' + i)));
  std::string expected;
  for (int i = 0; i < 4; ++i) {
    expected += "[    0.000000] " + std::string(24, static_cast<char>('a' + i)) + "\n";
  }
  BOOST_TEST(read() == expected);
}

BOOST_AUTO_TEST_CASE(unfinished_record_is_left_out) {
  SyntheticLogWriter writer(core, {});
  writer.add(0, "before");
  writer.add_reserved();
  writer.add(0, "after");
  BOOST_TEST(read() == "[    0.000000] before\n[    0.000000] after\n");
}

BOOST_AUTO_TEST_CASE(log_longer_than_the_buffer_comes_in_whole_lines) {
  SyntheticLogWriter writer(core, {.count_bits = 8, .size_bits = 17});
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string line = std::to_string(i) + std::string(500, 'x');
    writer.add(0, line);
    expected += "[    0.000000] " + line + "\n";
  }
  BOOST_TEST((read() == expected));
}

BOOST_AUTO_TEST_CASE(empty_log_is_empty) {
  const SyntheticLogWriter writer(core, {});
  BOOST_TEST(read().empty());
}

BOOST_AUTO_TEST_CASE(core_without_vmcoreinfo_is_not_called_an_old_kernel) {
  core.vmcoreinfo.clear();
  BOOST_TEST((describe(open_error()).find("the vmcore has no VMCOREINFO") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(kernel_without_this_ring_buffer_is_named) {
  core.vmcoreinfo = "OSRELEASE=5.4.0\n";
  BOOST_TEST((describe(open_error()).find("which kernels since 5.10 write") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(every_missing_figure_is_named) {
  SyntheticLogWriter writer(core, {});
  writer.add(0, "line");
  const std::string whole = core.vmcoreinfo;
  for (const std::string name :
       {"SYMBOL(prb)", "SIZE(prb_desc)", "OFFSET(prb_desc.state_var)",
        "OFFSET(prb_desc.text_blk_lpos)", "OFFSET(prb_data_blk_lpos.begin)",
        "OFFSET(prb_data_blk_lpos.next)", "SIZE(printk_info)", "OFFSET(printk_info.ts_nsec)",
        "OFFSET(printk_info.text_len)", "OFFSET(printk_ringbuffer.desc_ring)",
        "OFFSET(printk_ringbuffer.text_data_ring)", "OFFSET(prb_desc_ring.count_bits)",
        "OFFSET(prb_desc_ring.descs)", "OFFSET(prb_desc_ring.infos)",
        "OFFSET(prb_desc_ring.head_id)", "OFFSET(prb_desc_ring.tail_id)",
        "OFFSET(prb_data_ring.size_bits)", "OFFSET(prb_data_ring.data)"}) {
    core.vmcoreinfo = whole;
    replace_in_info(name + "=", name + "x=");
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST((describe(open_error()).find("no " + name) != std::string::npos));
    }
  }
}

BOOST_AUTO_TEST_CASE(pointer_out_of_memory_is_reported) {
  SyntheticLogWriter writer(core, {});
  core.memory.put(0x200000, std::uint64_t{0x1234});
  const Error error = open_error();
  BOOST_TEST((error.code == Code::kNotFound));
  BOOST_TEST((describe(error).find("virtual address") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(absurd_ring_size_is_refused) {
  SyntheticLogWriter writer(core, {});
  core.memory.put(0x200000 + 64, std::uint32_t{60});
  const Error error = open_error();
  BOOST_TEST((error.code == Code::kCorrupt));
  BOOST_TEST((describe(error).find("count_bits is 60") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(absurd_offset_is_refused) {
  SyntheticLogWriter writer(core, {});
  replace_in_info("OFFSET(printk_info.text_len)=16", "OFFSET(printk_info.text_len)=99999999");
  BOOST_TEST((open_error().code == Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

// What became of a dump, and what `recover`, `recover --verify` and `recover --dmesg` say of it:
// the same, each by the exit status that docs/man/lastword-recover.8 has for it.
#include <boost/test/unit_test.hpp>

#include "tests/agent/recover/recover_program.h"

namespace lastword {
namespace {

struct Row {
  std::string_view what;
  std::function<void(CommandFixture&)> put;
  int recover;
  int verify;
  int dmesg;
  std::string_view says;       // by recover and --verify, and by --dmesg where it gives no log
  std::string_view options{};  // of recover and --verify
};

using Stream = std::vector<std::byte>;

// Sections: head 0 to 2, log 3 and 4, pages 5 to 7, end 8.
Stream whole_stream() {
  return sample_stream().end().bytes();
}
std::uint64_t start_of(std::size_t section) {
  return sample_stream().end().boundaries()[section];
}
std::span<const std::byte> first(const Stream& stream, std::uint64_t bytes) {
  return std::span(stream).first(bytes);
}

// All of it promised, `change` made to it.
auto damaged(const std::function<void(Stream&)>& change) {
  return [change](CommandFixture& disk) {
    Stream stream = whole_stream();
    change(stream);
    disk.put_dump(pb::COMPLETED, stream);
  };
}
auto cut_at(std::size_t section, pb::Reason reason) {
  return [section, reason](CommandFixture& disk) {
    const Stream stream = whole_stream();
    disk.put_dump(pb::ABORTED, reason, first(stream, start_of(section)), start_of(section));
  };
}
void zero_from(Stream& stream, std::uint64_t offset) {
  std::fill(stream.begin() + static_cast<std::ptrdiff_t>(offset), stream.end(), std::byte{0});
}

const std::vector<Row> kRows{
    {"whole", [](CommandFixture& disk) { disk.put_dump(pb::COMPLETED, whole_stream()); }, kExitOk,
     kExitOk, kExitOk, ""},
    {"saved", [](CommandFixture& disk) { disk.put_dump(pb::SAVED, whole_stream()); }, kExitOk,
     kExitOk, kExitOk, ""},
    {"cut by the limit", cut_at(6, pb::LIMIT), kExitPartial, kExitPartial, kExitOk,
     "the dump writer reached its time limit"},
    {"cut by a full disk", cut_at(7, pb::DISK_FULL), kExitPartial, kExitPartial, kExitOk,
     "the disk was full"},
    {"stopped by a signal", cut_at(7, pb::STOPPED), kExitPartial, kExitPartial, kExitOk,
     "stopped by a signal"},
    {"cut within the log", cut_at(4, pb::LIMIT), kExitPartial, kExitPartial, kExitPartial,
     "the dump writer reached its time limit"},
    {"cut before the log", cut_at(3, pb::LIMIT), kExitPartial, kExitPartial, kExitNo,
     "the dump writer reached its time limit"},
    {"torn", damaged([](Stream& stream) { zero_from(stream, start_of(6)); }), kExitPartial,
     kExitCorrupt, kExitOk, "the disk lost part of the dump"},
    {"corrupted in its pages",
     damaged([](Stream& stream) { stream[start_of(6) + 5] ^= std::byte{1}; }), kExitPartial,
     kExitCorrupt, kExitOk, "the disk lost part of the dump"},
    {"corrupted in its head", damaged([](Stream& stream) { stream[5] ^= std::byte{1}; }),
     kExitPartial, kExitCorrupt, kExitPartial, "how many pages are missing is not known"},
    {"gone", damaged([](Stream& stream) { zero_from(stream, 0); }), kExitCorrupt, kExitCorrupt,
     kExitCorrupt, "there is none in its extent"},
    {"empty", [](CommandFixture& disk) { disk.put_dump(pb::ABORTED, pb::VMCORE, {}, 0); },
     kExitPartial, kExitPartial, kExitNo, "nothing was dumped: the capture kernel failed to read"},
    {"empty, where another dump was",
     [](CommandFixture& disk) {
       auto older = fake::StreamBuilder({9, 9, 9});
       disk.put_dump(pb::ABORTED, pb::LIMIT, older.dmesg("of another crash").bytes(), 0);
     },
     kExitPartial, kExitPartial, kExitNo, "nothing was dumped: the dump writer reached"},
    {"running", [](CommandFixture& disk) { disk.put_dump(pb::IN_PROGRESS, whole_stream()); },
     kExitRefused, kExitRefused, kExitOk, "the dump writer may be at work"},
    {"running no more",
     [](CommandFixture& disk) { disk.put_dump(pb::IN_PROGRESS, whole_stream()); }, kExitOk, kExitOk,
     kExitOk, "", " --writer-gone"},
    {"never begun", [](CommandFixture& disk) { disk.put_dump(pb::INACTIVE, {}); }, kExitNo, kExitNo,
     kExitNo, "no dump on this disk"},
};

BOOST_AUTO_TEST_SUITE(recover_statuses)

BOOST_AUTO_TEST_CASE(agree_with_each_other_and_change_nothing_unasked) {
  for (const Row& row : kRows) {
    BOOST_TEST_CONTEXT(row.what) {
      CommandFixture disk;
      row.put(disk);
      const std::string before = disk.image.content();
      const std::string folder = disk.make_folder("cores");
      const std::string options(row.options);
      const Outcome recover =
          disk.run("recover --no-mark " + disk.image.path() + " -o " + folder + options);
      const Outcome verify = disk.run("recover --verify " + disk.image.path() + options);
      const Outcome dmesg = disk.run("recover --dmesg " + disk.image.path());
      BOOST_TEST(recover.status == row.recover);
      BOOST_TEST(verify.status == row.verify);
      BOOST_TEST(dmesg.status == row.dmesg);
      BOOST_TEST(contains(recover.errors, row.says), recover.errors);
      BOOST_TEST(contains(verify.errors, row.says), verify.errors);
      BOOST_TEST(recover.errors == verify.errors);
      BOOST_TEST(dmesg.output.empty() == (row.dmesg != kExitOk && row.dmesg != kExitPartial));
      const bool log_expected = row.dmesg == kExitOk || row.dmesg == kExitPartial;
      if (!log_expected && row.what != "cut before the log") {
        BOOST_TEST(contains(dmesg.errors, row.says), dmesg.errors);
      }
      const bool recovered = row.recover == kExitOk || row.recover == kExitPartial;
      BOOST_TEST(names_in(folder).size() == (recovered ? 1U : 0U));
      BOOST_TEST((disk.image.content() == before));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword

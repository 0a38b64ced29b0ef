#include "dumpwriter/stream/disk_writer.h"

#include <boost/test/unit_test.hpp>

#include "tests/dumpwriter/dump_fixture.h"

namespace lastword {
namespace {

using fake::Command;
using fake::FaultKind;
using test::kDataBuffers;

struct Writer {
  Writer() { engine.newest_first = true; }
  Status submit(unsigned buffer) {
    StreamMark after = mark;
    after.stream_bytes += kBlockBytes;
    const Status status = writer.submit(buffer, mark.stream_bytes, kBlockBytes, after);
    if (status) mark = after;
    return status;
  }
  static bool has_code(const Status& status, Code code) {
    return !status && status.error().code == code;
  }

  fake::FakeShelf shelf{{.luns = 1}};
  fake::Nexus node = shelf.connect("node");
  std::unique_ptr<BlockDevice> device = node.device(0);
  test::ManualClock clock;
  test::TimedEngine engine{*device, clock};
  DiskWriter writer{engine, clock, milliseconds(5000)};
  StreamMark mark;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_writer, Writer)

BOOST_AUTO_TEST_CASE(flush_covers_only_what_was_complete_before_it) {
  for (unsigned i = 0; i < kDataBuffers; ++i) BOOST_REQUIRE(submit(i).has_value());
  // The newest write completes first: the prefix is still empty.
  BOOST_REQUIRE(writer.free_buffer(milliseconds(10)).has_value());
  BOOST_REQUIRE(writer.submit_flush().has_value());
  BOOST_REQUIRE(writer.drain().has_value());
  BOOST_TEST(writer.durable().stream_bytes == 0U);
  BOOST_REQUIRE(writer.submit_flush().has_value());
  BOOST_REQUIRE(writer.drain().has_value());
  BOOST_TEST(writer.durable().stream_bytes == kDataBuffers * kBlockBytes);
}

BOOST_AUTO_TEST_CASE(section_that_failed_ends_the_prefix_for_good) {
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite, .skip = 1, .times = 1});
  for (unsigned i = 0; i < 3; ++i) BOOST_REQUIRE(submit(i).has_value());
  BOOST_TEST(has_code(writer.drain(), Code::kIo));  // the second of three
  BOOST_REQUIRE(writer.settle().has_value());
  BOOST_REQUIRE(writer.submit_flush().has_value());
  BOOST_REQUIRE(writer.drain().has_value());
  BOOST_TEST(writer.durable().stream_bytes == kBlockBytes);
}

BOOST_AUTO_TEST_CASE(nothing_is_submitted_after_a_conflict) {
  shelf.inject(0, {.kind = FaultKind::kConflict, .only = Command::kWrite, .times = 1});
  BOOST_REQUIRE(submit(0).has_value());
  BOOST_TEST(has_code(writer.drain(), Code::kFenced));
  const unsigned submits = engine.submits;
  BOOST_TEST(has_code(submit(1), Code::kFenced));
  BOOST_TEST(has_code(writer.submit_flush(), Code::kFenced));
  BOOST_TEST(has_code(writer.submit_header(0), Code::kFenced));
  BOOST_TEST(has_code(writer.settle(), Code::kFenced));
  BOOST_TEST(has_code(submit(1), Code::kFenced));
  BOOST_TEST(engine.submits == submits);
}

BOOST_AUTO_TEST_CASE(conflict_outweighs_an_earlier_io_error) {
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite, .times = 1});
  shelf.inject(0, {.kind = FaultKind::kConflict, .only = Command::kWrite});
  for (unsigned i = 0; i < 2; ++i) BOOST_REQUIRE(submit(i).has_value());
  BOOST_TEST(has_code(writer.drain(), Code::kIo));
  BOOST_TEST(has_code(writer.settle(), Code::kFenced));
}

BOOST_AUTO_TEST_CASE(hang_is_noticed_after_the_io_timeout) {
  BOOST_REQUIRE(submit(0).has_value());
  engine.hang();
  const milliseconds before = clock.now;
  BOOST_TEST(has_code(writer.drain(), Code::kTimeout));
  BOOST_TEST((clock.now - before >= milliseconds(5000)));
  BOOST_TEST((clock.now - before < milliseconds(5200)));
  BOOST_TEST(has_code(writer.settle(), Code::kTimeout));
}

BOOST_AUTO_TEST_CASE(flush_that_fails_makes_nothing_durable) {
  for (unsigned i = 0; i < 3; ++i) BOOST_REQUIRE(submit(i).has_value());
  BOOST_REQUIRE(writer.drain().has_value());
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kFlush, .times = 1});
  BOOST_REQUIRE(writer.submit_flush().has_value());
  BOOST_TEST(has_code(writer.drain(), Code::kIo));
  BOOST_TEST(writer.durable().stream_bytes == 0U);
  // The next one that succeeds covers them.
  BOOST_REQUIRE(writer.settle().has_value());
  BOOST_REQUIRE(writer.submit_flush().has_value());
  BOOST_REQUIRE(writer.drain().has_value());
  BOOST_TEST(writer.durable().stream_bytes == 3 * kBlockBytes);
}

BOOST_AUTO_TEST_CASE(flush_that_alone_hangs_is_noticed_and_makes_nothing_durable) {
  for (unsigned i = 0; i < 3; ++i) BOOST_REQUIRE(submit(i).has_value());
  BOOST_REQUIRE(writer.drain().has_value());
  BOOST_REQUIRE(writer.submit_flush().has_value());
  engine.hang();
  const milliseconds before = clock.now;
  Status status;
  while (status && clock.now < before + milliseconds(10'000)) {
    clock.now += milliseconds(100);
    status = writer.poll();
  }
  BOOST_TEST(has_code(status, Code::kTimeout));
  BOOST_TEST((clock.now - before < milliseconds(5500)));
  BOOST_TEST(writer.durable().stream_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(slow_disk_that_answers_in_time_does_not_hang) {
  engine.per_completion = milliseconds(1200);
  for (unsigned i = 0; i < kDataBuffers; ++i) BOOST_REQUIRE(submit(i).has_value());
  BOOST_TEST(writer.drain().has_value());
}

BOOST_AUTO_TEST_CASE(buffer_is_not_given_out_while_it_is_in_flight) {
  for (unsigned i = 0; i + 1 < kDataBuffers; ++i) BOOST_REQUIRE(submit(i).has_value());
  const auto free = writer.free_buffer(milliseconds(10));
  BOOST_REQUIRE((free.has_value() && free->has_value()));
  BOOST_TEST(**free == kDataBuffers - 1);
  engine.hang();
  BOOST_REQUIRE(submit(kDataBuffers - 1).has_value());
  const auto none = writer.free_buffer(milliseconds(10));
  BOOST_REQUIRE(none.has_value());
  BOOST_TEST(!none->has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

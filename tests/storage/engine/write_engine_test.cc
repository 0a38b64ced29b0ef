#include "storage/engine/write_engine.h"

#include <fcntl.h>
#include <malloc.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

#include "tests/fake/engine_world.h"

namespace {

using namespace lastword;
using namespace lastword::fake;

// Nothing here takes that long; it only bounds a failing test.
constexpr std::chrono::milliseconds kLong{20000};

void fill(WriteEngine& engine, unsigned index, char value) {
  std::ranges::fill(engine.buffer(index), static_cast<std::byte>(value));
}

std::uint64_t offset_of(unsigned index) {
  return (index + 1) * (4ULL << 20);
}

// Number of completions, all of which must be good.
unsigned finish_all(WriteEngine& engine) {
  unsigned count = 0;
  for (; engine.in_flight() != 0; ++count) {
    const auto completion = engine.wait(kLong);
    BOOST_TEST_REQUIRE(ok(completion));
    BOOST_TEST(ok(completion->status));
  }
  return count;
}

// Heap in use; 0 where a sanitizer has its own heap, which makes the comparison hold for nothing.
std::size_t heap_bytes() {
  return mallinfo2().uordblks;
}

template <class World>
void check_no_allocation(World& world) {
  WriteEngine& engine = *world.engine;
  const std::size_t before = heap_bytes();
  bool good = true;
  for (std::uint64_t i = 0; i < 50 && good; ++i) {
    good = engine.submit(0, i * kBlockBytes, kBlockBytes) && engine.submit_flush() &&
           engine.wait(kLong) && engine.wait(kLong);
  }
  BOOST_TEST(good);
  BOOST_TEST(heap_bytes() == before);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(io_uring_kernel)
// ctest reports this one as skipped where the kernel or a container forbids io_uring.
BOOST_AUTO_TEST_CASE(permits_io_uring) {
  const auto permitted = io_uring_permitted();
  if (!permitted) BOOST_TEST_MESSAGE(permitted.message());
  BOOST_TEST(true);
}
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(io_uring, *boost::unit_test::precondition(io_uring_permitted))
using World = UringWorld;
#include "tests/storage/engine/write_engine_cases.inc"

BOOST_FIXTURE_TEST_CASE(allocates_nothing_after_creation, World) {
  check_no_allocation(*this);
}

BOOST_AUTO_TEST_CASE(hung_write_times_out_and_hangs_nobody) {
  // A full pipe is a disk that does not answer.
  int ends[2];
  BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const FileDescriptor out(ends[0]);
  const FileDescriptor in(ends[1]);
  const std::string page(kBlockBytes, 'p');
  while (::write(in.get(), page.data(), page.size()) > 0) {
  }
  BOOST_TEST_REQUIRE(::fcntl(in.get(), F_SETFL, 0) == 0);
  auto engine = make_io_uring_engine(in.get(), "pipe", kBufferSizes);
  BOOST_TEST_REQUIRE(ok(engine));
  BOOST_TEST(ok((*engine)->submit(0, 0, kBlockBytes)));
  BOOST_TEST(fails((*engine)->wait(std::chrono::milliseconds(1)), Code::kTimeout));
  BOOST_TEST((*engine)->in_flight() == 1U);
  BOOST_TEST(fails((*engine)->submit(0, 0, kBlockBytes), Code::kRefused));
}
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(libaio)
using World = LibaioWorld;
#include "tests/storage/engine/write_engine_cases.inc"

BOOST_FIXTURE_TEST_CASE(allocates_nothing_after_creation, World) {
  check_no_allocation(*this);
}

BOOST_AUTO_TEST_CASE(flush_that_the_kernel_refuses_is_done_in_place) {
  // /dev/null takes writes, but has no flush; the answer is an error in either way.
  const FileDescriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto engine = make_libaio_engine(null.get(), "/dev/null", kBufferSizes);
  BOOST_TEST_REQUIRE(ok(engine));
  BOOST_TEST(ok((*engine)->submit_flush()));
  BOOST_TEST((*engine)->in_flight() == 1U);
  const auto completion = (*engine)->wait(kLong);
  BOOST_TEST_REQUIRE(ok(completion));
  BOOST_TEST(completion->buffer == Completion::kFlush);
  BOOST_TEST(fails(completion->status, Code::kIo));
}
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(fault)
using World = FaultWorld;
#include "tests/storage/engine/write_engine_cases.inc"

BOOST_FIXTURE_TEST_CASE(hung_engine_times_out, World) {
  static_cast<FaultEngine&>(*engine).hang();
  BOOST_TEST(ok(engine->submit(0, 0, kBlockBytes)));
  BOOST_TEST(fails(engine->wait(kLong), Code::kTimeout));
  BOOST_TEST(engine->in_flight() == 1U);
}
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(engine_state)

struct OneBuffer {
  EngineState state{"/dev/sdx", std::array{std::size_t{2 * kBlockBytes}}};
  [[nodiscard]] Status finish(long result) {
    state.start_write(0, 7 * kBlockBytes, 2 * kBlockBytes);
    return state.finish(0, result).status;
  }
};

BOOST_FIXTURE_TEST_CASE(short_write_is_an_io_error, OneBuffer) {
  BOOST_TEST(ok(finish(2 * kBlockBytes)));
  const Status status = finish(kBlockBytes);
  BOOST_TEST(fails(status, Code::kIo));
  BOOST_TEST(status.error().offset == 7 * kBlockBytes);
}

BOOST_FIXTURE_TEST_CASE(ebade_is_a_reservation_conflict, OneBuffer) {
  BOOST_TEST(fails(finish(-EBADE), Code::kConflict));
}

BOOST_FIXTURE_TEST_CASE(other_errors_keep_their_meaning, OneBuffer) {
  BOOST_TEST(fails(finish(-EIO), Code::kIo));
  BOOST_TEST(fails(finish(-ENODEV), Code::kGone));
  BOOST_TEST(fails(finish(-ETIMEDOUT), Code::kTimeout));
  BOOST_TEST(fails(finish(-ENOSPC), Code::kNoSpace));
}

BOOST_FIXTURE_TEST_CASE(flush_error_is_the_flushs, OneBuffer) {
  state.start_flush();
  const Completion completion = state.finish(Completion::kFlush, -EBADE);
  BOOST_TEST(completion.buffer == Completion::kFlush);
  BOOST_TEST(fails(completion.status, Code::kConflict));
}

BOOST_AUTO_TEST_SUITE_END()

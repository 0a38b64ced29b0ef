#include "dumpwriter/stream/progress.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

namespace lastword {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

WorkDone work(std::uint64_t handled, std::uint64_t all, std::uint64_t durable = 0) {
  return {.scanned = handled, .durable = durable, .handled = handled, .left = all - handled};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(progress)

BOOST_AUTO_TEST_CASE(steady_rate_gives_an_exact_eta) {
  ProgressMeter meter(1000 * kMiB, milliseconds(2000));
  Progress now;
  for (std::uint64_t second = 1; second <= 5; ++second) {
    now = meter.update(milliseconds(2000 + 1000 * static_cast<int>(second)),
                       work(second * 100 * kMiB, 1000 * kMiB, second * 90 * kMiB), {});
  }
  BOOST_TEST(now.bytes_per_second == 100 * kMiB);
  BOOST_TEST((now.eta >= milliseconds(5000) && now.eta <= milliseconds(5001)));
  BOOST_TEST(now.durable_bytes == 450 * kMiB);
  BOOST_TEST((now.elapsed == milliseconds(7000)));
}

BOOST_AUTO_TEST_CASE(eta_is_unknown_before_anything_was_scanned) {
  ProgressMeter meter(kMiB, milliseconds(0));
  BOOST_TEST(meter.update(milliseconds(0), work(0, kMiB), {}).eta.count() == 0);
  BOOST_TEST(meter.update(milliseconds(1000), work(0, kMiB), {}).eta.count() == 0);
}

BOOST_AUTO_TEST_CASE(eta_is_zero_at_the_end) {
  ProgressMeter meter(kMiB, milliseconds(0));
  BOOST_TEST(meter.update(milliseconds(1000), work(kMiB, kMiB), {}).eta.count() == 0);
}

BOOST_AUTO_TEST_CASE(a_change_of_speed_is_followed_within_seconds) {
  ProgressMeter meter(10'000 * kMiB, milliseconds(0));
  std::uint64_t scanned = 0;
  for (int second = 1; second <= 5; ++second) {
    (void)meter.update(milliseconds(second * 1000), work(scanned += 1000 * kMiB, 10'000 * kMiB),
                       {});
  }
  Progress now;
  for (int second = 6; second <= 20; ++second) {
    now = meter.update(milliseconds(second * 1000), work(scanned += 100 * kMiB, 10'000 * kMiB), {});
  }
  BOOST_TEST(now.bytes_per_second < 200 * kMiB);
  const double truth = static_cast<double>(10'000 * kMiB - scanned) / (100.0 * kMiB) * 1000;
  BOOST_TEST(std::abs(static_cast<double>(now.eta.count()) - truth) < 0.5 * truth);
}

BOOST_AUTO_TEST_CASE(line_reads_as_documented) {
  const Progress now{.memory_bytes = 1000 * kMiB,
                     .scanned_bytes = 420 * kMiB,
                     .durable_bytes = 512 * kMiB,
                     .bytes_per_second = 181'900'000,
                     .eta = milliseconds(2100),
                     .codec = {.codec = Codec::kZstd, .level = 1}};
  BOOST_TEST(format_progress(now, "/dev/sdc").view() ==
             "42% 181 MB/s zstd:1 ETA 3 s (durable 512 MiB) /dev/sdc");
}

BOOST_AUTO_TEST_CASE(unknown_eta_is_a_question_mark) {
  BOOST_TEST(format_progress({.memory_bytes = kMiB}, "/dev/sdc").view() ==
             "0% 0 MB/s none ETA ? (durable 0 MiB) /dev/sdc");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

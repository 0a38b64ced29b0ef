#include "dumpwriter/progress.h"

#include "dumpwriter/text.h"

namespace lastword {
namespace {

// The last few seconds count most: memory alternates between stretches of zero pages, which pass
// at memory speed, and data, which passes at disk speed.
constexpr double kSmoothingMs = 5000;

}  // namespace

ProgressMeter::ProgressMeter(std::uint64_t memory_bytes, milliseconds start)
    : memory_bytes_(memory_bytes), last_(start) {}

Progress ProgressMeter::update(milliseconds now, std::uint64_t scanned_bytes,
                               std::uint64_t durable_bytes) {
  if (now > last_) {
    const auto ms = static_cast<double>((now - last_).count());
    const double current = static_cast<double>(scanned_bytes - last_scanned_) / ms;
    rate_ = rate_ == 0 ? current : rate_ + (current - rate_) * ms / (ms + kSmoothingMs);
    last_ = now;
    last_scanned_ = scanned_bytes;
  }
  Progress progress{.memory_bytes = memory_bytes_,
                    .scanned_bytes = scanned_bytes,
                    .durable_bytes = durable_bytes,
                    .bytes_per_second = static_cast<std::uint64_t>(rate_ * 1000),
                    .elapsed = now};
  if (rate_ > 0 && scanned_bytes < memory_bytes_) {
    const double left = static_cast<double>(memory_bytes_ - scanned_bytes) / rate_;
    progress.eta = milliseconds(static_cast<milliseconds::rep>(left) + 1);
  }
  return progress;
}

FixedText<160> format_progress(const Progress& progress, std::string_view disk) {
  const std::uint64_t percent =
      progress.memory_bytes == 0 ? 100 : progress.scanned_bytes * 100 / progress.memory_bytes;
  const auto eta = progress.eta.count() == 0 && percent < 100
                       ? FixedText<16>("?")
                       : format_text<16>("{} s", (progress.eta.count() + 999) / 1000);
  return format_text<160>("{}% {} MB/s ETA {} (durable {} MiB) {}", percent,
                          progress.bytes_per_second / 1'000'000, eta.view(),
                          progress.durable_bytes >> 20, disk);
}

}  // namespace lastword

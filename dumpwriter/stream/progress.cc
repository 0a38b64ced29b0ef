#include "dumpwriter/stream/progress.h"

#include <algorithm>

#include "proto/format_text.h"

namespace lastword {
namespace {

// The last few seconds count most: memory alternates between stretches of zero pages, which pass
// at memory speed, and data, which passes at disk speed. But a longer dump averages over more.
constexpr double kSmoothingMs = 5000;
constexpr double kSmoothingShare = 0.25;

}  // namespace

ProgressMeter::ProgressMeter(std::uint64_t memory_bytes, milliseconds start)
    : memory_bytes_(memory_bytes), last_(start), start_(start) {}

Progress ProgressMeter::update(milliseconds now, const WorkDone& work, const CodecLevel& codec) {
  if (now > last_) {
    const auto ms = static_cast<double>((now - last_).count());
    const double current = static_cast<double>(work.handled - last_handled_) / ms;
    const double smoothing =
        std::max(kSmoothingMs, kSmoothingShare * static_cast<double>((now - start_).count()));
    // At first, the average of all.
    const double over = std::min(ms + smoothing, static_cast<double>((now - start_).count()));
    rate_ += (current - rate_) * ms / over;
    last_ = now;
    last_handled_ = work.handled;
  }
  Progress progress{.memory_bytes = memory_bytes_,
                    .scanned_bytes = work.scanned,
                    .durable_bytes = work.durable,
                    .bytes_per_second = static_cast<std::uint64_t>(rate_ * 1000),
                    .elapsed = now,
                    .codec = codec};
  if (rate_ > 0 && work.left > 0) {
    const double left = static_cast<double>(work.left) / rate_;
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
  return format_text<160>("{}% {} MB/s {} ETA {} (durable {} MiB) {}", percent,
                          progress.bytes_per_second / 1'000'000, text_of(progress.codec).view(),
                          eta.view(), progress.durable_bytes >> 20, disk);
}

}  // namespace lastword

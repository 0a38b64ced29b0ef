// Rate, ETA and the progress line. Pure.
// Runs in the capture kernel: no heap after the first byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "proto/error.h"

namespace lastword {

using std::chrono::milliseconds;

struct Progress {
  std::uint64_t memory_bytes = 0;
  std::uint64_t scanned_bytes = 0;     // memory gone through; zero pages count too
  std::uint64_t durable_bytes = 0;     // of the stream
  std::uint64_t bytes_per_second = 0;  // of memory; 0: unknown
  milliseconds eta{0};                 // 0: unknown, or done
  milliseconds elapsed{0};             // since the panic
};

class ProgressMeter {
 public:
  ProgressMeter(std::uint64_t memory_bytes, milliseconds start);
  // `now` does not go back, nor does `scanned_bytes`.
  [[nodiscard]] Progress update(milliseconds now, std::uint64_t scanned_bytes,
                                std::uint64_t durable_bytes);

 private:
  std::uint64_t memory_bytes_;
  milliseconds last_;
  std::uint64_t last_scanned_ = 0;
  double rate_ = 0;  // bytes per millisecond, smoothed
};

// "42% 181 MB/s ETA 3 s (durable 512 MiB) /dev/sdc"
[[nodiscard]] FixedText<160> format_progress(const Progress& progress, std::string_view disk);

}  // namespace lastword

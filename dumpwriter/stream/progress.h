// Rate, ETA and the progress line. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "proto/codec_setting.h"
#include "proto/error.h"

namespace lastword {

using std::chrono::milliseconds;

struct Progress {
  std::uint64_t memory_bytes = 0;
  std::uint64_t scanned_bytes = 0;     // memory that is stored, zero, excluded or unreadable by now
  std::uint64_t durable_bytes = 0;     // of the stream
  std::uint64_t bytes_per_second = 0;  // of memory that is not excluded; 0: unknown
  milliseconds eta{0};                 // 0: unknown, or done
  milliseconds elapsed{0};             // since the panic
  CodecLevel codec;                    // of the next chunk
};

// How far a dump is, in bytes.
struct WorkDone {
  std::uint64_t scanned = 0;
  std::uint64_t durable = 0;
  std::uint64_t handled = 0;  // memory that is not excluded: gone through
  std::uint64_t left = 0;     // and as far as is known, still to go through
};

class ProgressMeter {
 public:
  ProgressMeter(std::uint64_t memory_bytes, milliseconds start);
  // `now` does not go back, nor does `work.handled`.
  [[nodiscard]] Progress update(milliseconds now, const WorkDone& work, const CodecLevel& codec);

 private:
  std::uint64_t memory_bytes_;
  milliseconds last_;
  milliseconds start_;
  std::uint64_t last_handled_ = 0;
  double rate_ = 0;  // bytes per millisecond, smoothed
};

// "42% 181 MB/s lz4 ETA 3 s (durable 512 MiB) /dev/sdc"
[[nodiscard]] FixedText<160> format_progress(const Progress& progress, std::string_view disk);

}  // namespace lastword

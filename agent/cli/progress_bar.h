// Progress of a long transfer on a terminal: one line that is drawn over again.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace lastword {

// "recovering  42 %  310 MB/s  ETA 12 s". A total of 0 (unknown) shows bytes instead of percent.
[[nodiscard]] std::string progress_line(const std::string& what, std::uint64_t done,
                                        std::uint64_t total, std::chrono::milliseconds elapsed);

class ProgressBar {
 public:
  // Draws only where can_redraw(out), and not before a rate is known. `out` outlives this.
  ProgressBar(std::string what, std::FILE* out);
  ~ProgressBar();  // clears the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void update(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::FILE* out_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

}  // namespace lastword

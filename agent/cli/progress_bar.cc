#include "agent/cli/progress_bar.h"

#include <fmt/format.h>

#include <utility>

#include "storage/block/standard_files.h"

namespace lastword {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedraw{200};
constexpr const char* kClearLine = "\r\033[K";

}  // namespace

std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          milliseconds elapsed) {
  const double seconds = static_cast<double>(elapsed.count()) / 1000;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;  // bytes a second
  std::string line = what;
  if (total == 0) {
    line += fmt::format("  {} MB", done / 1'000'000);
  } else {
    line += fmt::format(" {:3} %", done >= total ? 100 : done * 100 / total);
  }
  line += fmt::format("  {:.0f} MB/s", rate / 1e6);
  if (total > done && rate > 0) {
    line += fmt::format("  ETA {:.0f} s", static_cast<double>(total - done) / rate);
  }
  return line;
}

ProgressBar::ProgressBar(std::string what, std::FILE* out)
    : what_(std::move(what)),
      out_(out),
      terminal_(can_redraw(::fileno(out))),
      next_(start_ + kRedraw) {}

ProgressBar::~ProgressBar() {
  if (drawn_) fmt::print(out_, "{}", kClearLine);
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  const auto now = Clock::now();
  if (!terminal_ || now < next_) return;
  next_ = now + kRedraw;
  drawn_ = true;
  const auto elapsed = std::chrono::duration_cast<milliseconds>(now - start_);
  fmt::print(out_, "{}{}", kClearLine, progress_line(what_, done, total, elapsed));
  std::fflush(out_);
}

}  // namespace lastword

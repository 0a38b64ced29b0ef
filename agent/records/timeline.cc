#include "agent/records/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/utf8.h"

namespace lastword {
namespace {

// What happens to a disk from one moment to the next.
enum class Use : unsigned char { kPartner, kWriting, kNode, kReading };
constexpr std::array<std::string_view, 4> kStyleOf{"partner", "writing", "node", "reading"};

struct Span {
  double begin = 0;  // seconds since the incident began
  double end = 0;
  Use use{};
};

struct Mark {
  double at = 0;
  std::string label;
};

constexpr double kRow = 26, kLabelRow = 18, kLeft = 120, kPlot = 800, kRight = 30, kHead = 54;
constexpr double kLetter = 6.9;  // mean width of a letter of class small
constexpr std::string_view kStyle = R"(
    svg { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
    .card { fill: #ffffff; stroke: #d5dae1; } .grid { stroke: #e3e7ec; }
    .text { fill: #1d2733; font-size: 13px; } .small { fill: #5a6675; font-size: 12px; }
    .title { fill: #1d2733; font-size: 16px; font-weight: 600; }
    .mark { stroke: #1d2733; stroke-width: 1; stroke-dasharray: 2 3; } .dot { fill: #1d2733; }
    .partner { fill: #cbd2da; } .writing { fill: #e8590c; }
    .node { fill: #2f7fd1; } .reading { fill: #8cbdf0; }
    @media (prefers-color-scheme: dark) {
      .card { fill: #14191f; stroke: #2c3540; } .grid { stroke: #262e38; }
      .text, .title, .dot { fill: #e7ecf2; } .small { fill: #9aa7b5; } .mark { stroke: #e7ecf2; }
      .partner { fill: #48525e; } .writing { fill: #ff8a3d; }
      .node { fill: #3d8fe6; } .reading { fill: #a5cdf7; }
    }
  )";

double seconds(const pb::HistoryStep& step) {
  return static_cast<double>(step.after_ms()) / 1000;
}

// For XML 1.0, which has no control characters.
std::string escaped(std::string_view raw) {
  std::string out;
  for (const char c : valid_utf8(raw)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

std::string text_at(double x, double y, std::string_view content, std::string_view style,
                    std::string_view anchor = "start") {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                     style, x, y, anchor, escaped(content));
}

// What the disk is used for from this step on. `home` has disks that are returned.
Use use_after(const pb::HistoryStep& step, Use before, Use home) {
  const std::string& event = step.event();
  if (event == "dump-seen" || event == "partner-panicked") return Use::kWriting;
  if (event == "dump-disk-claimed") return Use::kReading;
  if (event == "disk-taken" || event == "dump-saved" || event == "dump-unsaved") return Use::kNode;
  if (event == "disk-returned") return home;
  return before;
}

class Drawing {
 public:
  Drawing(const pb::HistoryIncident& incident, const std::string& node, const std::string& partner)
      : incident_(incident), node_(node), partner_(partner) {
    double last = 1;
    for (const pb::HistoryStep& step : incident.steps()) last = std::max(last, seconds(step));
    begin_ = -0.04 * last;
    end_ = 1.18 * last;
    find_marks();
    find_lanes();
  }

  [[nodiscard]] std::string svg() const {
    const double top =
        kHead + kLabelRow * static_cast<double>(std::max<std::size_t>(rows_, 1)) + 10;
    const double bottom = top + kRow * static_cast<double>(lanes_.size());
    const double width = kLeft + kPlot + kRight;
    const double height = bottom + 74;
    const std::string title = fmt::format("{}: {}, {}", node_, incident_.kind(), incident_.began());
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
        "width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\">\n<title>{2}</title>\n"
        "<style>{3}</style>\n<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{4:.0f}\" "
        "height=\"{5:.0f}\" rx=\"8\"/>\n",
        width, height, escaped(title), kStyle, width - 1, height - 1);
    out += text_at(20, 32, title, "title");
    return out + grid(top, bottom) + bars(top) + marks(bottom) + legend(bottom) + "</svg>\n";
  }

 private:
  [[nodiscard]] double x_of(double t) const {
    return kLeft + (t - begin_) / (end_ - begin_) * kPlot;
  }

  // The first event of each name tells the story; the others are about one disk and show in its
  // bar.
  void find_marks() {
    const std::string& origin = incident_.counts_from();
    const bool before = incident_.steps_size() > 0 && incident_.steps(0).event() != origin;
    if (before) add_mark(0, origin);
    std::vector<std::string> told;
    for (const pb::HistoryStep& step : incident_.steps()) {
      if (std::ranges::count(told, step.event()) != 0) continue;
      told.push_back(step.event());
      add_mark(seconds(step), step.event());
    }
    place_labels();
  }

  void add_mark(double at, const std::string& event) {
    marks_.push_back({.at = at, .label = fmt::format("{} {:.2f} s", event, at)});
  }

  // The row of each label, 0 the highest: no two overlap, and no line, which goes down from its
  // label, runs through another.
  void place_labels() {
    std::ranges::stable_sort(marks_, {}, &Mark::at);
    std::vector<double> ends;
    for (const Mark& mark : marks_) {
      std::size_t row = ends.size();
      while (row > 0 && ends[row - 1] + 10 <= x_of(mark.at)) --row;
      ends.resize(row);
      ends.push_back(x_of(mark.at) + kLetter * static_cast<double>(mark.label.size()));
      row_of_.push_back(row);
      rows_ = std::max(rows_, row + 1);
    }
  }

  void find_lanes() {
    struct Now {
      double since;
      Use use;
    };
    const bool leaves = incident_.kind() == "giveback" || incident_.kind() == "handover";
    const Use at_first = leaves ? Use::kNode : Use::kPartner;
    const Use home = leaves ? Use::kPartner : Use::kNode;
    std::map<std::string, Now> now;
    for (const pb::HistoryStep& step : incident_.steps()) {
      if (step.disk().empty()) continue;
      const auto [at, fresh] = now.try_emplace(step.disk(), Now{begin_, at_first});
      const Use next = use_after(step, at->second.use, home);
      auto& spans = lanes_[step.disk()];
      if (next == at->second.use) continue;
      spans.push_back({.begin = at->second.since, .end = seconds(step), .use = at->second.use});
      at->second = {seconds(step), next};
    }
    for (const auto& [disk, last] : now) {
      lanes_[disk].push_back({.begin = last.since, .end = end_, .use = last.use});
    }
  }

  // At round moments.
  [[nodiscard]] std::string grid(double top, double bottom) const {
    constexpr double kMost = 16;
    double step = 0.1;
    for (const double wider : {0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
                               3600.0, 14400.0, 86400.0}) {
      if ((end_ - begin_) / step > kMost) step = wider;
    }
    step = std::max(step, std::ceil((end_ - begin_) / kMost / step) * step);
    std::string out;
    for (double number = std::ceil(begin_ / step); number * step <= end_; ++number) {
      const double t = number * step;
      out += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>\n",
          x_of(t), top - 4, bottom + 4);
      out += text_at(x_of(t), bottom + 20, fmt::format("{:g} s", t), "small", "middle");
    }
    return out;
  }

  [[nodiscard]] std::string bars(double top) const {
    std::string out;
    double y = top;
    for (const auto& [disk, spans] : lanes_) {
      out += text_at(kLeft - 12, y + 17, disk, "text", "end");
      for (const Span& span : spans) {
        const double x = x_of(span.begin);
        out += fmt::format(
            "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\"/>\n",
            kStyleOf.at(static_cast<std::size_t>(span.use)), x, y + 4,
            std::max(x_of(span.end) - x, 1.0), kRow - 8);
      }
      y += kRow;
    }
    return out;
  }

  [[nodiscard]] std::string marks(double bottom) const {
    std::string out;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      const double x = x_of(marks_[i].at);
      const double y = kHead + static_cast<double>(row_of_[i]) * kLabelRow + 10;
      out += fmt::format(
          "<line class=\"mark\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>\n"
          "<circle class=\"dot\" cx=\"{0:.1f}\" cy=\"{3:.1f}\" r=\"2.5\"/>\n",
          x, y - 10, bottom + 4, y - 4);
      out += text_at(x + 6, y, marks_[i].label, "small");
    }
    return out;
  }

  [[nodiscard]] std::string legend(double bottom) const {
    const std::array<std::string, 4> words{partner_ + "'s", partner_ + "'s memory is written to it",
                                           node_ + "'s", node_ + " recovers the dump"};
    std::string out;
    double x = kLeft;
    for (std::size_t i = 0; i < words.size(); ++i) {
      out +=
          fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"14\"/>\n",
                      kStyleOf.at(i), x, bottom + 42);
      out += text_at(x + 20, bottom + 54, words.at(i), "small");
      x += 50 + kLetter * static_cast<double>(words.at(i).size());
    }
    return out;
  }

  const pb::HistoryIncident& incident_;
  const std::string& node_;
  const std::string& partner_;
  double begin_ = 0;
  double end_ = 1;
  std::vector<Mark> marks_;
  std::vector<std::size_t> row_of_;  // by mark
  std::size_t rows_ = 0;
  std::map<std::string, std::vector<Span>> lanes_;  // by disk
};

}  // namespace

std::string draw_timeline(const pb::HistoryIncident& incident, const std::string& node,
                          const std::string& partner) {
  return Drawing(incident, node, partner).svg();
}

}  // namespace lastword

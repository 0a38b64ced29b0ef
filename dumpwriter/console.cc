#include "dumpwriter/console.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proto/format_text.h"

namespace lastword {
namespace {

// Text into a buffer of fixed size, JSON strings escaped (RFC 8259, 7). Keeps room for the end.
class JsonLine {
 public:
  explicit JsonLine(std::span<char> out) : out_(out) {}

  void add(std::string_view text) {
    for (const char c : text) add(c);
  }
  void add_member(std::string_view name, std::string_view value) {
    if (value.empty() || out_.size() - used_ < name.size() + kEnd + kLongestEscape + 4) return;
    add(used_ > 0 && out_[used_ - 1] == '{' ? "\"" : ",\"");
    add(name);
    add("\":\"");
    for (const char c : value) {
      if (out_.size() - used_ < kEnd + kLongestEscape) break;
      add_escaped(c);
    }
    add('"');
  }
  [[nodiscard]] std::string_view view() const { return {out_.data(), used_}; }

 private:
  static constexpr std::size_t kLongestEscape = 6;
  static constexpr std::size_t kEnd = 4;  // "}\n, and one to spare

  void add(char c) {
    if (used_ < out_.size()) out_[used_++] = c;
  }
  void add_escaped(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      add(format_text<8>("\\u{:04x}", byte).view());
      return;
    }
    if (c == '"' || c == '\\') add('\\');
    add(c);
  }

  std::span<char> out_;
  std::size_t used_ = 0;
};

}  // namespace

std::string_view format_event_line(std::span<char> out, std::string_view node,
                                   const DumpNews& news) {
  JsonLine line(out);
  line.add("lastword-event {");
  line.add_member("node", node);
  line.add_member("event", news.event);
  line.add_member("disk", news.disk_path);
  line.add_member("disk_uuid", news.disk_uuid);
  line.add_member("reason", news.reason);
  line.add_member("detail", news.detail);
  line.add("}\n");
  return line.view();
}

void ConsoleReporter::event(const DumpNews& news) {
  char text[1024];
  write_all(format_event_line(text, node_, news));
}

void ConsoleReporter::progress(const Progress& progress, std::string_view disk) {
  note(format_progress(progress, disk).view());
}

void ConsoleReporter::note(std::string_view text) {
  write_all(format_text<768>("lastword-dump: {}\n", text.substr(0, 750)).view());
}

void ConsoleReporter::write_all(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody to tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace lastword

// The dump writer's voice in the capture kernel: lines for people and event lines for machines on
// one descriptor, by write(2) alone.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dumpwriter/stream/reporter.h"

namespace lastword {

// The form of agent/node/event.h, which this program does not link:
//   lastword-event {"node":"alpha","event":"dump-aborted","disk":"/dev/sdc","disk_uuid":"...",
//                   "reason":"LIMIT","detail":"..."}
// as one line with its newline; members that are empty are left out. What does not fit into `out`
// is cut inside the detail, so that the line stays whole; `out` has at least 512 bytes.
[[nodiscard]] std::string_view format_event_line(std::span<char> out, std::string_view node,
                                                 const DumpNews& news);

class ConsoleReporter final : public DumpReporter {
 public:
  // `fd` belongs to the caller. `node` may be empty while the plan is not known.
  explicit ConsoleReporter(int fd) : fd_(fd) {}
  void set_node(std::string_view node) { node_ = node; }

  void event(const DumpNews& news) override;
  void progress(const Progress& progress, std::string_view disk) override;
  void note(std::string_view text) override;

 private:
  void write_all(std::string_view text) const;

  int fd_;
  std::string node_;
};

}  // namespace lastword

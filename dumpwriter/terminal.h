// The dump writer's voice on a command line: standard error, with one line of progress that renews
// itself where can_redraw() says so.
#pragma once

#include "dumpwriter/stream/reporter.h"
#include "proto/error.h"

namespace lastword {

class TerminalReporter final : public DumpReporter {
 public:
  TerminalReporter();
  void event(const DumpNews& news) override;
  void progress(const Progress& progress, std::string_view disk) override;
  void note(std::string_view text) override;
  // "lastword-dump: <describe(error)>"
  void error(const Error& error);

 private:
  void end_progress_line();

  bool can_redraw_;
  bool line_open_ = false;
};

}  // namespace lastword

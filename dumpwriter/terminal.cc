#include "dumpwriter/terminal.h"

#include <unistd.h>

#include <cstdio>

#include "storage/block/standard_files.h"

namespace lastword {
namespace {

void print(std::string_view prefix, std::string_view text, std::string_view end) {
  for (const std::string_view part : {prefix, text, end}) {
    std::fwrite(part.data(), 1, part.size(), stderr);
  }
  std::fflush(stderr);
}

}  // namespace

TerminalReporter::TerminalReporter() : can_redraw_(can_redraw(STDERR_FILENO)) {}

// How it ended is the exit status and, unless it went well, the error.
void TerminalReporter::event(const DumpNews& news) {
  if (news.event == "dump-completed") {
    end_progress_line();
    print("lastword-dump: complete on ", news.disk_path, "\n");
  }
}

void TerminalReporter::progress(const Progress& progress, std::string_view disk) {
  if (!can_redraw_) return;
  print("\r\x1b[Klastword-dump: ", format_progress(progress, disk).view(), "");
  line_open_ = true;
}

void TerminalReporter::note(std::string_view text) {
  end_progress_line();
  print("lastword-dump: ", text, "\n");
}

void TerminalReporter::error(const Error& error) {
  char text[768];
  note(describe_to(error, text, sizeof text));
}

void TerminalReporter::end_progress_line() {
  if (line_open_) print("\n", "", "");
  line_open_ = false;
}

}  // namespace lastword

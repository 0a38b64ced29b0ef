#include <unistd.h>

#include <cstdio>
#include <exception>

#include "dumpwriter/by_hand.h"
#include "dumpwriter/capture.h"
#include "dumpwriter/class_count.h"
#include "dumpwriter/terminal.h"
#include "storage/block/standard_files.h"

namespace {

int finish(int status) {
  const lastword::Status printed = lastword::finish_output();
  if (printed) return status;
  lastword::TerminalReporter().error(printed.error());
  return lastword::exit_status(printed.error().code);
}

}  // namespace

int main(int argc, char** argv) {
  if (::getpid() == 1 && ::access(lastword::kPlanPath, F_OK) == 0) lastword::run_as_init();
  lastword::fill_standard_files();
  const auto options = lastword::parse_options(argc, argv);
  if (!options) {
    lastword::TerminalReporter().error(options.error());
    return lastword::exit_status(options.error().code);
  }
  switch (options->action) {
    case lastword::DumpOptions::Action::kHelp:
      std::fputs(lastword::help_text().data(), stdout);
      return finish(lastword::kExitOk);
    case lastword::DumpOptions::Action::kVersion:
      std::puts(LASTWORD_VERSION);
      return finish(lastword::kExitOk);
    case lastword::DumpOptions::Action::kDump:
    case lastword::DumpOptions::Action::kCountClasses:
      break;
  }
  try {
    return finish(options->action == lastword::DumpOptions::Action::kCountClasses
                      ? lastword::run_count_classes(options->vmcore)
                      : lastword::run_by_hand(*options));
  } catch (const std::exception& error) {  // out of memory, or no more threads
    lastword::TerminalReporter().note(error.what());
    return lastword::kExitIo;
  }
}

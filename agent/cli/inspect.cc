// lastword inspect: everything that one disk says.
#include "agent/records/inspect.h"

#include <fmt/format.h>

#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/inspect_text.h"
#include "proto/timing.h"

namespace lastword {
namespace {

struct InspectOptions {
  std::string disk;
  std::optional<std::uint64_t> metadata_offset;
  bool json = false;
};

int run_inspect(const InspectOptions& options) {
  // Works without a configuration file: the disk in hand may come from anywhere.
  const auto report =
      inspect_disk(options.disk, TimingSettings{}.io_timeout, options.metadata_offset);
  if (!report) return report_error(report.error());
  if (options.json) {
    print_json(*report);
  } else {
    fmt::print("{}", format_report(*report));
  }
  if (report->problems_size() != 0) return kExitCorrupt;
  return report->labelled() ? kExitOk : kExitNo;
}

}  // namespace

void add_inspect_command(Parser& parser, const CommandContext&) {
  auto options = std::make_shared<InspectOptions>();
  CliCommand command = parser.command("inspect", "Print every record of a disk; writes nothing");
  command.option("DISK", options->disk, "A disk or an image file").required();
  add_metadata_offset(command, options->metadata_offset);
  command.flag("--json", options->json, "Print JSON");
  command.runs([options] { return run_inspect(*options); });
}

}  // namespace lastword

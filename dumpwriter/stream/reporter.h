// Where the dump writer says what it does. The console in the capture kernel, standard error by
// hand, a list in tests.
#pragma once

#include <string_view>

#include "dumpwriter/stream/progress.h"

namespace lastword {

struct DumpNews {
  std::string_view event;      // "dump-started"
  std::string_view disk_uuid;  // empty where it does not apply
  std::string_view disk_path;
  std::string_view reason;  // "LIMIT"; empty where there is none
  std::string_view detail;  // for people; may be empty
};

class DumpReporter {
 public:
  virtual ~DumpReporter() = default;
  virtual void event(const DumpNews& news) = 0;
  virtual void progress(const Progress& progress, std::string_view disk) = 0;
  // One line for people.
  virtual void note(std::string_view text) = 0;
};

}  // namespace lastword

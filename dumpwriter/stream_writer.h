// Streams a vmcore to one disk: the sections of proto/stream.h one after the other, heartbeats in
// between, until the end, the disk's end or the time limit.
// Runs in the capture kernel: no heap after the first byte.
#pragma once

#include "dumpwriter/clock.h"
#include "dumpwriter/dump_policy.h"
#include "dumpwriter/dump_target.h"
#include "dumpwriter/page_reader.h"
#include "dumpwriter/reporter.h"
#include "dumpwriter/section_builder.h"
#include "dumpwriter/vmcore.h"
#include "proto/uuid.h"

namespace lastword {

struct StreamResult {
  Outcome outcome = Outcome::kDone;
  Error error;  // unless kDone
};

class StreamWriter {
 public:
  // Everything must outlive this. One StreamWriter writes one stream, once.
  StreamWriter(const Vmcore& core, PageReader& pages, DumpTarget& target, const UuidBytes& crash_id,
               const Clock& clock, milliseconds limit, DumpReporter& reporter);

  // After target.start(). With kDone, kLimit, kDiskFull and kVmcore everything that was written is
  // durable when this returns.
  [[nodiscard]] StreamResult run();

 private:
  // Each returns false once the stream has come to an end, and leaves it in result_.
  [[nodiscard]] bool write_head();
  [[nodiscard]] bool write_log();
  [[nodiscard]] bool write_pages();
  [[nodiscard]] bool write_frames(const FrameSpan& frames);
  // `add` puts something into the open section, or says that it is full.
  template <class Add>
  [[nodiscard]] bool add_to_section(Add add);
  [[nodiscard]] bool write_end();

  [[nodiscard]] bool open_section(SectionKind kind);
  [[nodiscard]] bool close_section();
  [[nodiscard]] bool keep_going();
  [[nodiscard]] Status heartbeat();
  [[nodiscard]] Status send_header(milliseconds now);
  [[nodiscard]] bool end(Outcome outcome, const Error& error);
  [[nodiscard]] bool end(const Error& error);
  [[nodiscard]] bool make_durable();

  const Vmcore& core_;
  PageReader& pages_;
  DumpTarget& target_;
  DiskWriter& writer_;
  UuidBytes crash_id_;
  const Clock& clock_;
  milliseconds limit_;
  DumpReporter& reporter_;
  ProgressMeter meter_;
  milliseconds next_heartbeat_;
  bool header_due_ = false;
  SectionBuilder section_;
  bool section_open_ = false;
  unsigned section_buffer_ = 0;
  StreamMark mark_;  // after the last section, plus the frames gone through since
  StreamResult result_;
};

}  // namespace lastword

// The sections of one stream on their way to one disk: opened in order, compressed on all
// processors, written in order, with heartbeats in between and an eye on the time limit.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "dumpwriter/base/clock.h"
#include "dumpwriter/stream/compressor_pool.h"
#include "dumpwriter/stream/dump_target.h"
#include "dumpwriter/stream/outcome.h"
#include "dumpwriter/stream/reporter.h"
#include "dumpwriter/stream/section_builder.h"
#include "dumpwriter/stream/work_estimate.h"
#include "proto/uuid.h"
#include "storage/codec/codec_chooser.h"

namespace lastword {

struct StreamResult {
  Outcome outcome = Outcome::kDone;
  Error error;  // unless kDone
};

struct StreamSettings {
  UuidBytes crash_id{};
  milliseconds limit{0};  // from the panic
  CodecSetting codec;
  const std::atomic<bool>* stop = nullptr;  // true: come to an end. Null: nobody may ask for that
};

class SectionStream {
 public:
  // Everything must outlive this. progress is computed from `work`.
  SectionStream(DumpTarget& target, CompressorPool& pool, const StreamSettings& settings,
                const WorkEstimate& work, std::uint64_t memory_bytes, const Clock& clock,
                DumpReporter& reporter);
  // Waits for the processors, not for the disk.
  ~SectionStream();
  SectionStream(const SectionStream&) = delete;
  SectionStream& operator=(const SectionStream&) = delete;

  // Each of these returns false once the stream has come to an end, and leaves it in result().

  // Waits for a buffer; the section gets as much of it as the extent has room for.
  [[nodiscard]] bool open(SectionKind kind, PagePass pass = PagePass{});
  // Hands the open section over; an empty one, or none, is nothing.
  [[nodiscard]] bool close();
  // All sections that were closed are on their way to the disk.
  [[nodiscard]] bool commit_all();
  // Takes in completions, sends heartbeats, watches the limit. Cheap.
  [[nodiscard]] bool keep_going();
  // Closes, and everything that was closed is durable.
  [[nodiscard]] bool make_durable();

  // The open section.
  [[nodiscard]] bool is_open() const { return open_ != nullptr; }
  [[nodiscard]] SectionBuilder& section() { return open_->builder; }
  // Nothing of it is written.
  void drop();
  // Pages counted here go into the mark of the section that is closed next.
  [[nodiscard]] StreamMark& counts() { return counts_; }
  // All that was committed: bytes and sections.
  [[nodiscard]] const StreamMark& committed() const { return committed_; }

  // Ends the stream; returns false.
  bool end(Outcome outcome, const Error& error);
  bool end_disk_full();
  [[nodiscard]] const StreamResult& result() const { return result_; }

 private:
  struct Pending {
    SectionBuilder builder;
    CompressJob job;
    CodecLevel wanted;
    unsigned buffer = 0;
    std::optional<unsigned> raw;
    StreamMark counts;
    std::uint64_t most_bytes = 0;  // of the stream that it may take
  };

  [[nodiscard]] bool make_room(SectionKind kind);
  [[nodiscard]] std::optional<unsigned> acquire_buffer();
  [[nodiscard]] bool acquire_raw(Pending& pending);
  void work_on_front();
  [[nodiscard]] bool commit_ready();
  [[nodiscard]] bool commit_front();
  [[nodiscard]] std::uint64_t room_left() const;
  [[nodiscard]] Status heartbeat();
  [[nodiscard]] Status send_header(milliseconds now);
  [[nodiscard]] Progress progress(milliseconds now, std::uint64_t durable_bytes);
  [[nodiscard]] bool end(const Error& error);

  DumpTarget& target_;
  DiskWriter& writer_;
  CompressorPool& pool_;
  StreamSettings settings_;
  const WorkEstimate& work_;
  const Clock& clock_;
  DumpReporter& reporter_;
  CodecChooser chooser_;
  ProgressMeter meter_;
  milliseconds next_heartbeat_;
  bool header_due_ = false;

  std::array<Pending, kMaxDataBuffers> ring_{};  // closed ones in order, then the open one
  unsigned front_ = 0;
  unsigned closed_ = 0;
  Pending* open_ = nullptr;
  std::uint64_t opened_ = 0;      // sections, ever
  std::uint64_t most_bytes_ = 0;  // of all that were closed but not committed
  StreamMark counts_;
  StreamMark committed_;
  StreamResult result_;
};

}  // namespace lastword

#include "agent/recover/dump_receiver.h"

#include <algorithm>

namespace lastword {
namespace {

tl::unexpected<Error> corrupt_dump(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read dump", .detail = detail});
}

// What this version cannot read is no reason to call the dump damaged.
bool needs_newer_version(const Error& error) {
  return error.code == Code::kFutureVersion || error.code == Code::kUnsupported;
}

}  // namespace

Error no_dump_in_extent(Error found) {
  found.code = Code::kCorrupt;
  found.detail = "the header tells of a dump, but there is none in its extent";
  return found;
}

Status DumpReceiver::take_head_end(const StreamReader& reader) {
  if (layout_) return {};
  auto head = parse_core_head(head_bytes_);
  if (!head && reader.end().skipped > 0 && substitute_) {
    head_lost_ = true;
    head = std::move(*substitute_);
  }
  if (!head) return fail(head.error());
  head_ = std::move(*head);
  layout_.emplace(*head_);
  return writer_ == nullptr ? Status{} : writer_->begin(*head_, *layout_);
}

// Runs are cut at the ends of memory's ranges, without a step for each page frame: a run that
// another machine wrote may claim 2^32 of them.
Status DumpReceiver::take_pages(const Section& section) {
  for (const PageRun& run : section.runs) {
    if (told_.overlaps({run.pfn, run.pfn + run.count})) {
      return corrupt_dump("page frames that an earlier section has told of");
    }
  }
  last_pass_ = static_cast<PagePass>(section.header.pass);
  const auto memory = layout_->memory();
  auto content = section.content;
  for (const PageRun& run : section.runs) {
    const PfnRange all{run.pfn, run.pfn + run.count};
    (void)told_.add(all);
    const bool stored = run.what == static_cast<std::uint16_t>(RunKind::kStored);
    std::uint64_t in_memory = 0;
    auto range = std::partition_point(memory.begin(), memory.end(),
                                      [&](const PfnRange& one) { return one.end <= all.first; });
    for (; range != memory.end() && range->first < all.end; ++range) {
      const PfnRange frames{std::max(all.first, range->first), std::min(all.end, range->end)};
      const std::uint64_t count = frames.end - frames.first;
      const auto piece =
          stored ? content.subspan((frames.first - all.first) * kPageBytes, count * kPageBytes)
                 : std::span<const std::byte>();
      if (Status status = take_run(run, frames, piece); !status) return status;
      in_memory += count;
    }
    if (!stored) continue;
    stray_pages_ += run.count - in_memory;
    content = content.subspan(run.count * kPageBytes);
  }
  return {};
}

Status DumpReceiver::take_run(const PageRun& run, PfnRange frames,
                              std::span<const std::byte> content) {
  const std::uint64_t count = frames.end - frames.first;
  switch (static_cast<RunKind>(run.what)) {
    case RunKind::kStored:
      stored_[run.page_class] += count;
      return writer_ == nullptr ? Status{} : writer_->write_pages(frames.first, content);
    case RunKind::kZero:
      zero_pages_ += count;
      return writer_ == nullptr ? Status{} : writer_->write_zero_pages(frames.first, count);
    case RunKind::kExcluded:
      excluded_[run.page_class] += count;
      return writer_ == nullptr ? Status{}
                                : writer_->exclude_pages(frames.first, count,
                                                         static_cast<PageClass>(run.page_class));
    case RunKind::kUnreadable:
      unreadable_.push_back(frames);
      break;
  }
  return {};
}

// Whatever became of the stream, these pages are known.
Status DumpReceiver::take_zero_filled() {
  for (const PfnRange& frames : difference(head_->zero_filled, told_.ranges())) {
    const std::uint64_t count = frames.end - frames.first;
    (void)told_.add(frames);
    zero_pages_ += count;
    zero_filled_pages_ += count;
    if (writer_ == nullptr) continue;
    if (Status status = writer_->write_zero_pages(frames.first, count); !status) return status;
  }
  return {};
}

Status DumpReceiver::take(const Section& section) {
  const auto content = section.content;
  switch (static_cast<SectionKind>(section.header.kind)) {
    case SectionKind::kElfHead:
      // Behind a part that is lost the others are nothing.
      if (section.header.sequence != head_sections_) return {};
      ++head_sections_;
      if (head_bytes_.size() + content.size() > kMaxElfHeadBytes) {
        return corrupt_dump("the vmcore's head is too long");
      }
      head_bytes_.insert(head_bytes_.end(), content.begin(), content.end());
      return {};
    case SectionKind::kDmesg:
      if (dmesg_.size() + content.size() > kMaxDmesgBytes) {
        return corrupt_dump("the kernel log is too long");
      }
      dmesg_.append(reinterpret_cast<const char*>(content.data()), content.size());
      return {};
    case SectionKind::kPages:
      return take_pages(section);
    case SectionKind::kEnd:
      break;
  }
  return {};
}

Status DumpReceiver::receive(StreamReader& reader,
                             const std::function<void(std::uint64_t)>& progress) {
  while (const Section* section = reader.next()) {
    if (section->header.kind != static_cast<std::uint16_t>(SectionKind::kElfHead)) {
      if (Status status = take_head_end(reader); !status) {
        Error error = status.error();
        if (error.disk.empty()) error.disk = reader.disk();
        return fail(error);
      }
    }
    if (Status status = take(*section); !status) {
      Error error = status.error();
      const bool of_stream = error.disk.empty();  // the writer's errors name its file
      if (of_stream) {
        error.disk = reader.disk();
        error.offset = section->disk_offset;
      }
      if (!of_stream || error.code != Code::kCorrupt) return fail(error);
      end_ = {.whole = false,
              .why = error,
              .bytes = section->disk_offset - reader.offset(),
              .sections = reader.end().sections - 1,
              .skipped = reader.end().skipped};
      return stream_ended(reader);
    }
    if (progress) progress(reader.end().bytes);
  }
  end_ = reader.end();
  return stream_ended(reader);
}

Status DumpReceiver::stream_ended(const StreamReader& reader) {
  if (!end_.whole && needs_newer_version(end_.why)) return fail(end_.why);
  if (end_.sections == 0) {
    return fail(end_.why.code == Code::kNotFound ? no_dump_in_extent(end_.why) : end_.why);
  }
  const Status status = take_head_end(reader);
  if (status) return take_zero_filled();
  Error error = status.error();
  if (error.disk.empty()) error.disk = reader.disk();
  return fail(error);
}

std::vector<PfnRange> DumpReceiver::missing() const {
  std::vector<PfnRange> missing = difference(layout_->memory(), told_.ranges());
  missing.insert(missing.end(), unreadable_.begin(), unreadable_.end());
  return merged(std::move(missing));
}

}  // namespace lastword

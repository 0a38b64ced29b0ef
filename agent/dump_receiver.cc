#include "agent/dump_receiver.h"

#include <algorithm>

namespace lastword {
namespace {

tl::unexpected<Error> corrupt(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read dump", .detail = detail});
}

// What this version can not read is no reason to call the dump damaged.
bool needs_newer_version(const Error& error) {
  return error.code == Code::kFutureVersion || error.code == Code::kUnsupported;
}

}  // namespace

Status DumpReceiver::take_head_end() {
  if (layout_) return {};
  auto head = parse_core_head(head_bytes_);
  if (!head) return fail(head.error());
  head_ = std::move(*head);
  layout_.emplace(*head_);
  return writer_ == nullptr ? Status{} : writer_->begin(*head_, *layout_);
}

Status DumpReceiver::take_pages(const Section& section, std::span<const std::byte> content) {
  for (const PageRun& run : section.runs) {
    for (std::uint64_t done = 0; done < run.count;) {
      const auto place = layout_->place_of(run.pfn + done);
      if (!place) {
        ++stray_pages_;
        ++done;
        content = content.subspan(kPageBytes);
        continue;
      }
      const std::uint64_t pages = std::min<std::uint64_t>(place->pages, run.count - done);
      const auto piece = content.first(pages * kPageBytes);
      if (writer_ != nullptr) {
        if (Status status = writer_->write_pages(run.pfn + done, piece); !status) return status;
      }
      stored_pages_ += pages;
      done += pages;
      content = content.subspan(piece.size());
    }
  }
  return {};
}

Status DumpReceiver::take(const Section& section) {
  const auto content = decoder_.decode(section.header, section.payload);
  if (!content) return fail(content.error());
  switch (static_cast<SectionKind>(section.header.kind)) {
    case SectionKind::kElfHead:
      if (head_bytes_.size() + content->size() > kMaxElfHeadBytes) {
        return corrupt("the vmcore's head is too long");
      }
      head_bytes_.insert(head_bytes_.end(), content->begin(), content->end());
      return {};
    case SectionKind::kDmesg:
      if (dmesg_.size() + content->size() > kMaxDmesgBytes) {
        return corrupt("the kernel log is too long");
      }
      dmesg_.append(reinterpret_cast<const char*>(content->data()), content->size());
      return {};
    case SectionKind::kPages:
      if (!covered_.add({section.header.first_pfn, section.header.end_pfn})) {
        return corrupt("page frames that an earlier section has covered");
      }
      return take_pages(section, *content);
    case SectionKind::kEnd:
      break;
  }
  return {};
}

Status DumpReceiver::receive(StreamReader& reader,
                             const std::function<void(std::uint64_t)>& progress) {
  while (const Section* section = reader.next()) {
    if (section->header.kind != static_cast<std::uint16_t>(SectionKind::kElfHead)) {
      if (Status status = take_head_end(); !status) {
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
              .sections = section->header.sequence};
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
    Error error = end_.why;
    if (error.code == Code::kNotFound) {
      error.code = Code::kCorrupt;
      error.detail = "the header tells of a dump, but there is none in its extent";
    }
    return fail(error);
  }
  const Status status = take_head_end();
  if (status) return {};
  Error error = status.error();
  if (error.disk.empty()) error.disk = reader.disk();
  return fail(error);
}

std::vector<PfnRange> DumpReceiver::missing() const {
  return difference(layout_->memory(), covered_.ranges());
}

}  // namespace lastword

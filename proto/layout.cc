#include "proto/layout.h"

#include <charconv>

namespace lastword {

std::optional<std::uint64_t> parse_metadata_offset(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || value % kBlockBytes != 0) return std::nullopt;
  return value;
}

std::string_view name_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::kLabel:
      return "label";
    case RecordKind::kCoredumpHeader:
      return "coredump header";
    case RecordKind::kMailboxSlot:
      return "mailbox slot";
    case RecordKind::kPlan:
      return "plan";
  }
  return "unknown record";
}

RecordKind kind_at(RecordPlace place) {
  switch (place) {
    case RecordPlace::kLabel:
      return RecordKind::kLabel;
    case RecordPlace::kCoredump:
      return RecordKind::kCoredumpHeader;
    case RecordPlace::kMailboxLow:
    case RecordPlace::kMailboxHigh:
      return RecordKind::kMailboxSlot;
  }
  return RecordKind::kLabel;
}

}  // namespace lastword

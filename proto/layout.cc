#include "proto/layout.h"

namespace lastword {

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

#include "proto/record_names.h"

namespace lastword {

std::string_view name_of(pb::Role role) {
  switch (role) {
    case pb::SERVICE:
      return "service";
    case pb::SPARE:
      return "spare";
    case pb::DUMP:
      return "dump";
    case pb::MAILBOX:
      return "mailbox";
    default:
      return "unknown";
  }
}

std::string_view name_of(pb::Attribute attribute) {
  switch (attribute) {
    case pb::INACTIVE:
      return "INACTIVE";
    case pb::ARMED:
      return "ARMED";
    case pb::IN_PROGRESS:
      return "IN_PROGRESS";
    case pb::COMPLETED:
      return "COMPLETED";
    case pb::ABORTED:
      return "ABORTED";
    case pb::SAVED:
      return "SAVED";
    default:
      return "an unknown attribute";
  }
}

std::string_view name_of(pb::Reason reason) {
  switch (reason) {
    case pb::REASON_NONE:
      return "REASON_NONE";
    case pb::LIMIT:
      return "LIMIT";
    case pb::IO_ERROR:
      return "IO_ERROR";
    case pb::DISK_FULL:
      return "DISK_FULL";
    case pb::STALLED:
      return "STALLED";
    case pb::DEADLINE:
      return "DEADLINE";
    case pb::VMCORE:
      return "VMCORE";
    case pb::REBOOTED:
      return "REBOOTED";
    case pb::STOPPED:
      return "STOPPED";
    default:
      return "an unknown reason";
  }
}

}  // namespace lastword

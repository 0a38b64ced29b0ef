#include "agent/disks/held_disk.h"

#include <fmt/format.h>

#include "proto/unit_attention.h"

namespace lastword {
namespace {

Error at_lun(Error error, const ScsiLun& lun) {
  if (error.disk.empty()) error.disk = lun.name();
  return error;
}

}  // namespace

Status wait_until_ready(ScsiLun& lun) {
  const Status status = past_unit_attentions([&] { return lun.test_unit_ready(); });
  if (!status && status.error().code != Code::kConflict) {
    return fail(at_lun(status.error(), lun));
  }
  return {};
}

Status require_hold(ScsiLun& lun, ReservationKey key) {
  const auto reservation = past_unit_attentions([&] { return lun.read_reservation(); });
  if (!reservation) return fail(at_lun(reservation.error(), lun));
  if (!reservation->has_value()) {
    return fail({.code = Code::kRefused,
                 .operation = "check reservation",
                 .disk = lun.name(),
                 .detail = "nobody holds it; run `lastword start` to take it into service"});
  }
  if ((*reservation)->holder != key || (*reservation)->type != kOwnerType) {
    return fail({.code = Code::kFenced,
                 .operation = "check reservation",
                 .disk = lun.name(),
                 .detail = fmt::format("held by {} ({}), not by this node's {}",
                                       to_string((*reservation)->holder),
                                       name_of((*reservation)->type), to_string(key))});
  }
  return {};
}

Result<pb::Label> HeldDisk::label() {
  pb::Label label;
  if (const auto found = records_.read(RecordPlace::kLabel, label); !found) {
    return fail(found.error());
  }
  return label;
}

Result<pb::CoredumpHeader> HeldDisk::header() {
  pb::CoredumpHeader header;
  const auto found = records_.read(RecordPlace::kCoredump, header);
  if (found) return header;
  if (found.error().code == Code::kNotFound) return pb::CoredumpHeader();
  return fail(found.error());
}

Status HeldDisk::put_label(const pb::Label& label) {
  if (Status held = require_hold(lun_, key_); !held) return held;
  return records_.put_both(RecordPlace::kLabel, label);
}

Status HeldDisk::put_header(const pb::CoredumpHeader& header) {
  if (Status held = require_hold(lun_, key_); !held) return held;
  return records_.put_both(RecordPlace::kCoredump, header);
}

}  // namespace lastword

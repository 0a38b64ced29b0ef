#include "agent/protocol/ownership.h"

#include <fmt/format.h>

namespace lastword {
namespace {

Error refused(std::string_view detail) {
  return {.code = Code::kRefused, .operation = "take into service", .detail = std::string(detail)};
}

}  // namespace

bool is_promised_to(const pb::Label& label, std::uint8_t node, std::uint32_t generation) {
  return label.promised_node() == node && node != 0 && label.promised_generation() == generation;
}

Result<pb::Label> label_received(const pb::Label& label, const OwnerIdentity& self) {
  if (label.cluster_uuid() != self.cluster_uuid || label.home_node() != self.node ||
      label.role() == pb::MAILBOX) {
    return fail(refused("its label changed meanwhile: it is no disk of this node any more"));
  }
  pb::Label in_service = label;
  if (label.owner_node() != self.node) {
    in_service.set_ownership_epoch(label.ownership_epoch() + 1);
  }
  in_service.set_owner_node(self.node);
  in_service.set_owner_generation(self.boot_generation);
  in_service.set_home_generation(self.boot_generation);
  in_service.clear_promised_node();
  in_service.clear_promised_generation();
  return in_service;
}

Result<pb::Label> label_in_service(const pb::Label& label, const OwnerIdentity& self) {
  if (label.owner_node() != 0 && label.owner_node() != self.node) {
    return fail(
        refused(fmt::format("its label says that node {} owns it: it was taken over; wait "
                            "for its giveback",
                            label.owner_node())));
  }
  return label_received(label, self);
}

Result<pb::Label> label_held_again(const pb::Label& label, const OwnerIdentity& self) {
  if (label.cluster_uuid() != self.cluster_uuid || label.owner_node() != self.node) {
    return fail(refused("its label changed meanwhile: this node does not own it any more"));
  }
  pb::Label held = label;
  held.set_owner_generation(self.boot_generation);
  return held;
}

pb::Label label_after_takeover(const pb::Label& label, const KeyParts& taker) {
  pb::Label taken = label;
  if (label.owner_node() != taker.node) taken.set_ownership_epoch(label.ownership_epoch() + 1);
  taken.set_owner_node(taker.node);
  taken.set_owner_generation(taker.boot_generation);
  // Of a node that had waited for its own disks.
  if (label.home_node() == taker.node) taken.set_home_generation(taker.boot_generation);
  taken.clear_promised_node();
  taken.clear_promised_generation();
  return taken;
}

pb::Label label_promised(const pb::Label& label, std::uint8_t node, std::uint32_t generation) {
  pb::Label promised = label;
  promised.set_promised_node(node);
  promised.set_promised_generation(generation);
  return promised;
}

pb::Label label_unpromised(const pb::Label& label) {
  pb::Label kept = label;
  kept.clear_promised_node();
  kept.clear_promised_generation();
  return kept;
}

}  // namespace lastword

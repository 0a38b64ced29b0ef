#include "agent/protocol/ownership.h"

#include <fmt/format.h>

namespace lastword {
namespace {

Error refused(std::string_view detail) {
  return {.code = Code::kRefused, .operation = "take into service", .detail = std::string(detail)};
}

// What a label says of its owner's life.
void set_owner(pb::Label& label, std::uint8_t node, std::uint32_t generation,
               std::uint64_t mailbox_set) {
  const bool same_life = label.owner_node() == node && label.owner_generation() == generation;
  label.set_owner_node(node);
  label.set_owner_generation(generation);
  if (!same_life || mailbox_set != 0) label.set_owner_mailbox_set(mailbox_set);
}

}  // namespace

KeyParts owner_in(const pb::Label& label) {
  return {.cluster = cluster_key_bits(label.cluster_uuid()),
          .node = static_cast<std::uint8_t>(label.owner_node()),
          .boot_generation = label.owner_generation()};
}

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
  set_owner(in_service, self.node, self.boot_generation, self.mailbox_set);
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
  set_owner(held, self.node, self.boot_generation, self.mailbox_set);
  return held;
}

pb::Label label_after_takeover(const pb::Label& label, const KeyParts& taker) {
  pb::Label taken = label;
  if (label.owner_node() != taker.node) taken.set_ownership_epoch(label.ownership_epoch() + 1);
  set_owner(taken, taker.node, taker.boot_generation, 0);
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

// What goes over a link from node to node: the same slot that goes to the mailbox disks, with the
// cluster's authentication. Pure; the key stays behind Seal.
//
// Little-endian, without gaps:
//
//   bytes  0..3    "LWDG"
//          4..5    kDatagramVersion
//          6..7    length of the slot
//          8..23   cluster UUID
//          24      id of the node that sends
//          25..27  zero
//          28..31  life, and
//          32..39  sequence of the receiver's newest heartbeat that came by this link; 0: none
//          40..    the slot: pb::MailboxSlot
//   the last 32    HMAC-SHA256 (RFC 2104, FIPS 180-4) of all before, with the cluster's key
//
// What arrives is untrusted. Whoever does not know the key cannot make one; whoever listens can
// send an old one again, which PeerWatch tells by life and sequence.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/uuid.h"

namespace lastword {

inline constexpr std::uint16_t kDatagramVersion = 1;
// Fits into every network of IPv6, and nothing is taken to pieces on the way: its smallest MTU is
// 1280 bytes (RFC 8200, 5), of which IPv6 needs 40 and UDP 8.
inline constexpr std::size_t kMostDatagramBytes = 1280 - 40 - 8;
inline constexpr std::size_t kDatagramHeadBytes = 40;

// Which of a node's heartbeats.
struct HeartbeatId {
  std::uint32_t generation = 0;  // 0: none
  std::uint64_t sequence = 0;
  auto operator<=>(const HeartbeatId&) const = default;
};
[[nodiscard]] HeartbeatId id_of(const pb::MailboxSlot& slot);

struct Datagram {
  HeartbeatId echo;  // of the receiver, by this link
  pb::MailboxSlot slot;
};

// The nodes at the two ends of a link, as one of them sees it.
struct LinkEnds {
  UuidBytes cluster{};
  std::uint8_t self = 0;
  std::uint8_t partner = 0;
};

using Bytes = std::span<const std::byte>;
using Mac = std::array<std::byte, 32>;
// Authentication with the cluster's key.
struct Seal {
  std::function<Mac(Bytes)> make;
  std::function<bool(Bytes, const Mac&)> holds;  // takes the same time whatever differs
};

// Why a datagram is dropped.
enum class DatagramFault : std::uint8_t {
  kTooShort,
  kTooLong,
  kForeign,       // no datagram of lastword
  kOtherVersion,  // of the format
  kOtherCluster,
  kOwnNode,            // this node's id: another machine has it too, or its own came back
  kOtherNode,          // neither node's id
  kBadAuthentication,  // another key, or forged
  kMalformed,          // authenticated, and no slot of its sender
  kReplayed,           // an old one again: PeerWatch::Hearing::kOld
  kUnproven,           // PeerWatch::Hearing::kUnproven
};
inline constexpr std::size_t kDatagramFaults = 11;
[[nodiscard]] std::string_view name_of(DatagramFault fault);  // "bad-authentication"

// kRefused: longer than a datagram may be.
[[nodiscard]] Result<std::vector<std::byte>> make_datagram(const LinkEnds& ends,
                                                           const Datagram& datagram,
                                                           const Seal& seal);
// Of the partner's at the other end. Neither kReplayed nor kUnproven.
[[nodiscard]] tl::expected<Datagram, DatagramFault> open_datagram(const LinkEnds& ends,
                                                                  Bytes received, const Seal& seal);

}  // namespace lastword

#include "agent/protocol/datagram.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <iterator>

namespace lastword {
namespace {

constexpr std::string_view kMagic = "LWDG";

template <std::unsigned_integral T>
void put(std::vector<std::byte>& into, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    into.push_back(static_cast<std::byte>(std::uint64_t{value} >> (8 * i)));
  }
}

// Takes fields from the front of what is long enough for them.
class Fields {
 public:
  explicit Fields(Bytes bytes) : bytes_(bytes) {}
  Bytes take(std::size_t count) {
    const Bytes front = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return front;
  }
  template <std::unsigned_integral T>
  T number() {
    std::uint64_t value = 0;
    const Bytes bytes = take(sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return static_cast<T>(value);
  }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  Bytes bytes_;
};

bool same(Bytes a, Bytes b) {
  return std::ranges::equal(a, b);
}

}  // namespace

HeartbeatId id_of(const pb::MailboxSlot& slot) {
  return {.generation = slot.generation(), .sequence = slot.sequence()};
}

std::string_view name_of(DatagramFault fault) {
  switch (fault) {
    case DatagramFault::kTooShort:
      return "too-short";
    case DatagramFault::kTooLong:
      return "too-long";
    case DatagramFault::kForeign:
      return "foreign";
    case DatagramFault::kOtherVersion:
      return "other-version";
    case DatagramFault::kOtherCluster:
      return "other-cluster";
    case DatagramFault::kOwnNode:
      return "own-node";
    case DatagramFault::kOtherNode:
      return "other-node";
    case DatagramFault::kBadAuthentication:
      return "bad-authentication";
    case DatagramFault::kMalformed:
      return "malformed";
    case DatagramFault::kReplayed:
      return "replayed";
    case DatagramFault::kUnproven:
      return "unproven";
  }
  return "?";
}

Result<std::vector<std::byte>> make_datagram(const LinkEnds& ends, const Datagram& datagram,
                                             const Seal& seal) {
  const std::string slot = datagram.slot.SerializeAsString();
  const std::size_t length = kDatagramHeadBytes + slot.size() + sizeof(Mac);
  if (length > kMostDatagramBytes) {
    return fail({.code = Code::kRefused,
                 .operation = "make datagram",
                 .detail = fmt::format("a message of {} bytes is longer than the {} that every "
                                       "network takes",
                                       length, kMostDatagramBytes)});
  }
  std::vector<std::byte> bytes;
  bytes.reserve(length);
  std::ranges::copy(std::as_bytes(std::span(kMagic)), std::back_inserter(bytes));
  put(bytes, kDatagramVersion);
  put(bytes, static_cast<std::uint16_t>(slot.size()));
  std::ranges::copy(std::as_bytes(std::span(ends.cluster)), std::back_inserter(bytes));
  put(bytes, ends.self);
  bytes.resize(bytes.size() + 3);
  put(bytes, datagram.echo.generation);
  put(bytes, datagram.echo.sequence);
  std::ranges::copy(std::as_bytes(std::span(slot)), std::back_inserter(bytes));
  std::ranges::copy(seal.make(bytes), std::back_inserter(bytes));
  return bytes;
}

tl::expected<Datagram, DatagramFault> open_datagram(const LinkEnds& ends, Bytes received,
                                                    const Seal& seal) {
  const auto drop = [](DatagramFault fault) { return tl::unexpected(fault); };
  if (received.size() < kDatagramHeadBytes + sizeof(Mac)) return drop(DatagramFault::kTooShort);
  if (received.size() > kMostDatagramBytes) return drop(DatagramFault::kTooLong);
  Fields fields(received);
  if (!same(fields.take(kMagic.size()), std::as_bytes(std::span(kMagic)))) {
    return drop(DatagramFault::kForeign);
  }
  if (fields.number<std::uint16_t>() != kDatagramVersion) return drop(DatagramFault::kOtherVersion);
  const auto length = fields.number<std::uint16_t>();
  if (!same(fields.take(ends.cluster.size()), std::as_bytes(std::span(ends.cluster)))) {
    return drop(DatagramFault::kOtherCluster);
  }
  const auto sender = fields.number<std::uint8_t>();
  if (sender == ends.self) return drop(DatagramFault::kOwnNode);
  if (sender != ends.partner) return drop(DatagramFault::kOtherNode);

  Mac mac{};
  std::ranges::copy(received.last(mac.size()), mac.begin());
  if (!seal.holds(received.first(received.size() - mac.size()), mac)) {
    return drop(DatagramFault::kBadAuthentication);
  }
  const Bytes zeros = fields.take(3);
  const bool all_zero = std::ranges::all_of(zeros, [](std::byte b) { return b == std::byte{0}; });
  Datagram datagram;
  datagram.echo.generation = fields.number<std::uint32_t>();
  datagram.echo.sequence = fields.number<std::uint64_t>();
  if (!all_zero || fields.left() != length + mac.size()) return drop(DatagramFault::kMalformed);
  const Bytes slot = fields.take(length);
  if (!datagram.slot.ParseFromArray(slot.data(), static_cast<int>(slot.size())) ||
      datagram.slot.node() != sender || datagram.slot.generation() == 0) {
    return drop(DatagramFault::kMalformed);
  }
  return datagram;
}

}  // namespace lastword

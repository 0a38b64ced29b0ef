// Persistent reservations as bytes: CDBs, parameter lists and parameter data of SPC-4 (T10/1731-D)
// 6.15 and 6.16. Pure functions; integers are big-endian on the wire.
//
// What a target answers is untrusted. The parsers' only error is kCorrupt, with the command's name
// and what is wrong, and without the disk's name, which the caller adds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "storage/reserve/scsi_lun.h"

namespace lastword {

// Service actions.
enum class PrInAction : std::uint8_t { kReadKeys = 0, kReadReservation = 1, kCapabilities = 2 };
enum class PrOutAction : std::uint8_t {
  kReserve = 1,
  kRelease = 2,
  kPreempt = 4,
  kPreemptAndAbort = 5,
  kRegisterIgnoringExisting = 6,
};
[[nodiscard]] std::string_view name_of(PrInAction action);
[[nodiscard]] std::string_view name_of(PrOutAction action);

using PrCdb = std::array<std::uint8_t, 10>;
inline constexpr std::array<std::uint8_t, 6> kTestUnitReadyCdb{};

[[nodiscard]] PrCdb pr_in_cdb(PrInAction action, std::uint16_t allocation_length);
// Scope is always LU_SCOPE. REGISTER AND IGNORE EXISTING KEY ignores scope and type: pass none.
[[nodiscard]] PrCdb pr_out_cdb(PrOutAction action, std::optional<PrType> type);

struct PrOutParameters {
  ReservationKey own;             // RESERVATION KEY; ignored by REGISTER AND IGNORE EXISTING KEY
  ReservationKey service_action;  // SERVICE ACTION RESERVATION KEY: the new key, or the victim's
  bool aptpl = false;
};
inline constexpr std::size_t kPrOutParameterBytes = 24;
[[nodiscard]] std::array<std::uint8_t, kPrOutParameterBytes> pr_out_parameter_list(
    const PrOutParameters& parameters);

// READ KEYS, SPC-4 6.15.2. A list that did not fit is no error: it has the keys that came, and
// needed_bytes to ask again with.
struct KeyList {
  Registrations registrations;
  std::size_t needed_bytes = 0;  // the whole parameter data
  [[nodiscard]] bool truncated_at(std::size_t received_bytes) const {
    return needed_bytes > received_bytes;
  }
};
// kCorrupt: shorter than kPrInHeaderBytes, or its length is no whole number of keys.
[[nodiscard]] Result<KeyList> parse_keys(std::span<const std::uint8_t> data);
// READ RESERVATION, SPC-4 6.15.3.2; empty: no reservation is held. kCorrupt: too short for what it
// says, or a scope or type that SPC-4 does not have.
[[nodiscard]] Result<std::optional<Reservation>> parse_reservation(
    std::span<const std::uint8_t> data);
// REPORT CAPABILITIES, SPC-4 6.15.4. kCorrupt: shorter than kCapabilitiesBytes.
[[nodiscard]] Result<PrCapabilities> parse_capabilities(std::span<const std::uint8_t> data);

inline constexpr std::size_t kPrInHeaderBytes = 8;
inline constexpr std::size_t kReservationBytes = 24;
inline constexpr std::size_t kCapabilitiesBytes = 8;

}  // namespace lastword

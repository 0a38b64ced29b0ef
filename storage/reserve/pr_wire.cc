#include "storage/reserve/pr_wire.h"

#include <scsi/sg_unaligned.h>

#include <algorithm>

namespace lastword {
namespace {

constexpr std::uint8_t kPersistentReserveIn = 0x5e;
constexpr std::uint8_t kPersistentReserveOut = 0x5f;

tl::unexpected<Error> corrupt(PrInAction action, std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = name_of(action), .detail = detail});
}

bool is_type(std::uint8_t value) {
  return value == 1 || value == 3 || (value >= 5 && value <= 8);
}

}  // namespace

std::string_view name_of(PrInAction action) {
  switch (action) {
    case PrInAction::kReadKeys:
      return "READ KEYS";
    case PrInAction::kReadReservation:
      return "READ RESERVATION";
    case PrInAction::kCapabilities:
      return "REPORT CAPABILITIES";
  }
  return "PERSISTENT RESERVE IN";
}

std::string_view name_of(PrOutAction action) {
  switch (action) {
    case PrOutAction::kReserve:
      return "RESERVE";
    case PrOutAction::kRelease:
      return "RELEASE";
    case PrOutAction::kPreempt:
      return "PREEMPT";
    case PrOutAction::kPreemptAndAbort:
      return "PREEMPT AND ABORT";
    case PrOutAction::kRegisterIgnoringExisting:
      return "REGISTER AND IGNORE";
  }
  return "PERSISTENT RESERVE OUT";
}

PrCdb pr_in_cdb(PrInAction action, std::uint16_t allocation_length) {
  PrCdb cdb{};
  cdb[0] = kPersistentReserveIn;
  cdb[1] = static_cast<std::uint8_t>(action);
  sg_put_unaligned_be16(allocation_length, &cdb[7]);
  return cdb;
}

PrCdb pr_out_cdb(PrOutAction action, std::optional<PrType> type) {
  PrCdb cdb{};
  cdb[0] = kPersistentReserveOut;
  cdb[1] = static_cast<std::uint8_t>(action);
  cdb[2] = type ? static_cast<std::uint8_t>(*type) : std::uint8_t{0};
  sg_put_unaligned_be32(kPrOutParameterBytes, &cdb[5]);
  return cdb;
}

std::array<std::uint8_t, kPrOutParameterBytes> pr_out_parameter_list(
    const PrOutParameters& parameters) {
  std::array<std::uint8_t, kPrOutParameterBytes> list{};
  sg_put_unaligned_be64(parameters.own.value, &list[0]);
  sg_put_unaligned_be64(parameters.service_action.value, &list[8]);
  list[20] = parameters.aptpl ? 1 : 0;
  return list;
}

Result<KeyList> parse_keys(std::span<const std::uint8_t> data) {
  if (data.size() < kPrInHeaderBytes) return corrupt(PrInAction::kReadKeys, "answer too short");
  const auto additional = sg_get_unaligned_be32(&data[4]);
  if (additional % sizeof(std::uint64_t) != 0) {
    return corrupt(PrInAction::kReadKeys, "length is not a multiple of 8");
  }
  KeyList list;
  list.registrations.generation = sg_get_unaligned_be32(&data[0]);
  list.needed_bytes = kPrInHeaderBytes + additional;
  for (std::size_t at = kPrInHeaderBytes;
       at + sizeof(std::uint64_t) <= std::min(data.size(), list.needed_bytes);
       at += sizeof(std::uint64_t)) {
    list.registrations.keys.push_back({sg_get_unaligned_be64(&data[at])});
  }
  return list;
}

Result<std::optional<Reservation>> parse_reservation(std::span<const std::uint8_t> data) {
  if (data.size() < kPrInHeaderBytes) {
    return corrupt(PrInAction::kReadReservation, "answer too short");
  }
  const auto additional = sg_get_unaligned_be32(&data[4]);
  if (additional == 0) return std::nullopt;
  if (additional < kReservationBytes - kPrInHeaderBytes || data.size() < kReservationBytes) {
    return corrupt(PrInAction::kReadReservation, "descriptor too short");
  }
  const std::uint8_t scope_and_type = data[21];
  if ((scope_and_type >> 4) != 0 || !is_type(scope_and_type & 0x0f)) {
    return corrupt(PrInAction::kReadReservation, "unknown scope or type");
  }
  return Reservation{.holder = {sg_get_unaligned_be64(&data[8])},
                     .type = static_cast<PrType>(scope_and_type & 0x0f)};
}

Result<PrCapabilities> parse_capabilities(std::span<const std::uint8_t> data) {
  if (data.size() < kCapabilitiesBytes || sg_get_unaligned_be16(&data[0]) < kCapabilitiesBytes) {
    return corrupt(PrInAction::kCapabilities, "answer too short");
  }
  return PrCapabilities{.aptpl = (data[2] & 0x01) != 0};
}

}  // namespace lastword

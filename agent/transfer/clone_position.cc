#include "agent/transfer/clone_position.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "agent/transfer/stream_head.h"

namespace lastword {

ClonePosition position_of(const pb::ClonePosition& position) {
  return {.volume = position.volume(), .offset = position.offset()};
}

void set_position(pb::ClonePosition& to, const ClonePosition& position) {
  to.set_volume(position.volume);
  to.set_offset(position.offset);
}

bool is_place_in(const pb::CloneSnapshot& snapshot, const ClonePosition& position) {
  const auto volumes = static_cast<std::uint32_t>(snapshot.volumes_size());
  if (position.offset == 0) return position.volume <= volumes;
  return position.volume < volumes && position.offset % kRangeBytes == 0 &&
         position.offset < snapshot.volumes(static_cast<int>(position.volume)).size();
}

std::uint64_t bytes_before(const pb::CloneSnapshot& snapshot, const ClonePosition& position) {
  std::uint64_t bytes = position.offset;
  for (int i = 0; i < static_cast<int>(position.volume); ++i) bytes += snapshot.volumes(i).size();
  return bytes;
}

std::string to_string(const ClonePosition& position) {
  return fmt::format("{}:{}", position.volume, position.offset);
}

std::optional<ClonePosition> parse_position(std::string_view text) {
  ClonePosition position;
  const char* const end = text.data() + text.size();
  const auto volume = std::from_chars(text.data(), end, position.volume);
  if (volume.ec != std::errc{} || volume.ptr == end || *volume.ptr != ':') return std::nullopt;
  const auto offset = std::from_chars(volume.ptr + 1, end, position.offset);
  if (offset.ec != std::errc{} || offset.ptr != end) return std::nullopt;
  return position;
}

std::string to_string(const pb::CloneStaged& staged) {
  std::string line = staged.snapshot_uuid() + " " + to_string(position_of(staged.reached()));
  if (!staged.base_uuid().empty()) line += " " + staged.base_uuid();
  return line;
}

std::optional<pb::CloneStaged> parse_staged(const std::string& line) {
  std::istringstream words(line);
  std::string snapshot;
  std::string place;
  std::string base;
  words >> snapshot >> place >> base;
  const auto reached = parse_position(place);
  if (!reached || !is_canonical_uuid(snapshot)) return std::nullopt;
  if (!base.empty() && !is_canonical_uuid(base)) return std::nullopt;
  pb::CloneStaged staged;
  staged.set_snapshot_uuid(snapshot);
  staged.set_base_uuid(base);
  set_position(*staged.mutable_reached(), *reached);
  return staged;
}

}  // namespace lastword

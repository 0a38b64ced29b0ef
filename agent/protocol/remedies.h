// What ends a state that several commands tell of, in the same words everywhere. Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

// Of a node in service in `life`, while its partner has disks of this node's. A disk that this life
// never had leaves its caches good; one that it had and lost does not.
[[nodiscard]] std::string_view way_to_wait(const Survey& survey, const Config& config,
                                           std::uint32_t life);
// Of a disk whose records or reservation cannot be read.
[[nodiscard]] std::string remedy_of(const Error& problem, const std::string& path);
// The partner is registered on a disk that this node serves.
[[nodiscard]] std::string remedy_of_stray_partner(const Config& config);
// A mailbox disk that is counted is not in sight, and does not come back.
[[nodiscard]] std::string remedy_of_dead_mailbox(const Config& config);

inline constexpr std::string_view kSameSettings =
    "make lastword.toml the same on both nodes, then `systemctl restart lastword-agent` on both";

}  // namespace lastword

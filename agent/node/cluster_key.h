// The key that both nodes authenticate their datagrams with ([paths] key_file): hexadecimal digits
// on one line, the same file on both nodes, for root alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/protocol/datagram.h"
#include "proto/error.h"

namespace lastword {

// 32 bytes are what an HMAC-SHA256 is worth (RFC 2104, 3).
inline constexpr std::size_t kLeastKeyBytes = 32;
inline constexpr std::size_t kMostKeyBytes = 64;

using ClusterKey = std::vector<std::byte>;

// kUsage, with what to do: there is no such file, others than its owner may read or write it, it
// belongs to another user, or it has no key of that length.
[[nodiscard]] Result<ClusterKey> load_cluster_key(const std::string& path);
// Writes a new one, and its directory if that is missing. kRefused: there is a file already, which
// is left as it is. Otherwise kIo, kNoSpace or kNotFound.
[[nodiscard]] Status make_cluster_key(const std::string& path);

[[nodiscard]] Seal seal_with(ClusterKey key);

}  // namespace lastword

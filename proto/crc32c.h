// CRC32C (Castagnoli, polynomial 0x1edc6f41 reflected; RFC 3720 B.4 has test vectors). Own code
// because no Debian library offers it as a static archive and it is on the dump path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lastword {

// Uses SSE4.2 where the processor has it and is not emulated. `seed` is the CRC of what came
// before; 0 to start.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed = 0);

// What `bytes` more bytes of zeros make of a CRC that was taken without crc32c()'s inversions,
// before and after: such a CRC is linear, and that of a whole is the exclusive-or of those of its
// parts, each carried on to the end.
[[nodiscard]] std::uint32_t crc32c_carried_on(std::uint32_t plain, std::uint64_t bytes);

// The table version, for other processors and for the test that compares both.
[[nodiscard]] std::uint32_t crc32c_portable(std::span<const std::byte> data,
                                            std::uint32_t seed = 0);

// By SSE4.2's crc32 instruction, for that test; only where has_crc32_instruction().
[[nodiscard]] std::uint32_t crc32c_by_instruction(std::span<const std::byte> data,
                                                  std::uint32_t seed = 0);
[[nodiscard]] bool has_crc32_instruction();

}  // namespace lastword

// The formats that a recovered core can have. What writes them is in agent/corefile/.
#pragma once

#include <cstdint>
#include <string_view>

namespace lastword {

enum class CoreFormat : std::uint8_t {
  kKdump,  // kdump-compressed; for crash, makedumpfile, libkdumpfile (drgn)
  kElf,    // uncompressed, sparse; for these and gdb, vmcore-dmesg
};
[[nodiscard]] constexpr std::string_view name_of(CoreFormat format) {
  return format == CoreFormat::kKdump ? "kdump" : "elf";
}

}  // namespace lastword

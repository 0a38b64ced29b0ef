#include "agent/corefile/core_notes.h"

#include <elf.h>

#include <cstring>
#include <string_view>

namespace lastword {
namespace {

constexpr std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + 3) / 4 * 4;
}

}  // namespace

CoreNotes read_core_notes(std::span<const std::byte> notes) {
  CoreNotes result;
  std::uint64_t at = 0;
  while (notes.size() - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data() + at, sizeof note);
    const std::uint64_t name_at = at + sizeof note;
    const std::uint64_t content_at = name_at + padded(note.n_namesz);
    if (content_at > notes.size() || note.n_descsz > notes.size() - content_at) break;
    std::string_view name(reinterpret_cast<const char*>(notes.data() + name_at), note.n_namesz);
    name = name.substr(0, name.find('\0'));
    if (name == "CORE" && note.n_type == NT_PRSTATUS) ++result.cpus;
    if (name == "VMCOREINFO") {
      result.vmcoreinfo_offset = content_at;
      result.vmcoreinfo_bytes = note.n_descsz;
      result.vmcoreinfo =
          Vmcoreinfo({reinterpret_cast<const char*>(notes.data() + content_at), note.n_descsz});
    }
    at = content_at + padded(note.n_descsz);
    if (at >= notes.size()) break;
  }
  return result;
}

}  // namespace lastword

#include "agent/corefile/core_notes.h"

#include "proto/elf_head.h"

namespace lastword {

CoreNotes read_core_notes(std::span<const std::byte> notes) {
  CoreNotes result;
  const ElfMemory bytes(notes);
  ElfNotes walk(bytes, 0, notes.size());
  for (auto note = walk.next(); note && *note; note = walk.next()) {
    if ((*note)->name.view() == "CORE" && (*note)->type == NT_PRSTATUS) ++result.cpus;
    if ((*note)->name.view() != kVmcoreinfoNote) continue;
    result.vmcoreinfo_offset = (*note)->content_offset;
    result.vmcoreinfo_bytes = (*note)->content_bytes;
    const auto content = notes.subspan((*note)->content_offset, (*note)->content_bytes);
    result.vmcoreinfo = Vmcoreinfo({reinterpret_cast<const char*>(content.data()), content.size()});
  }
  return result;
}

}  // namespace lastword

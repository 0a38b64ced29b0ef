#include "agent/corefile/core_notes.h"

#include <charconv>

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

std::int64_t crash_time(const Vmcoreinfo& info) {
  const std::string_view text = info.value("CRASHTIME").value_or("");
  std::int64_t seconds = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

}  // namespace lastword

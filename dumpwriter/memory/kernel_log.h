// The dead kernel's log (dmesg) out of its memory: the lockless printk ring buffer of Linux 5.10
// and later, found and understood through VMCOREINFO (kernel/printk/printk.c
// log_buf_vmcoreinfo_setup(), kernel/printk/printk_ringbuffer.h). Memory is bounded whatever the
// log's size: one page of descriptors, infos and text each, and one record. Own code: no
// library reads it, and what can (crash, makedumpfile) are programs that want a whole dump.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dumpwriter/memory/vmcore.h"
#include "proto/error.h"

namespace lastword {

// Reads the dead kernel's virtual memory through a cache of one page.
class CachedMemory {
 public:
  explicit CachedMemory(const Vmcore& core) : core_(&core) {}
  [[nodiscard]] bool read(std::uint64_t vaddr, std::span<std::byte> buffer);

 private:
  const Vmcore* core_;
  std::uint64_t page_vaddr_ = ~std::uint64_t{0};
  std::array<std::byte, 4096> page_{};
};

class KernelLog {
 public:
  // Text of one record beyond this is cut; the kernel's own limit is 1 KiB for a formatted message
  // (CONSOLE_EXT_LOG_MAX bounds even /dev/kmsg to 8 KiB).
  static constexpr std::size_t kMaxRecordText = 8 << 10;
  // read() needs room for one such record as a single line in which every byte is escaped.
  static constexpr std::size_t kMinReadBytes = 64 << 10;

  // `core` must outlive this. Fails (kNotFound, kCorrupt) when this kernel's log cannot be
  // understood; a dump goes on without it.
  [[nodiscard]] static Result<KernelLog> open(const Vmcore& core);

  // Whole lines, "[    1.234567] text\n", oldest first, as many as fit; 0: that was all. Records
  // that are damaged are left out. `out` has at least kMinReadBytes.
  [[nodiscard]] std::size_t read(std::span<char> out);

 private:
  // From VMCOREINFO, in bytes.
  struct Layout {
    std::uint64_t desc_size = 0;
    std::uint64_t state = 0, begin = 0, next = 0;  // in a descriptor
    std::uint64_t info_size = 0;
    std::uint64_t timestamp = 0, text_length = 0;  // in an info
  };
  struct Record {
    std::uint64_t timestamp_ns = 0;
    std::size_t size = 0;
    std::size_t printed = 0;
    std::array<char, kMaxRecordText> text;
  };
  struct Opener;

  explicit KernelLog(const Vmcore& core) : descs_(core), infos_(core), text_(core) {}
  [[nodiscard]] bool load_next_record();
  [[nodiscard]] bool load_record(std::uint64_t id);
  [[nodiscard]] bool print_line(std::span<char> out, std::size_t& used);

  CachedMemory descs_;
  CachedMemory infos_;
  CachedMemory text_;
  Layout layout_;
  std::uint64_t descs_vaddr_ = 0;
  std::uint64_t infos_vaddr_ = 0;
  std::uint64_t text_vaddr_ = 0;
  std::uint64_t desc_count_ = 0;  // a power of two
  std::uint64_t text_bytes_ = 0;  // a power of two
  std::uint64_t next_id_ = 0;
  std::uint64_t records_left_ = 0;
  Record record_;
};

}  // namespace lastword

// Builds vmcores the way the kernel lays them out: ELF header, program headers, one PT_NOTE with
// VMCOREINFO, then memory. Small enough to live in memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/stream.h"

namespace lastword::fake {

using Page = std::array<std::byte, kPageBytes>;

// Physical memory, sparse: what was never written is zero.
class SyntheticMemory {
 public:
  void write(std::uint64_t paddr, std::span<const std::byte> bytes);
  template <class T>
  void put(std::uint64_t paddr, const T& value) {
    write(paddr, std::as_bytes(std::span(&value, 1)));
  }
  // Incompressible content that depends on the page frame alone.
  void fill(std::uint64_t first_pfn, std::uint64_t count);
  [[nodiscard]] Page page(std::uint64_t pfn) const;
  // Page frames of the physical addresses [begin, end) that are not all holes, ascending.
  [[nodiscard]] std::vector<std::uint64_t> written(std::uint64_t begin, std::uint64_t end) const;
  // Bytes [paddr, paddr + size).
  [[nodiscard]] std::vector<std::byte> read(std::uint64_t paddr, std::size_t size) const;

 private:
  std::map<std::uint64_t, Page> pages_;
};

struct SyntheticLoad {
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t bytes = 0;
};

class SyntheticVmcore {
 public:
  // Where x86-64 has its direct map and kernel text without KASLR.
  static constexpr std::uint64_t kDirectMap = 0xffff888000000000;
  static constexpr std::uint64_t kTextMap = 0xffffffff80000000;

  SyntheticMemory memory;
  std::vector<SyntheticLoad> loads;
  std::string vmcoreinfo;
  std::optional<std::vector<std::byte>> notes;  // all of PT_NOTE, in place of VMCOREINFO and others
  bool extended_numbering = false;              // e_phnum = PN_XNUM, the count in a section header

  void add_direct(std::uint64_t paddr, std::uint64_t bytes) {
    loads.push_back({.vaddr = kDirectMap + paddr, .paddr = paddr, .bytes = bytes});
  }
  // The file, `tail` bytes of it left out.
  [[nodiscard]] std::vector<std::byte> file(std::size_t cut = 0) const;
  // The same on a file system, with a hole for memory that was never written.
  void write(const std::string& path, std::size_t cut = 0) const;
  // Page frames with any memory in them, ascending, and what a dump must hold of each.
  [[nodiscard]] std::map<std::uint64_t, Page> frames() const;
};

// 5 MiB: a stretch that ends inside a page, kernel text that lies inside the direct map, holes,
// every fourth page zero, VMCOREINFO without a log.
[[nodiscard]] SyntheticVmcore small_vmcore();

struct SyntheticLog {
  std::uint32_t count_bits = 4;             // descriptors, as a power of two
  std::uint32_t size_bits = 10;             // bytes of text, as a power of two
  std::uint64_t text_paddr = 0x200000;      // of the symbols; mapped by the kernel's text
  std::uint64_t ring_paddr = 0x300000;      // of descriptors, infos and text; in the direct map
  bool blocks_may_end_at_ring_end = false;  // older kernels put such a block at the beginning
};

// Puts a printk ring buffer of Linux 6.1 into memory and its symbols into VMCOREINFO. Only the
// newest records that fit are left in it, as in the kernel.
class SyntheticLogWriter {
 public:
  SyntheticLogWriter(SyntheticVmcore& core, const SyntheticLog& options);
  void add(std::uint64_t timestamp_ns, std::string_view text);
  // One that its writer did not finish before the crash.
  void add_reserved();

 private:
  void publish();
  void put_descriptor(std::uint64_t id, std::uint64_t state, std::uint64_t begin,
                      std::uint64_t next);

  SyntheticVmcore& core_;
  SyntheticLog options_;
  std::uint64_t next_id_;
  std::uint64_t oldest_id_;
  std::uint64_t next_position_;
};

}  // namespace lastword::fake

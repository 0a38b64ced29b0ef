// The head of a vmcore: ELF header, program headers, notes. ELF64, ET_CORE, x86-64 (System V gABI,
// "ELF Header", "Program Header", "Note Section"). By hand, where libelf would do on a healthy
// machine: the dump writer has no heap to give it, and these bytes come from a dead kernel, or from
// a disk. They are untrusted: each count, offset and size is checked before it is used, each walk
// has a bound, and nothing is allocated.
#pragma once

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/error.h"

namespace lastword {

// More program headers than this are damage, not memory: a machine has a few, a fragmented or
// virtual one thousands. They bound the memory that a map of them takes.
inline constexpr std::uint32_t kMaxProgramHeaders = 1 << 17;

// Where a head is read from: a file in the capture kernel, memory in recovery.
class ElfBytes {
 public:
  virtual ~ElfBytes() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // All or an error. Only asked for what is inside size().
  [[nodiscard]] virtual Status read(std::uint64_t offset, std::span<std::byte> into) const = 0;

  [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= size() && bytes <= size() - offset;
  }
  template <class T>
  [[nodiscard]] Status read_value(std::uint64_t offset, T& into) const {
    return read(offset, std::as_writable_bytes(std::span(&into, 1)));
  }
};

class ElfMemory final : public ElfBytes {
 public:
  // `bytes` must outlive this.
  explicit ElfMemory(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  std::span<const std::byte> bytes_;
};

struct ElfHead {
  Elf64_Ehdr header{};
  std::uint32_t program_headers = 0;
  // Of the ELF header, the program headers, and section header 0 where their number is there.
  std::uint64_t end_offset = 0;
};

// Errors of these functions say neither operation nor file: the caller's to add.
//
// kCorrupt: not a vmcore, truncated, absurd counts, program headers behind kMaxElfHeadBytes.
// kUnsupported: another machine's. With e_phnum PN_XNUM the count is in section header 0.
[[nodiscard]] Result<ElfHead> read_elf_head(const ElfBytes& bytes);

// kCorrupt unless [offset, offset + size) is in the first kMaxElfHeadBytes.
[[nodiscard]] Status check_in_front(std::uint64_t offset, std::uint64_t size);

// Calls Status visit(const Elf64_Phdr&, std::uint32_t index) for each, until one is an error.
template <class Visit>
[[nodiscard]] Status for_each_program_header(const ElfBytes& bytes, const ElfHead& head,
                                             Visit visit) {
  std::array<Elf64_Phdr, 64> batch;
  for (std::uint32_t done = 0; done < head.program_headers;) {
    const auto part =
        std::span(batch).first(std::min<std::size_t>(batch.size(), head.program_headers - done));
    if (Status status = bytes.read(head.header.e_phoff + done * sizeof(Elf64_Phdr),
                                   std::as_writable_bytes(part));
        !status) {
      return status;
    }
    for (const Elf64_Phdr& program : part) {
      if (Status status = visit(program, done++); !status) return status;
    }
  }
  return {};
}

struct ElfNote {
  FixedText<16> name;  // up to its NUL; a longer one is cut
  std::uint32_t type = 0;
  std::uint64_t content_offset = 0;  // as the walk's
  std::uint64_t content_bytes = 0;
};

// The notes of one PT_NOTE, in order.
class ElfNotes {
 public:
  // [offset, end_offset) must be inside `bytes`, which must outlive the walk.
  ElfNotes(const ElfBytes& bytes, std::uint64_t offset, std::uint64_t end_offset)
      : bytes_(bytes), at_(offset), end_(end_offset) {}

  // Nothing after the last note, and at the first one that does not fit. The padding of the last
  // one may be missing.
  [[nodiscard]] Result<std::optional<ElfNote>> next();
  // Where the notes that next() returned end.
  [[nodiscard]] std::uint64_t offset() const { return at_; }

 private:
  const ElfBytes& bytes_;
  std::uint64_t at_;
  std::uint64_t end_;
};

}  // namespace lastword

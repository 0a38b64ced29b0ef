#include "agent/corefile/elf_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "agent/corefile/put_at.h"
#include "proto/elf_head.h"

namespace lastword {
namespace {

static_assert(kBlockBytes == kPageBytes, "ranges of the file begin at whole pages");

tl::unexpected<Error> bad_head(Code code, std::string detail) {
  return fail({.code = code, .operation = "read the vmcore's head", .detail = detail});
}
tl::unexpected<Error> corrupt(std::string detail) {
  return bad_head(Code::kCorrupt, std::move(detail));
}

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Bytes up to the end of the last note. The kernel may pad the segment with zeros to a whole page;
// readers would take those for empty notes. A damaged chain of notes is kept as it is.
std::size_t length_of_notes(std::span<const std::byte> notes) {
  const ElfMemory bytes(notes);
  ElfNotes walk(bytes, 0, notes.size());
  std::size_t at = 0;
  for (auto note = walk.next(); note && *note; note = walk.next()) {
    if ((*note)->name.empty() && (*note)->content_bytes == 0 && (*note)->type == 0) break;
    at = walk.offset();
  }
  const auto rest = notes.subspan(at);
  const bool padding =
      std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; });
  return padding ? at : notes.size();
}

// Several PT_NOTEs become one. They may overlap: no more comes of them than a head can hold.
void add_notes(CoreHead& core, std::span<const std::byte> notes) {
  notes = notes.first(length_of_notes(notes));
  const std::uint64_t at = round_up(core.notes.size(), 4);
  if (notes.size() > kMaxElfHeadBytes - std::min(at, kMaxElfHeadBytes)) return;
  core.notes.resize(at);
  core.notes.insert(core.notes.end(), notes.begin(), notes.end());
}

Status add_segment(CoreHead& core, const Elf64_Phdr& entry, std::uint64_t index) {
  const bool in_front = entry.p_paddr < kMaxPhysicalAddress;
  const std::uint64_t room = in_front ? kMaxPhysicalAddress - entry.p_paddr : 0;
  const bool likely = in_front && entry.p_memsz <= room && entry.p_memsz >= entry.p_filesz;
  // The dump writer goes by p_filesz alone (dumpwriter/memory/vmcore.cc). A p_memsz that cannot be
  // must not keep anybody from what it has dumped.
  if (!likely && entry.p_filesz == 0) return {};
  if (!in_front || entry.p_filesz > room) {
    return corrupt(fmt::format("program header {}: beyond physical memory", index));
  }
  core.segments.push_back({.flags = entry.p_flags,
                           .vaddr = entry.p_vaddr,
                           .paddr = entry.p_paddr,
                           .file_bytes = entry.p_filesz,
                           .memory_bytes = likely ? entry.p_memsz : entry.p_filesz,
                           .align = entry.p_align});
  return {};
}

PfnRange frames_of(std::uint64_t begin, std::uint64_t end) {
  return {begin / kPageBytes, round_up(end, kPageBytes) / kPageBytes};
}

std::vector<PfnRange> frames_in_file(const CoreHead& core) {
  std::vector<PfnRange> frames;
  frames.reserve(core.segments.size());
  for (const CoreSegment& segment : core.segments) {
    if (segment.file_bytes == 0) continue;
    frames.push_back(frames_of(segment.paddr, segment.paddr + segment.file_bytes));
  }
  return merged(std::move(frames));
}

// Makes the zero-filled parts that are believed part of their segments' file bytes.
void add_zero_filled(CoreHead& core) {
  const std::vector<PfnRange> held = frames_in_file(core);
  std::uint64_t left = count_pages(held) * kMaxZeroFilledShare;
  std::vector<PfnRange> filled;
  for (CoreSegment& segment : core.segments) {
    if (segment.memory_bytes == segment.file_bytes) continue;
    const PfnRange frames =
        frames_of(segment.paddr + segment.file_bytes, segment.paddr + segment.memory_bytes);
    const std::uint64_t count = frames.end - frames.first;
    if (count > left || frames.end > kMaxZeroFilledPfn) {
      segment.memory_bytes = segment.file_bytes;
      continue;
    }
    left -= count;
    segment.file_bytes = segment.memory_bytes;
    filled.push_back(frames);
  }
  core.zero_filled = difference(merged(std::move(filled)), held);
}

std::uint64_t notes_offset(const CoreHead& head) {
  return sizeof(Elf64_Ehdr) + (head.segments.size() + 1) * sizeof(Elf64_Phdr);
}

constexpr std::size_t kNoteNameBytes = 12;  // "LASTWORD" and its NUL, padded
static_assert(kIncompleteNoteName.size() + 1 <= kNoteNameBytes);
constexpr std::size_t kIncompleteNoteMaxBytes =
    sizeof(Elf64_Nhdr) + kNoteNameBytes + kIncompleteNoteMaxText + 1;

std::size_t padded_notes_bytes(const CoreHead& head) {
  return round_up(head.notes.size(), 4);
}

std::size_t put_incomplete_note(std::vector<std::byte>& bytes, std::uint64_t offset,
                                std::string_view text) {
  text = text.substr(0, kIncompleteNoteMaxText);
  const Elf64_Nhdr note{.n_namesz = static_cast<Elf64_Word>(kIncompleteNoteName.size() + 1),
                        .n_descsz = static_cast<Elf64_Word>(text.size() + 1),
                        .n_type = kIncompleteNoteType};
  put_at(bytes, offset, note);
  std::memcpy(bytes.data() + offset + sizeof note, kIncompleteNoteName.data(),
              kIncompleteNoteName.size());
  std::memcpy(bytes.data() + offset + sizeof note + kNoteNameBytes, text.data(), text.size());
  return sizeof note + kNoteNameBytes + round_up(text.size() + 1, 4);
}

}  // namespace

Result<CoreHead> parse_core_head(std::span<const std::byte> head) {
  const ElfMemory bytes(head);
  const auto elf = read_elf_head(bytes);
  if (!elf) return bad_head(elf.error().code, std::string(elf.error().detail.view()));
  const Elf64_Ehdr& header = elf->header;
  CoreHead core{.machine = header.e_machine,
                .flags = header.e_flags,
                .notes = {},
                .segments = {},
                .zero_filled = {}};
  std::copy_n(header.e_ident, core.ident.size(), core.ident.begin());
  const auto add = [&](const Elf64_Phdr& entry, std::uint32_t index) -> Status {
    if (entry.p_type == PT_LOAD) return add_segment(core, entry, index);
    if (entry.p_type != PT_NOTE) return {};
    if (!bytes.holds(entry.p_offset, entry.p_filesz)) return corrupt("notes go beyond the head");
    add_notes(core, head.subspan(entry.p_offset, entry.p_filesz));
    return {};
  };
  if (Status status = for_each_program_header(bytes, *elf, add); !status) {
    return fail(status.error());
  }
  if (core.segments.empty()) return corrupt("no PT_LOAD");
  add_zero_filled(core);
  return core;
}

CoreLayout::CoreLayout(const CoreHead& head) {
  memory_ = frames_in_file(head);
  memory_pages_ = count_pages(memory_);

  // Room for every note and, where the program headers are too many for e_phnum, section header 0.
  head_bytes_ = round_up(notes_offset(head) + padded_notes_bytes(head) + kIncompleteNoteMaxBytes +
                             alignof(Elf64_Shdr) + sizeof(Elf64_Shdr),
                         kPageBytes);
  file_bytes_ = head_bytes_;
  offsets_.reserve(memory_.size());
  for (const PfnRange& range : memory_) {
    offsets_.push_back(file_bytes_);
    file_bytes_ += (range.end - range.first) * kPageBytes;
  }
}

std::optional<CoreLayout::Place> CoreLayout::place_of(std::uint64_t pfn) const {
  const auto after = std::upper_bound(
      memory_.begin(), memory_.end(), pfn,
      [](std::uint64_t value, const PfnRange& range) { return value < range.first; });
  if (after == memory_.begin()) return {};
  const auto range = std::prev(after);
  if (pfn >= range->end) return {};
  const auto index = static_cast<std::size_t>(range - memory_.begin());
  return Place{.file_offset = offsets_[index] + (pfn - range->first) * kPageBytes,
               .pages = range->end - pfn};
}

std::vector<std::byte> render_core_head(const CoreHead& head, const CoreLayout& layout,
                                        std::string_view incomplete) {
  std::vector<std::byte> bytes(layout.head_bytes());
  const std::uint64_t notes_at = notes_offset(head);
  std::copy(head.notes.begin(), head.notes.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(notes_at));
  std::uint64_t notes_bytes = head.notes.size();
  if (!incomplete.empty()) {
    notes_bytes = padded_notes_bytes(head);
    notes_bytes += put_incomplete_note(bytes, notes_at + notes_bytes, incomplete);
  }

  const std::uint64_t count = head.segments.size() + 1;
  const bool extended = count >= PN_XNUM;
  Elf64_Ehdr header{};
  std::copy(head.ident.begin(), head.ident.end(), header.e_ident);
  header.e_type = ET_CORE;
  header.e_machine = head.machine;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_flags = head.flags;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(extended ? PN_XNUM : count);
  if (extended) {
    header.e_shoff = round_up(notes_at + notes_bytes, alignof(Elf64_Shdr));
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 1;
    Elf64_Shdr section{};
    section.sh_info = static_cast<Elf64_Word>(count);
    put_at(bytes, header.e_shoff, section);
  }
  put_at(bytes, 0, header);

  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_offset = notes_at;
  note.p_filesz = note.p_memsz = notes_bytes;
  note.p_align = 4;
  put_at(bytes, sizeof header, note);

  std::uint64_t at = sizeof header + sizeof note;
  for (const CoreSegment& segment : head.segments) {
    const auto place = layout.place_of(segment.paddr / kPageBytes);
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_flags = segment.flags;
    // A segment without content in the file may be anywhere; its offset must not be 0 for crash.
    load.p_offset = segment.file_bytes != 0 && place
                        ? place->file_offset + segment.paddr % kPageBytes
                        : layout.head_bytes();
    load.p_vaddr = segment.vaddr;
    load.p_paddr = segment.paddr;
    load.p_filesz = segment.file_bytes;
    load.p_memsz = segment.memory_bytes;
    load.p_align = at == sizeof header + sizeof note ? 0 : segment.align;
    put_at(bytes, at, load);
    at += sizeof load;
  }
  return bytes;
}

}  // namespace lastword

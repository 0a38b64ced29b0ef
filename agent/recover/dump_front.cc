#include "agent/recover/dump_front.h"

#include <elf.h>

#include "agent/recover/resync.h"
#include "agent/recover/section_walk.h"
#include "proto/coredump.h"
#include "proto/elf_head.h"

namespace lastword {
namespace {

// Linux Documentation/x86/x86_64/mm.rst, with 4 levels and without KASLR, which only the lost head
// would tell.
constexpr std::uint64_t kDirectMap = 0xffff888000000000;

// False: this section is behind the front.
Result<bool> take(SectionWalk& walk, const SectionHeader& header, DumpFront& front) {
  const auto kind = static_cast<SectionKind>(header.kind);
  if (kind != SectionKind::kElfHead && kind != SectionKind::kDmesg) return false;
  if (kind == SectionKind::kElfHead && !front.dmesg.empty()) {
    return corrupt_section("section kinds out of order");
  }
  if (kind == SectionKind::kElfHead && header.sequence != front.head_sections++) {
    return corrupt_section("a part of the vmcore's head is missing");
  }
  const auto content = walk.payload(header);
  if (!content) return fail(content.error());
  if (kind == SectionKind::kElfHead) {
    if (front.head.size() + content->size() > kMaxElfHeadBytes) {
      return corrupt_section("the vmcore's head is too long");
    }
    front.head.insert(front.head.end(), content->begin(), content->end());
    return true;
  }
  if (front.dmesg.size() + content->size() > kMaxDmesgBytes) {
    return corrupt_section("the kernel log is too long");
  }
  front.dmesg.append(reinterpret_cast<const char*>(content->data()), content->size());
  return true;
}

}  // namespace

DumpFront read_front(BlockDevice& device, const Dump& dump) {
  DumpFront front;
  SectionWalk walk(device, dump);
  std::optional<Error> damage;
  for (;;) {
    const auto header = walk.next();
    if (!damage) damage = walk.damage();
    const Result<bool> taken = header ? take(walk, *header, front) : fail(header.error());
    if (taken && *taken) continue;
    if (!taken && !damage) {
      damage = taken.error();
      if (damage->disk.empty()) damage->disk = device.name();
    }
    if (!taken && header && walk.may_go_on() && is_damage(taken.error())) continue;
    front.whole = !damage;
    if (damage) front.end = *damage;
    return front;
  }
}

bool holds_nothing(BlockDevice& device, const Dump& dump) {
  if (is_stand_in(dump.header) || dump.header.durable_bytes() != 0) return false;
  const auto first = SectionWalk(device, dump).next();
  return !first && (first.error().code == Code::kNotFound || first.error().code == Code::kCorrupt);
}

std::uint64_t count_stored_pages(BlockDevice& device, const Dump& dump) {
  SectionWalk walk(device, dump);
  std::uint64_t pages = 0;
  while (const auto header = walk.next()) {
    const auto kind = static_cast<SectionKind>(header->kind);
    if (kind == SectionKind::kEnd) break;
    if (kind == SectionKind::kPages) pages += header->raw_bytes / kPageBytes;
  }
  return pages;
}

std::optional<CoreHead> head_of_told_memory(BlockDevice& device, const Dump& dump) {
  SectionWalk walk(device, dump);
  PfnSet told;
  while (const auto header = walk.next()) {
    for (const PageRun& run : walk.runs(*header)) {
      const PfnRange frames{run.pfn, run.pfn + run.count};
      if (frames.end <= kMaxPhysicalAddress / kPageBytes) (void)told.add(frames);
    }
  }
  std::vector<PfnRange> memory = told.ranges();
  if (memory.empty()) return std::nullopt;
  // What lies between two that are close counts as memory, and as missing.
  for (std::uint64_t gap = 1; memory.size() > kMaxProgramHeaders / 2; gap *= 2) {
    std::vector<PfnRange> wider;
    for (const PfnRange& range : memory) {
      if (!wider.empty() && range.first - wider.back().end <= gap) {
        wider.back().end = range.end;
      } else {
        wider.push_back(range);
      }
    }
    memory = std::move(wider);
  }
  CoreHead head{.ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .machine = EM_X86_64,
                .notes = {},
                .segments = {}};
  for (const PfnRange& range : memory) {
    const std::uint64_t bytes = (range.end - range.first) * kPageBytes;
    head.segments.push_back({.flags = PF_R | PF_W | PF_X,
                             .vaddr = kDirectMap + range.first * kPageBytes,
                             .paddr = range.first * kPageBytes,
                             .file_bytes = bytes,
                             .memory_bytes = bytes});
  }
  return head;
}

}  // namespace lastword

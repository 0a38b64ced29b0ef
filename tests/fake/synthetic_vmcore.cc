#include "tests/fake/synthetic_vmcore.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace lastword::fake {
namespace {

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) / to * to;
}

class FileImage {
 public:
  void put_bytes(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (data_.size() < offset + bytes.size()) data_.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), data_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  template <class T>
  void put(std::uint64_t offset, const T& value) {
    put_bytes(offset, std::as_bytes(std::span(&value, 1)));
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(data_); }

 private:
  std::vector<std::byte> data_;
};

std::vector<std::byte> note(std::string_view name, std::uint32_t type, std::string_view content) {
  const Elf64_Nhdr header{.n_namesz = static_cast<Elf64_Word>(name.size() + 1),
                          .n_descsz = static_cast<Elf64_Word>(content.size()),
                          .n_type = type};
  FileImage image;
  image.put(0, header);
  image.put_bytes(sizeof header, std::as_bytes(std::span(name)));
  const std::uint64_t content_at = sizeof header + align_up(header.n_namesz, 4);
  image.put_bytes(content_at, std::as_bytes(std::span(content)));
  std::vector<std::byte> bytes = image.take();
  bytes.resize(content_at + align_up(header.n_descsz, 4));
  return bytes;
}

Elf64_Ehdr core_header(std::size_t program_headers) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(program_headers);
  return header;
}

}  // namespace

void SyntheticMemory::write(std::uint64_t paddr, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::uint64_t in_page = paddr % kPageBytes;
    const std::size_t n = std::min<std::size_t>(bytes.size(), kPageBytes - in_page);
    std::memcpy(pages_[paddr / kPageBytes].data() + in_page, bytes.data(), n);
    bytes = bytes.subspan(n);
    paddr += n;
  }
}

void SyntheticMemory::fill(std::uint64_t first_pfn, std::uint64_t count) {
  for (std::uint64_t pfn = first_pfn; pfn < first_pfn + count; ++pfn) {
    std::uint64_t word = pfn * 0x9e3779b97f4a7c15 + 1;
    std::array<std::uint64_t, kPageBytes / 8> words;
    for (std::uint64_t& out : words) {  // xorshift64
      word ^= word << 13;
      word ^= word >> 7;
      word ^= word << 17;
      out = word;
    }
    put(pfn * kPageBytes, words);
  }
}

Page SyntheticMemory::page(std::uint64_t pfn) const {
  const auto found = pages_.find(pfn);
  return found == pages_.end() ? Page{} : found->second;
}

std::vector<std::uint64_t> SyntheticMemory::written(std::uint64_t begin, std::uint64_t end) const {
  std::vector<std::uint64_t> pfns;
  const auto last = pages_.lower_bound((end + kPageBytes - 1) / kPageBytes);
  for (auto page = pages_.lower_bound(begin / kPageBytes); page != last; ++page) {
    pfns.push_back(page->first);
  }
  return pfns;
}

std::vector<std::byte> SyntheticMemory::read(std::uint64_t paddr, std::size_t size) const {
  std::vector<std::byte> bytes;
  while (bytes.size() < size) {
    const std::uint64_t at = paddr + bytes.size();
    const Page content = page(at / kPageBytes);
    const std::size_t n = std::min<std::size_t>(size - bytes.size(), kPageBytes - at % kPageBytes);
    const auto first = content.begin() + static_cast<std::ptrdiff_t>(at % kPageBytes);
    bytes.insert(bytes.end(), first, first + static_cast<std::ptrdiff_t>(n));
  }
  return bytes;
}

namespace {

struct Layout {
  std::vector<std::byte> head;             // all before memory
  std::vector<std::uint64_t> memory_at{};  // of each load: where its first byte is in the file
  std::uint64_t bytes = 0;                 // of the file
};

Layout lay_out(const SyntheticVmcore& core) {
  const std::size_t program_headers = core.loads.size() + 1;
  Elf64_Ehdr header = core_header(program_headers);
  std::uint64_t at = sizeof header + program_headers * sizeof(Elf64_Phdr);
  FileImage image;
  if (core.extended_numbering) {
    Elf64_Shdr section{};
    section.sh_info = static_cast<Elf64_Word>(program_headers);
    header.e_phnum = PN_XNUM;
    header.e_shoff = at;
    header.e_shentsize = sizeof section;
    header.e_shnum = 1;
    image.put(at, section);
    at += sizeof section;
  }
  image.put(0, header);

  std::vector<std::byte> notes = note("CORE", NT_PRSTATUS, std::string(336, '\0'));
  const auto info = note("VMCOREINFO", 0, core.vmcoreinfo);
  notes.insert(notes.end(), info.begin(), info.end());
  if (core.notes) notes = *core.notes;
  const std::uint64_t notes_at = align_up(at, kPageBytes);
  image.put_bytes(notes_at, notes);
  std::uint64_t program_at = sizeof header;
  image.put(program_at, Elf64_Phdr{.p_type = PT_NOTE,
                                   .p_flags = 0,
                                   .p_offset = notes_at,
                                   .p_vaddr = 0,
                                   .p_paddr = 0,
                                   .p_filesz = notes.size(),
                                   .p_memsz = notes.size(),
                                   .p_align = 0});

  Layout layout;
  layout.bytes = notes_at + notes.size();
  for (const SyntheticLoad& load : core.loads) {
    program_at += sizeof(Elf64_Phdr);
    const std::uint64_t memory_at = align_up(layout.bytes, kPageBytes) + load.paddr % kPageBytes;
    image.put(program_at, Elf64_Phdr{.p_type = PT_LOAD,
                                     .p_flags = PF_R | PF_W | PF_X,
                                     .p_offset = memory_at,
                                     .p_vaddr = load.vaddr,
                                     .p_paddr = load.paddr,
                                     .p_filesz = load.bytes,
                                     .p_memsz = load.bytes,
                                     .p_align = 0});
    layout.memory_at.push_back(memory_at);
    layout.bytes = memory_at + load.bytes;
  }
  layout.head = image.take();
  return layout;
}

}  // namespace

std::vector<std::byte> SyntheticVmcore::file(std::size_t cut) const {
  const Layout layout = lay_out(*this);
  std::vector<std::byte> bytes = layout.head;
  bytes.resize(layout.bytes);
  for (std::size_t i = 0; i < loads.size(); ++i) {
    const std::vector<std::byte> content = memory.read(loads[i].paddr, loads[i].bytes);
    std::copy(content.begin(), content.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(layout.memory_at[i]));
  }
  bytes.resize(bytes.size() - std::min(cut, bytes.size()));
  return bytes;
}

void SyntheticVmcore::write(const std::string& path, std::size_t cut) const {
  const Layout layout = lay_out(*this);
  std::ofstream out(path, std::ios::binary);
  const auto put = [&out](std::uint64_t offset, std::span<const std::byte> bytes) {
    out.seekp(static_cast<std::streamoff>(offset));
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  };
  put(0, layout.head);
  for (std::size_t i = 0; i < loads.size(); ++i) {
    const std::uint64_t first = loads[i].paddr;
    const std::uint64_t end = first + loads[i].bytes;
    for (const std::uint64_t pfn : memory.written(first, end)) {
      const std::uint64_t from = std::max(first, pfn * kPageBytes);
      const std::uint64_t to = std::min(end, (pfn + 1) * kPageBytes);
      put(layout.memory_at[i] + (from - first), memory.read(from, to - from));
    }
  }
  if (!out.flush()) throw std::runtime_error("write " + path);
  std::filesystem::resize_file(path, layout.bytes - std::min<std::uint64_t>(cut, layout.bytes));
}

std::map<std::uint64_t, Page> SyntheticVmcore::frames() const {
  std::map<std::uint64_t, Page> frames;
  for (const SyntheticLoad& load : loads) {
    const std::vector<std::byte> bytes = memory.read(load.paddr, load.bytes);
    for (std::uint64_t i = 0; i < load.bytes; ++i) {
      const std::uint64_t at = load.paddr + i;
      frames[at / kPageBytes][at % kPageBytes] = bytes[i];
    }
  }
  return frames;
}

SyntheticVmcore small_vmcore() {
  SyntheticVmcore core;
  core.vmcoreinfo = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n";
  // The kernel's text comes first (Linux kernel/kexec_file.c, crash_prepare_elf64_headers).
  core.loads.push_back(
      {.vaddr = SyntheticVmcore::kTextMap + 0x1200000, .paddr = 0x200000, .bytes = 0x80000});
  core.add_direct(0x1000, 0x9ec00);     // ends at 0x9fc00, below the BIOS
  core.add_direct(0x100000, 0x300000);  // has the text inside
  core.add_direct(0x1000000, 0x100000);
  for (const SyntheticLoad& load : core.loads) {
    const std::uint64_t end_pfn = align_up(load.paddr + load.bytes, kPageBytes) / kPageBytes;
    for (std::uint64_t pfn = load.paddr / kPageBytes; pfn < end_pfn; ++pfn) {
      if (pfn % 4 != 3 || pfn == 0x9f) core.memory.fill(pfn, 1);
    }
  }
  return core;
}

namespace {

// Linux 6.1 on x86-64, as pahole shows them.
constexpr std::uint64_t kDescSize = 24;
constexpr std::uint64_t kInfoSize = 88;
constexpr std::uint64_t kTextRing = 48;
constexpr std::uint64_t kIdMask = (std::uint64_t{1} << 62) - 1;
constexpr std::uint64_t kReserved = 0;
constexpr std::uint64_t kFinalized = 2;
constexpr std::uint64_t kNoText = 3;

}  // namespace

SyntheticLogWriter::SyntheticLogWriter(SyntheticVmcore& core, const SyntheticLog& options)
    : core_(core),
      options_(options),
      // Ids and positions start just below their wrap (printk_ringbuffer.h DESC0_ID, BLK0_LPOS).
      next_id_((0 - (std::uint64_t{1} << options.count_bits)) & kIdMask),
      oldest_id_(next_id_),
      next_position_(0 - (std::uint64_t{1} << options.size_bits)) {
  const std::uint64_t text_vaddr = SyntheticVmcore::kTextMap + 0x1000000 + options.text_paddr;
  core.vmcoreinfo += fmt::format("SYMBOL(prb)={:x}\n", text_vaddr);
  core.vmcoreinfo +=
      "SIZE(printk_ringbuffer)=88\nOFFSET(printk_ringbuffer.desc_ring)=0\n"
      "OFFSET(printk_ringbuffer.text_data_ring)=48\nOFFSET(printk_ringbuffer.fail)=80\n"
      "SIZE(prb_desc_ring)=48\nOFFSET(prb_desc_ring.count_bits)=0\n"
      "OFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
      "OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\n"
      "SIZE(prb_desc)=24\nOFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\n"
      "SIZE(prb_data_blk_lpos)=16\nOFFSET(prb_data_blk_lpos.begin)=0\n"
      "OFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\nOFFSET(printk_info.seq)=0\n"
      "OFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\n"
      "OFFSET(printk_info.caller_id)=20\nOFFSET(printk_info.dev_info)=24\n"
      "SIZE(dev_printk_info)=64\nSIZE(prb_data_ring)=32\nOFFSET(prb_data_ring.size_bits)=0\n"
      "OFFSET(prb_data_ring.data)=8\nOFFSET(prb_data_ring.head_lpos)=16\n"
      "OFFSET(prb_data_ring.tail_lpos)=24\nSIZE(atomic_long_t)=8\n"
      "OFFSET(atomic_long_t.counter)=0\n";
  core.memory.put(options.text_paddr, text_vaddr + 64);
  publish();
}

void SyntheticLogWriter::add(std::uint64_t timestamp_ns, std::string_view text) {
  const std::uint64_t ring_bytes = std::uint64_t{1} << options_.size_bits;
  const std::uint64_t block_bytes = align_up(8 + text.size(), 8);
  std::uint64_t begin = next_position_;
  std::uint64_t next = begin + block_bytes;
  std::uint64_t block = begin % ring_bytes;
  const bool ends_at_end = options_.blocks_may_end_at_ring_end && next % ring_bytes == 0;
  if (begin / ring_bytes != next / ring_bytes && !ends_at_end) {
    next = next / ring_bytes * ring_bytes + block_bytes;
    block = 0;
  }
  const std::uint64_t id = next_id_;
  const std::uint64_t count = std::uint64_t{1} << options_.count_bits;
  const std::uint64_t infos = options_.ring_paddr + count * kDescSize;
  const std::uint64_t data = infos + count * kInfoSize;
  core_.memory.put(data + block, id);
  core_.memory.write(data + block + 8, std::as_bytes(std::span(text)));
  const std::uint64_t info = infos + id % count * kInfoSize;
  core_.memory.put(info + 8, timestamp_ns);
  core_.memory.put(info + 16, static_cast<std::uint16_t>(text.size()));
  put_descriptor(id, kFinalized, begin, next);
  next_position_ = next;
  publish();
}

void SyntheticLogWriter::add_reserved() {
  put_descriptor(next_id_, kReserved, kNoText, kNoText);
  publish();
}

void SyntheticLogWriter::put_descriptor(std::uint64_t id, std::uint64_t state, std::uint64_t begin,
                                        std::uint64_t next) {
  const std::uint64_t count = std::uint64_t{1} << options_.count_bits;
  const std::uint64_t desc = options_.ring_paddr + id % count * kDescSize;
  core_.memory.put(desc, state << 62 | id);
  core_.memory.put(desc + 8, begin);
  core_.memory.put(desc + 16, next);
  next_id_ = (id + 1) & kIdMask;
  if (((next_id_ - oldest_id_) & kIdMask) > count) oldest_id_ = (oldest_id_ + 1) & kIdMask;
}

void SyntheticLogWriter::publish() {
  const std::uint64_t count = std::uint64_t{1} << options_.count_bits;
  const std::uint64_t ring = options_.text_paddr + 64;
  const std::uint64_t descs = SyntheticVmcore::kDirectMap + options_.ring_paddr;
  const std::uint64_t infos = descs + count * kDescSize;
  core_.memory.put(ring, options_.count_bits);
  core_.memory.put(ring + 8, descs);
  core_.memory.put(ring + 16, infos);
  core_.memory.put(ring + 24, (next_id_ - 1) & kIdMask);
  core_.memory.put(ring + 32, oldest_id_);
  core_.memory.put(ring + kTextRing, options_.size_bits);
  core_.memory.put(ring + kTextRing + 8, infos + count * kInfoSize);
}

}  // namespace lastword::fake

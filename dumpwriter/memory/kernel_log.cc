#include "dumpwriter/memory/kernel_log.h"

#include <algorithm>
#include <cstring>

#include "proto/format_text.h"

namespace lastword {
namespace {

// The two top bits of a descriptor's state variable are its state, the others its id
// (printk_ringbuffer.h, DESC_STATE and DESC_ID).
constexpr unsigned kStateShift = 62;
constexpr std::uint64_t kIdMask = (std::uint64_t{1} << kStateShift) - 1;
constexpr std::uint64_t kCommitted = 1;
constexpr std::uint64_t kFinalized = 2;
// A position with the lowest bit set stands for "no text" (FAILED_LPOS, NO_LPOS).
constexpr std::uint64_t kNoText = 1;
// A text block starts with the id of its descriptor (struct prb_data_block).
constexpr std::uint64_t kBlockIdBytes = sizeof(std::uint64_t);

// Bounds on what another kernel's memory may claim. CONFIG_LOG_BUF_SHIFT ends at 25; a descriptor
// stands for 32 bytes of text (kernel/printk/printk_ringbuffer.h), and each may be looked at.
constexpr std::uint32_t kMaxTextBits = 30;
constexpr std::uint32_t kMaxDescriptorBits = 20;
constexpr std::uint64_t kMaxStructBytes = 4096;

template <class T>
bool load(CachedMemory& memory, std::uint64_t vaddr, T& value) {
  return memory.read(vaddr, std::as_writable_bytes(std::span(&value, 1)));
}

std::size_t print_character(char c, std::span<char> out) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    out[0] = c;
    return 1;
  }
  if (c == '\t') {
    out[0] = c;
    return 1;
  }
  return fmt::format_to_n(out.data(), out.size(), "\\x{:02x}", byte).size;
}

}  // namespace

bool CachedMemory::read(std::uint64_t vaddr, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const std::uint64_t page = vaddr / page_.size() * page_.size();
    const std::size_t n = std::min<std::size_t>(buffer.size(), page + page_.size() - vaddr);
    if (page != page_vaddr_) {
      page_vaddr_ = ~std::uint64_t{0};
      if (!core_->read_virtual(page, page_)) {
        // Memory may start or end inside this page.
        return core_->read_virtual(vaddr, buffer).has_value();
      }
      page_vaddr_ = page;
    }
    std::memcpy(buffer.data(), page_.data() + (vaddr - page), n);
    buffer = buffer.subspan(n);
    vaddr += n;
  }
  return true;
}

// Finds the ring's parts. Each method leaves an error behind when it returns false.
struct KernelLog::Opener {
  const Vmcore& core;
  KernelLog& log;
  Vmcoreinfo info = core.vmcoreinfo();
  Error error{.code = Code::kNotFound, .operation = "read kernel log", .disk = core.name()};

  bool offset(std::string_view name, std::uint64_t& into) {
    return known("OFFSET", name, info.offset(name), into);
  }
  bool size(std::string_view name, std::uint64_t& into) {
    return known("SIZE", name, info.size(name), into);
  }
  bool known(std::string_view type, std::string_view name, std::optional<std::uint64_t> value,
             std::uint64_t& into) {
    if (!value) {
      return missing(type, name);
    }
    if (*value > kMaxStructBytes) {
      error.code = Code::kCorrupt;
      error.detail = format_text("VMCOREINFO says {}({})={}", type, name, *value);
      return false;
    }
    into = *value;
    return true;
  }

  bool missing(std::string_view type, std::string_view name) {
    if (info.text().empty()) {
      error.detail =
          "the vmcore has no VMCOREINFO; QEMU adds it for a guest with `-device vmcoreinfo`";
    } else {
      error.detail =
          format_text("VMCOREINFO has no {}({}), which kernels since 5.10 write", type, name);
    }
    return false;
  }

  template <class T>
  bool fetch(std::string_view what, std::uint64_t vaddr, T& value) {
    const Status status = core.read_virtual(vaddr, std::as_writable_bytes(std::span(&value, 1)));
    if (!status) {
      error.code = status.error().code;
      error.detail = format_text("{}: {}", what, status.error().detail.view());
    }
    return status.has_value();
  }
  bool corrupt(std::string_view what, std::uint64_t value) {
    error.code = Code::kCorrupt;
    error.detail = format_text("{} is {}", what, value);
    return false;
  }

  bool run() {
    Layout& l = log.layout_;
    std::uint64_t block_begin = 0;
    std::uint64_t block_next = 0;
    std::uint64_t text_block = 0;
    if (!size("prb_desc", l.desc_size) || !offset("prb_desc.state_var", l.state) ||
        !offset("prb_desc.text_blk_lpos", text_block) ||
        !offset("prb_data_blk_lpos.begin", block_begin) ||
        !offset("prb_data_blk_lpos.next", block_next) || !size("printk_info", l.info_size) ||
        !offset("printk_info.ts_nsec", l.timestamp) ||
        !offset("printk_info.text_len", l.text_length)) {
      return false;
    }
    l.begin = text_block + block_begin;
    l.next = text_block + block_next;
    const auto symbol = info.symbol("prb");
    if (!symbol) return missing("SYMBOL", "prb");
    std::uint64_t ring = 0;  // prb is a pointer to the ring in use
    return fetch("prb", *symbol, ring) && find_descriptors(ring) && find_text(ring);
  }

  bool find_descriptors(std::uint64_t ring) {
    std::uint64_t desc_ring = 0, bits_at = 0, descs = 0, infos = 0, head = 0, tail = 0;
    if (!offset("printk_ringbuffer.desc_ring", desc_ring) ||
        !offset("prb_desc_ring.count_bits", bits_at) || !offset("prb_desc_ring.descs", descs) ||
        !offset("prb_desc_ring.infos", infos) || !offset("prb_desc_ring.head_id", head) ||
        !offset("prb_desc_ring.tail_id", tail)) {
      return false;
    }
    ring += desc_ring;
    std::uint32_t bits = 0;
    std::uint64_t head_id = 0;
    if (!fetch("count_bits", ring + bits_at, bits) ||
        !fetch("descs", ring + descs, log.descs_vaddr_) ||
        !fetch("infos", ring + infos, log.infos_vaddr_) ||
        !fetch("head_id", ring + head, head_id) || !fetch("tail_id", ring + tail, log.next_id_)) {
      return false;
    }
    if (bits > kMaxDescriptorBits) return corrupt("count_bits", bits);
    log.desc_count_ = std::uint64_t{1} << bits;
    log.next_id_ &= kIdMask;
    log.records_left_ = std::min(((head_id - log.next_id_) & kIdMask) + 1, log.desc_count_);
    return true;
  }

  bool find_text(std::uint64_t ring) {
    std::uint64_t data_ring = 0, bits_at = 0, data = 0;
    if (!offset("printk_ringbuffer.text_data_ring", data_ring) ||
        !offset("prb_data_ring.size_bits", bits_at) || !offset("prb_data_ring.data", data)) {
      return false;
    }
    ring += data_ring;
    std::uint32_t bits = 0;
    if (!fetch("size_bits", ring + bits_at, bits) || !fetch("data", ring + data, log.text_vaddr_)) {
      return false;
    }
    if (bits > kMaxTextBits) return corrupt("size_bits", bits);
    log.text_bytes_ = std::uint64_t{1} << bits;
    return true;
  }
};

Result<KernelLog> KernelLog::open(const Vmcore& core) {
  KernelLog log(core);
  Opener opener{.core = core, .log = log};
  if (!opener.run()) return fail(opener.error);
  return log;
}

std::size_t KernelLog::read(std::span<char> out) {
  std::size_t used = 0;
  while (record_.printed < record_.size || load_next_record()) {
    if (!print_line(out, used)) break;
  }
  return used;
}

bool KernelLog::load_next_record() {
  while (records_left_ > 0) {
    --records_left_;
    const std::uint64_t id = next_id_;
    next_id_ = (next_id_ + 1) & kIdMask;
    if (load_record(id)) return true;
  }
  return false;
}

bool KernelLog::load_record(std::uint64_t id) {
  const std::uint64_t index = id & (desc_count_ - 1);
  const std::uint64_t desc = descs_vaddr_ + index * layout_.desc_size;
  const std::uint64_t info = infos_vaddr_ + index * layout_.info_size;
  std::uint64_t state = 0, begin = 0, next = 0;
  std::uint16_t length = 0;
  if (!load(descs_, desc + layout_.state, state) || !load(descs_, desc + layout_.begin, begin) ||
      !load(descs_, desc + layout_.next, next) ||
      !load(infos_, info + layout_.timestamp, record_.timestamp_ns) ||
      !load(infos_, info + layout_.text_length, length)) {
    return false;
  }
  const std::uint64_t kind = state >> kStateShift;
  if ((state & kIdMask) != id || (kind != kCommitted && kind != kFinalized)) return false;
  if ((begin & kNoText) != 0 || (next & kNoText) != 0) return false;

  // A block that would cross the ring's end starts at its beginning instead.
  const bool wrapped = begin / text_bytes_ != next / text_bytes_ && next % text_bytes_ != 0;
  const std::uint64_t block = wrapped ? 0 : begin % text_bytes_;
  const std::uint64_t block_bytes = wrapped ? next % text_bytes_ : next - begin;
  if (block_bytes <= kBlockIdBytes || block_bytes > text_bytes_ - block) return false;
  // The space may have been given to a newer record whose descriptor we have not reached.
  std::uint64_t block_id = 0;
  if (!load(text_, text_vaddr_ + block, block_id) || block_id != id) return false;
  record_.size = std::min<std::size_t>({length, block_bytes - kBlockIdBytes, kMaxRecordText});
  record_.printed = 0;
  const auto text = std::span(record_.text).first(record_.size);
  if (text_.read(text_vaddr_ + block + kBlockIdBytes, std::as_writable_bytes(text))) {
    return record_.size > 0;
  }
  record_.size = 0;
  return false;
}

// The next line of the record; false when it does not fit any more. Each line of a record carries
// its time, as dmesg shows them.
bool KernelLog::print_line(std::span<char> out, std::size_t& used) {
  constexpr std::size_t kPrefixRoom = 40;
  constexpr std::size_t kEscaped = 4;
  const std::string_view rest =
      std::string_view(record_.text.data(), record_.size).substr(record_.printed);
  const std::string_view line = rest.substr(0, rest.find('\n'));
  if (out.size() - used < kPrefixRoom + kEscaped * line.size()) return false;
  const std::uint64_t us = record_.timestamp_ns / 1000;
  used += fmt::format_to_n(out.data() + used, kPrefixRoom, "[{:5}.{:06}] ", us / 1'000'000,
                           us % 1'000'000)
              .size;
  for (const char c : line) used += print_character(c, out.subspan(used));
  out[used++] = '\n';
  record_.printed += std::min(line.size() + 1, rest.size());
  return true;
}

}  // namespace lastword

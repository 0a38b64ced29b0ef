// lw-pattern MIB SEED [kernel]          plant a pattern in memory and stay
// lw-pattern --verify CORE SEED PAGES   find it in an ELF core
//
// It lies in pages of this process; with `kernel`, in pages that the kernel allocated for itself and
// lets processes see: a dump that leaves user pages out has them still.
//
// Every planted page tells its own number and the page frame it lies in, so that a core can be
// checked without any table: the page must be found once, whole, and at that frame's address.
// Exit status of --verify: 0 all there, 1 not so, 2 usage or no core.

#include <elf.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::uint64_t kMagic = 0x524554544150574c;  // "LWPATTER", little-endian

struct Page {
  std::uint64_t magic;
  std::uint64_t seed;
  std::uint64_t index;
  std::uint64_t pfn;
  std::array<std::uint64_t, 508> noise;
};
static_assert(sizeof(Page) == kPageBytes);

// splitmix64: incompressible, and cheap under emulation.
class Noise {
 public:
  Noise(std::uint64_t seed, std::uint64_t index)
      : state_(seed * 0x9e3779b97f4a7c15 ^ (index << 20)) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

void fill(Page& page, std::uint64_t seed, std::uint64_t index, std::uint64_t pfn) {
  page.magic = kMagic;
  page.seed = seed;
  page.index = index;
  page.pfn = pfn;
  Noise noise(seed, index);
  for (auto& word : page.noise) word = noise.next();
}

bool content_is_whole(const Page& page) {
  Noise noise(page.seed, page.index);
  for (auto word : page.noise) {
    if (word != noise.next()) return false;
  }
  return true;
}

bool parse(const char* text, std::uint64_t& value) {
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  return error == std::errc{} && end == view.data() + view.size();
}

// Page frames of a mapping from /proc/self/pagemap; needs CAP_SYS_ADMIN. Empty on an error.
std::vector<std::uint64_t> frames_of(const Page* pages, std::size_t count) {
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  constexpr std::uint64_t kFrameMask = (std::uint64_t{1} << 55) - 1;
  std::vector<std::uint64_t> entries(count);
  const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const auto start = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(pages) / kPageBytes * 8);
  auto* bytes = reinterpret_cast<char*>(entries.data());
  std::size_t done = 0;
  while (done < count * 8) {
    const ssize_t got = pread(fd, bytes + done, count * 8 - done, start + static_cast<off_t>(done));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  close(fd);
  if (done != count * 8) return {};
  for (auto& entry : entries) {
    if (!(entry & kPresent) || !(entry & kFrameMask)) return {};
    entry &= kFrameMask;
  }
  return entries;
}

void* user_memory(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // Huge pages may be split and collapsed, and with that move.
  const bool stays = memory != MAP_FAILED && madvise(memory, bytes, MADV_NOHUGEPAGE) == 0 &&
                     mlock(memory, bytes) == 0;
  return stays ? memory : nullptr;
}

// The receive ring of a packet socket (packet(7), PACKET_RX_RING): single pages from the kernel's
// allocator, neither anonymous nor of a file. Bound to no protocol, the socket receives nothing, so
// that nobody else writes there.
void* kernel_memory(std::size_t bytes) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  tpacket_req ring{};
  ring.tp_block_size = kPageBytes;
  ring.tp_block_nr = static_cast<unsigned>(bytes / kPageBytes);
  ring.tp_frame_size = kPageBytes;
  ring.tp_frame_nr = ring.tp_block_nr;
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) return nullptr;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

int plant(std::uint64_t mib, std::uint64_t seed, bool of_kernel) {
  const std::size_t bytes = mib << 20;
  const std::size_t count = bytes / kPageBytes;
  void* const memory = of_kernel ? kernel_memory(bytes) : user_memory(bytes);
  if (memory == nullptr) {
    std::perror("lw-pattern: memory");
    return 2;
  }
  auto* pages = static_cast<Page*>(memory);
  const auto frames = frames_of(pages, count);
  if (frames.empty()) {
    std::fprintf(stderr, "lw-pattern: /proc/self/pagemap does not tell page frames\n");
    return 2;
  }
  for (std::size_t i = 0; i < count; ++i) fill(pages[i], seed, i, frames[i]);
  if (frames_of(pages, count) != frames) {
    std::fprintf(stderr, "lw-pattern: pages have moved\n");
    return 2;
  }
  std::printf("pattern-ready pages=%zu\n", count);
  std::fflush(stdout);
  for (;;) pause();
}

// Read-only mapping of a whole file. The process ends before it would have to be undone.
std::span<const std::byte> map_file(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return {};
  return {static_cast<const std::byte*>(memory), size};
}

std::vector<Elf64_Phdr> load_segments(std::span<const std::byte> core) {
  Elf64_Ehdr header;
  if (core.size() < sizeof header) return {};
  std::memcpy(&header, core.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_CORE ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > core.size() ||
      (core.size() - header.e_phoff) / sizeof(Elf64_Phdr) < header.e_phnum) {
    return {};
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), core.data() + header.e_phoff, segments.size() * sizeof(Elf64_Phdr));
  std::erase_if(segments, [](const Elf64_Phdr& segment) { return segment.p_type != PT_LOAD; });
  return segments;
}

struct Findings {
  std::vector<std::uint64_t> frame_seen;  // by page number; 0: not seen
  std::uint64_t damaged = 0;
  std::uint64_t displaced = 0;
  std::uint64_t repeated = 0;

  void look_at(const Page& page, std::uint64_t seed, std::uint64_t frame) {
    if (page.magic != kMagic || page.seed != seed || page.index >= frame_seen.size()) return;
    if (page.pfn != frame) {
      tell(displaced++, "is displaced", page, frame);
      return;
    }
    if (!content_is_whole(page)) tell(damaged++, "is damaged", page, frame);
    // A frame may lie in two segments: the kernel's image is also in the direct mapping.
    if (frame_seen[page.index] != 0 && frame_seen[page.index] != frame) {
      tell(repeated++, "is there twice", page, frame);
    }
    frame_seen[page.index] = frame;
  }

 private:
  static void tell(std::uint64_t before, const char* what, const Page& page, std::uint64_t frame) {
    if (before >= 10) return;
    std::printf("page %" PRIu64 " of frame %#" PRIx64 " %s, seen at frame %#" PRIx64 "\n",
                page.index, page.pfn, what, frame);
  }
};

int verify(const char* path, std::uint64_t seed, std::uint64_t count) {
  const auto core = map_file(path);
  const auto segments = load_segments(core);
  if (segments.empty()) {
    std::fprintf(stderr, "lw-pattern: %s is no ELF core with memory\n", path);
    return 2;
  }
  Findings findings;
  findings.frame_seen.resize(count);
  for (const auto& segment : segments) {
    if (segment.p_offset > core.size()) continue;
    const auto in_file = std::min<std::uint64_t>(segment.p_filesz, core.size() - segment.p_offset);
    const std::uint64_t first = -segment.p_paddr % kPageBytes;
    for (std::uint64_t at = first; at + kPageBytes <= in_file; at += kPageBytes) {
      const std::byte* place = core.data() + segment.p_offset + at;
      std::uint64_t magic = 0;
      std::memcpy(&magic, place, sizeof magic);
      if (magic != kMagic) continue;
      Page page;
      std::memcpy(&page, place, sizeof page);
      findings.look_at(page, seed, (segment.p_paddr + at) / kPageBytes);
    }
  }
  const auto missing = std::ranges::count(findings.frame_seen, std::uint64_t{0});
  std::printf("pattern pages=%" PRIu64 " missing=%td damaged=%" PRIu64 " displaced=%" PRIu64
              " repeated=%" PRIu64 "\n",
              count, missing, findings.damaged, findings.displaced, findings.repeated);
  return missing || findings.damaged || findings.displaced || findings.repeated ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  const bool of_kernel = argc == 4 && std::string_view(arguments[3]) == "kernel";
  if ((argc == 3 || of_kernel) && parse(arguments[1], a) && parse(arguments[2], b) && a > 0) {
    return plant(a, b, of_kernel);
  }
  if (argc == 5 && std::string_view(arguments[1]) == "--verify" && parse(arguments[3], a) &&
      parse(arguments[4], b)) {
    return verify(arguments[2], a, b);
  }
  std::fprintf(stderr, "usage: lw-pattern MIB SEED [kernel] | lw-pattern --verify CORE SEED PAGES\n");
  return 2;
}

// lw-blocks DEVICE OFFSET COUNT: write numbered 4 KiB blocks from OFFSET on, one at a time,
// past the page cache, so that the medium tells which write was the last to reach it.
// Exit status: 0 all written, 2 usage, 3 a write failed (the line says which and why).
// qemu/harness/blocks.py reads them back; keep the layout the same there.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>
#include <string_view>

namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::uint64_t kMagic = 0x4b434f4c42574c;  // "LWBLOCK\0", little-endian
constexpr std::uint64_t kProgressEvery = 50;

struct alignas(kBlockBytes) Block {
  std::uint64_t magic;
  std::uint64_t number;
  std::uint64_t monotonic_ns;
  std::array<std::uint64_t, 508> filler;
  std::uint32_t reserved;
  std::uint32_t crc32;  // of all bytes before it
};
static_assert(sizeof(Block) == kBlockBytes);

// CRC-32 as zlib has it.
constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320U : 0);
    table[byte] = crc;
  }
  return table;
}();

std::uint32_t crc32(std::span<const unsigned char> data) {
  std::uint32_t crc = ~0U;
  for (const auto byte : data) crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void compose(Block& block, std::uint64_t number) {
  block.magic = kMagic;
  block.number = number;
  block.monotonic_ns = monotonic_ns();
  block.filler.fill(number * 0x9e3779b97f4a7c15);
  block.reserved = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&block);
  block.crc32 = crc32({bytes, kBlockBytes - sizeof block.crc32});
}

bool parse(const char* text, std::uint64_t& value) {
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  return error == std::errc{} && end == view.data() + view.size();
}

int write_blocks(const char* path, std::uint64_t offset, std::uint64_t count) {
  const int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) {
    std::printf("lw-blocks: %s: %s\n", path, strerrorname_np(errno));
    return 2;
  }
  static Block block;
  for (std::uint64_t number = 0; number < count; ++number) {
    compose(block, number);
    const auto place = static_cast<off_t>(offset + number * kBlockBytes);
    const ssize_t written = pwrite(fd, &block, kBlockBytes, place);
    if (written != static_cast<ssize_t>(kBlockBytes)) {
      const char* reason = written < 0 ? strerrorname_np(errno) : "SHORT";
      std::printf("lw-blocks: block %llu failed: errno %s\n",
                  static_cast<unsigned long long>(number), reason);
      close(fd);
      return 3;
    }
    if (number % kProgressEvery == 0) {
      std::printf("lw-blocks: block %llu written\n", static_cast<unsigned long long>(number));
    }
  }
  close(fd);
  std::printf("lw-blocks: all %llu blocks written\n", static_cast<unsigned long long>(count));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  if (argc != 4 || !parse(argv[2], offset) || !parse(argv[3], count) || offset % kBlockBytes != 0) {
    std::fprintf(stderr, "usage: lw-blocks DEVICE OFFSET COUNT (OFFSET a multiple of 4096)\n");
    return 2;
  }
  return write_blocks(argv[1], offset, count);
}

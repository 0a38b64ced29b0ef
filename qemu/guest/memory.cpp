// lw-memory KIND MIB FILE   fill memory of a kind with what FILE holds, over and over
//
// Kinds: small   anonymous pages of 4 KiB
//        huge    anonymous, transparent huge pages where the kernel has them
//        hugetlb pages of 2 MiB of the reserved pool
//        freed   as small, but ends at once: what was in it stays in free pages
// All but freed stay until they are killed, after a line "memory-ready KIND". Exit status 2: usage,
// or no such memory to be had.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

constexpr int kUsage = 2;

int failed(const char* what) {
  std::fprintf(stderr, "lw-memory: ");
  std::perror(what);
  return kUsage;
}

int hold(std::string_view kind, std::size_t bytes, const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0) return failed(path);
  const auto source_bytes = static_cast<std::size_t>(status.st_size);
  void* const source = mmap(nullptr, source_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  const int pool = kind == "hugetlb" ? MAP_HUGETLB : 0;
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | pool, -1, 0);
  if (source == MAP_FAILED || memory == MAP_FAILED) return failed("map");
  if (pool == 0) {
    const int advice = kind == "huge" ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
    if (madvise(memory, bytes, advice) != 0) return failed("madvise");
  }
  auto* const to = static_cast<char*>(memory);
  for (std::size_t at = 0; at < bytes; at += source_bytes) {
    std::memcpy(to + at, source, std::min(source_bytes, bytes - at));
  }
  if (kind == "freed") return 0;
  std::printf("memory-ready %.*s\n", static_cast<int>(kind.size()), kind.data());
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mib = 0;
  if (argc == 4) {
    const std::string_view kind(argv[1]);
    const std::string_view number(argv[2]);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), mib);
    const bool known = kind == "small" || kind == "huge" || kind == "hugetlb" || kind == "freed";
    if (known && error == std::errc{} && end == number.data() + number.size() && mib > 0) {
      return hold(kind, mib << 20, argv[3]);
    }
  }
  std::fprintf(stderr, "usage: lw-memory small|huge|hugetlb|freed MIB FILE\n");
  return kUsage;
}

// operator new and delete of the simulation: a history asks for a few million pieces of memory,
// most of them small and soon given back, and of more than the C library keeps ready at hand.
//
// A piece is taken from a page of pieces of one size, and goes back to the list of that size. Pages
// are cut from one region, so that an address tells whose it is. Not for the sanitizers, which have
// their own; nor for threads, which the simulation has none of: each thread has lists of its own.
#include <malloc.h>
#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__)

namespace {

constexpr std::size_t kStep = 16;
constexpr std::size_t kMost = 8192;
constexpr std::size_t kPageBytes = 64 << 10;
constexpr std::size_t kRegionBytes = std::size_t{8} << 30;  // of addresses, not of memory

struct Piece {
  Piece* next;
};

struct Lists {
  std::array<Piece*, kMost / kStep + 1> of_size{};
};
thread_local Lists lists;

std::byte* region = nullptr;
std::size_t used = 0;
std::array<std::uint16_t, kRegionBytes / kPageBytes> steps_of_page;

// What is too large for the lists: the C library does not give memory back to the kernel only to
// ask for it again.
[[maybe_unused]] const bool kept = [] {
  ::mallopt(M_MMAP_THRESHOLD, 256 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 512 << 20);
  return true;
}();

void* refill(std::size_t steps) {
  if (region == nullptr) {
    void* const got = ::mmap(nullptr, kRegionBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) throw std::bad_alloc();
    region = static_cast<std::byte*>(got);
  }
  if (used == kRegionBytes) throw std::bad_alloc();
  std::byte* const page = region + used;
  steps_of_page[used / kPageBytes] = static_cast<std::uint16_t>(steps);
  used += kPageBytes;
  const std::size_t bytes = steps * kStep;
  Piece*& list = lists.of_size[steps];
  for (std::size_t at = kPageBytes / bytes; at-- > 1;) {
    list = new (page + at * bytes) Piece{list};
  }
  return page;
}

void* take(std::size_t bytes) {
  if (bytes > kMost) {
    void* const got = std::malloc(bytes);
    if (got == nullptr) throw std::bad_alloc();
    return got;
  }
  const std::size_t steps = bytes == 0 ? 1 : (bytes + kStep - 1) / kStep;
  Piece*& list = lists.of_size[steps];
  if (list == nullptr) return refill(steps);
  Piece* const piece = list;
  list = piece->next;
  return piece;
}

void give_back(void* piece) {
  const auto at = static_cast<std::size_t>(static_cast<std::byte*>(piece) - region);
  if (region == nullptr || at >= kRegionBytes) return std::free(piece);
  Piece*& list = lists.of_size[steps_of_page[at / kPageBytes]];
  list = new (piece) Piece{list};
}

}  // namespace

void* operator new(std::size_t bytes) {
  return take(bytes);
}
void operator delete(void* piece) noexcept {
  if (piece != nullptr) give_back(piece);
}
void operator delete(void* piece, std::size_t) noexcept {
  if (piece != nullptr) give_back(piece);
}

#endif

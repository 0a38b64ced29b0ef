#include "proto/crc32c.h"

#include <nmmintrin.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace lastword {
namespace {

constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;

// [n][b]: the CRC of byte b and n zero bytes behind it. With eight of these, eight bytes are looked
// up at the same time and not one after the other.
using ByteTables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr ByteTables make_byte_tables() {
  ByteTables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (auto& table : tables) {
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1U) != 0 ? kReflectedPolynomial : 0);
      }
      table[i] = value;
    }
  }
  return tables;
}
constexpr auto kBytes = make_byte_tables();

// Multiplication in GF(2) modulo the polynomial, bits reflected.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1U) != 0 ? kReflectedPolynomial : 0);
  }
  return product;
}

// x^(8 * bytes): what a CRC is multiplied with when `bytes` zero bytes follow.
constexpr std::uint32_t shift_factor(std::uint64_t bytes) {
  std::uint32_t result = 1U << 31;       // x^0
  std::uint32_t power = 1U << (31 - 8);  // x^8
  for (; bytes != 0; bytes >>= 1) {
    if ((bytes & 1U) != 0) result = multiply(result, power);
    power = multiply(power, power);
  }
  return result;
}

// The crc32 instruction has a latency of three cycles and a throughput of one: three independent
// stripes keep it busy. A stripe is a page's third, so that one page is one round.
constexpr std::size_t kStripe = 1360;

// Shifting a CRC by a constant is linear, so four tables of 256 replace the multiplication.
using ShiftTables = std::array<std::array<std::uint32_t, 256>, 4>;
constexpr ShiftTables make_shift_tables(std::uint32_t factor) {
  ShiftTables tables{};
  for (std::size_t byte = 0; byte < 4; ++byte) {
    for (std::uint32_t i = 0; i < 256; ++i) tables[byte][i] = multiply(i << (8 * byte), factor);
  }
  return tables;
}
constexpr auto kShiftOne = make_shift_tables(shift_factor(kStripe));
constexpr auto kShiftTwo = make_shift_tables(shift_factor(2 * kStripe));

std::uint32_t shift(const ShiftTables& t, std::uint32_t crc) {
  return t[0][crc & 0xff] ^ t[1][(crc >> 8) & 0xff] ^ t[2][(crc >> 16) & 0xff] ^ t[3][crc >> 24];
}

std::uint64_t word_at(const std::byte* data) {
  std::uint64_t word = 0;
  std::memcpy(&word, data, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(const std::byte* data,
                                                             std::size_t size, std::uint32_t crc) {
  while (size >= 3 * kStripe) {
    std::uint64_t a = crc;
    std::uint64_t b = 0;
    std::uint64_t c = 0;
    for (std::size_t i = 0; i < kStripe; i += 8) {
      a = _mm_crc32_u64(a, word_at(data + i));
      b = _mm_crc32_u64(b, word_at(data + kStripe + i));
      c = _mm_crc32_u64(c, word_at(data + 2 * kStripe + i));
    }
    crc = shift(kShiftTwo, static_cast<std::uint32_t>(a)) ^
          shift(kShiftOne, static_cast<std::uint32_t>(b)) ^ static_cast<std::uint32_t>(c);
    data += 3 * kStripe;
    size -= 3 * kStripe;
  }
  std::uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) wide = _mm_crc32_u64(wide, word_at(data));
  crc = static_cast<std::uint32_t>(wide);
  for (; size != 0; ++data, --size) crc = _mm_crc32_u8(crc, std::to_integer<std::uint8_t>(*data));
  return crc;
}

std::uint32_t crc32c_tables(const std::byte* data, std::size_t size, std::uint32_t crc) {
  for (; size >= 8; data += 8, size -= 8) {
    const std::uint64_t word = word_at(data) ^ crc;
    crc = 0;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) crc ^= kBytes[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; size != 0; ++data, --size) {
    crc = kBytes[0][(crc ^ std::to_integer<std::uint8_t>(*data)) & 0xff] ^ (crc >> 8);
  }
  return crc;
}

using Method = std::uint32_t (*)(const std::byte*, std::size_t, std::uint32_t);

std::chrono::nanoseconds least_time(Method method) {
  using Clock = std::chrono::steady_clock;
  constexpr unsigned kTries = 4;
  const std::array<std::byte, 4096> block{};
  auto least = std::chrono::nanoseconds::max();
  for (unsigned i = 0; i < kTries; ++i) {
    const auto start = Clock::now();
    volatile std::uint32_t crc = method(block.data(), block.size(), 0);
    (void)crc;
    least = std::min<std::chrono::nanoseconds>(least, Clock::now() - start);
  }
  return least;
}

// A processor has the instruction and is five times as fast with it, or is emulated (QEMU's TCG,
// bit by bit) and four times as slow: measured, because there is no telling otherwise.
Method best_method() {
  if (!has_crc32_instruction()) return crc32c_tables;
  return least_time(crc32c_sse42) > 2 * least_time(crc32c_tables) ? crc32c_tables : crc32c_sse42;
}

}  // namespace

std::uint32_t crc32c_portable(std::span<const std::byte> data, std::uint32_t seed) {
  return ~crc32c_tables(data.data(), data.size(), ~seed);
}

bool has_crc32_instruction() {
  return __builtin_cpu_supports("sse4.2") != 0;
}

std::uint32_t crc32c_by_instruction(std::span<const std::byte> data, std::uint32_t seed) {
  return ~crc32c_sse42(data.data(), data.size(), ~seed);
}

std::uint32_t crc32c(std::span<const std::byte> data, std::uint32_t seed) {
  static const Method method = best_method();
  return ~method(data.data(), data.size(), ~seed);
}

std::uint32_t crc32c_carried_on(std::uint32_t plain, std::uint64_t bytes) {
  return bytes == 0 ? plain : multiply(plain, shift_factor(bytes));
}

}  // namespace lastword

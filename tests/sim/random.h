// The one source of chance: a history draws everything from its seed, on every machine the same.
#pragma once

#include <chrono>
#include <cstdint>

namespace lastword::sim {

using Time = std::chrono::microseconds;  // since the history began
using std::chrono::milliseconds;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // No chance at all: the least of everything, and nothing that happens only sometimes.
  [[nodiscard]] static Random none() {
    Random random(0);
    random.none_ = true;
    return random;
  }
  [[nodiscard]] bool is_none() const { return none_; }

  // splitmix64, public domain: one multiplication chain for each number.
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 ... n - 1
  std::uint64_t below(std::uint64_t n) { return none_ ? 0 : next() % n; }
  unsigned pick(unsigned n) { return static_cast<unsigned>(below(n)); }
  bool one_in(std::uint64_t n) { return !none_ && n != 0 && below(n) == 0; }
  Time between(Time least, Time most) {
    return least + Time(static_cast<Time::rep>(
                       below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }

 private:
  std::uint64_t state_;
  bool none_ = false;
};

}  // namespace lastword::sim

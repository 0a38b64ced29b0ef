// TARGET [--runs N] [--artifacts DIR]   seeds, then mutations of them; the same ones each time
// TARGET FILE...                        these inputs, to look at a failure
//
// An input that fails is left in DIR, and its path printed.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "tests/fuzz/fuzz.h"

extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace lastword::fuzz {
namespace {

constexpr unsigned kSecondsPerInput = 20;  // of which a good one takes far less than one
constexpr std::size_t kMaxInput = 1 << 20;

std::span<const std::byte> g_input;
char g_artifact[512] = "fuzz-failure";

// From here on nothing but system calls: the heap may be what failed.
void keep_input() {
  const int fd = ::open(g_artifact, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0 && ::write(fd, g_input.data(), g_input.size()) >= 0) {
    constexpr char kText[] = "\nthe input that failed is in ";
    (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
    (void)!::write(STDERR_FILENO, g_artifact, std::strlen(g_artifact));
    (void)!::write(STDERR_FILENO, "\n", 1);
  }
}

void on_signal(int number) {
  keep_input();
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void watch_for_failures() {
  static std::array<std::byte, 64 << 10> stack;  // an overflow of the usual one is a failure too
  stack_t alternate{};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  // With a sanitizer, SIGSEGV and its like are its own.
  const bool sanitized = __sanitizer_set_death_callback != nullptr;
  if (sanitized) __sanitizer_set_death_callback(keep_input);
  for (const int number : {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    if (sanitized && number != SIGABRT && number != SIGALRM) continue;
    ::sigaction(number, &action, nullptr);
  }
}

void run_one(std::span<const std::byte> input) {
  g_input = input;
  ::alarm(kSecondsPerInput);
  try {
    run(input);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "exception: %s\n", exception.what());
    std::abort();
  }
  ::alarm(0);
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Input>& seeds) : seeds_(seeds) {}

  Input next() {
    Input input = seeds_[below(seeds_.size())];
    for (std::size_t i = 0, changes = 1 + below(8); i < changes; ++i) change(input);
    input.resize(std::min(input.size(), kMaxInput));
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  // Numbers at which parsers go wrong.
  std::uint64_t interesting() {
    const std::uint64_t power = std::uint64_t{1} << below(64);
    switch (below(5)) {
      case 0:
        return power;
      case 1:
        return power - 1;
      case 2:
        return ~std::uint64_t{0} - below(4096);
      case 3:
        return below(512);
      default:
        return random_();
    }
  }

  void change(Input& input) {
    const std::size_t at = below(input.size());
    switch (below(8)) {
      case 0:  // a bit
        if (!input.empty()) input[at] ^= std::byte{static_cast<unsigned char>(1U << below(8))};
        break;
      case 1:  // a number of 1, 2, 4 or 8 bytes; the front of a file is where the headers are
      case 2:
      case 3: {
        const std::size_t size = std::size_t{1} << below(4);
        const std::size_t place =
            (below(2) == 0 ? at : below(std::min<std::size_t>(input.size(), 512))) / size * size;
        if (place + size > input.size()) break;
        const std::uint64_t number = interesting();
        std::memcpy(input.data() + place, &number, size);
        break;
      }
      case 4:  // a piece of it somewhere else
        if (!input.empty()) {
          const std::size_t from = below(input.size());
          const std::size_t length =
              below(std::min<std::size_t>(512, input.size() - std::max(from, at)));
          std::memmove(input.data() + at, input.data() + from, length);
        }
        break;
      case 5:  // a stretch of one value
        if (!input.empty()) {
          const auto begin = input.begin() + static_cast<std::ptrdiff_t>(at);
          const std::size_t length = below(std::min<std::size_t>(256, input.size() - at));
          std::fill_n(begin, length, below(2) == 0 ? std::byte{0} : std::byte{0xff});
        }
        break;
      case 6:  // its end
        if (below(4) == 0) input.resize(at);
        break;
      case 7: {  // the end of another seed
        const Input& other = seeds_[below(seeds_.size())];
        if (other.empty() || below(4) != 0) break;
        const std::size_t from = below(other.size());
        input.resize(std::min(at, from));
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(input.size()),
                     other.end());
        break;
      }
    }
  }

  const std::vector<Input>& seeds_;
  std::mt19937_64 random_{20261121};
};

int replay(int count, char** files) {
  for (int i = 0; i < count; ++i) {
    std::ifstream file(files[i], std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    std::snprintf(g_artifact, sizeof g_artifact, "%s", files[i]);
    run_one(std::as_bytes(std::span(text)));
    std::printf("%s: fine\n", files[i]);
  }
  return 0;
}

int main_of(int argc, char** argv) {
  watch_for_failures();
  unsigned long runs = 1000;
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    const std::string_view option = argv[at];
    if (option == "--runs") runs = std::strtoul(argv[at + 1], nullptr, 10);
    if (option == "--artifacts") {
      const char* const name = std::strrchr(argv[0], '/');
      std::snprintf(g_artifact, sizeof g_artifact, "%s%s.failed", argv[at + 1],
                    name == nullptr ? "/fuzz" : name);
    }
  }
  if (at < argc) return replay(argc - at, argv + at);
  const std::vector<Input> all = seeds();
  FUZZ_REQUIRE(!all.empty());
  for (const Input& seed : all) run_one(seed);
  Mutator mutator(all);
  for (unsigned long i = 0; i < runs; ++i) {
    const Input input = mutator.next();
    run_one(input);
  }
  std::printf("%zu seeds and %lu mutations of them\n", all.size(), runs);
  return 0;
}

}  // namespace
}  // namespace lastword::fuzz

int main(int argc, char** argv) {
  return lastword::fuzz::main_of(argc, argv);
}

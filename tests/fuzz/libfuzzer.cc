// What libFuzzer calls. Before it reads its corpus, the seeds are put there: LASTWORD_SEEDS names
// the folder.
#include <fstream>
#include <string>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const folder = std::getenv("LASTWORD_SEEDS");
  if (folder == nullptr) return 0;
  std::size_t number = 0;
  for (const auto& seed : lastword::fuzz::seeds()) {
    std::ofstream file(std::string(folder) + "/seed-" + std::to_string(number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()),
               static_cast<std::streamsize>(seed.size()));
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lastword::fuzz::run(std::as_bytes(std::span(data, size)));
  return 0;
}

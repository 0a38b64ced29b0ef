// build/bin/node_document PAGE: writes the node machine into PAGE (docs/protocol.md), between its
// markers.
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "tests/agent/protocol/node_document.h"

int main(int argc, char** argv) {
  using namespace lastword;
  if (argc != 2) {
    fmt::print(stderr, "usage: node_document PAGE\n");
    return kExitUsage;
  }
  std::ifstream in(argv[1]);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const auto renewed = test::with_node_document(page);
  if (!renewed) {
    fmt::print(stderr, "{}: {}\n", argv[1], describe(renewed.error()));
    return kExitNo;
  }
  std::ofstream out(argv[1], std::ios::trunc);
  out << *renewed << std::flush;
  return out ? kExitOk : kExitIo;
}

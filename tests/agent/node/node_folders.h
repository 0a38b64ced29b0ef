// A node's state and persistent directories, empty before and gone after each test.
#pragma once

#include <filesystem>

#include "tests/agent/disks/shelf_nodes.h"
#include "tests/support/test_directory.h"

namespace lastword::test {

struct NodeFolders {
  NodeFolders() {
    config = cluster_config();
    config.state_directory = test_directory() + "/node_state";
    config.persistent_directory = test_directory() + "/node_persistent";
    remove();
  }
  ~NodeFolders() { remove(); }
  void remove() const {
    std::filesystem::remove_all(config.state_directory);
    std::filesystem::remove_all(config.persistent_directory);
  }
  Config config;
};

}  // namespace lastword::test

#include "storage/block/elsewhere.h"

#include <thread>

namespace lastword {

void run_on_lost_thread(std::function<void()> work) {
  std::thread(std::move(work)).detach();
}

}  // namespace lastword

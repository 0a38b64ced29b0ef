// Where a fiber is while another one runs, and the way from one place to another.
//
// swapcontext(3) would do, and asks the kernel for the signal mask each time: most of the time of a
// history. So on x86-64 the switch is done by hand.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace lastword::sim {

struct FiberPlace {
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context{};
#endif
};

// The place becomes the beginning of `entry` on that stack. `entry` never returns.
void begin_at(FiberPlace& place, void* stack, std::size_t stack_bytes, void (*entry)());

// Goes on at `to`; returns when something switches to `from`.
void switch_places(FiberPlace& from, FiberPlace& to);

}  // namespace lastword::sim

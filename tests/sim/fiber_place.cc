#include "tests/sim/fiber_place.h"

#include <cstdint>

namespace lastword::sim {

#if defined(__x86_64__)

// System V ABI, AMD64 supplement, 3.2.1: what a function leaves as it found it. The control words
// of the floating point units are among that, and nobody here changes them.
asm(R"(
.pushsection .text
.p2align 4
.type lastword_switch_stacks, @function
lastword_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size lastword_switch_stacks, . - lastword_switch_stacks
.popsection
)");

extern "C" void lastword_switch_stacks(void** from, void* to);

void begin_at(FiberPlace& place, void* stack, std::size_t stack_bytes, void (*entry)()) {
  constexpr std::size_t kSavedRegisters = 6;
  auto* top = static_cast<std::uintptr_t*>(stack) + stack_bytes / sizeof(std::uintptr_t);
  *--top = 0;  // 3.2.2: the stack is aligned to 16 before a call; and nobody to return to
  *--top = reinterpret_cast<std::uintptr_t>(entry);
  for (std::size_t i = 0; i < kSavedRegisters; ++i) *--top = 0;
  place.stack_pointer = top;
}

void switch_places(FiberPlace& from, FiberPlace& to) {
  lastword_switch_stacks(&from.stack_pointer, to.stack_pointer);
}

#else

void begin_at(FiberPlace& place, void* stack, std::size_t stack_bytes, void (*entry)()) {
  ::getcontext(&place.context);
  place.context.uc_stack.ss_sp = stack;
  place.context.uc_stack.ss_size = stack_bytes;
  ::makecontext(&place.context, entry, 0);
}

void switch_places(FiberPlace& from, FiberPlace& to) {
  ::swapcontext(&from.context, &to.context);
}

#endif

}  // namespace lastword::sim

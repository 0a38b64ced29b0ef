// Descriptors 0 to 2, which a program must not take for granted.
#pragma once

#include "proto/error.h"

namespace lastword {

// Opens /dev/null in place of each that is closed. First thing in main(): a disk that was opened as
// descriptor 1 or 2 would be written over by the next message. In place of standard output it is
// opened for reading only: what is printed is lost, and finish_output() must say so.
void fill_standard_files();
// Is `fd` open, and may it be written? Not what was put in the place of standard output.
[[nodiscard]] bool is_writable(int fd);

// May a line on `fd` be drawn over again? Not where it is no terminal, or one without escape
// sequences (TERM is "dumb" or not set).
[[nodiscard]] bool can_redraw(int fd);

// Everything that was printed has arrived. kIo: standard output is full, closed at its other end,
// or was closed when the program started.
[[nodiscard]] Status finish_output();

}  // namespace lastword

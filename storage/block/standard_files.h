// Descriptors 0 to 2, which a program must not take for granted.
#pragma once

#include "proto/error.h"

namespace lastword {

// Opens /dev/null in place of each that is closed. First thing in main(): a disk that was opened as
// descriptor 1 or 2 would be written over by the next message.
void fill_standard_files();

// May a line on `fd` be drawn over again? Not where it is no terminal, or one without escape
// sequences (TERM is "dumb" or not set).
[[nodiscard]] bool can_redraw(int fd);

// Everything that was printed has arrived. kIo: standard output is full, or closed at its other
// end.
[[nodiscard]] Status finish_output();

}  // namespace lastword

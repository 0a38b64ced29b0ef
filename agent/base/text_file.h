// Small files as a whole: those of proc and sysfs, and files that are replaced atomically.
//
// Attributes of disks, of which there are hundreds, have a reader of their own that costs less
// (storage/block/sysfs_attribute.h).
#pragma once

#include <string>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// Works for files whose size the kernel does not know (proc, sysfs). kNotFound: there is none.
// Otherwise kIo.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path);

// Writes PATH.new, syncs it, renames it over `path` and syncs the directory: durable when this
// returns without an error. kNoSpace: the file system is full. kNotFound: there is no such
// directory. Otherwise kIo. After an error `path` is what it was, unless only the last step failed:
// then it is the new file, which a power cut may still undo. PATH.new may be left behind; the next
// call overwrites it.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view content,
                                  unsigned mode = 0600);

// The same for a file that must not be there: kRefused where it is, and nothing has changed then.
[[nodiscard]] Status create_file(const std::string& path, std::string_view content,
                                 unsigned mode = 0600);

// Makes a directory for root alone (mode 0700): a capture image names the reservation key. One that
// is there already is left as it is. kIo: it cannot be made.
[[nodiscard]] Status make_directory(const std::string& path);

// Succeeds too where there is no such file. Otherwise kIo.
[[nodiscard]] Status remove_file(const std::string& path);

}  // namespace lastword

// Many thin volumes, of which a few are open at a time: each takes a descriptor, and 1 MiB of
// memory.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/transfer/thin_file.h"

namespace lastword {

inline constexpr std::size_t kMostOpenVolumes = 32;

class ThinFiles {
 public:
  explicit ThinFiles(ThinFile::For use, std::size_t most_open = kMostOpenVolumes)
      : use_(use), most_open_(most_open) {}

  // Of a device that is there until clear(). It has the next number.
  void add(std::string path) { paths_.push_back(std::move(path)); }
  [[nodiscard]] std::size_t size() const { return paths_.size(); }
  // Opens it, and closes the one that was asked for longest ago where too many are open, synced
  // first. Whoever still has that one may read it, and must not write. Errors of ThinFile::open()
  // and sync().
  [[nodiscard]] Result<std::shared_ptr<ThinFile>> at(std::size_t number);
  // What was written to any of them is durable.
  [[nodiscard]] Status sync();
  // Closes all, and forgets them.
  void clear();
  [[nodiscard]] std::size_t open_count() const { return open_.size(); }

 private:
  using Open = std::pair<std::size_t, std::shared_ptr<ThinFile>>;
  ThinFile::For use_;
  std::size_t most_open_;
  std::vector<std::string> paths_;
  std::list<Open> open_;  // the one that was asked for last first
};

}  // namespace lastword

#include "agent/transfer/thin_files.h"

#include <algorithm>
#include <iterator>

namespace lastword {

Result<std::shared_ptr<ThinFile>> ThinFiles::at(std::size_t number) {
  const auto known = std::ranges::find(open_, number, &Open::first);
  if (known != open_.end()) {
    open_.splice(open_.begin(), open_, known);
    return open_.front().second;
  }
  while (open_.size() >= most_open_) {
    const auto oldest = std::prev(open_.end());
    if (Status status = oldest->second->sync(); !status) return fail(status.error());
    open_.erase(oldest);
  }
  auto file = ThinFile::open(paths_[number], use_);
  if (!file) return fail(file.error());
  open_.emplace_front(number, std::make_shared<ThinFile>(std::move(*file)));
  return open_.front().second;
}

Status ThinFiles::sync() {
  for (const Open& one : open_) {
    if (Status status = one.second->sync(); !status) return status;
  }
  return {};
}

void ThinFiles::clear() {
  open_.clear();
  paths_.clear();
}

}  // namespace lastword

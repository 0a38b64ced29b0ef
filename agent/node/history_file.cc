#include "agent/node/history_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/base/json.h"
#include "agent/base/text_file.h"
#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

std::string history_file(const Config& config) {
  return fmt::format("{}/history-{}", config.persistent_directory, config.self.id);
}

Error failed(const char* operation, const std::string& path) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return {.code = full ? Code::kNoSpace : Code::kIo,
          .sys_errno = errno,
          .operation = operation,
          .disk = path};
}

// Locked, and still what `path` names: another program may have replaced it before it was locked.
Result<FileDescriptor> open_locked(const std::string& path) {
  for (;;) {
    FileDescriptor file(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail(failed("open history", path));
    while (::flock(file.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return fail(failed("lock history", path));
    }
    struct stat opened {};
    struct stat named {};
    if (::fstat(file.get(), &opened) != 0) return fail(failed("look at history", path));
    if (!S_ISREG(opened.st_mode)) {
      errno = EINVAL;
      return fail(failed("open history", path));
    }
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == opened.st_ino &&
        named.st_dev == opened.st_dev) {
      return file;
    }
  }
}

// From the first line that begins in the newer half.
std::string_view newer_half(std::string_view content, std::size_t most) {
  if (content.size() <= most / 2) return content;
  const std::size_t end = content.find('\n', content.size() - most / 2);
  return end == std::string_view::npos ? std::string_view() : content.substr(end + 1);
}

}  // namespace

std::string history_line(pb::HistoryLine line) {
  if (line.detail().size() > kHistoryDetailBytes) {
    line.mutable_detail()->resize(kHistoryDetailBytes);
  }
  return to_json_line(line) + "\n";
}

Status append_history(const Config& config, std::string_view lines, std::size_t most) {
  if (Status status = make_directory(config.persistent_directory); !status) return status;
  const std::string path = history_file(config);
  auto file = open_locked(path);
  if (!file) return fail(file.error());
  const off_t size = ::lseek(file->get(), 0, SEEK_END);
  if (size < 0) return fail(failed("look at history", path));
  if (static_cast<std::size_t>(size) + lines.size() > most) {
    const auto content = read_text_file(path);
    if (!content) return fail(content.error());
    std::string kept(newer_half(*content, most));
    if (!kept.empty() && kept.back() != '\n') kept += '\n';
    kept += lines.substr(lines.size() - std::min(lines.size(), most / 2));
    return replace_file(path, kept);
  }
  std::string text;
  char last = '\n';
  // A writer that was ended in the middle of a line must not cost the next one.
  if (size > 0 && ::pread(file->get(), &last, 1, size - 1) == 1 && last != '\n') {
    text.push_back('\n');
  }
  text += lines;
  for (std::string_view left = text; !left.empty();) {
    const ssize_t written = ::write(file->get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(failed("write history", path));
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<History> load_history(const Config& config) {
  const auto text = read_text_file(history_file(config));
  if (!text && text.error().code == Code::kNotFound) return History();
  if (!text) return fail(text.error());
  History history;
  std::string_view left = *text;
  while (!left.empty()) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    pb::HistoryLine line;
    if (parse_json(left.substr(0, end), line) && !line.event().empty()) {
      history.lines.push_back(std::move(line));
    } else if (end != 0) {
      ++history.skipped;
    }
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return history;
}

}  // namespace lastword

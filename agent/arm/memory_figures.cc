#include "agent/arm/memory_figures.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/base/text_file.h"
#include "proto/stream.h"

namespace lastword {
namespace {

constexpr char kIomem[] = "/proc/iomem";
constexpr char kMeminfo[] = "/proc/meminfo";

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  [[nodiscard]] std::uint64_t bytes() const { return last - first + 1; }
};

template <class Line>
void for_each_line(std::string_view text, Line line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// "  2a000000-31ffffff : Crash kernel"
std::optional<std::pair<Range, std::string_view>> parse_iomem_line(std::string_view line) {
  const std::size_t indent = line.find_first_not_of(' ');
  if (indent == std::string_view::npos) return std::nullopt;
  line.remove_prefix(indent);
  Range range;
  const auto first = std::from_chars(line.data(), line.data() + line.size(), range.first, 16);
  if (first.ec != std::errc() || first.ptr == line.data() + line.size() || *first.ptr != '-') {
    return std::nullopt;
  }
  const auto last = std::from_chars(first.ptr + 1, line.data() + line.size(), range.last, 16);
  if (last.ec != std::errc() || range.last < range.first) return std::nullopt;
  const std::string_view rest(last.ptr, static_cast<std::size_t>(line.end() - last.ptr));
  constexpr std::string_view kSeparator = " : ";
  if (!rest.starts_with(kSeparator)) return std::nullopt;
  return std::pair(range, rest.substr(kSeparator.size()));
}

// "MemTotal:        1000000 kB"
std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view name) {
  std::optional<std::uint64_t> found;
  for_each_line(meminfo, [&](std::string_view line) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') return;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    std::uint64_t kib = 0;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), kib);
    if (number.ec == std::errc()) found = kib << 10;
  });
  return found;
}

}  // namespace

Result<MemoryFigures> parse_memory_figures(std::string_view iomem, std::string_view meminfo) {
  std::uint64_t ram = 0;
  MemoryFigures figures;
  for_each_line(iomem, [&](std::string_view line) {
    const auto parsed = parse_iomem_line(line);
    if (!parsed) return;
    const auto& [range, name] = *parsed;
    // A reader without privilege sees zeros for all addresses.
    if (range.last == 0) return;
    if (name == "System RAM") ram += range.bytes();
    if (name == "Crash kernel") figures.reserved_bytes += range.bytes();
  });
  if (ram <= figures.reserved_bytes) {
    return fail({.code = Code::kRefused,
                 .operation = "read memory map",
                 .disk = kIomem,
                 .detail = "it shows no addresses of System RAM; run as root"});
  }
  figures.raw_bytes = ram - figures.reserved_bytes;
  const auto free = meminfo_bytes(meminfo, "MemFree");
  if (!free) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read memory use",
                 .disk = kMeminfo,
                 .detail = "it has no MemFree"});
  }
  // Not MemTotal - MemFree: MemTotal leaves out the kernel's image and what the kernel reserved
  // while booting, and a dump has to hold both.
  figures.in_use_bytes = figures.raw_bytes - std::min(*free, figures.raw_bytes);
  return figures;
}

Result<MemoryFigures> read_memory_figures() {
  const auto iomem = read_text_file(kIomem);
  if (!iomem) return fail(iomem.error());
  const auto meminfo = read_text_file(kMeminfo);
  if (!meminfo) return fail(meminfo.error());
  return parse_memory_figures(*iomem, *meminfo);
}

std::uint64_t stream_bytes_for(std::uint64_t memory_bytes) {
  const std::uint64_t sections = (memory_bytes + kMaxPayloadBytes - 1) / kMaxPayloadBytes;
  return round_up_to_block(memory_bytes) + sections * kBlockBytes + kStreamHeadBytes;
}

}  // namespace lastword

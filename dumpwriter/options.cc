#include "dumpwriter/options.h"

#include <getopt.h>

#include <array>

#include "proto/duration.h"
#include "proto/format_text.h"
#include "proto/layout.h"
#include "proto/nearest_word.h"

namespace lastword {
namespace {

enum Option : int {
  kVmcore = 1,
  kDisk,
  kEngine,
  kLimit,
  kExclude,
  kCodec,
  kOverwrite,
  kMetadataOffset,
  kCountClasses,
  kVersion,
  kHelp = 'h',
};

constexpr std::array kOptions{
    option{"vmcore", required_argument, nullptr, kVmcore},
    option{"disk", required_argument, nullptr, kDisk},
    option{"engine", required_argument, nullptr, kEngine},
    option{"limit", required_argument, nullptr, kLimit},
    option{"exclude", required_argument, nullptr, kExclude},
    option{"codec", required_argument, nullptr, kCodec},
    option{"overwrite", no_argument, nullptr, kOverwrite},
    option{"metadata-offset", required_argument, nullptr, kMetadataOffset},
    option{"count-classes", no_argument, nullptr, kCountClasses},
    option{"help", no_argument, nullptr, kHelp},
    option{"version", no_argument, nullptr, kVersion},
    option{},
};

template <class... Args>
tl::unexpected<Error> usage(fmt::format_string<Args...> format, Args&&... args) {
  return fail({.code = Code::kUsage,
               .operation = "command line",
               .detail = format_text(format, std::forward<Args>(args)...)});
}

std::optional<pb::Engine> parse_engine(std::string_view name) {
  if (name == "auto") return pb::ENGINE_AUTO;
  if (name == "io_uring") return pb::IO_URING;
  if (name == "libaio") return pb::LIBAIO;
  return std::nullopt;
}

// Zero is no limit to anybody, and more than a week a mistake.
std::optional<std::chrono::milliseconds> parse_limit(std::string_view text) {
  constexpr std::chrono::hours kLongest{7 * 24};
  const auto limit = parse_duration(text);
  if (!limit || limit->count() == 0 || *limit > kLongest) return std::nullopt;
  return limit;
}

Status apply(DumpOptions& options, int option, std::string_view value) {
  switch (option) {
    case kVmcore:
      options.vmcore = value;
      return {};
    case kDisk:
      options.disk = value;
      return {};
    case kEngine: {
      const auto engine = parse_engine(value);
      if (!engine) return usage("--engine {}: auto, io_uring or libaio", value);
      options.engine = *engine;
      return {};
    }
    case kLimit:
      options.limit = parse_limit(value);
      if (!options.limit) return usage("--limit {}: {}, up to a week", value, kDurationGrammar);
      return {};
    case kExclude: {
      const auto filter = PageFilter::parse(value);
      if (!filter) return usage("--exclude {}: {}", value, filter.error().detail.view());
      options.exclude = *filter;
      return {};
    }
    case kCodec: {
      const auto codec = CodecSetting::parse(value);
      if (!codec) return usage("--codec {}: {}", value, codec.error().detail.view());
      options.codec = *codec;
      return {};
    }
    case kOverwrite:
      options.overwrite = true;
      return {};
    case kMetadataOffset:
      options.metadata_offset = parse_metadata_offset(value);
      if (!options.metadata_offset) {
        return usage("--metadata-offset {}: {}", value, kMetadataOffsetGrammar);
      }
      return {};
    case kCountClasses:
      options.action = DumpOptions::Action::kCountClasses;
      return {};
    case kHelp:
      options.action = DumpOptions::Action::kHelp;
      return {};
    case kVersion:
      options.action = DumpOptions::Action::kVersion;
      return {};
    default:
      return usage("option {} is not known", option);
  }
}

// `word` is what getopt_long() did not understand.
tl::unexpected<Error> unknown_option(std::string_view word) {
  std::array<char, 32 * kOptions.size()> names;
  std::array<std::string_view, kOptions.size() - 1> known;
  char* at = names.data();
  for (std::size_t i = 0; i < known.size(); ++i) {
    char* const end = fmt::format_to_n(at, 32, "--{}", kOptions[i].name).out;
    known[i] = {at, static_cast<std::size_t>(end - at)};
    at = end;
  }
  const std::string_view near = nearest_word(word.substr(0, word.find('=')), known);
  if (near.empty()) return usage("unknown option {}; see --help", word);
  return usage("unknown option {}; did you mean {}?", word, near);
}

}  // namespace

Result<DumpOptions> parse_options(int argc, char* const* argv) {
  DumpOptions options;
  options.exclude = PageFilter::parse(kDefaultExclude).value();
  ::optind = 0;  // glibc: start anew, whatever was parsed before
  ::opterr = 0;
  for (;;) {
    const int option = ::getopt_long(argc, argv, ":h", kOptions.data(), nullptr);
    if (option == -1) break;
    // getopt_long() moves on behind a long option, and not yet behind a cluster of short ones.
    const char short_option[] = {'-', static_cast<char>(::optopt), '\0'};
    const bool is_short = ::optopt > kVersion;
    if (option == '?') return unknown_option(is_short ? short_option : argv[::optind - 1]);
    if (option == ':') return usage("{} needs a value; see --help", argv[::optind - 1]);
    const std::string_view value = ::optarg != nullptr ? ::optarg : "";
    if (Status status = apply(options, option, value); !status) return fail(status.error());
    if (option == kHelp || option == kVersion) return options;
  }
  if (::optind < argc) return usage("unexpected argument {}; see --help", argv[::optind]);
  if (options.vmcore.empty()) return usage("--vmcore is missing; see --help");
  const bool needs_disk = options.action == DumpOptions::Action::kDump;
  if (!needs_disk && !options.disk.empty()) return usage("--count-classes takes no --disk");
  if (needs_disk && options.disk.empty()) return usage("--disk is missing; see --help");
  return options;
}

std::string_view help_text() {
  return "Usage: lastword-dump --vmcore FILE --disk DISK [OPTION]...\n"
         "       lastword-dump --vmcore FILE --count-classes\n"
         "Writes a vmcore as a dump stream to a disk, or image file, that `lastword label` "
         "labelled.\n"
         "As PID 1 of a capture image it takes everything from the plan in that image.\n"
         "\n"
         "  --vmcore FILE            /proc/vmcore, or an ELF core of an x86-64 kernel\n"
         "  --disk DISK              device or image file\n"
         "  --engine ENGINE          auto (default), io_uring or libaio\n"
         "  --exclude PAGES          31 (default), any of makedumpfile's levels, or names out of\n"
         "                           zero,cache,private,user,hugetlb,free; none\n"
         "  --codec CODEC            auto (default), none, lz4, zstd, zstd:LEVEL\n"
         "  --limit TIME             stop after 60s, 500ms, 1h30m; what was written is kept\n"
         "  --overwrite              even if the disk is armed, or has a dump that is not saved\n"
         "  --metadata-offset BYTES  where the label is, if not in one of the usual places\n"
         "  --count-classes          only print how many pages are free, cache, user, ...\n"
         "  -h, --help, --version\n"
         "\n"
         "Exit status: 0 complete, 2 usage, 3 I/O error, 4 refused, 5 another node holds the "
         "disk,\n"
         "6 damaged label or vmcore, 7 incomplete dump (time limit, disk full). See "
         "lastword-dump(8).\n";
}

}  // namespace lastword

#include "agent/transfer/thin_dump.h"

#include <expat.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "proto/clone_stream.h"

namespace lastword {
namespace {

constexpr std::size_t kPiece = 64 << 10;
// No element of thin_dump is near it. Expat holds one as a whole, and reads it again from its
// beginning at each piece.
constexpr std::size_t kMaxElement = kPiece;
constexpr std::size_t kMaxDevices = 1 << 16;
constexpr std::uint64_t kMaxDataBlock = std::uint64_t{1} << 40;
constexpr std::uint64_t kMaxTime = std::uint64_t{1} << 24;
// drivers/md/dm-thin.c: DATA_DEV_BLOCK_SIZE_MIN_SECTORS, _MAX_SECTORS.
constexpr std::uint64_t kMinBlockSectors = 128;
constexpr std::uint64_t kMaxBlockSectors = 1 << 21;
static_assert(kMaxVolumeBytes / (kMinBlockSectors * 512) <=
              std::numeric_limits<std::uint32_t>::max());

Error bad_dump(std::string_view detail, Code code = Code::kCorrupt) {
  return {.code = code, .operation = "read thin_dump", .detail = detail};
}

}  // namespace

class ThinDumpReader::Parser {
 public:
  explicit Parser(std::uint64_t max_runs)
      : max_runs_(max_runs), xml_(XML_ParserCreate(nullptr), XML_ParserFree) {
    if (!xml_) {
      error_ = bad_dump("no memory for it", Code::kIo);
      return;
    }
    XML_SetUserData(xml_.get(), this);
    XML_SetElementHandler(
        xml_.get(),
        [](void* self, const char* name, const char** attributes) {
          static_cast<Parser*>(self)->begin(name, attributes);
        },
        [](void* self, const char*) { static_cast<Parser*>(self)->finish(); });
    XML_SetCharacterDataHandler(xml_.get(), [](void* self, const char* text, int length) {
      static_cast<Parser*>(self)->text({text, static_cast<std::size_t>(length)});
    });
    // Entities are declared there.
    XML_SetStartDoctypeDeclHandler(xml_.get(),
                                   [](void* self, const char*, const char*, const char*, int) {
                                     static_cast<Parser*>(self)->refuse("a DOCTYPE");
                                   });
  }

  Status add(std::span<const char> bytes, bool last) {
    do {
      if (error_) return fail(*error_);
      const auto piece = bytes.first(std::min(bytes.size(), kPiece));
      bytes = bytes.subspan(piece.size());
      const bool good = XML_Parse(xml_.get(), piece.data(), static_cast<int>(piece.size()),
                                  last && bytes.empty() ? 1 : 0) == XML_STATUS_OK;
      since_element_ += piece.size();
      if (!good) refuse("no XML, or cut off");
      if (since_element_ > kMaxElement) refuse("64 KiB without an element");
    } while (!bytes.empty());
    if (error_) return fail(*error_);
    return {};
  }

  Result<ThinPoolMaps> end() {
    if (Status status = add({}, true); !status) return fail(status.error());
    return std::move(pool_);
  }

 private:
  enum class In : std::uint8_t { kNothing, kSuperblock, kDevice, kDef, kLeaf };

  void refuse(std::string_view detail, Code code = Code::kCorrupt) {
    if (error_) return;
    error_ = bad_dump(detail, code);
    XML_StopParser(xml_.get(), XML_FALSE);
  }

  void text(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) refuse("text");
  }

  void begin(std::string_view name, const char** attributes) {
    since_element_ = 0;
    attributes_ = attributes;
    if (error_) return;
    const In outer = in_.empty() ? In::kNothing : in_.back();
    const bool list = outer == In::kDevice || outer == In::kDef;
    if (name == "superblock" && outer == In::kNothing) {
      begin_superblock();
    } else if (name == "device" && outer == In::kSuperblock) {
      begin_device();
    } else if (name == "def" && outer == In::kSuperblock) {
      begin_def();
    } else if (name == "single_mapping" && list) {
      add_run(number("origin_block"), number("data_block"), 1, number("time"));
      in_.push_back(In::kLeaf);
    } else if (name == "range_mapping" && list) {
      add_run(number("origin_begin"), number("data_begin"), number("length"), number("time"));
      in_.push_back(In::kLeaf);
    } else if (name == "ref" && outer == In::kDevice) {
      add_def();
      in_.push_back(In::kLeaf);
    } else {
      refuse("an unknown element, or one at a wrong place");
    }
  }

  void finish() {
    since_element_ = 0;
    if (error_) return;
    if (in_.back() == In::kDevice && mapped_ != mapped_wanted_) {
      refuse("a device with more or fewer mappings than it says");
    }
    in_.pop_back();
  }

  std::string_view attribute(std::string_view name) {
    for (const char** one = attributes_; *one != nullptr; one += 2) {
      if (name == one[0]) return one[1];
    }
    refuse("an element without one of its attributes");
    return {};
  }
  std::uint64_t number(std::string_view name) {
    const std::string_view text = attribute(name);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      refuse("an attribute is no number");
    return value;
  }

  void begin_superblock() {
    in_.push_back(In::kSuperblock);
    const std::uint64_t sectors = number("data_block_size");
    const std::uint64_t time = number("time");
    pool_.transaction = number("transaction");
    pool_.data_blocks = number("nr_data_blocks");
    if (error_) return;
    if (sectors < kMinBlockSectors || sectors > kMaxBlockSectors ||
        sectors % kMinBlockSectors != 0) {
      return refuse("a block size that no pool has");
    }
    if (pool_.data_blocks > kMaxDataBlock || time >= kMaxTime) {
      return refuse("a pool larger than any");
    }
    // A metadata snapshot has no space maps, and thin_dump says 0 then.
    data_end_ = pool_.data_blocks == 0 ? kMaxDataBlock : pool_.data_blocks;
    pool_.block_bytes = sectors * 512;
    pool_.time = static_cast<std::uint32_t>(time);
  }

  void begin_device() {
    in_.push_back(In::kDevice);
    const std::uint64_t id = number("dev_id");
    mapped_wanted_ = number("mapped_blocks");
    const std::uint64_t created = number("creation_time");
    mapped_ = 0;
    if (error_) return;
    if (id >= std::uint64_t{1} << 24) return refuse("a device number of more than 24 bits");
    if (created > pool_.time) return refuse("a device younger than the pool");
    if (pool_.devices.size() == kMaxDevices) {
      return refuse("more devices than this can hold", Code::kUnsupported);
    }
    const auto [place, added] = pool_.devices.try_emplace(static_cast<std::uint32_t>(id));
    if (!added) return refuse("two devices of one number");
    place->second.created = static_cast<std::uint32_t>(created);
    list_ = &place->second.runs;
  }

  void begin_def() {
    in_.push_back(In::kDef);
    const std::string_view name = attribute("name");
    mapped_ = 0;
    if (error_) return;
    if (defs_.size() == kMaxDevices) {
      return refuse("more shared lists than this can hold", Code::kUnsupported);
    }
    const auto [place, added] = defs_.try_emplace(std::string(name));
    if (!added) return refuse("two shared lists of one name");
    list_ = &place->second;
  }

  void add_def() {
    const std::string_view name = attribute("name");
    if (error_) return;
    const auto def = defs_.find(name);
    if (def == defs_.end()) return refuse("a reference to a list that is not there");
    for (const ThinRun& run : def->second) {
      add_run(run.origin, run.data, run.length, run.time);
      if (error_) return;
    }
  }

  void add_run(std::uint64_t origin, std::uint64_t data, std::uint64_t length, std::uint64_t time) {
    if (error_) return;
    if (length == 0 || data >= data_end_ || length > data_end_ - data) {
      return refuse("a mapping outside the pool");
    }
    const std::uint64_t most = kMaxVolumeBytes / pool_.block_bytes;
    if (origin >= most || length > most - origin) {
      return refuse("a mapping behind 16 TiB of its device");
    }
    if (time > pool_.time) return refuse("a mapping younger than the pool");
    mapped_ += length;
    if (!list_->empty()) {
      ThinRun& last = list_->back();
      if (origin < last.origin + last.length) return refuse("mappings that do not ascend");
      if (last.origin + last.length == origin && last.data + last.length == data &&
          last.time == time) {
        last.length += static_cast<std::uint32_t>(length);
        return;
      }
    }
    if (runs_++ == max_runs_) return refuse("more mappings than this can hold", Code::kUnsupported);
    list_->push_back({.origin = origin,
                      .data = data,
                      .time = static_cast<std::uint32_t>(time),
                      .length = static_cast<std::uint32_t>(length)});
  }

  const std::uint64_t max_runs_;
  std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> xml_;
  std::optional<Error> error_;
  ThinPoolMaps pool_;
  std::uint64_t data_end_ = 0;  // behind the last block that there can be
  std::map<std::string, std::vector<ThinRun>, std::less<>> defs_;
  std::vector<In> in_;                    // where the next element is
  const char** attributes_ = nullptr;     // of the element that begins
  std::vector<ThinRun>* list_ = nullptr;  // where its mappings go
  std::uint64_t mapped_ = 0;              // blocks of the device so far
  std::uint64_t mapped_wanted_ = 0;
  std::uint64_t runs_ = 0;
  std::size_t since_element_ = 0;
};

ThinDumpReader::ThinDumpReader(std::uint64_t max_runs)
    : parser_(std::make_unique<Parser>(max_runs)) {}
ThinDumpReader::~ThinDumpReader() = default;

Status ThinDumpReader::add(std::span<const char> bytes) {
  return bytes.empty() ? Status{} : parser_->add(bytes, false);
}

Result<ThinPoolMaps> ThinDumpReader::end() {
  return parser_->end();
}

Result<std::vector<Mapping>> ThinBlockMap::some(const std::string& volume, std::uint64_t from) {
  constexpr std::size_t kSome = 1024;
  std::uint32_t id = 0;
  const char* const text_end = volume.data() + volume.size();
  const auto [end, error] = std::from_chars(volume.data(), text_end, id);
  const auto device =
      error == std::errc() && end == text_end ? pool_.devices.find(id) : pool_.devices.end();
  if (device == pool_.devices.end()) {
    return fail({.code = Code::kNotFound,
                 .operation = "map blocks",
                 .disk = volume,
                 .detail = "the pool has no such device"});
  }
  const std::uint64_t block = pool_.block_bytes;
  const std::vector<ThinRun>& runs = device->second.runs;
  auto run = std::ranges::partition_point(
      runs, [&](const ThinRun& one) { return (one.origin + one.length) * block <= from; });
  std::vector<Mapping> mappings;
  for (; run != runs.end() && mappings.size() < kSome; ++run) {
    mappings.push_back({.offset = run->origin * block,
                        .length = std::uint64_t{run->length} * block,
                        .physical = run->data * block,
                        .age = run->time});
    if (Mapping& first = mappings.back(); first.offset < from) {
      const std::uint64_t skip = from - first.offset;
      first = {.offset = from,
               .length = first.length - skip,
               .physical = first.physical + skip,
               .age = first.age};
    }
  }
  return mappings;
}

}  // namespace lastword

#include "agent/transfer/lvm_pool.h"

#include <algorithm>
#include <charconv>

#include "agent/base/json.h"
#include "agent/transfer/clone.pb.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/stream_head.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

constexpr std::string_view kPrefix = "lvm:";
constexpr std::string_view kOurs = "lastword.";

// lvm(8), VALID NAMES.
bool is_lvm_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '_' || c == '.' || c == '-';
  };
  return !name.empty() && name.size() < 128 && name != "." && name != ".." && name.front() != '-' &&
         std::ranges::all_of(name, good);
}

tl::unexpected<Error> bad_report(const ThinPlace& place, std::string_view detail) {
  return fail({.code = Code::kCorrupt,
               .operation = "read lvs",
               .disk = to_string(place),
               .detail = detail});
}

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Device mapper's UUIDs have LVM's without their hyphens.
std::string without_hyphens(std::string text) {
  std::erase(text, '-');
  return text;
}

// In names of devices a hyphen is two, for one stands between the parts.
std::string mangled(const std::string& name) {
  std::string result;
  for (const char c : name) result += c == '-' ? std::string("--") : std::string(1, c);
  return result;
}

// lvs puts names of hidden volumes into them.
std::string without_brackets(std::string name) {
  std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
  return name;
}

Result<LvmVolume> volume_of(const pb::LvsVolume& row, const ThinPlace& place) {
  const auto size = number_of(row.lv_size());
  const auto id = number_of(row.thin_id());
  if (!size || !id || *id >= std::uint64_t{1} << 24) {
    return bad_report(place, "a thin volume without size or number");
  }
  return LvmVolume{.name = row.lv_name(),
                   .size = *size,
                   .id = static_cast<std::uint32_t>(*id),
                   .active = row.lv_active() == "active",
                   .open = row.lv_device_open() == "open",
                   .writable = row.lv_permissions() == "writeable",
                   .origin = without_brackets(row.origin()),
                   .tags = split(row.lv_tags(), ',')};
}

std::string name_with(const std::string& uuid, const std::string& end) {
  return "lastword-" + uuid + "-" + end;
}

}  // namespace

std::optional<Result<ThinPlace>> thin_place(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = text.substr(kPrefix.size());
  const std::size_t slash = rest.find('/');
  const std::string_view group = rest.substr(0, slash);
  const std::string_view pool = slash == rest.npos ? "" : rest.substr(slash + 1);
  if (is_lvm_name(group) && is_lvm_name(pool)) {
    return ThinPlace{.group = std::string(group), .pool = std::string(pool)};
  }
  return fail({.code = Code::kUsage, .disk = text, .detail = "is not lvm:VG/POOL"});
}

std::string to_string(const ThinPlace& place) {
  return std::string(kPrefix) + place.group + "/" + place.pool;
}

std::vector<std::string> lvs_words(const ThinPlace& place) {
  return {"-a",
          "--reportformat",
          "json",
          "--units",
          "b",
          "--nosuffix",
          "-o",
          "vg_uuid,lv_uuid,lv_name,lv_size,pool_lv,thin_id,lv_tags,lv_permissions,lv_active,"
          "lv_device_open,lv_dm_path,lv_layout,metadata_lv,chunk_size,zero,vg_extent_size,origin",
          place.group};
}

Result<LvmPool> parse_lvs(const std::string& report, const ThinPlace& place) {
  pb::LvsReport rows;
  if (!parse_json(report, rows) || rows.report_size() != 1) {
    return bad_report(place, "not the report that was asked for");
  }
  LvmPool pool{.place = place};
  std::string metadata;
  for (const pb::LvsVolume& row : rows.report(0).lv()) {
    if (row.lv_name() == place.pool && row.lv_layout() == "thin,pool") {
      const auto chunk = number_of(row.chunk_size());
      const auto extent = number_of(row.vg_extent_size());
      if (!chunk || *chunk == 0 || !extent || *extent == 0) {
        return bad_report(place, "a pool without block size");
      }
      pool.block_bytes = *chunk;
      pool.extent_bytes = *extent;
      pool.device_uuid = "LVM-" + without_hyphens(row.vg_uuid() + row.lv_uuid()) + "-tpool";
      pool.tags = split(row.lv_tags(), ',');
      // A volume that is in use has its pool in use, whatever the pool's own device is.
      pool.active = pool.active || row.lv_active() == "active";
      pool.zeroes = row.zero() == "zero";
      metadata = row.metadata_lv();
    } else if (row.pool_lv() == place.pool && row.lv_layout().starts_with("thin")) {
      auto volume = volume_of(row, place);
      if (!volume) return fail(volume.error());
      pool.active = pool.active || volume->active;
      pool.volumes.push_back(std::move(*volume));
    }
  }
  for (const pb::LvsVolume& row : rows.report(0).lv()) {
    if (!metadata.empty() && row.lv_name() == metadata) pool.metadata_device = row.lv_dm_path();
  }
  std::ranges::sort(pool.volumes, {}, &LvmVolume::name);
  if (!pool.metadata_device.empty()) return pool;
  return fail({.code = Code::kNotFound,
               .operation = "find thin pool",
               .disk = to_string(place),
               .detail = "the group has no thin pool of that name"});
}

std::string tag_value(const std::vector<std::string>& tags, std::string_view key) {
  const auto tag =
      std::ranges::find_if(tags, [&](const std::string& one) { return one.starts_with(key); });
  return tag == tags.end() ? std::string() : tag->substr(key.size());
}

bool is_volume(const LvmVolume& volume) {
  return std::ranges::none_of(volume.tags,
                              [](const std::string& tag) { return tag.starts_with(kOurs); });
}

// LVM names the origin in the pool before the one outside of it, which snapshots have in common.
std::string external_origin(const LvmPool& pool, const LvmVolume& volume) {
  const LvmVolume* one = &volume;
  for (std::size_t i = 0; i <= pool.volumes.size() && !one->origin.empty(); ++i) {
    const auto next = std::ranges::find_if(pool.volumes, [&](const LvmVolume& other) {
      return without_brackets(other.name) == one->origin;
    });
    if (next == pool.volumes.end()) return one->origin;
    one = &*next;
  }
  return {};
}

Status check_external_origins(const LvmPool& pool, const std::vector<LvmVolume>& volumes,
                              std::string_view operation, std::string_view remedy) {
  for (const LvmVolume& volume : volumes) {
    const std::string outside = external_origin(pool, volume);
    if (outside.empty()) continue;
    return fail({.code = Code::kRefused,
                 .operation = operation,
                 .disk = whole_name(pool.place, volume.name),
                 .detail = format_text("also reads {}, which is outside of the pool (an external "
                                       "origin), and would have zeros there. {}; nothing was "
                                       "changed",
                                       whole_name(pool.place, outside), remedy)
                               .view()});
  }
  return {};
}

std::vector<ThinSnapshotName> whole_snapshots(const LvmPool& pool) {
  std::vector<ThinSnapshotName> all;
  for (const std::string& tag : pool.tags) {
    if (!tag.starts_with(kHasTag)) continue;
    const auto parts = split(tag.substr(kHasTag.size()), '=');
    if (parts.empty() || !is_canonical_uuid(parts[0])) continue;
    all.push_back({.uuid = parts[0], .taken_utc = parts.size() < 2 ? "" : parts[1]});
  }
  std::ranges::stable_sort(all, {}, &ThinSnapshotName::taken_utc);
  return all;
}

std::string has_tag(const std::string& uuid, const std::string& taken_utc) {
  std::string time = taken_utc;
  // It may come from another machine.
  std::erase_if(time, [](char c) {
    return !((c >= '0' && c <= '9') || c == 'T' || c == 'Z' || c == ':' || c == '.' || c == '-');
  });
  return std::string(kHasTag) + uuid + "=" + time;
}

std::vector<std::string> common_snapshots(const LvmPool& pool) {
  std::vector<std::string> uuids;
  for (const std::string& tag : pool.tags) {
    if (!tag.starts_with(kCommonTag)) continue;
    const auto parts = split(tag.substr(kCommonTag.size()), '=');
    if (parts.size() == 2 && is_canonical_uuid(parts[1])) uuids.push_back(parts[1]);
  }
  return uuids;
}

// Names of servers and pools may have what tags may not: their hash stands for them.
std::vector<std::string> note_common_words(const LvmPool& pool, const std::string& peer,
                                           const std::string& uuid) {
  const std::string hash = to_string(hash_of_bytes(std::as_bytes(std::span(peer))));
  const std::string key = std::string(kCommonTag) + hash.substr(0, 16) + "=";
  std::vector<std::string> words;
  for (const std::string& tag : pool.tags) {
    if (tag == key + uuid) return {};
    if (tag.starts_with(key)) words.insert(words.end(), {"--deltag", tag});
  }
  words.insert(words.end(), {"--addtag", key + uuid});
  return words;
}

std::vector<std::string> forget_words(const LvmPool& pool, const std::vector<std::string>& uuids) {
  std::vector<std::string> words;
  for (const std::string& tag : pool.tags) {
    const bool gone = std::ranges::any_of(uuids, [&](const std::string& uuid) {
      return tag.starts_with(std::string(kHasTag) + uuid);
    });
    if (gone) words.insert(words.end(), {"--deltag", tag});
  }
  return words;
}

std::vector<std::string> left_over(const LvmPool& pool) {
  const auto whole = whole_snapshots(pool);
  std::vector<std::string> names;
  for (const LvmVolume& volume : pool.volumes) {
    const std::string of = tag_value(volume.tags, kSnapshotTag);
    const bool staged = !tag_value(volume.tags, kStagedTag).empty();
    const bool kept = std::ranges::find(whole, of, &ThinSnapshotName::uuid) != whole.end();
    if (staged || (!of.empty() && !kept)) names.push_back(volume.name);
  }
  return names;
}

std::string member_name(const std::string& snapshot_uuid, std::size_t index) {
  return name_with(snapshot_uuid, std::to_string(index));
}

std::string staged_name(const std::string& snapshot_uuid, std::size_t index) {
  return name_with(snapshot_uuid, "staged-" + std::to_string(index));
}

std::string record_name(const std::string& snapshot_uuid) {
  return name_with(snapshot_uuid, "record");
}

std::string whole_name(const ThinPlace& place, const std::string& volume) {
  return place.group + "/" + volume;
}

std::string device_of(const ThinPlace& place, const std::string& volume) {
  return "/dev/mapper/" + mangled(place.group) + "-" + mangled(volume);
}

}  // namespace lastword

// LVM and dm-thin, as far as clones use them: the device of a volume is a file, and its block map
// is told from what that holds, so that equal blocks are shared ones.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/transfer/lvm_commands.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/thin_snapshot.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::fake {

class FakeLvm final : public LvmCommands {
 public:
  static constexpr std::uint64_t kBlock = 64 << 10;
  const ThinPlace place{.group = "va", .pool = "pool"};

  // Each command in a few words, in order: "suspend a", "create_snap 7 1", "lvcreate NAME".
  std::vector<std::string> done;
  std::set<std::string> fails;                     // of those
  std::set<std::string> fails_when_done;           // they are carried out all the same
  int fail_at = 0;                                 // the one of this number; 0: none
  std::function<void(const std::string&)> before;  // is told of one before it is carried out
  std::vector<LvmVolume> volumes;
  std::vector<std::string> tags;  // of the pool
  std::uint64_t metadata_used = 100;
  std::uint64_t metadata_all = 4096;
  std::uint64_t data_all = 4096;
  std::string mode = "rw";
  std::string discards = "discard_passdown";
  bool zeroes = true;
  bool held = false;  // a metadata snapshot is reserved
  std::set<std::string> suspended;
  bool torn = false;  // a snapshot was made of a volume that might be written just then
  std::chrono::milliseconds paused{0};
  std::function<void()> while_paused;

  void create(const std::string& name, std::uint64_t blocks, bool active = false) {
    const LvmVolume volume{
        .name = name, .size = blocks * kBlock, .id = ++last_id_, .active = active};
    write_file(volume.id, std::string(volume.size, '\0'));
    volumes.push_back(volume);
  }
  // Something that is nowhere else.
  void fill(const std::string& name, std::uint64_t block) {
    std::string content = content_of(name);
    const std::string word = fmt::format("{:016}", ++last_word_);
    for (std::size_t i = 0; i < kBlock; i += word.size()) {
      content.replace(block * kBlock + i, word.size(), word);
    }
    write_file(find(name)->id, content);
    note_blocks(*find(name));
  }
  void fill_all(const std::string& name) {
    std::string content(find(name)->size, '\0');
    for (std::size_t block = 0; block < content.size() / kBlock; ++block) {
      content.replace(block * kBlock, 16, fmt::format("{:016}", ++last_word_));
    }
    write_file(find(name)->id, content);
    note_blocks(*find(name));
  }
  // As an administrator does it.
  void clone(const std::string& origin, const std::string& name) {
    LvmVolume volume{.name = name, .size = find(origin)->size, .id = ++last_id_, .origin = origin};
    std::filesystem::copy_file(path_of(find(origin)->id), path_of(volume.id));
    volumes.push_back(volume);
    ++time_;
  }
  [[nodiscard]] std::string content_of(const std::string& name) {
    std::ifstream file(path_of(find(name)->id), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] LvmVolume* find(const std::string& name) {
    const auto found = std::ranges::find(volumes, name, &LvmVolume::name);
    return found == volumes.end() ? nullptr : &*found;
  }
  // What a change would show in.
  [[nodiscard]] std::string state() {
    std::string text;
    for (const LvmVolume& volume : volumes) {
      text += fmt::format("{} {} {} {}\n", volume.name, volume.id, volume.active,
                          fmt::join(volume.tags, ","));
    }
    return text + fmt::format("{} {}", fmt::join(tags, ","), held);
  }
  [[nodiscard]] std::ptrdiff_t count(std::string_view beginning) const {
    return std::ranges::count_if(
        done, [&](const std::string& one) { return one.starts_with(beginning); });
  }

  // Each counted once.
  std::size_t used_blocks() {
    std::set<std::uint64_t> used;
    for (const LvmVolume& volume : volumes) {
      for (const auto& [at, block] : map_of(volume)) used.insert(block.number);
    }
    return used.size();
  }

  Result<std::string> status(const std::string&) override {
    const std::uint64_t used = used_blocks();
    return fmt::format("0 8 thin-pool 1 {}/{} {}/{} {} {} {} queue_if_no_space - 1024",
                       metadata_used, metadata_all, used, std::max(used, data_all),
                       held ? "77" : "-", mode, discards);
  }
  Status message(const std::string&, const std::string& message) override {
    if (Status status = note(message); !status) return status;
    const auto words = split(message);
    if (words[0] == "reserve_metadata_snap" || words[0] == "release_metadata_snap") {
      const bool wanted = words[0].starts_with("reserve");
      if (held == wanted) return failed(message);
      held = wanted;
    } else if (words[0] == "delete") {
      std::filesystem::remove(path_of(number(words[1])));
    } else {
      const auto origin = std::ranges::find(volumes, number(words[2]), &LvmVolume::id);
      torn = torn || (origin->active && !suspended.contains(origin->name));
      std::filesystem::copy_file(path_of(origin->id), path_of(number(words[1])));
      ++time_;
    }
    return {};
  }
  Status dump(const std::string&,
              const std::function<Status(std::span<const char>)>& take) override {
    if (Status status = note("dump"); !status) return status;
    return take(xml());
  }
  Status suspend(const std::string& device) override {
    Status status = note("suspend " + name_at(device));
    if (status) suspended.insert(name_at(device));
    return status;
  }
  Status resume(const std::string& device) override {
    Status status = note("resume " + name_at(device));
    if (status) suspended.erase(name_at(device));
    return status;
  }
  std::string device(const ThinPlace&, const std::string& volume) override {
    const LvmVolume* const one = find(volume);
    return one == nullptr ? folder_.file("none") : path_of(one->id);
  }
  std::string lock_directory() override { return folder_.file("locks"); }
  void pause(std::chrono::milliseconds time) override {
    paused += time;
    if (while_paused) while_paused();
  }

  Result<std::string> lvm(const std::vector<std::string>& words) override {
    if (words[0] == "lvs") return report();
    const Words parsed(words);
    const std::string name = parsed.value("-n").empty() ? parsed.names.front() : parsed.value("-n");
    if (Status status = note(words[0] + " " + name); !status) return fail(status.error());
    if (words[0] == "lvcreate") {
      make(parsed);
    } else if (words[0] == "lvremove") {
      for (const std::string& gone : parsed.names) remove(gone);
    } else if (words[0] == "lvresize") {
      find(name)->size = number(parsed.value("-L"));
      std::filesystem::resize_file(path_of(find(name)->id), find(name)->size);
    } else {
      for (const std::string& one : parsed.names) change(one, parsed);
    }
    if (fails_when_done.contains(done.back())) return fail(failed(name).error());
    return std::string();
  }

 private:
  struct Words {
    explicit Words(const std::vector<std::string>& words) {
      static const std::set<std::string> with_value{"-n", "--addtag", "--deltag",
                                                    "-V", "-L",       "--thinpool"};
      for (std::size_t i = 1; i < words.size(); ++i) {
        if (with_value.contains(words[i])) {
          options.emplace_back(words[i], words[i + 1]);
          ++i;
        } else if (words[i].front() == '-') {
          options.emplace_back(words[i], "");
        } else {
          names.push_back(words[i].substr(words[i].find('/') + 1));
        }
      }
    }
    [[nodiscard]] std::string value(const std::string& option) const {
      const auto one = std::ranges::find(options, option, &Option::first);
      return one == options.end() ? "" : one->second;
    }
    [[nodiscard]] bool has(const std::string& option) const {
      return std::ranges::find(options, option, &Option::first) != options.end();
    }
    using Option = std::pair<std::string, std::string>;
    std::vector<Option> options;
    std::vector<std::string> names;
  };

  static Status failed(const std::string& what) {
    return fail({.code = Code::kIo, .operation = "run", .disk = what});
  }
  Status note(const std::string& text) {
    if (before) before(text);
    done.push_back(text);
    const bool wrong = fails.contains(text) || static_cast<int>(done.size()) == fail_at;
    return wrong ? failed(text) : Status{};
  }
  static std::uint32_t number(const std::string& text) {
    std::uint32_t value = 0;
    (void)std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  static std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
      if (c == ' ') {
        words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    return words;
  }
  [[nodiscard]] std::string path_of(std::uint32_t id) const {
    return folder_.file(std::to_string(id));
  }
  void write_file(std::uint32_t id, const std::string& content) const {
    std::ofstream(path_of(id), std::ios::binary) << content;
  }
  std::string name_at(const std::string& device) {
    for (const LvmVolume& volume : volumes) {
      if (path_of(volume.id) == device) return volume.name;
    }
    return device;
  }

  void make(const Words& words) {
    LvmVolume volume{.name = words.value("-n"), .id = ++last_id_, .active = words.has("-ay")};
    volume.writable = !words.has("-pr");
    if (words.has("--addtag")) volume.tags.push_back(words.value("--addtag"));
    if (words.has("-s")) {
      const LvmVolume& origin = *find(words.names.front());
      volume.size = origin.size;
      volume.origin = origin.name;
      std::filesystem::copy_file(path_of(origin.id), path_of(volume.id));
      ++time_;
    } else {
      volume.size = (number(words.value("-V")) + kBlock - 1) / kBlock * kBlock;
      write_file(volume.id, "");
      std::filesystem::resize_file(path_of(volume.id), volume.size);
    }
    volumes.push_back(volume);
  }
  void remove(const std::string& name) {
    std::filesystem::remove(path_of(find(name)->id));
    std::erase_if(volumes, [&](const LvmVolume& one) { return one.name == name; });
  }
  void change(const std::string& name, const Words& words) {
    LvmVolume* const volume = find(name);
    for (const auto& [option, value] : words.options) {
      std::vector<std::string>& changed = volume == nullptr ? tags : volume->tags;
      if (option == "--addtag") changed.push_back(value);
      if (option == "--deltag") std::erase(changed, value);
      if (volume != nullptr && option.starts_with("-a")) volume->active = option == "-ay";
    }
  }

  struct Block {
    std::uint64_t number = 0;
    std::uint32_t time = 0;  // of the pool, when it was written
  };
  void note_blocks(const LvmVolume& volume) { (void)map_of(volume); }
  // Blocks that are no zeros, by place.
  std::map<std::uint64_t, Block> map_of(const LvmVolume& volume) {
    std::map<std::uint64_t, Block> map;
    std::ifstream file(path_of(volume.id), std::ios::binary);
    std::string block(kBlock, '\0');
    for (std::uint64_t i = 0; file.read(block.data(), kBlock); ++i) {
      if (block.find_first_not_of('\0') == block.npos) continue;
      const Block now{.number = blocks_.size() + 1, .time = time_};
      map[i] = blocks_.try_emplace(hash_text(block), now).first->second;
    }
    return map;
  }
  static std::string hash_text(const std::string& block) {
    return to_string(hash_of_bytes(std::as_bytes(std::span(block))));
  }
  std::string xml() {
    std::string text = fmt::format(
        R"(<superblock time="{}" transaction="1" data_block_size="{}" nr_data_blocks="0">)", time_,
        kBlock / 512);
    std::map<std::uint32_t, const LvmVolume*> by_id;
    for (const LvmVolume& volume : volumes) by_id[volume.id] = &volume;
    for (const auto& [id, volume] : by_id) {
      if (!std::filesystem::exists(path_of(id))) continue;
      const auto map = map_of(*volume);
      text += fmt::format(R"(<device dev_id="{}" mapped_blocks="{}" creation_time="0">)", id,
                          map.size());
      for (const auto& [at, block] : map) {
        text += fmt::format(R"(<single_mapping origin_block="{}" data_block="{}" time="{}"/>)", at,
                            block.number, block.time);
      }
      text += "</device>";
    }
    return text + "</superblock>";
  }
  std::string report() {
    const std::string row =
        R"({{"vg_uuid":"g","lv_uuid":"{}","lv_name":"{}","lv_size":"{}","pool_lv":"{}",)"
        R"("thin_id":"{}","lv_tags":"{}","lv_permissions":"{}","lv_active":"{}",)"
        R"("lv_device_open":"{}","lv_dm_path":"/dev/mapper/va-{}","lv_layout":"{}",)"
        R"("metadata_lv":"{}","chunk_size":"{}","zero":"{}","vg_extent_size":"65536",)"
        R"("origin":"{}"}})";
    std::string text = fmt::format(fmt::runtime(row), "p", place.pool, data_all * kBlock, "", "",
                                   fmt::join(tags, ","), "writeable", "active", "", place.pool,
                                   "thin,pool", "[pool_tmeta]", kBlock, zeroes ? "zero" : "", "");
    text += "," + fmt::format(fmt::runtime(row), "m", "[pool_tmeta]", 4194304, "", "", "",
                              "writeable", "active", "open", "pool_tmeta", "linear", "", 0, "", "");
    for (const LvmVolume& volume : volumes) {
      text += "," + fmt::format(fmt::runtime(row), volume.id, volume.name, volume.size, place.pool,
                                volume.id, fmt::join(volume.tags, ","),
                                volume.writable ? "writeable" : "read-only",
                                volume.active ? "active" : "", volume.open ? "open" : "",
                                volume.name, "thin,sparse", "", 0, "zero", volume.origin);
    }
    return R"({"report":[{"lv":[)" + text + "]}]}";
  }

  test::TestFolder folder_;
  std::uint32_t last_id_ = 0;
  std::uint64_t last_word_ = 0;
  std::uint32_t time_ = 0;               // snapshots that were made
  std::map<std::string, Block> blocks_;  // by what they hold
};

// Takes snapshots of all volumes.
struct LvmNode {
  Result<pb::CloneSnapshot> snapshot() { return take_thin_snapshot(lvm, lvm.place, executor); }

  FakeLvm lvm;
  test::VirtualExecutor executor;
};

}  // namespace lastword::fake

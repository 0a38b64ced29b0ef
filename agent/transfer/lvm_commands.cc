#include "agent/transfer/lvm_commands.h"

#include <utility>

#include "agent/base/executor.h"
#include "agent/transfer/program_output.h"
#include "agent/transfer/thin_lock.h"
#include "agent/transfer/without_interruption.h"

namespace lastword {
namespace {

class RealCommands final : public LvmCommands {
 public:
  Result<std::string> status(const std::string& pool) override {
    return output({"dmsetup", "status", "--uuid", pool}, pool);
  }
  Status message(const std::string& pool, const std::string& message) override {
    return run({"dmsetup", "message", "--uuid", pool, "0", message}, pool);
  }
  Status dump(const std::string& metadata_device,
              const std::function<Status(std::span<const char>)>& take) override {
    return read_program({"thin_dump", "--metadata-snap", metadata_device}, metadata_device, take);
  }
  Result<std::string> lvm(const std::vector<std::string>& words) override {
    return output(words, words.back());
  }
  Status suspend(const std::string& device) override {
    return run({"dmsetup", "suspend", device}, device);
  }
  Status resume(const std::string& device) override {
    return run({"dmsetup", "resume", device}, device);
  }
  std::string device(const ThinPlace& place, const std::string& volume) override {
    return device_of(place, volume);
  }
  std::string lock_directory() override { return "/run/lastword"; }
  void pause(std::chrono::milliseconds time) override { real_executor().sleep(time); }

 private:
  static Result<std::string> output(const std::vector<std::string>& words,
                                    const std::string& subject) {
    std::string text;
    const Status done = read_program(words, subject, [&](std::span<const char> bytes) -> Status {
      text.append(bytes.data(), bytes.size());
      return {};
    });
    if (!done) return fail(done.error());
    return text;
  }
  static Status run(const std::vector<std::string>& words, const std::string& subject) {
    return read_program(words, subject, [](std::span<const char>) { return Status{}; });
  }
};

Result<LvmPool> look(LvmCommands& commands, const ThinPlace& place) {
  std::vector<std::string> words = lvs_words(place);
  words.insert(words.begin(), "lvs");
  const auto report = commands.lvm(words);
  if (!report) return fail(report.error());
  return parse_lvs(*report, place);
}

}  // namespace

LvmCommands& real_lvm() {
  static RealCommands commands;
  return commands;
}

Result<LvmPool> examine_thin_pool(LvmCommands& commands, const ThinPlace& place) {
  auto pool = look(commands, place);
  if (!pool || pool->active) return pool;
  const auto activated = commands.lvm({"lvchange", "-ay", whole_name(place, place.pool)});
  if (!activated) return fail(activated.error());
  return look(commands, place);
}

Result<ThinPoolMaps> read_maps(LvmCommands& commands, const LvmPool& pool) {
  const auto lock = lock_metadata_snapshot(commands, pool.place);
  if (!lock) return fail(lock.error());
  const WithoutInterruption uninterrupted;  // or its metadata snapshot stays
  return read_thin_pool(commands, {.name = whole_name(pool.place, pool.place.pool),
                                   .uuid = pool.device_uuid,
                                   .metadata_device = pool.metadata_device});
}

Result<bool> is_held(LvmCommands& commands, const LvmPool& pool) {
  const auto lock = lock_metadata_snapshot(commands, pool.place);
  if (!lock) return fail(lock.error());
  const auto use = use_of_pool(commands, pool);
  if (!use) return fail(use.error());
  return use->held;
}

Result<ThinPoolUse> use_of_pool(LvmCommands& commands, const LvmPool& pool) {
  const auto line = commands.status(pool.device_uuid);
  if (!line) return fail(line.error());
  return parse_thin_status(*line, to_string(pool.place));
}

}  // namespace lastword

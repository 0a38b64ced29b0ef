// idle-agent [--disks N] [--seconds S] [--directory DIR]: processor time of an agent that watches,
// with N disks in sight, its messages per second, and one survey of these disks, as one line of
// JSON.
//
// The disks are sparse images in DIR, labelled as `lastword label` does it: a mailbox disk, and of
// each node an eighth that may hold a dump; the rest has service data. Opening them, looking for
// their records and reading those is what the agent does with a real disk, through O_DIRECT and
// io_uring, where DIR's file system has that. What is not: SCSI commands are answered in memory, so
// that the kernel's part of four commands to each disk in five seconds is missing, and so is
// the listing of disks in sysfs. The partner never speaks. All else is the agent itself, on the
// machine's clock. Messages are those that it writes to its one mailbox disk; a link carries as
// many.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "agent/daemon/failure_watch.h"
#include "agent/node/state_files.h"
#include "agent/protocol/mailbox.h"
#include "agent/records/label_request.h"
#include "agent/records/label_run.h"
#include "agent/service/start_run.h"
#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::test {
namespace {

struct Options {
  unsigned disks = 64;
  unsigned seconds = 30;
  std::filesystem::path directory = std::filesystem::temp_directory_path() / "lastword-idle-agent";
};

template <class T>
void require(const Result<T>& result) {
  if (result) return;
  std::cerr << "idle-agent: " << describe(result.error()) << "\n";
  std::exit(3);
}

// Images for records and data, a fake shelf for reservations.
class ImageShelf final : public Shelf {
 public:
  ImageShelf(std::vector<std::string> images, fake::Nexus nexus)
      : images_(std::move(images)), nexus_(std::move(nexus)) {}

  Result<std::vector<DiskInfo>> list() override {
    std::vector<DiskInfo> disks;
    for (const std::string& path : images_) {
      const auto info = stat_disk(path);
      if (!info) return fail(info.error());
      disks.push_back(*info);
    }
    return disks;
  }
  Result<OpenDisk> open(const DiskInfo& info, Access access, milliseconds io_timeout) override {
    auto disk = open_disk(info, access, io_timeout);
    if (!disk) return fail(disk.error());
    const auto lun = std::ranges::find(images_, info.path) - images_.begin();
    disk->lun = nexus_.lun(static_cast<unsigned>(lun));
    return disk;
  }
  Result<std::uint64_t> find_records(OpenDisk& disk) override {
    return real_shelf().find_records(disk);
  }
  CacheChanges write_back_early(const DiskInfo&) override { return {}; }
  Status drop_stale_cache(const DiskInfo&) override { return {}; }
  Openers find_openers(const std::vector<std::string>&) override { return {}; }
  Result<bool> is_claimed(const std::string&) override { return false; }
  std::uint64_t count_uevents() override { return 0; }
  Status wait_for_partitions(const std::vector<std::string>&, std::uint64_t) override { return {}; }
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
    return real_shelf().read(requests, timeout);
  }

 private:
  std::vector<std::string> images_;
  fake::Nexus nexus_;
};

std::vector<std::string> make_images(const Options& options) {
  std::filesystem::remove_all(options.directory);
  std::filesystem::create_directories(options.directory);
  std::vector<std::string> images;
  for (unsigned i = 0; i < options.disks; ++i) {
    images.push_back(options.directory / fmt::format("disk{:03}", i));
    std::ofstream(images.back()).close();
    std::filesystem::resize_file(images.back(), 64 << 20);
  }
  return images;
}

void label(const std::string& image, pb::Role role, const Config& config) {
  const LabelWish wish{
      .disks = {image}, .role = role, .home = role == pb::MAILBOX ? "" : config.self.name};
  const auto request = make_label_request(wish, config);
  require(request);
  const milliseconds io_timeout = config.timing.settings.io_timeout;
  const auto disks = prepare_disks(wish.disks, *request, io_timeout, real_executor());
  require(label_disk(disks.front(), *request, io_timeout, real_executor()));
}

// The first one is the mailbox disk; then they are alpha's and beta's in turn.
void label_all(const std::vector<std::string>& images, const Config& alpha, const Config& beta) {
  for (std::size_t i = 0; i < images.size(); ++i) {
    const pb::Role role = i == 0 ? pb::MAILBOX : i / 2 % 8 == 0 ? pb::DUMP : pb::SERVICE;
    label(images[i], role, i % 2 == 0 ? alpha : beta);
  }
}

void start(const Config& config, Surveyor& surveyor) {
  const auto report = start_node(config, true, disks_through(config, surveyor));
  require(report);
  for (const auto& result : report->results) require(result);
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The number of the last message that this node wrote to the mailbox disk.
std::uint64_t last_message(const Config& config, Surveyor& surveyor) {
  const auto look = surveyor.look();
  require(look);
  for (const DiskView& disk : look->survey.disks) {
    if (disk.label && disk.label->role() == pb::MAILBOX) {
      return disk.mailbox.at(config.self.id < config.partner.id ? 0 : 1).sequence();
    }
  }
  return 0;
}

struct SurveyCost {
  double milliseconds = 0;            // median, by the clock
  double processor_milliseconds = 0;  // mean
};

SurveyCost cost_of_survey(Surveyor& surveyor) {
  constexpr int kLooks = 20;
  std::vector<double> times;
  const double used = processor_seconds();
  for (int i = 0; i < kLooks; ++i) {
    const auto from = std::chrono::steady_clock::now();
    require(surveyor.look());
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from).count());
  }
  std::ranges::sort(times);
  return {.milliseconds = times[kLooks / 2],
          .processor_milliseconds = 1000 * (processor_seconds() - used) / kLooks};
}

Config config_of(const Options& options, bool alpha) {
  Config config = cluster_config();
  if (!alpha) std::swap(config.self, config.partner);
  config.state_directory = options.directory / (config.self.name + "-run");
  config.persistent_directory = options.directory / (config.self.name + "-lib");
  return config;
}

int run(const Options& options) {
  const std::vector<std::string> images = make_images(options);
  const Config alpha = config_of(options, true);
  const Config beta = config_of(options, false);
  label_all(images, alpha, beta);
  fake::FakeShelf reservations(
      {.luns = options.disks, .power_on_attention = false, .keeps_trace = false});
  for (const Config* config : {&beta, &alpha}) {
    ImageShelf shelf(images, reservations.connect(config->self.name));
    Surveyor surveyor(*config, shelf, real_executor());
    start(*config, surveyor);
  }
  // Threads that are left behind use it.
  auto& shelf = *new ImageShelf(images, reservations.connect("alpha"));
  Surveyor surveyor(alpha, shelf, real_executor());
  Executor& executor = surveyor.executor();
  const EventSink events = [](const Event& event) {
    std::cerr << format_event("alpha", event, real_executor().unix_ms()) << "\n";
  };
  Heartbeat heartbeat(alpha, shelf, executor, events, "alpha");
  const auto state = load_node_state(alpha);
  require(state);
  // The first looks are not idle.
  constexpr milliseconds kSettling{2'000};
  const Instant begin = executor.now() + kSettling;
  const Instant end = begin + milliseconds(1000) * options.seconds;
  double used = -1;
  std::uint64_t first_message = 0;
  Instant from{};
  const AgentWatch watch{.heartbeat = &heartbeat, .stop_wanted = [&] {
                           if (used < 0 && executor.now() >= begin) {
                             first_message = last_message(alpha, surveyor);
                             from = executor.now();
                             used = processor_seconds();
                           }
                           return executor.now() >= end;
                         }};
  require(wait_for_failure(alpha, *state, surveyor, events, watch));
  used = processor_seconds() - used;
  const double passed = static_cast<double>((executor.now() - from).count()) / 1000;
  const auto messages = static_cast<double>(last_message(alpha, surveyor) - first_message);
  const SurveyCost survey = cost_of_survey(surveyor);
  fmt::print(
      "{{\"disks\": {}, \"seconds\": {:.1f}, \"processor_seconds\": {:.3f}, \"percent\": "
      "{:.3f}, \"messages_per_second\": {:.2f}, \"survey_ms\": {:.2f}, "
      "\"survey_processor_ms\": {:.2f}}}\n",
      options.disks, passed, used, 100 * used / passed, messages / passed, survey.milliseconds,
      survey.processor_milliseconds);
  std::filesystem::remove_all(options.directory);
  return 0;
}

}  // namespace
}  // namespace lastword::test

int main(int count, char** words) {
  lastword::test::Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i];
    if (name == "--disks") options.disks = static_cast<unsigned>(std::atoi(words[i + 1]));
    if (name == "--seconds") options.seconds = static_cast<unsigned>(std::atoi(words[i + 1]));
    if (name == "--directory") options.directory = words[i + 1];
  }
  if (count % 2 == 0 || options.disks < 4 || options.disks > 256) {
    std::cerr << "usage: idle-agent [--disks 4...256] [--seconds S] [--directory DIR]\n";
    return 2;
  }
  return lastword::test::run(options);
}

// alpha, with state directories of its own, at a fake shelf: what tests of start and stop begin
// with.
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <set>
#include <utility>

#include "agent/node/locks.h"
#include "agent/node/persistent_files.h"
#include "agent/node/state_files.h"
#include "agent/service/disk_access.h"
#include "tests/agent/disks/surveyed.h"
#include "tests/fake/check.h"
#include "tests/support/image_file.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {

// The survey is written by hand, /dev/sda is logical unit 0 and so on; the work is done on the
// shelf.
struct ServiceNode {
  explicit ServiceNode(const fake::ShelfOptions& options = {.luns = 6}) : shelf(options) {
    config.state_directory = directory.directory() / "run";
    config.persistent_directory = directory.directory() / "lib";
  }

  // A labelled disk that nobody has; what it says is in `survey` too.
  void add(pb::Role role, std::uint8_t home = kAlpha) {
    const auto number = static_cast<unsigned>(survey.disks.size());
    survey.disks.push_back(surveyed(number, role, home));
    plant(shelf, number, *survey.disks.back().label);
  }
  // The survey sees what start left on the shelf.
  void look_again() {
    for (unsigned i = 0; i < survey.disks.size(); ++i) {
      DiskView& disk = survey.disks[i];
      disk.label = label_on(shelf, i);
      disk.header = header_on(shelf, i);
      disk.keys = shelf.registrations(i).keys;
      disk.reservation = shelf.reservation(i);
      disk.reservations_known = true;
      disk.mailbox = slots_on(shelf, i);
    }
  }

  DiskAccess access() {
    return {
        // One that looks again sees what has become of the shelf.
        .survey = [this, first = true]() mutable -> Result<Survey> {
          if (!std::exchange(first, false)) look_again();
          return survey;
        },
        .work =
            [this](const Survey& of, const std::vector<std::size_t>& disks, const DiskWork& work) {
              if (before_work) before_work();
              std::vector<Result<pb::CoredumpHeader>> results;
              for (std::size_t i = 0; i < disks.size(); ++i) {
                const NodeDisk disk(nexus, static_cast<unsigned>(disks[i]));
                OwnDisk own = disk.own();
                own.keys = of.disks[disks[i]].keys;
                results.push_back(work(own, i));
              }
              return results;
            },
        .executor = executor};
  }
  // As a file system that is full or read-only does: no note can be written.
  void refuse_notes(bool refuse = true) const {
    for (const char* file : {"generation-1", "mailbox-disks", "in-service-1"}) {
      const std::filesystem::path in_the_way = config.persistent_directory + "/" + file + ".new";
      if (refuse) {
        std::filesystem::create_directories(in_the_way);
      } else {
        std::filesystem::remove(in_the_way);
      }
    }
  }
  [[nodiscard]] ReservationKey holder(unsigned lun) const {
    const auto reservation = shelf.reservation(lun);
    return reservation ? reservation->holder : ReservationKey{};
  }

  ImageFile directory{0};
  Config config = cluster_config();
  fake::FakeShelf shelf;
  fake::Nexus nexus = shelf.connect("alpha");
  Survey survey;
  VirtualExecutor executor;
  std::function<void()> before_work;
};

}  // namespace lastword::test

#include "agent/protocol/copies.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kGeneration = 7;

// alpha's spare, held by it, its clone, and another disk.
struct Copies {
  Copies() {
    survey.disks = {in_service(0, pb::SPARE, kGeneration), in_service(0, pb::SPARE, kGeneration),
                    in_service(2, pb::SPARE, kGeneration)};
    survey.disks[1].info.path = "/dev/sdz";
    survey.disks[1].reservation.reset();
  }
  [[nodiscard]] bool is_copy(std::size_t disk) const {
    return is_unheld_copy(survey, config, disk, key);
  }
  [[nodiscard]] bool says(std::size_t disk, std::string_view part) const {
    return describe_copy(survey, config, disk, key).find(part) != std::string::npos;
  }

  Config config = cluster_config();
  ReservationKey key = key_of(kAlpha, kGeneration);
  Survey survey;
};

BOOST_FIXTURE_TEST_SUITE(copies, Copies)

BOOST_AUTO_TEST_CASE(held_one_is_the_disk_and_the_other_names_it) {
  BOOST_TEST(!is_copy(0));
  BOOST_TEST(is_copy(1));
  BOOST_TEST(!is_copy(2));
  BOOST_TEST(says(1, "a clone or a snapshot of /dev/sda, which this node holds"));
}

BOOST_AUTO_TEST_CASE(of_those_that_are_not_held_each_names_the_others) {
  survey.disks[0].reservation->holder = key_of(kAlpha, kGeneration - 1);
  BOOST_TEST(is_copy(0));
  BOOST_TEST(is_copy(1));
  BOOST_TEST(says(0, "the same label as /dev/sdz"));
  BOOST_TEST(says(1, "the same label as /dev/sda"));
  BOOST_TEST(is_unheld_copy(survey, config, 0, std::nullopt));
}

BOOST_AUTO_TEST_CASE(disk_of_another_cluster_is_no_copy) {
  survey.disks[0].label->set_cluster_uuid("00000000-0000-4000-8000-00000000000f");
  BOOST_TEST(!is_copy(0));
  BOOST_TEST(!is_copy(1));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword::test

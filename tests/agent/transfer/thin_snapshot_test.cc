// Which messages and suspensions make the volumes of a snapshot one moment.
#include "agent/transfer/thin_snapshot.h"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/fake/check.h"

namespace lastword {
namespace {

class FakeLvm final : public LvmCommands {
 public:
  Result<std::string> status(const std::string&) override { return std::string(); }
  Status message(const std::string& pool, const std::string& message) override {
    BOOST_TEST(pool == "LVM-x-tpool");
    return note(message);
  }
  Status dump(const std::string&, const std::function<Status(std::span<const char>)>&) override {
    return {};
  }
  Result<std::string> lvm(const std::vector<std::string>&) override { return std::string(); }
  Status suspend(const std::string& device) override { return note("suspend " + device); }
  Status resume(const std::string& device) override { return note("resume " + device); }
  std::string device(const ThinPlace& place, const std::string& volume) override {
    return device_of(place, volume);
  }
  std::string lock_directory() override { return {}; }
  void pause(std::chrono::milliseconds) override {}

  std::set<std::string> fails;
  std::vector<std::string> done;

 private:
  Status note(const std::string& text) {
    done.push_back(text);
    if (!fails.contains(text)) return {};
    return fail({.code = Code::kIo, .operation = "dmsetup"});
  }
};

struct Fixture {
  FakeLvm commands;
  LvmPool pool{.place = {.group = "va", .pool = "pool"}, .device_uuid = "LVM-x-tpool"};
  std::vector<LvmVolume> volumes{{.name = "a", .id = 1, .active = true},
                                 {.name = "b", .id = 2, .active = false},
                                 {.name = "c", .id = 3, .active = true}};
  std::vector<LvmVolume> members{
      {.name = "x", .id = 7}, {.name = "y", .id = 8}, {.name = "z", .id = 9}};
  Status make() { return make_one_moment(commands, pool, volumes, members); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_snapshot, Fixture)

BOOST_AUTO_TEST_CASE(all_that_are_in_use_stand_still_at_one_moment) {
  BOOST_TEST(fake::ok(make()));
  const std::vector<std::string> wanted{"delete 7",
                                        "delete 8",
                                        "delete 9",
                                        "suspend /dev/mapper/va-a",
                                        "suspend /dev/mapper/va-c",
                                        "create_snap 7 1",
                                        "create_snap 8 2",
                                        "create_snap 9 3",
                                        "resume /dev/mapper/va-a",
                                        "resume /dev/mapper/va-c"};
  BOOST_TEST(commands.done == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nothing_stays_suspended_after_an_error) {
  for (const char* step : {"create_snap 8 2", "suspend /dev/mapper/va-c"}) {
    commands.done.clear();
    commands.fails = {step};
    BOOST_TEST(fake::fails(make(), Code::kIo));
    BOOST_TEST(commands.done.back().starts_with("resume /dev/mapper/va-"));
    const auto count = [&](std::string_view what) {
      return std::ranges::count_if(commands.done, [&](const std::string& one) {
        return one.starts_with(what) && one != step;
      });
    };
    BOOST_TEST(count("suspend ") == count("resume "), step);
  }
}

BOOST_AUTO_TEST_CASE(one_that_cannot_be_resumed_is_told_and_the_others_are) {
  for (const std::set<std::string>& fails : {std::set<std::string>{"resume /dev/mapper/va-a"},
                                             {"resume /dev/mapper/va-a", "create_snap 8 2"}}) {
    commands.fails = fails;
    const Status made = make();
    BOOST_TEST_REQUIRE(fake::fails(made, Code::kIo));
    BOOST_TEST(describe(made.error()).find("dmsetup resume /dev/mapper/va-a") != std::string::npos);
    BOOST_TEST(commands.done.back() == "resume /dev/mapper/va-c");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

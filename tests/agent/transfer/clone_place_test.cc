// Directories and thin pools are told apart by their names, and each command reaches its own.
#include "agent/transfer/clone_place.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/transfer/fake_lvm.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword {
namespace {

struct Fixture {
  fake::FakeLvm lvm;
  test::VirtualExecutor executor;
  test::TestFolder folder;

  Fixture() {
    lvm.create("one", 4);
    lvm.fill("one", 1);
  }
  std::unique_ptr<ClonePlace> pool() {
    auto place = ClonePlace::at("lvm:va/pool", lvm);
    BOOST_REQUIRE(fake::ok(place));
    return std::move(*place);
  }
  std::unique_ptr<ClonePlace> directory(const std::string& path) {
    auto place = ClonePlace::at(path, lvm);
    BOOST_REQUIRE(fake::ok(place));
    return std::move(*place);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(clone_place, Fixture)

BOOST_AUTO_TEST_CASE(pools_begin_with_lvm_and_all_else_is_a_directory) {
  BOOST_TEST(fake::fails(pool()->require_directory(), Code::kUsage));
  for (const char* path : {"/srv/luns", "lvm", "va/pool", "./lvm:va/pool"}) {
    BOOST_TEST(fake::ok(directory(path)->require_directory()));
    BOOST_TEST(directory(path)->devices()->empty());
  }
  BOOST_TEST(fake::fails(ClonePlace::at("lvm:va", lvm), Code::kUsage));
}

BOOST_AUTO_TEST_CASE(pool_is_a_set_of_its_own) {
  const auto place = pool();
  BOOST_TEST(fake::fails(place->examine(), Code::kNotFound));
  BOOST_TEST(place->snapshots()->empty());
  const auto first = place->take_snapshot(executor);
  BOOST_REQUIRE(fake::ok(first));
  executor.sleep(milliseconds(1000));
  const auto second = place->take_snapshot(executor);
  BOOST_REQUIRE(fake::ok(second));
  BOOST_TEST((*place->snapshots() == std::vector<std::string>{first->uuid(), second->uuid()}));
  const auto set = place->examine();
  BOOST_REQUIRE(fake::ok(set));
  BOOST_TEST(set->name == "pool");
  BOOST_TEST(set->snapshots.size() == 2U);
  const auto list = place->list();
  BOOST_REQUIRE(fake::ok(list));
  BOOST_TEST(list->volumes_size() == 5);
  BOOST_TEST(place->verify("")->uuid() == second->uuid());
  BOOST_TEST(place->verify(first->uuid())->uuid() == first->uuid());
  BOOST_TEST((*place->devices() ==
              std::vector<std::string>{"/dev/mapper/va-pool-tpool", "/dev/mapper/va-pool"}));

  BOOST_TEST(fake::ok(place->note_common("pipe", first->uuid())));
  const auto pruned = place->prune(1, false);
  BOOST_REQUIRE(fake::ok(pruned));
  BOOST_TEST(pruned->kept_common.front() == first->uuid());
  BOOST_TEST(place->prune(1, true)->remove.front() == first->uuid());
  BOOST_TEST((*place->snapshots() == std::vector<std::string>{second->uuid()}));
}

BOOST_AUTO_TEST_CASE(pool_keeps_nothing_to_go_on_with) {
  const auto place = pool();
  BOOST_TEST(place->staged()->empty());
  BOOST_TEST(lvm.done.empty());
  BOOST_TEST(!*place->remove_staged());
  lvm.create("left", 1);
  lvm.find("left")->tags.push_back("lastword.staged=11111111-1111-4111-8111-111111111111");
  BOOST_TEST(*place->remove_staged());
  BOOST_TEST(lvm.find("left") == nullptr);
}

BOOST_AUTO_TEST_CASE(directory_has_nothing_of_a_pool) {
  const std::string path = folder.file("srv");
  std::filesystem::create_directories(path);
  const auto place = directory(path);
  BOOST_TEST(place->snapshots()->empty());
  BOOST_TEST(place->staged()->empty());
  BOOST_TEST(!*place->remove_staged());
  BOOST_TEST(fake::fails(place->examine(), Code::kNotFound));
  BOOST_TEST(lvm.done.empty());
}

BOOST_AUTO_TEST_CASE(what_a_killed_transfer_leaves_is_told_with_the_command_that_removes_it) {
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
  };
  for (const bool resumable : {false, true}) {
    const std::string thin = pool()->left_by_receive(resumable);
    BOOST_TEST(has(thin, "lastword-UUID-staged-N of va/pool"), thin);
    BOOST_TEST(has(thin, "lastword clone abort lvm:va/pool"), thin);
    BOOST_TEST(!has(thin, "goes on where"), thin);
    const std::string files = directory("/backup")->left_by_receive(resumable);
    BOOST_TEST(has(files, "lastword clone abort /backup"), files);
    BOOST_TEST(has(files, "goes on where") == resumable, files);
  }
  BOOST_TEST(
      has(pool()->left_by_publishing(), "lastword clone snapshots lvm:va/pool says whether"));
  BOOST_TEST(has(pool()->left_by_publishing(), "lastword clone abort lvm:va/pool"));
  BOOST_TEST(has(directory("/backup")->left_by_publishing(), "lastword clone abort /backup"));
  BOOST_TEST(has(pool()->left_by_send(), "lvchange -an"));
  BOOST_TEST(directory("/srv")->left_by_send().empty());
}

BOOST_AUTO_TEST_CASE(set_is_in_a_directory_and_is_the_pool) {
  BOOST_TEST(set_in("/backup", "db") == "/backup/db");
  BOOST_TEST(set_in("lvm:vb/pool", "db") == "lvm:vb/pool");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

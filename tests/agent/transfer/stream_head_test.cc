// What the head of a stream from another machine may say.
#include "agent/transfer/stream_head.h"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"

namespace lastword::fake {
namespace {

using Head = pb::CloneStreamHead;

Head good_head() {
  Sets sets;
  sets.pool.put("a", {1});
  sets.pool.put("b", {2});
  sets.base = {"a"};
  sets.volumes = {"a", "b"};
  return head_of_sets(sets);
}

Status check(const Head& head) {
  return check_head(head, *parse_uuid(kSnapshotUuid));
}

void refused(const std::function<void(Head&)>& spoil) {
  Head head = good_head();
  spoil(head);
  BOOST_TEST(fails(check(head), Code::kCorrupt));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stream_head)

BOOST_AUTO_TEST_CASE(good_one) {
  BOOST_TEST(ok(check(good_head())));
}

BOOST_AUTO_TEST_CASE(begin_inside_the_volumes_and_at_a_range) {
  const auto begins = [](std::uint32_t volume, std::uint64_t offset) {
    return [volume, offset](Head& head) {
      head.mutable_snapshot()->mutable_volumes(1)->set_size(3 << 20);
      head.mutable_start()->set_volume(volume);
      head.mutable_start()->set_offset(offset);
    };
  };
  const auto good = {begins(0, 0), begins(1, 0), begins(1, 2 << 20), begins(2, 0)};
  for (const auto& place : good) {
    Head head = good_head();
    place(head);
    BOOST_TEST(ok(check(head)));
  }
  refused(begins(3, 0));
  refused(begins(2, 1 << 20));
  refused(begins(1, 4096));
  refused(begins(1, 3 << 20));
  refused(begins(0, 1 << 20));
  refused(begins(0, ~std::uint64_t{0} - (1 << 20) + 1));
}

BOOST_AUTO_TEST_CASE(continuation_is_the_same_stream) {
  Head other = good_head();
  other.mutable_start()->set_volume(1);
  other.set_data_bytes(5);
  BOOST_TEST(same_stream(good_head(), other));
  const std::vector<std::function<void(Head&)>> changes{
      [](Head& head) { head.set_block_bytes(512); }, [](Head& head) { head.clear_base_uuid(); },
      [](Head& head) { head.mutable_base_volumes(0)->set_root("x"); },
      [](Head& head) { head.mutable_snapshot()->mutable_volumes(0)->set_size(5); }};
  for (const auto& change : changes) {
    other = good_head();
    change(other);
    BOOST_TEST(!same_stream(good_head(), other));
  }
}

BOOST_AUTO_TEST_CASE(hostile_names) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../etc"),
        std::string("/etc/passwd"), std::string("a/b"), std::string("-rf"), std::string(".hashes"),
        std::string("snapshots"), std::string("a\nb"), std::string("a\x1b[31m"),
        std::string("a\0b", 3), std::string("\xff"), std::string("\x7f"), std::string(201, 'a')}) {
    BOOST_TEST(!check_clone_name(name).has_value(), name);
    refused([&](Head& head) { head.mutable_snapshot()->mutable_volumes(1)->set_name(name); });
    refused([&](Head& head) { head.mutable_snapshot()->set_set_name(name); });
  }
  for (const char* name : {"a", "vm 1.img", "with spaces and ünicode", "a-", "a..", "snapshots2"}) {
    BOOST_TEST(ok(check_clone_name(name)));
  }
}

BOOST_AUTO_TEST_CASE(one_uuid_or_name_twice) {
  refused([](Head& head) {
    auto& volumes = *head.mutable_snapshot()->mutable_volumes();
    volumes[1].set_uuid(volumes[0].uuid());
  });
  refused([](Head& head) { head.mutable_snapshot()->mutable_volumes(1)->set_name("a"); });
  refused([](Head& head) { *head.add_base_volumes() = head.base_volumes(0); });
}

BOOST_AUTO_TEST_CASE(uuids_that_are_none) {
  for (const char* uuid :
       {"", "x", "../../../../etc/passwd", "AAAAAAAA-0000-4000-8000-000000000000"}) {
    refused([&](Head& head) { head.mutable_snapshot()->set_uuid(uuid); });
    refused([&](Head& head) { head.mutable_snapshot()->set_set_uuid(uuid); });
    refused([&](Head& head) { head.mutable_snapshot()->mutable_volumes(0)->set_uuid(uuid); });
    refused([&](Head& head) { head.mutable_base_volumes(0)->set_uuid(uuid); });
    refused([&](Head& head) { head.set_base_uuid(uuid); });
  }
  refused([](Head& head) { head.set_base_uuid(kSnapshotUuid); });
}

BOOST_AUTO_TEST_CASE(sizes_near_the_end_of_numbers) {
  for (const std::uint64_t size :
       {kMaxVolumeBytes + 1, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    refused([&](Head& head) { head.mutable_snapshot()->mutable_volumes(0)->set_size(size); });
    refused([&](Head& head) { head.mutable_base_volumes(0)->set_size(size); });
  }
  refused([](Head& head) { head.set_data_bytes(~std::uint64_t{0}); });
  refused([](Head& head) {
    for (int i = 0; i < 4; ++i) {
      auto& volume = *head.mutable_snapshot()->add_volumes();
      volume.set_name(fmt::format("v{}", i));
      volume.set_uuid(volume_uuid('c', static_cast<std::size_t>(i)));
      volume.set_size(kMaxVolumeBytes);
    }
  });
}

BOOST_AUTO_TEST_CASE(block_sizes_that_are_none) {
  for (const std::uint32_t bytes : {0U, 1U, 256U, 4097U, 131072U, 0xffffffffU}) {
    refused([&](Head& head) { head.set_block_bytes(bytes); });
  }
}

BOOST_AUTO_TEST_CASE(sizes_of_what_is_shared_that_are_none) {
  Head large = good_head();
  large.set_share_bytes(1 << 20);
  BOOST_TEST(ok(check(large)));
  for (const std::uint32_t bytes : {1U, 512U, 12288U, 2097152U, 0xffffffffU}) {
    refused([&](Head& head) { head.set_share_bytes(bytes); });
  }
}

BOOST_AUTO_TEST_CASE(parents_that_cannot_be) {
  const auto with = [](int of, pb::CloneParent::Kind kind, std::uint32_t volume) {
    return [=](Head& head) {
      for (int i = 0; i < head.snapshot().volumes_size(); ++i) head.add_parents();
      head.mutable_parents(of)->set_kind(kind);
      head.mutable_parents(of)->set_volume(volume);
    };
  };
  const auto taken = [&](int of, pb::CloneParent::Kind kind, std::uint32_t volume) {
    Head head = good_head();
    with(of, kind, volume)(head);
    return check_head(head, *parse_uuid(kSnapshotUuid)).has_value();
  };
  BOOST_TEST(taken(1, pb::CloneParent::SENT, 0));
  BOOST_TEST(taken(0, pb::CloneParent::BASE, 0));
  refused(with(0, pb::CloneParent::SENT, 0));
  refused(with(1, pb::CloneParent::SENT, 1));
  refused(with(1, pb::CloneParent::SENT, 0xffffffffU));
  refused(with(0, pb::CloneParent::BASE, 1));
  refused(with(0, pb::CloneParent::NONE, 1));
  refused([](Head& head) { head.add_parents(); });
  refused([](Head& head) { head.mutable_snapshot()->mutable_volumes(0)->set_ancestor(true); });
}

BOOST_AUTO_TEST_CASE(base_and_its_volumes_go_together) {
  refused([](Head& head) { head.clear_base_uuid(); });
  refused([](Head& head) { head.clear_base_volumes(); });
  refused([](Head& head) { head.mutable_base_volumes(0)->set_root("00"); });
  refused([](Head& head) { head.mutable_snapshot()->clear_volumes(); });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake

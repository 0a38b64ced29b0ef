#include "tests/dumpwriter/dump_fixture.h"

#include <lz4.h>
#include <zstd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "proto/crc32c.h"

namespace lastword::test {
namespace {

const std::string kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
constexpr std::uint32_t kGeneration = 7;

ReservationKey key_of(std::uint8_t node) {
  return make_key(
      {.cluster = cluster_key_bits(kCluster), .node = node, .boot_generation = kGeneration});
}

std::string uuid_of(unsigned disk) {
  return "00000000-0000-4000-8000-00000000000" + std::to_string(disk);
}

}  // namespace

Result<Completion> TimedEngine::wait(milliseconds timeout) {
  const bool ready = ready_when_polled && in_flight() > 0;
  if (hung_ || (timeout == milliseconds(0) && !ready)) {
    clock_.now += timeout;
    return fail({.code = Code::kTimeout, .operation = "wait"});
  }
  if (!queued_.empty() && engine_.in_flight() == 0) {
    order_ = order_ * 1664525 + 1013904223;  // Numerical Recipes' generator
    std::size_t index = newest_first ? queued_.size() - 1 : (order_ >> 16) % queued_.size();
    if (!newest_first && oldest_passed_over_ == 2) index = 0;  // a disk starves nobody
    oldest_passed_over_ = index == 0 ? 0 : oldest_passed_over_ + 1;
    const auto next = queued_.begin() + static_cast<long>(index);
    const auto command = *next;
    queued_.erase(next);
    if (Status status = command(); !status) return fail(status.error());
  }
  auto completion = engine_.wait(timeout);
  const bool in_vain = !completion && completion.error().code == Code::kTimeout;
  clock_.now += in_vain ? timeout : per_completion;
  return completion;
}

namespace {

std::vector<std::byte> decode(const SectionHeader& header, std::span<const std::byte> stored) {
  std::vector<std::byte> raw(header.raw_bytes);
  switch (static_cast<Codec>(header.codec)) {
    case Codec::kNone:
      raw.assign(stored.begin(), stored.end());
      break;
    case Codec::kLz4:
      BOOST_TEST(::LZ4_decompress_safe(
                     reinterpret_cast<const char*>(stored.data()),
                     reinterpret_cast<char*>(raw.data()), static_cast<int>(stored.size()),
                     static_cast<int>(raw.size())) == static_cast<int>(raw.size()));
      break;
    case Codec::kZstd:
      BOOST_TEST(::ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size()) ==
                 raw.size());
      break;
  }
  return raw;
}

}  // namespace

StreamContent read_stream(std::span<const std::byte> stream,
                          std::span<const std::uint8_t, 16> crash_id) {
  StreamContent content;
  std::size_t at = 0;
  while (stream.size() - at >= kBlockBytes) {
    const auto block = stream.subspan(at).first<kBlockBytes>();
    const auto header = parse_section(block, content.kinds.size(), crash_id);
    if (!header) {
      content.stopped = header.error().code;
      break;
    }
    const std::size_t next = at + kBlockBytes + round_up_to_block(header->stored_bytes);
    if (next > stream.size()) break;
    const auto payload = stream.subspan(at + kBlockBytes, header->stored_bytes);
    if (crc32c(payload) != header->payload_crc32c) {
      content.stopped = Code::kCorrupt;
      break;
    }
    const std::vector<std::byte> raw = decode(*header, payload);
    const std::string text(reinterpret_cast<const char*>(raw.data()), raw.size());
    const auto kind = static_cast<SectionKind>(header->kind);
    content.kinds.push_back(kind);
    content.headers.push_back(*header);
    if (kind == SectionKind::kElfHead) content.head += text;
    if (kind == SectionKind::kDmesg) content.log += text;
    if (kind == SectionKind::kEnd) {
      std::memcpy(&content.end.emplace(), raw.data(), sizeof(EndPayload));
    }
    if (kind == SectionKind::kPages) {
      const std::byte* page = raw.data();
      for (const PageRun& run : runs_of(block, *header)) {
        for (std::uint64_t pfn = run.pfn; pfn < run.pfn + run.count; ++pfn) {
          BOOST_TEST(content.runs.emplace(pfn, run).second, "told of twice: " << pfn);
          content.passes[pfn] = static_cast<PagePass>(header->pass);
          if (!content.is(pfn, RunKind::kStored)) continue;
          std::memcpy(content.pages[pfn].data(), page, kPageBytes);
          page += kPageBytes;
        }
      }
    }
    at = next;
    content.boundaries.push_back(at);
  }
  return content;
}

// Records on the medium, past every reservation and fault.
class DumpFixture::Medium final : public BlockDevice {
 public:
  Medium(fake::FakeShelf& shelf, unsigned disk) : shelf_(shelf), disk_(disk) {}
  [[nodiscard]] std::string_view name() const override { return "medium"; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return kDiskBytes; }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    shelf_.peek(disk_, offset, buffer);
    return {};
  }
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    shelf_.poke(disk_, offset, buffer);
    return {};
  }
  [[nodiscard]] Status flush() override { return {}; }
  [[nodiscard]] Status flush_all() override { return {}; }

 private:
  fake::FakeShelf& shelf_;
  unsigned disk_;
};

DumpFixture::DumpFixture()
    : shelf({.luns = kDisks, .lun_bytes = kDiskBytes}),
      alpha(shelf.connect("alpha")),
      beta(shelf.connect("beta")) {
  plan.set_cluster_uuid(kCluster);
  plan.set_node_name("alpha");
  plan.set_node(1);
  plan.set_boot_generation(kGeneration);
  plan.set_reservation_key(key_of(1).value);
  plan.set_nonce("nonce");
  settings = {.crash_id = random_uuid(),
              .limit = milliseconds(60'000),
              .io_timeout = milliseconds(5000),
              .codec = {.automatic = false, .fixed = {}}};
  for (unsigned i = 0; i < kDisks; ++i) {
    auto& lun = *luns_.emplace_back(alpha.lun(i));
    (void)lun.test_unit_ready();  // the unit attention of a new nexus
    BOOST_REQUIRE(lun.register_ignoring_existing(key_of(1), false).has_value());
    BOOST_REQUIRE(lun.reserve(key_of(1), kOwnerType).has_value());

    pb::Candidate& candidate = *plan.add_candidates();
    candidate.set_disk_uuid(uuid_of(i));
    candidate.set_rank(i + 1);
    candidate.set_metadata_offset_bytes(kMetadataOffset);
    candidate.set_data_offset_bytes(kDataOffset);
    candidate.set_data_length_bytes(kDiskBytes - kDataOffset);

    pb::Label label;
    label.set_cluster_uuid(kCluster);
    label.set_disk_uuid(uuid_of(i));
    label.set_role(pb::DUMP);
    label.set_home_node(1);
    label.set_owner_node(1);
    label.set_owner_generation(kGeneration);
    label.set_data_offset_bytes(candidate.data_offset_bytes());
    label.set_data_length_bytes(candidate.data_length_bytes());
    put_label(i, label);

    pb::CoredumpHeader armed;
    armed.set_attribute(pb::ARMED);
    armed.set_node(1);
    armed.set_boot_generation(kGeneration);
    armed.set_rank(i + 1);
    armed.add_plan_nonces("nonce");
    put_header(i, armed);

    engines.emplace_back(*devices_.emplace_back(alpha.device(i)), clock);
    candidates.push_back({.disk_uuid = candidate.disk_uuid(), .target = nullptr, .problem = {}});
  }
  shelf.clear_trace();
}

DumpEnd DumpFixture::run() {
  core.write(folder.file("vmcore"));
  const auto vmcore = Vmcore::open(folder.file("vmcore"));
  BOOST_REQUIRE(vmcore.has_value());
  return run(&*vmcore);
}

DumpEnd DumpFixture::run(const Vmcore* vmcore) {
  const Vmcoreinfo info = vmcore != nullptr ? vmcore->vmcoreinfo() : Vmcoreinfo();
  const DumpIdentity identity{.node = 1,
                              .boot_generation = kGeneration,
                              .crash_id = settings.crash_id,
                              .limit = settings.limit,
                              .memory_bytes = vmcore != nullptr ? vmcore->memory_bytes() : 0,
                              .kernel_release = std::string(info.value("OSRELEASE").value_or(""))};
  for (unsigned i = 0; i < kDisks; ++i) {
    if (!candidates[i].problem.operation.empty()) continue;
    const pb::Candidate& planned = plan.candidates(static_cast<int>(i));
    candidates[i].target = &targets_.emplace_back(
        TargetDisk{.device = *devices_[i],
                   .lun = luns_[i].get(),
                   .engine = engines[i],
                   .metadata_offset = kMetadataOffset},
        [this, &planned](const pb::Label& label, const pb::CoredumpHeader& header,
                         const std::optional<Reservation>& reservation) {
          return check_candidate(plan, planned, label, header, reservation);
        },
        identity, clock, settings.io_timeout);
  }
  const Error core_error{.code = Code::kCorrupt, .operation = "open vmcore"};
  CompressorPool pool(engine_size);
  return DumpRun(candidates, vmcore, core_error, *classes, pool, settings, clock, reporter).run();
}

pb::CoredumpHeader DumpFixture::header(unsigned disk) {
  Medium medium(shelf, disk);
  pb::CoredumpHeader header;
  if (!RecordIo(medium, kMetadataOffset).read(RecordPlace::kCoredump, header)) header.Clear();
  return header;
}

void DumpFixture::put_header(unsigned disk, const pb::CoredumpHeader& header) {
  Medium medium(shelf, disk);
  BOOST_REQUIRE(RecordIo(medium, kMetadataOffset).put(RecordPlace::kCoredump, header).has_value());
}

void DumpFixture::put_label(unsigned disk, const pb::Label& label) {
  Medium medium(shelf, disk);
  BOOST_REQUIRE(RecordIo(medium, kMetadataOffset).put(RecordPlace::kLabel, label).has_value());
}

std::vector<std::byte> DumpFixture::data_region(unsigned disk) {
  std::vector<std::byte> bytes(kDiskBytes - kDataOffset);
  shelf.peek(disk, kDataOffset, bytes);
  return bytes;
}

void DumpFixture::check_pages(const StreamContent& content, bool all) const {
  for (const auto& [pfn, page] : core.frames()) {
    BOOST_TEST_INFO("page frame " << pfn);
    const auto run = content.runs.find(pfn);
    if (run == content.runs.end()) {
      BOOST_TEST(!all);
      continue;
    }
    if (content.is(pfn, RunKind::kExcluded)) continue;
    const bool zero = page == fake::Page{};
    BOOST_TEST(content.is(pfn, zero ? RunKind::kZero : RunKind::kStored));
    if (!zero) BOOST_TEST((content.pages.at(pfn) == page));
  }
}

std::vector<fake::CommandTrace> DumpFixture::commands(unsigned disk) const {
  std::vector<fake::CommandTrace> found;
  for (const fake::CommandTrace& command : shelf.trace()) {
    if (command.lun == disk && command.initiator == "alpha") found.push_back(command);
  }
  return found;
}

}  // namespace lastword::test

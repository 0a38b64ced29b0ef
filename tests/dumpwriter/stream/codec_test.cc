// Codecs: what a person may ask for, what a chunk becomes, what `auto` decides, and how much memory
// all of it takes.
#include <boost/test/unit_test.hpp>
#include <random>
#include <thread>

#include "dumpwriter/memory/essential_frames.h"
#include "dumpwriter/memory/memory_map.h"
#include "dumpwriter/memory/page_reader.h"
#include "dumpwriter/stream/compressor_pool.h"
#include "dumpwriter/stream/disk_writer.h"
#include "dumpwriter/stream/work_estimate.h"
#include "proto/crc32c.h"
#include "storage/codec/codec_chooser.h"

namespace lastword {
namespace {

std::vector<std::byte> text(std::size_t bytes) {
  std::vector<std::byte> result;
  for (unsigned i = 0; result.size() < bytes; ++i) {
    const std::string line = "line " + std::to_string(i % 1000) + " of the kernel's memory\n";
    const auto view = std::as_bytes(std::span(line));
    result.insert(result.end(), view.begin(), view.end());
  }
  result.resize(bytes);
  return result;
}

std::vector<std::byte> noise(std::size_t bytes) {
  std::mt19937_64 random(7);
  std::vector<std::byte> result(bytes);
  for (std::byte& one : result) one = static_cast<std::byte>(random());
  return result;
}

constexpr CodecLevel kNone{};
constexpr CodecLevel kLz4{.codec = Codec::kLz4};
constexpr CodecLevel kZstd1{.codec = Codec::kZstd, .level = 1};
constexpr CodecLevel kZstd3{.codec = Codec::kZstd, .level = 3};

// A machine that lets `auto` run: the codec's speed and the disk's in bytes per millisecond.
struct Machine {
  double disk = 1000;
  std::array<double, 4> speed{1e9, 1000, 500, 250};
  std::array<double, 4> ratio{1, 0.5, 0.4, 0.35};
  unsigned noise_chunks = 0;  // so many that no codec shrinks follow as many of the others

  // The codec after so many chunks.
  CodecLevel run(CodecChooser& chooser, unsigned chunks) {
    for (unsigned i = 0; i < chunks; ++i) {
      const CodecLevel codec = chooser.current();
      const auto at = static_cast<std::size_t>(
          std::find(CodecChooser::kLadder.begin(), CodecChooser::kLadder.end(), codec) -
          CodecChooser::kLadder.begin());
      const double raw = kSectionPayloadBytes;
      const bool noise = noise_chunks > 0 && i / noise_chunks % 2 == 1;
      const double stored = raw * (noise ? 1 : ratio.at(at));
      const double compress_ms = raw / (speed.at(at) * (noise ? 4 : 1));
      const double write_ms = stored / disk;
      chooser.compressed(codec, kSectionPayloadBytes, static_cast<std::size_t>(stored),
                         nanoseconds(static_cast<long>(compress_ms * 1e6)));
      if (write_ms > compress_ms) {
        chooser.waited(nanoseconds(static_cast<long>((write_ms - compress_ms) * 1e6)));
      }
      now += nanoseconds(static_cast<long>(std::max(compress_ms, write_ms) * 1e6));
      chooser.chunk_done(now);
      ++used[at];
    }
    return chooser.current();
  }
  nanoseconds now{0};
  unsigned used[4] = {};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_setting)

BOOST_AUTO_TEST_CASE(names_are_read_and_printed_alike) {
  for (const std::string_view name : {"auto", "none", "lz4", "zstd:1", "zstd:6"}) {
    const auto setting = CodecSetting::parse(name);
    BOOST_REQUIRE(setting.has_value());
    BOOST_TEST(text_of(*setting).view() == name);
  }
  BOOST_TEST((CodecSetting::parse("zstd")->fixed == kZstd1));
}

BOOST_AUTO_TEST_CASE(others_are_refused_with_what_is_wanted) {
  for (const std::string_view name : {"", "gzip", "zstd:", "zstd:0", "zstd:7", "zstd:10", "LZ4"}) {
    const auto setting = CodecSetting::parse(name);
    BOOST_REQUIRE(!setting.has_value());
    BOOST_TEST((setting.error().code == Code::kUsage));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(chunk_compressor)

BOOST_AUTO_TEST_CASE(chunk_of_any_size_shrinks_or_is_refused) {
  ChunkCompressor compressor(kMaxZstdLevel);
  std::vector<std::byte> out(kSectionPayloadBytes);
  for (int level = kMinZstdLevel; level <= kMaxZstdLevel; ++level) {
    const CodecLevel zstd{.codec = Codec::kZstd, .level = level};
    for (const std::size_t bytes : {2 * kPageBytes, 17 * kPageBytes, kSectionPayloadBytes}) {
      const std::size_t stored = compressor.compress(zstd, text(bytes), out);
      BOOST_TEST(stored > 0U);
      BOOST_TEST(stored <= bytes - kBlockBytes);
      BOOST_TEST(compressor.compress(zstd, noise(bytes), out) == 0U);
    }
  }
  BOOST_TEST(compressor.compress(kLz4, text(kSectionPayloadBytes), out) > 0U);
  BOOST_TEST(compressor.compress(kLz4, noise(kSectionPayloadBytes), out) == 0U);
  // One block cannot become less than one block.
  BOOST_TEST(compressor.compress(kLz4, text(kPageBytes), out) == 0U);
  BOOST_TEST(compressor.compress(kNone, text(kSectionPayloadBytes), out) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(compressor_pool)

BOOST_AUTO_TEST_CASE(all_processors_give_the_same_in_any_order) {
  const auto content = text(kSectionPayloadBytes);
  for (const unsigned processors : {1U, 2U, 4U}) {
    CompressorPool pool({.processors = processors, .max_zstd_level = 1});
    std::array<CompressJob, 8> jobs;
    std::vector<std::vector<std::byte>> outs(jobs.size(),
                                             std::vector<std::byte>(kSectionPayloadBytes));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      jobs[i] = {.raw = std::span(content).first((i + 2) * kPageBytes),
                 .out = outs[i],
                 .codec = i % 2 == 0 ? kZstd1 : kLz4};
      pool.submit(jobs[i]);
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      while (!pool.is_done(jobs[i])) {
        if (!pool.help()) (void)pool.wait(jobs[i], std::chrono::milliseconds(100));
      }
      BOOST_TEST(jobs[i].stored_bytes < jobs[i].raw.size());
      BOOST_TEST(jobs[i].crc == crc32c(std::span(outs[i]).first(jobs[i].stored_bytes)));
    }
  }
}

BOOST_AUTO_TEST_CASE(chunk_that_does_not_shrink_arrives_as_it_is) {
  CompressorPool pool({.max_zstd_level = 1});
  const auto content = noise(kSectionPayloadBytes);
  std::vector<std::byte> out(kSectionPayloadBytes);
  CompressJob job{.raw = content, .out = out, .codec = kZstd1};
  pool.submit(job);
  BOOST_TEST((job.codec == kNone));
  BOOST_TEST(job.stored_bytes == content.size());
  BOOST_TEST((out == content));
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_whatever_the_machine) {
  for (const std::string_view codec : {"none", "auto", "lz4", "zstd:3", "zstd:6"}) {
    const CodecSetting setting = CodecSetting::parse(codec).value();
    for (const std::size_t candidates : {1U, 3U}) {
      for (const unsigned processors : {1U, 2U, 4U, 256U}) {
        const EngineSize size = size_engine(processors, candidates, setting);
        BOOST_TEST(size.bytes(candidates) <= kEngineBudgetBytes,
                   codec << " " << candidates << " " << processors);
        BOOST_TEST(size.processors >= 1U);
        BOOST_TEST(size.processors <= processors);
        BOOST_TEST(size.data_buffers <= kMaxDataBuffers);
      }
    }
  }
  BOOST_TEST(size_engine(2, 3, {}).processors == 2U);
}

BOOST_AUTO_TEST_CASE(memory_that_is_left_goes_into_compressing_ahead) {
  const CodecSetting lz4{.automatic = false, .fixed = kLz4};
  const EngineSize alone = size_engine(2, 1, lz4);
  const EngineSize of_three = size_engine(2, 3, lz4);
  BOOST_TEST(of_three.processors == alone.processors);
  BOOST_TEST(of_three.data_buffers >= 5U);
  BOOST_TEST(alone.data_buffers > of_three.data_buffers);
  BOOST_TEST(alone.raw_buffers() > of_three.raw_buffers());
}

// Everything that grows with the machine's memory is its map, and up to a bound what is essential.
BOOST_AUTO_TEST_CASE(map_of_4_tib_in_thousands_of_segments_fits_into_16_mib) {
  constexpr std::uint64_t kSegments = 8192;
  constexpr std::uint64_t kSegmentBytes = (std::uint64_t{4} << 40) / kSegments;
  std::vector<LoadSegment> segments;
  for (std::uint64_t i = 0; i < kSegments; ++i) {
    const std::uint64_t at = i * (kSegmentBytes + kPageBytes) + 0x800;  // both ends inside a frame
    segments.push_back({.vaddr = at, .paddr = at, .file_offset = at, .bytes = kSegmentBytes});
  }
  const auto map = MemoryMap::build(segments);
  BOOST_REQUIRE(map.has_value());
  BOOST_TEST(map->frame_count() >= (std::uint64_t{4} << 40) / kPageBytes);
  constexpr std::size_t kProgram = 3 << 20;  // text, stacks, what does not grow
  constexpr std::size_t kEssential = 2 * FrameIntervals::kMost * sizeof(FrameInterval);
  const std::size_t bytes =
      map->memory_bytes() + kEssential + kReadBytes + kProgram + size_engine(1, 3, {}).bytes(3);
  BOOST_TEST(bytes <= std::size_t{16} << 20);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(codec_chooser)

BOOST_AUTO_TEST_CASE(slow_disk_gets_the_hardest_codec) {
  Machine machine{.disk = 20};
  CodecChooser chooser({}, 1);
  BOOST_TEST((machine.run(chooser, 100) == kZstd3));
}

BOOST_AUTO_TEST_CASE(fast_disk_gets_pages_as_they_are) {
  Machine machine{.disk = 3000};
  CodecChooser chooser({}, 1);
  BOOST_TEST((machine.run(chooser, 100) == kNone));
  machine.used[0] = machine.used[1] = 0;
  (void)machine.run(chooser, 1000);
  BOOST_TEST(machine.used[0] > 900U);  // and stays so but for a try now and then
}

BOOST_AUTO_TEST_CASE(disk_in_between_gets_what_is_fastest_in_all) {
  // none 400, lz4 800 by the disk, zstd 500 by the processor.
  Machine machine{.disk = 400};
  CodecChooser chooser({}, 1);
  (void)machine.run(chooser, 1000);
  BOOST_TEST(machine.used[1] > 850U);
}

BOOST_AUTO_TEST_CASE(equally_fast_codecs_leave_the_smaller_dump) {
  // As pages are, the disk is the bottleneck, with lz4 the processor: both in the same time.
  Machine machine{.disk = 500, .speed = {1e9, 490, 200, 100}};
  CodecChooser chooser({}, 1);
  (void)machine.run(chooser, 1000);
  BOOST_TEST(machine.used[1] > 850U);
}

BOOST_AUTO_TEST_CASE(disk_that_becomes_slow_is_followed) {
  Machine machine{.disk = 3000};
  CodecChooser chooser({}, 1);
  BOOST_TEST((machine.run(chooser, 100) == kNone));
  machine.disk = 20;
  BOOST_TEST((machine.run(chooser, 100) == kZstd3));
  machine.disk = 3000;
  BOOST_TEST((machine.run(chooser, 1000) == kNone));
}

BOOST_AUTO_TEST_CASE(content_that_changes_is_judged_by_its_mean) {
  Machine machine{.disk = 500e3, .speed = {1e12, 1e6, 5e5, 2.5e5}, .noise_chunks = 4};
  CodecChooser chooser({}, 1);
  (void)machine.run(chooser, 1000);
  BOOST_TEST(machine.used[1] > 850U);
}

BOOST_AUTO_TEST_CASE(codec_that_is_much_too_hard_is_tried_once) {
  Machine machine{.disk = 400, .speed = {1e9, 1000, 100, 50}};
  CodecChooser chooser({}, 1);
  (void)machine.run(chooser, 5000);
  BOOST_TEST(machine.used[2] == CodecChooser::kChunksPerDecision);
  BOOST_TEST(machine.used[3] == 0U);
}

BOOST_AUTO_TEST_CASE(content_that_does_not_shrink_is_not_compressed_in_vain) {
  Machine machine{.disk = 400};
  machine.ratio[1] = machine.ratio[2] = machine.ratio[3] = 1;
  CodecChooser chooser({}, 1);
  (void)machine.run(chooser, 1000);
  BOOST_TEST(machine.used[3] < 100U);  // would be slower than the disk
}

BOOST_AUTO_TEST_CASE(what_was_asked_for_stays) {
  Machine machine{.disk = 20};
  CodecChooser chooser({.automatic = false, .fixed = kLz4}, 1);
  BOOST_TEST((machine.run(chooser, 100) == kLz4));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(work_estimate)

BOOST_AUTO_TEST_CASE(samples_stand_for_what_was_not_told_yet) {
  WorkEstimate work(1000 * WorkEstimate::kSamples);
  for (std::size_t i = 0; i < WorkEstimate::kSamples; ++i) {
    work.sampled(i, i < WorkEstimate::kSamples / 2 ? 10 : 0, 100);
  }
  BOOST_TEST(work.wanted() == 100U * WorkEstimate::kSamples / 2);
  // The first quarter turns out to be all wanted.
  const std::uint64_t quarter = 1000 * WorkEstimate::kSamples / 4;
  work.classified(quarter, quarter);
  BOOST_TEST(work.wanted() == quarter + 100U * WorkEstimate::kSamples / 4);
  work.handled(quarter);
  BOOST_TEST(work.wanted() == quarter + 100U * WorkEstimate::kSamples / 4);
  work.classified(3 * quarter, 5);
  BOOST_TEST(work.wanted() == quarter + 5);
  work.handled(6);
  BOOST_TEST(work.wanted() == quarter + 6);
}

BOOST_AUTO_TEST_CASE(without_samples_everything_is_wanted) {
  const WorkEstimate work(12345);
  BOOST_TEST(work.wanted() == 12345U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword

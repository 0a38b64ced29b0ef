// Compresses pages on several threads and hands them on in the order in which they came. Memory is
// bounded: two batches for each thread and two more, of 516 KiB each.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "agent/base/ordered_work.h"
#include "agent/corefile/page_codec.h"
#include "proto/error.h"

namespace lastword {

class CompressPipeline {
 public:
  static constexpr std::size_t kBatchPages = 64;

  struct PackedPage {
    std::uint64_t tag = 0;
    std::uint32_t bytes = 0;
    std::uint32_t flags = 0;  // of the PageDescriptor
  };
  // `pages` in the order of their data in `data`. Both are valid during the call.
  using Sink =
      std::function<Status(std::span<const PackedPage> pages, std::span<const std::byte> data)>;

  // `sink` runs on a thread of its own, one call at a time.
  CompressPipeline(PageCodec codec, unsigned threads, Sink sink);
  // What was not handed on yet is dropped.
  ~CompressPipeline();
  CompressPipeline(const CompressPipeline&) = delete;
  CompressPipeline& operator=(const CompressPipeline&) = delete;

  // Copies the page; waits while all batches are under way. Fails with the sink's first error,
  // after which the sink is not called again.
  [[nodiscard]] Status add(std::uint64_t tag, std::span<const std::byte, kPageBytes> page);
  // Returns when everything was handed on.
  [[nodiscard]] Status finish();

 private:
  struct Batch {
    std::vector<std::byte> raw{std::vector<std::byte>(kBatchPages * kPageBytes)};
    std::vector<std::byte> packed{std::vector<std::byte>(kBatchPages * kPageBytes)};
    std::array<PackedPage, kBatchPages> pages{};
    std::size_t count = 0;
    std::size_t packed_bytes = 0;
  };

  static void compress(PageCompressor& compressor, Batch& batch);
  void hand_on();

  const Sink sink_;
  Batch* filling_ = nullptr;    // the caller's side
  std::optional<Error> error_;  // the sink's; written before work_ is stopped
  OrderedWork<Batch> work_;
  std::thread thread_;
};

}  // namespace lastword

#include "agent/transfer/receive_stream.h"

#include <cstring>
#include <memory>
#include <utility>

#include "agent/transfer/clone_position.h"
#include "agent/transfer/receive_plan.h"
#include "agent/transfer/stream_head.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

// What a payload that begins with `count` items of a type says, whatever its alignment.
template <class Item>
std::vector<Item> items_of(std::span<const std::byte> payload, std::size_t count) {
  std::vector<Item> items(count);
  std::memcpy(items.data(), payload.data(), count * sizeof(Item));
  return items;
}

class Receiver {
 public:
  Receiver(SectionReader& in, Staging& staging, const ReceiveOptions& options)
      : in_(in), staging_(staging), options_(options) {}

  Result<pb::CloneTransfer> run() {
    if (Status status = take_head(); !status) return fail(status.error());
    Status status = take_rest();
    if (status) return figures();
    if (options_.keep) keep_after(status.error());
    return fail(status.error());
  }

 private:
  Status take_rest() {
    while (!plan_->over()) {
      const auto section = in_.next();
      if (!section) return fail(section.error());
      if (Status status = take(*section); !status) return status;
      if (!options_.keep || in_.bytes() - noted_at_ < options_.note_every) continue;
      if (Status status = note(); !status) return status;
    }
    if (Status status = in_.expect_end(); !status) return status;
    if (Status status = verify(); !status) return status;
    if (options_.publishing) options_.publishing();
    return staging_.publish(plan_->tables());
  }

  Status note() {
    if (plan_->reached() == ClonePosition{}) return {};
    if (Status status = verify(); !status) return status;
    noted_at_ = in_.bytes();
    return staging_.note(plan_->reached(), plan_->tables());
  }

  void keep_after(const Error& error) {
    if (in_.broke_off()) {
      const Status last = note();
      // Where it does not read back, nothing of it is to be believed.
      if (last || last.error().code != Code::kCorrupt) staging_.keep();
    } else if (error.code == Code::kIo || error.code == Code::kNoSpace) {
      staging_.keep();
    }
  }

  [[nodiscard]] std::uint32_t volumes() const {
    return static_cast<std::uint32_t>(head_.snapshot().volumes_size());
  }

  Status take_head() {
    const auto section = in_.next();
    if (!section) return fail(section.error());
    if (!head_.ParseFromArray(section->payload.data(), static_cast<int>(section->payload.size()))) {
      return corrupt_stream("its head does not parse");
    }
    if (Status status = check_head(head_, in_.id()); !status) return status;
    auto begun = staging_.begin(head_);
    if (!begun) return fail(begun.error());
    ReceivePlan::Shape shape{.block_bytes = head_.block_bytes(), .data_bytes = head_.data_bytes()};
    for (const auto& volume : head_.snapshot().volumes()) sizes_.push_back(volume.size());
    shape.sizes = sizes_;
    for (const auto& volume : head_.base_volumes()) shape.base_sizes.push_back(volume.size());
    shape.base_tables = std::move(begun->base_tables);
    shape.start = position_of(head_.start());
    shape.tables = std::move(begun->tables);
    plan_ = std::make_unique<ReceivePlan>(std::move(shape));
    return {};
  }

  Status take(const SectionReader::Section& section) {
    const auto payload = section.payload;
    switch (section.kind) {
      case CloneSection::kHead:
        return corrupt_stream("a second head");
      case CloneSection::kContent:
        return take_content(payload, section.header.run_count);
      case CloneSection::kEnd:
        return take_end(payload);
    }
    return corrupt_stream("unknown section kind");
  }

  Status take_content(std::span<const std::byte> payload, std::uint32_t run_count) {
    auto codec = RunCodec(sizes_, head_.block_bytes(), plan_->place());
    const auto decoded = codec.decode(run_count, payload);
    if (!decoded) return fail(decoded.error());
    const auto rest = payload.subspan(decoded->bytes);
    const auto actions = plan_->content(decoded->runs, rest);
    if (!actions) return fail(actions.error());
    for (const CloneAction& action : *actions) {
      if (Status status = perform(action, rest); !status) return status;
    }
    if (options_.progress) options_.progress(plan_->data_bytes(), head_.data_bytes());
    return {};
  }

  Status perform(const CloneAction& action, std::span<const std::byte> rest) {
    const CloneRun& run = action.run;
    const auto kind = static_cast<CloneRunKind>(run.kind);
    if (kind == CloneRunKind::kZero) {
      return staging_.clear(action.volume, action.offset, run.length);
    }
    if (kind == CloneRunKind::kData) {
      return staging_.write(action.volume, action.offset, rest.subspan(action.data_at, run.length));
    }
    return staging_.share(action.volume, action.offset, run.length, kind == CloneRunKind::kBase,
                          run.source, run.source_offset);
  }

  Status take_end(std::span<const std::byte> payload) {
    if (payload.size() != sizeof(CloneEnd) + volumes() * sizeof(Hash128)) {
      return corrupt_stream("an end of the wrong length");
    }
    return plan_->end(items_of<CloneEnd>(payload, 1).front(),
                      items_of<Hash128>(payload.subspan(sizeof(CloneEnd)), volumes()),
                      {.section_count = in_.sections(), .stream_bytes = in_.bytes()});
  }

  // Every range whose hash came in the stream since the last time. The others are, block for block,
  // those of volumes that were verified: here, or when the base was received.
  Status verify() {
    if (Status status = staging_.sync(); !status) return status;
    verified_.resize(volumes());
    AlignedBuffer buffer(kRangeBytes);
    for (std::uint32_t i = 0; i < volumes(); ++i) {
      const pb::CloneVolume& volume = head_.snapshot().volumes(static_cast<int>(i));
      for (; verified_[i] < plan_->own(i).size(); ++verified_[i]) {
        const std::uint64_t index = plan_->own(i)[verified_[i]];
        const auto content = buffer.span().first(range_length(volume.size(), index));
        if (Status status = staging_.read(i, index * kRangeBytes, content); !status) return status;
        if (hash_of_range(content) == plan_->table(i)[index]) continue;
        return fail({.code = Code::kCorrupt,
                     .operation = "verify what was received",
                     .disk = volume.name(),
                     .offset = index * kRangeBytes,
                     .detail = "does not read back as it was sent; nothing was published"});
      }
    }
    return {};
  }

  pb::CloneTransfer figures() const {
    pb::CloneTransfer figures;
    figures.set_snapshot_uuid(head_.snapshot().uuid());
    figures.set_base_uuid(head_.base_uuid());
    std::uint64_t all = 0;
    for (const auto& volume : head_.snapshot().volumes()) {
      if (volume.ancestor()) continue;
      figures.set_volumes(figures.volumes() + 1);
      all += volume.size();
    }
    figures.set_volume_bytes(all);
    figures.set_data_bytes(plan_->data_bytes());
    figures.set_shared_bytes(plan_->shared_bytes());
    figures.set_stream_bytes(in_.bytes());
    figures.set_unshared_bytes(staging_.unshared_bytes());
    figures.set_resumed_bytes(bytes_before(head_.snapshot(), position_of(head_.start())));
    return figures;
  }

  SectionReader& in_;
  Staging& staging_;
  const ReceiveOptions& options_;
  pb::CloneStreamHead head_;
  std::vector<std::uint64_t> sizes_;  // of its volumes
  std::unique_ptr<ReceivePlan> plan_;
  std::vector<std::size_t> verified_;  // of each volume's own(), how many
  std::uint64_t noted_at_ = 0;         // byte of the stream
};

}  // namespace

tl::unexpected<Error> published_but(Error error, std::string_view remedy) {
  const std::string found(error.detail.view());
  error.detail =
      format_text("the snapshot is published; {}{}{}", remedy, found.empty() ? "" : "; ", found)
          .view();
  return fail(error);
}

Result<pb::CloneTransfer> receive_stream(SectionReader& in, Staging& staging,
                                         const ReceiveOptions& options) {
  return Receiver(in, staging, options).run();
}

}  // namespace lastword

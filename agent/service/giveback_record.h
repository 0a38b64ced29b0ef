// The intent as a giveback finds and keeps it: who wants the giveback, what an operator accepts,
// and how many were automatic (TakeoverIntent in proto/disk.proto).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "agent/disks/intent_log.h"
#include "agent/service/giveback_run.h"

namespace lastword {

class GivebackRecord {
 public:
  // All of them outlive this.
  GivebackRecord(const GivebackWork& work, const GivebackOptions& options, const NodeState& state);

  void read(const Survey& survey);
  // As it counts now.
  [[nodiscard]] const std::optional<pb::TakeoverIntent>& intent() const { return intent_; }
  // As it was read last.
  [[nodiscard]] IntentPhase before() const { return before_; }
  // A giveback before may have ended the service, and was not called off.
  [[nodiscard]] bool was_under_way() const { return was_under_way_; }
  // Another command was at work since the agent decided.
  [[nodiscard]] bool is_outdated() const;
  [[nodiscard]] bool is_by_itself() const;

  // `victim`: the partner's life that its disks were taken over from. kIo: kept nowhere.
  [[nodiscard]] Status begin(const Survey& survey, std::uint32_t victim, std::uint32_t life);
  // The loss of one copy does not begin the count of automatic givebacks anew.
  [[nodiscard]] bool is_counted_safely() const;
  // No giveback is under way any more.
  Status end(const Survey& survey, std::uint32_t victim, IntentPhase phase);

 private:
  Status keep(const Survey& survey, pb::TakeoverIntent intent);
  [[nodiscard]] pb::TakeoverIntent next(IntentPhase phase, std::uint32_t victim) const;

  const GivebackWork& work_;
  const GivebackOptions& options_;
  IntentLog intents_;
  std::optional<pb::TakeoverIntent> intent_;
  IntentPhase before_ = pb::TakeoverIntent::TAKEN;
  bool was_under_way_ = false;
  std::uint32_t returns_ = 0;  // automatic ones, this one included
  std::size_t copies_ = 0;     // that are durable
};

}  // namespace lastword

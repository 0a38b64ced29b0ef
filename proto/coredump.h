// The coredump header: every question about it and every change of it, one function for each row of
// the table "Coredump header" in docs/protocol.md. Agent and dump writer decide by nothing else.
// Pure. Where a change is in place, nothing is allocated (the dump writer's): false, or an error,
// means that the header is not in the state the row begins with, and then it is left as it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/plan.pb.h"

namespace lastword {

// --- What a header says ---

// Of a disk with this role: a dump may be on it, or on its way to it.
[[nodiscard]] constexpr bool may_hold_dump(pb::Role role) {
  return role == pb::SPARE || role == pb::DUMP;
}

// One life of a node, from boot to boot.
struct NodeLife {
  std::uint32_t node = 0;
  std::uint32_t boot_generation = 0;
};
// The header is about that life's memory, or would be.
[[nodiscard]] bool is_of(const pb::CoredumpHeader& header, const NodeLife& life);
// The header is of the life in which the label's owner owns the disk. What a later life of that
// node left on other disks is the caller's to know.
[[nodiscard]] bool is_current(const pb::CoredumpHeader& header, const pb::Label& label);

// INACTIVE or SAVED: nobody needs what the header is about.
[[nodiscard]] bool is_free(const pb::CoredumpHeader& header);
// COMPLETED or ABORTED: a dump that is over and not on a file system yet.
[[nodiscard]] bool holds_unsaved_dump(const pb::CoredumpHeader& header);
// IN_PROGRESS, COMPLETED or ABORTED: the node panicked, and nobody has dealt with it yet.
[[nodiscard]] bool tells_of_panic(const pb::CoredumpHeader& header);
// COMPLETED, or ABORTED by the writer itself, which does not turn to another candidate. After
// IO_ERROR it does.
[[nodiscard]] bool is_final_end(const pb::CoredumpHeader& header);
// The writer ended it before the first byte, and says so: there is nothing to recover.
[[nodiscard]] bool ended_empty(const pb::CoredumpHeader& header);
// Put together from the stream, because the record could not be read (agent/disks/found_header.h),
// also after it became the record: how much of the dump was flushed is not known. It has a crash id
// and no time. A dump writer notes the time in its first record.
[[nodiscard]] bool is_stand_in(const pb::CoredumpHeader& header);
// The figures are of the whole stream. Of a dump that ended without its writer's saying so they are
// about a second old, and pages are stored beyond them.
[[nodiscard]] bool has_final_figures(const pb::CoredumpHeader& header);

// --- What it becomes: arming, by the home node ---

// More than this many nonces on a disk mean that arming was interrupted again and again.
inline constexpr int kMaxPlanNonces = 8;

// INACTIVE, SAVED -> ARMED; and ARMED -> ARMED, where the plan's nonce joins those of this life.
// kRefused where a dump would be lost (in progress; or unsaved, and the plan does not keep the
// latest only), and above kMaxPlanNonces.
[[nodiscard]] Result<pb::CoredumpHeader> armed_header(const pb::CoredumpHeader& now,
                                                      const pb::Plan& plan,
                                                      const pb::Candidate& candidate);
// ARMED -> ARMED with the plan's nonce alone, once its image is loaded. kRefused where that nonce
// is not there any more.
[[nodiscard]] Result<pb::CoredumpHeader> collapsed_header(const pb::CoredumpHeader& now,
                                                          const pb::Plan& plan);
// ARMED by `node` -> INACTIVE. Any other header stays.
[[nodiscard]] pb::CoredumpHeader retired_header(const pb::CoredumpHeader& now, std::uint32_t node);

// --- By the dump writer, in place ---

// The writer's header of a disk before any of its figures is known.
struct DumpExtent {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};
struct DumpBeginning {
  std::int64_t unix_ms = 0;                  // wall clock of the capture kernel
  std::chrono::milliseconds since_panic{0};  // 0: no panic preceded it
};
// ARMED -> IN_PROGRESS: `header` has the dump's identity (node, life, crash id, limit), `found` is
// what the disk says, which candidate_check.h has accepted. By hand also INACTIVE, SAVED ->
// IN_PROGRESS.
void begin_dump(pb::CoredumpHeader& header, const pb::CoredumpHeader& found,
                const DumpExtent& extent, const DumpBeginning& beginning);

struct DumpFigures {
  std::chrono::milliseconds elapsed{0};  // since the panic
  std::chrono::milliseconds eta{0};      // 0: unknown
  std::uint64_t durable_bytes = 0;
  std::uint64_t scanned_bytes = 0;
  std::uint64_t stored_pages = 0;
  std::uint64_t zero_pages = 0;
  std::uint64_t excluded_pages = 0;
  std::uint64_t unclassified_pages = 0;
  std::string_view codec;  // short enough to stay inside the string
};
// IN_PROGRESS -> IN_PROGRESS, and the figures of the end.
void set_figures(pb::CoredumpHeader& header, const DumpFigures& figures);

// IN_PROGRESS -> COMPLETED.
[[nodiscard]] bool complete_dump(pb::CoredumpHeader& header);

// --- By whoever ends what its writer did not ---

// IN_PROGRESS -> ABORTED(reason), whoever does it: the dump writer after a flush, the partner after
// it took the reservation (STALLED, DEADLINE), the home node after its reboot (REBOOTED).
[[nodiscard]] bool abort_dump(pb::CoredumpHeader& header, pb::Reason reason);
// ARMED -> INACTIVE.
[[nodiscard]] bool disarm(pb::CoredumpHeader& header);
// COMPLETED, ABORTED -> SAVED, the reason kept. True also where it says SAVED already.
[[nodiscard]] bool mark_dump_saved(pb::CoredumpHeader& header);

// What the partner makes of it, holding the reservation: IN_PROGRESS becomes ABORTED(reason), ARMED
// becomes INACTIVE. False where nothing changes.
[[nodiscard]] bool end_header(pb::CoredumpHeader& header, pb::Reason reason);
// What the home node makes of a header in its `present` life, while it holds the reservation. A
// header of an earlier life of this node changes: IN_PROGRESS becomes ABORTED(REBOOTED), because
// the dump writer ended with that life, and ARMED becomes INACTIVE, because the plan that was
// loaded is gone. Any other header stays.
[[nodiscard]] pb::CoredumpHeader header_after_reboot(const pb::CoredumpHeader& now,
                                                     const NodeLife& present);

}  // namespace lastword

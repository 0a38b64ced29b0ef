// The choices of one run, and the search over all of them.
//
// A run that comes to a point where more than one thing could happen forks: a child for each other
// thing, which goes on from there as a run of its own; then the parent goes on as if nothing had
// happened. So the tree of all runs is walked depth first, and nothing is executed twice. All that
// a run has is in its process, the nodes' files too (memory_files.h). A parent waits for its child
// unless fewer than Bound::workers processes work: so there are never more than one for each worker
// and each choice that its run has made. They end when the search does, also where it is killed.
//
// A run that comes to a state in which another run has been, with the same choices left to it, ends
// there (SeenStates).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lastword::sim {

// How far a run may go from the undisturbed one.
struct Bound {
  unsigned deviations = 1;  // choices other than "things take their course"
  unsigned crashes = 1;
  unsigned losses = 1;
  unsigned workers = 1;  // processes at a time
  // Of real time; then no more children are made, and the search is not complete.
  std::chrono::seconds limit = std::chrono::hours(24 * 365);
};

// kSame: more of what was chosen before, and counted then.
enum class Deviation { kOvertaken, kLost, kCrash, kSame };

struct Option {
  Deviation kind = Deviation::kOvertaken;
  std::string what;  // for the trace
};

// Which option was chosen at which point; points are counted from the beginning of the run.
using ChoiceList = std::vector<std::pair<std::uint64_t, unsigned>>;
[[nodiscard]] std::string to_string(const ChoiceList& list);
// Absent: it is not what to_string() writes.
[[nodiscard]] std::optional<ChoiceList> parse_choices(const std::string& text);

// What a search has done. Of all its runs together.
struct SearchFigures {
  std::uint64_t runs = 0;             // ended at rest, with all checked
  std::uint64_t merged = 0;           // ended in a state that was seen before
  std::uint64_t vain = 0;             // a command waited for another that did not come
  std::uint64_t points = 0;           // with something to choose
  std::uint64_t states = 0;           // that differ, or in what may still go wrong
  std::uint64_t steps = 0;            // events of the clock, of runs that ended at rest
  std::uint64_t longest = 0;          // points of the longest run
  std::uint64_t left = 0;             // runs that ended with work for hands
  bool complete = true;               // within the bound
  std::optional<std::string> broken;  // the first invariant that was
  ChoiceList choices;                 // of that run
};

struct SharedSearch;  // memory of all processes of a search

class Choices {
 public:
  // Of a run of a search, or of one that is replayed: then `list` is followed, and `tell` takes a
  // line for each choice.
  Choices(SharedSearch& search, const Bound& bound);
  Choices(ChoiceList list, std::function<void(const std::string&)> tell);

  // Absent: none of them, things take their course. `state`: a digest of where the run is.
  [[nodiscard]] std::optional<unsigned> choose(const std::vector<Option>& options,
                                               std::uint64_t state);
  // Ends this run of a search; a replay goes on.
  void end_as_vain();
  // Likewise where another run has come to this state with the same choices left, and would do the
  // same from here on.
  void end_if_seen(std::uint64_t state);

  [[nodiscard]] bool searches() const { return search_ != nullptr; }
  [[nodiscard]] const ChoiceList& taken() const { return taken_; }
  [[nodiscard]] std::uint64_t points() const { return points_; }

 private:
  [[nodiscard]] bool may(const Option& option) const;
  void take(std::uint64_t point, unsigned index, const Option& option);
  [[nodiscard]] std::uint64_t with_left(std::uint64_t state) const;

  SharedSearch* search_ = nullptr;
  Bound left_;
  ChoiceList to_follow_;
  std::function<void(const std::string&)> tell_;
  ChoiceList taken_;
  std::uint64_t points_ = 0;
};

// How one run ended.
struct RunEnd {
  std::optional<std::string> broken;
  bool left = false;
  std::uint64_t steps = 0;
};

// Runs `run` in a process of its own, and with it all runs that fork from it.
[[nodiscard]] SearchFigures search(const Bound& bound, const std::function<RunEnd(Choices&)>& run);

}  // namespace lastword::sim

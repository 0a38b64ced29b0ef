#include "agent/transfer/family_plan.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "agent/transfer/stretches.h"
#include "proto/clone_stream.h"

namespace lastword {
namespace {

constexpr std::size_t kNoNode = ~std::size_t{0};

tl::unexpected<Error> bad_family(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "plan family", .detail = detail});
}

Status check_ascending(const std::vector<Mapping>& mappings) {
  std::uint64_t at = 0;
  for (const Mapping& one : mappings) {
    const bool over =
        one.offset + one.length < one.offset || one.physical + one.length < one.physical;
    if (one.length == 0 || one.offset < at || over) {
      return bad_family("the block map of a volume contradicts itself");
    }
    at = one.offset + one.length;
  }
  return {};
}

void append_piece(std::vector<Mapping>& mappings, const Mapping& next) {
  if (!mappings.empty()) {
    Mapping& last = mappings.back();
    if (last.offset + last.length == next.offset && last.physical + last.length == next.physical &&
        last.age == next.age) {
      last.length += next.length;
      return;
    }
  }
  mappings.push_back(next);
}

// Who descends from whom: the volumes are nodes 0 to n - 1, joint ancestors come behind them, each
// behind its children.
class FamilyTree {
 public:
  using Maps = std::span<const std::vector<Mapping>* const>;

  static Result<FamilyTree> of(Maps maps) {
    // For pairs of volumes with a common block: age of the youngest one. Of a block of many volumes
    // it is noted with the first one of them, which joins them as well.
    std::map<std::pair<std::size_t, std::size_t>, std::uint32_t> youngest;
    bool one_age = true;
    walk_stretches(maps, [&](std::uint64_t, std::uint64_t, std::span<const Sharers> groups) {
      for (const Sharers& group : groups) {
        one_age = one_age && group.same_age;
        for (std::size_t i = 1; i < group.volumes.size(); ++i) {
          std::uint32_t& age = youngest[{group.volumes[0], group.volumes[i]}];
          age = std::max(age, group.age);
        }
      }
    });
    if (!one_age) return bad_family("a block has one age in one volume and another in another");
    std::vector<std::tuple<std::uint32_t, std::size_t, std::size_t>> pairs;
    for (const auto& [pair, age] : youngest) pairs.emplace_back(age, pair.first, pair.second);
    std::ranges::sort(pairs, std::ranges::greater{});
    FamilyTree tree(maps.size());
    for (std::size_t i = 0; i < pairs.size();) {
      const std::uint32_t age = std::get<0>(pairs[i]);
      std::size_t end = i;
      while (end < pairs.size() && std::get<0>(pairs[end]) == age) ++end;
      tree.join(std::span(pairs).subspan(i, end - i));
      i = end;
    }
    return tree;
  }

  [[nodiscard]] std::size_t size() const { return parents_.size(); }
  [[nodiscard]] std::size_t leaves() const { return leaves_; }
  [[nodiscard]] std::size_t parent(std::size_t node) const { return parents_[node]; }

 private:
  using Pair = std::tuple<std::uint32_t, std::size_t, std::size_t>;  // age, two volumes

  explicit FamilyTree(std::size_t leaves)
      : leaves_(leaves), parents_(leaves, kNoNode), sets_(leaves), tops_(leaves) {
    for (std::size_t i = 0; i < leaves; ++i) sets_[i] = tops_[i] = i;
  }

  std::size_t find(std::size_t leaf) {
    while (sets_[leaf] != leaf) leaf = sets_[leaf] = sets_[sets_[leaf]];
    return leaf;
  }

  // All of one age: whoever hangs together gets one ancestor, not a row of them.
  void join(std::span<const Pair> pairs) {
    std::map<std::size_t, std::size_t> leaf_of;  // of each top so far, one of its leaves
    for (const auto& [age, a, b] : pairs) {
      for (const std::size_t leaf : {a, b}) leaf_of.emplace(tops_[find(leaf)], leaf);
    }
    for (const auto& [age, a, b] : pairs) sets_[find(b)] = find(a);
    std::map<std::size_t, std::vector<std::size_t>> tops_of;  // of each set, its tops so far
    for (const auto& [top, leaf] : leaf_of) tops_of[find(leaf)].push_back(top);
    for (const auto& [set, tops] : tops_of) {
      tops_[set] = tops.front();
      if (tops.size() == 1) continue;
      tops_[set] = parents_.size();
      for (const std::size_t top : tops) parents_[top] = parents_.size();
      parents_.push_back(kNoNode);
    }
  }

  std::size_t leaves_;
  std::vector<std::size_t> parents_;
  std::vector<std::size_t> sets_;  // of leaves: another of the same set, or itself
  std::vector<std::size_t> tops_;  // of a set, by the leaf that stands for it: its top node
};

// Which nodes have a block that several volumes share at one place: those between the volumes. Two
// blocks at one place cannot be in one node; then the one with fewer sharers is in parts.
class BlockHolders {
 public:
  explicit BlockHolders(const FamilyTree& tree)
      : tree_(tree),
        taken_(tree.size()),
        counts_(tree.size()),
        tops_(tree.size()),
        inner_(tree.size()) {}

  // At one place: `hold(node, group)` for each ancestor that has the group's block, and for each
  // volume of it.
  template <class Hold>
  void assign(std::span<const Sharers> groups, const Hold& hold) {
    order_.clear();
    for (const Sharers& group : groups) order_.push_back(&group);
    std::ranges::stable_sort(order_, std::ranges::greater{},
                             [](const Sharers* group) { return group->volumes.size(); });
    for (const Sharers* group : order_) {
      climb(*group);
      for (const std::size_t node : nodes_) {
        const std::size_t all = counts_[tops_[node]];
        // Above the lowest node with all of a part, and in ancestors of one volume, nobody needs
        // it.
        const bool needed = all > 1 && (counts_[node] < all || !inner_[node]);
        if (node < tree_.leaves() || needed) hold(node, *group);
        if (node >= tree_.leaves() && needed) held_.push_back(node);
      }
      for (const std::size_t node : nodes_) counts_[node] = 0;
      for (; marked_ < held_.size(); ++marked_) taken_[held_[marked_]] = true;
    }
    for (const std::size_t node : held_) taken_[node] = false;
    held_.clear();
    marked_ = 0;
  }

 private:
  // nodes_: those of the group, and their ancestors as far as they are not taken; children first.
  void climb(const Sharers& group) {
    nodes_.clear();
    for (const std::size_t leaf : group.volumes) {
      for (std::size_t node = leaf; node != kNoNode && !taken_[node] && counts_[node] == 0;
           node = tree_.parent(node)) {
        counts_[node] = 1;  // for now: seen
        nodes_.push_back(node);
      }
    }
    std::ranges::sort(nodes_);
    for (const std::size_t node : nodes_) {
      counts_[node] = node < tree_.leaves() ? 1 : 0;
      inner_[node] = false;
    }
    const auto above = [&](std::size_t node) {
      const std::size_t parent = tree_.parent(node);
      return parent == kNoNode || taken_[parent] ? kNoNode : parent;
    };
    for (const std::size_t node : nodes_) {
      if (above(node) != kNoNode) counts_[above(node)] += counts_[node];
    }
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      const std::size_t parent = above(*node);
      tops_[*node] = parent == kNoNode ? *node : tops_[parent];
      if (parent != kNoNode && counts_[*node] == counts_[tops_[*node]]) inner_[parent] = true;
    }
  }

  const FamilyTree& tree_;
  std::vector<char> taken_;
  std::vector<std::size_t> counts_;  // volumes of the group below a node
  std::vector<std::size_t> tops_;    // the highest node of the same part
  std::vector<char> inner_;          // a node below has all of the part
  std::vector<std::size_t> nodes_;
  std::vector<std::size_t> held_;
  std::size_t marked_ = 0;
  std::vector<const Sharers*> order_;
};

// Nodes of the tree become nodes of the plan: base volumes are there, and an ancestor is made only
// where two or more new volumes, or ancestors of them, begin as it.
class FamilyPlanner {
 public:
  FamilyPlanner(const FamilyTree& tree, FamilyTree::Maps maps, std::size_t base_count)
      : tree_(tree),
        maps_(maps),
        base_count_(base_count),
        made_(tree.size()),
        content_(tree.size()),
        nearest_(tree.size(), kNoNode),
        in_base_(tree.size(), std::vector<std::uint64_t>(base_count)),
        in_nearest_(tree.size()) {}

  FamilyPlan plan() {
    choose_made();
    fill();
    FamilyPlan plan;
    plan.exact_bytes = exact_bytes_;
    std::vector<FamilyParent> parents(tree_.size());
    std::vector<std::size_t> children(tree_.size());
    for (std::size_t node = tree_.size(); node-- > base_count_;) parents[node] = parent_of(node);
    // An ancestor that nobody begins as, because a base volume is better, is none.
    for (std::size_t node = base_count_; node < tree_.size(); ++node) {
      const bool volume = node < tree_.leaves();
      made_[node] = made_[node] && (volume || children[node] > 0);
      if (made_[node] && parents[node].kind == FamilyParent::Kind::kNode) {
        ++children[parents[node].index];
      }
    }
    std::vector<std::size_t> places(tree_.size(), kNoNode);
    for (std::size_t node = tree_.size(); node-- > base_count_;) {
      if (!made_[node]) continue;
      FamilyNode made{.volume = std::nullopt, .parent = parents[node], .content = {}};
      const bool volume = node < tree_.leaves();
      if (volume) made.volume = node - base_count_;
      if (volume) made.content = written(*maps_[node]);
      if (!volume) made.content = std::move(content_[node]);
      std::span<const Mapping> before;
      if (made.parent.kind == FamilyParent::Kind::kNode) {
        made.parent.index = places[made.parent.index];
        before = plan.nodes[made.parent.index].content;
      }
      if (made.parent.kind == FamilyParent::Kind::kBase) before = *maps_[made.parent.index];
      plan.made_bytes += different_bytes(made.content, before);
      places[node] = plan.nodes.size();
      plan.nodes.push_back(std::move(made));
    }
    return plan;
  }

 private:
  static std::vector<Mapping> written(const std::vector<Mapping>& map) {
    std::vector<Mapping> result;
    for (const Mapping& one : map) {
      if (one.written) append_piece(result, one);
    }
    return result;
  }

  void choose_made() {
    std::vector<std::size_t> below(tree_.size());  // children that are made, or lead to such
    for (std::size_t node = base_count_; node < tree_.size(); ++node) {
      made_[node] = node < tree_.leaves() || below[node] > 1;
      const bool leads = node < tree_.leaves() || below[node] > 0;
      if (leads && tree_.parent(node) != kNoNode) ++below[tree_.parent(node)];
    }
    for (std::size_t node = base_count_; node < tree_.size(); ++node) {
      std::size_t above = tree_.parent(node);
      while (above != kNoNode && !made_[above]) above = tree_.parent(above);
      nearest_[node] = above;
    }
  }

  // What ancestors have, and how much of each node its possible parents have.
  void fill() {
    BlockHolders holders(tree_);
    std::vector<std::uint64_t> has(tree_.size());  // physical + 1 at this place
    std::vector<std::pair<std::size_t, const Sharers*>> held;
    walk_stretches(
        maps_, [&](std::uint64_t at, std::uint64_t bytes, std::span<const Sharers> groups) {
          held.clear();
          for (const Sharers& group : groups) {
            if (group.volumes.front() >= base_count_) exact_bytes_ += bytes;
          }
          holders.assign(groups, [&](std::size_t node, const Sharers& group) {
            held.emplace_back(node, &group);
            has[node] = group.physical + 1;
          });
          for (const auto& [node, group] : held) {
            if (!made_[node]) continue;
            if (node >= tree_.leaves()) {
              append_piece(
                  content_[node],
                  {.offset = at, .length = bytes, .physical = group->physical, .age = group->age});
            }
            for (const std::size_t volume : group->volumes) {
              if (volume >= base_count_) break;
              in_base_[node][volume] += bytes;
            }
            const std::size_t above = nearest_[node];
            if (above != kNoNode && has[above] == group->physical + 1) in_nearest_[node] += bytes;
          }
          for (const auto& [node, group] : held) has[node] = 0;
        });
  }

  [[nodiscard]] FamilyParent parent_of(std::size_t node) const {
    const auto& base = in_base_[node];
    const auto best = std::ranges::max_element(base);
    const std::uint64_t most = best == base.end() ? 0 : *best;
    using Kind = FamilyParent::Kind;
    if (in_nearest_[node] > most) return {.kind = Kind::kNode, .index = nearest_[node]};
    if (most == 0) return {};
    return {.kind = Kind::kBase, .index = static_cast<std::size_t>(best - base.begin())};
  }

  const FamilyTree& tree_;
  const FamilyTree::Maps maps_;
  const std::size_t base_count_;
  std::vector<char> made_;
  std::vector<std::vector<Mapping>> content_;  // of ancestors
  std::vector<std::size_t> nearest_;           // ancestor that is made
  std::vector<std::vector<std::uint64_t>> in_base_;
  std::vector<std::uint64_t> in_nearest_;
  std::uint64_t exact_bytes_ = 0;
};

}  // namespace

std::uint64_t different_bytes(std::span<const Mapping> content, std::span<const Mapping> before) {
  std::uint64_t bytes = 0;
  auto other = before.begin();
  for (const Mapping& one : content) {
    bytes += one.length;
    while (other != before.end() && other->offset + other->length <= one.offset) ++other;
    for (auto same = other; same != before.end() && same->offset < one.offset + one.length;
         ++same) {
      if (!same->written || same->physical - same->offset != one.physical - one.offset) continue;
      bytes -= std::min(one.offset + one.length, same->offset + same->length) -
               std::max(one.offset, same->offset);
    }
  }
  return bytes;
}

Result<FamilyPlan> plan_family(std::span<const std::vector<Mapping>> base,
                               std::span<const std::vector<Mapping>> volumes) {
  std::vector<const std::vector<Mapping>*> maps;
  for (const auto& all : {base, volumes}) {
    if (all.size() > kMaxCloneVolumes) return bad_family("more volumes than a set can have");
    for (const std::vector<Mapping>& map : all) {
      if (Status status = check_ascending(map); !status) return fail(status.error());
      maps.push_back(&map);
    }
  }
  const auto tree = FamilyTree::of(maps);
  if (!tree) return fail(tree.error());
  return FamilyPlanner(*tree, maps, base.size()).plan();
}

}  // namespace lastword

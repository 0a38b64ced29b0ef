// What the subcommands of `lastword clone` share.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/cli/parser.h"
#include "agent/transfer/clone.pb.h"
#include "proto/error.h"

namespace lastword {

struct CloneOptions {
  std::string place;  // SET, SET@UUID or POOL
  std::string to;     // HOST:POOL
  std::string from;
  std::string resume;
  std::string codec = "auto";
  std::string volume;
  unsigned keep = 0;
  bool resumable = false;
  bool against_hashes = false;
  bool rollback = false;
  bool by_hashes = false;
  bool force = false;
  bool fresh = false;
  bool json = false;
  bool allow_unshared = false;
};

[[nodiscard]] Error wrong_line(std::string_view subject, std::string_view detail);

struct NamedSet {
  std::string path;
  std::string snapshot;  // UUID; empty: the newest
};
// "SET@UUID", where a path may have an @ of its own.
[[nodiscard]] NamedSet named_set(const std::string& text);

struct RemotePlace {
  std::string host;
  std::string pool;
};
// "HOST:POOL". kUsage.
[[nodiscard]] Result<RemotePlace> remote_place(const std::string& text);

// Standard output is the stream, or the result.
void print_transfer(std::FILE* to, std::string_view what, const pb::CloneTransfer& done);

// For senders: that this node holds the disks of a set, where it is one of a pair and they are
// disks of the cluster. Empty: there is nothing to hold. kFenced, kRefused: it does not.
[[nodiscard]] Result<std::function<Status()>> hold_of_source(const std::string& config_path,
                                                             const std::string& set);

// restore, verify, hashes, prune, promote.
void add_clone_upkeep_commands(CliCommand& clone, const std::shared_ptr<CloneOptions>& options);

}  // namespace lastword

// lastword clone: what comes back, and what is kept, of clones on two servers.
#include <fmt/format.h>
#include <unistd.h>

#include "agent/cli/clone_options.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/progress_bar.h"
#include "agent/transfer/clone_place.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/hash_compare.h"
#include "agent/transfer/push_run.h"
#include "agent/transfer/restore_run.h"
#include "agent/transfer/send_run.h"
#include "proto/uuid.h"

namespace lastword {

Error wrong_line(std::string_view subject, std::string_view detail) {
  return {.code = Code::kUsage, .disk = subject, .detail = detail};
}

NamedSet named_set(const std::string& text) {
  const std::size_t at = text.rfind('@');
  const auto uuid = at == text.npos ? std::nullopt : parse_uuid(text.substr(at + 1));
  if (!uuid) return {.path = text, .snapshot = {}};
  return {.path = text.substr(0, at), .snapshot = to_string(*uuid)};
}

Result<RemotePlace> remote_place(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) {
    return fail(wrong_line(text, "is not HOST:POOL"));
  }
  return RemotePlace{.host = text.substr(0, colon), .pool = text.substr(colon + 1)};
}

void print_transfer(std::FILE* to, std::string_view what, const pb::CloneTransfer& done) {
  std::string line = fmt::format(
      "{} snapshot {}: {} volumes, {} bytes in them{}; {} as data, {} shared; {} bytes of stream\n",
      what, done.snapshot_uuid(), done.volumes(), done.volume_bytes(),
      done.resumed_bytes() == 0 ? "" : fmt::format(", {} there before", done.resumed_bytes()),
      done.data_bytes(), done.shared_bytes(), done.stream_bytes());
  if (to == stderr) {
    print_message(std::move(line));
  } else {
    fmt::print("{}", line);
  }
}

namespace {

// Of what is there for directories only.
Status require_directory(const std::string& path) {
  const auto place = ClonePlace::at(path);
  return place ? (*place)->require_directory() : fail(place.error());
}

int run_restore(const CloneOptions& options) {
  if (Status status = require_directory(options.place); !status)
    return report_error(status.error());
  const auto place = remote_place(options.to);
  if (!place) return report_error(place.error());
  const NamedSet set = named_set(options.place);
  if (set.snapshot.empty()) {
    return report_error(
        wrong_line(options.place, "is not SET@UUID; the UUID says what comes back"));
  }
  Result<pb::CloneRestored> restored;
  {
    const Interruption interruption(
        "interrupted: run it again; without --rollback no volume was changed");
    ProgressBar bar("restoring", stderr);
    restored = restore_set(
        {.host = place->host,
         .pool = place->pool,
         .set = set.path,
         .snapshot = set.snapshot,
         .volume = options.volume,
         .rollback = options.rollback,
         .by_hashes = options.by_hashes,
         .progress = [&](std::uint64_t now, std::uint64_t all) { bar.update(now, all); }},
        real_executor());
  }
  if (!restored) return report_error(restored.error());
  if (options.json) {
    print_json(*restored);
    return kExitOk;
  }
  if (restored->has_transfer()) print_transfer(stdout, "received", restored->transfer());
  if (!restored->before_uuid().empty()) {
    fmt::print("what was here before is in snapshot {}\n", restored->before_uuid());
  }
  for (const std::string& path : restored->paths()) fmt::print("restored {}\n", path);
  return kExitOk;
}

int run_hashes(const CloneOptions& options) {
  if (Status status = require_directory(options.place); !status)
    return report_error(status.error());
  const NamedSet set = named_set(options.place);
  std::string uuid = set.snapshot;
  if (uuid.empty()) {
    const auto newest = newest_snapshot(set.path);
    if (!newest) return report_error(newest.error());
    uuid = *newest;
  }
  if (::isatty(STDOUT_FILENO) == 1) {
    return report_error(wrong_line("", "the hashes go to a pipe or a file"));
  }
  const auto hashes = hashes_of(set.path, uuid, options.fresh);
  if (!hashes) return report_error(hashes.error());
  const std::string bytes = hashes->SerializeAsString();
  const Status status = output_to(STDOUT_FILENO)(std::as_bytes(std::span(bytes)));
  return status ? kExitOk : report_error(status.error());
}

int verify_against(const std::string& to, const std::string& set,
                   const pb::CloneSnapshot& snapshot) {
  const auto place = remote_place(to);
  if (!place) return report_error(place.error());
  const auto here = hashes_of(set, snapshot.uuid(), false);
  if (!here) return report_error(here.error());
  const auto there = remote_hashes(place->host, place->pool, snapshot);
  if (!there) return report_error(there.error());
  const auto different = compare_hashes(*here, *there);
  if (!different) return report_error(different.error());
  for (const DifferentRange& one : *different) {
    fmt::print("{}: {} bytes at byte {} differ on {}\n", one.volume, one.length, one.offset, to);
  }
  if (!different->empty()) return kExitCorrupt;
  fmt::print("{}: the same there\n", to);
  return kExitOk;
}

int run_verify(const CloneOptions& options) {
  const NamedSet set = named_set(options.place);
  const auto place = ClonePlace::at(set.path);
  if (!place) return report_error(place.error());
  if (!options.to.empty()) {
    if (Status status = (*place)->require_directory(); !status) return report_error(status.error());
  }
  const auto snapshot = (*place)->verify(set.snapshot);
  if (!snapshot) return report_error(snapshot.error());
  fmt::print("{}@{}: {} volumes hold what the snapshot had\n", set.path, snapshot->uuid(),
             snapshot->volumes_size());
  return options.to.empty() ? kExitOk : verify_against(options.to, set.path, *snapshot);
}

int run_prune(const CloneOptions& options) {
  if (options.keep == 0) return report_error(wrong_line("--keep", "is at least 1"));
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  const auto pruned = (*place)->prune(options.keep, options.force);
  if (!pruned) return report_error(pruned.error());
  for (const std::string& uuid : pruned->remove) fmt::print("removed {}\n", uuid);
  for (const std::string& uuid : pruned->kept_common) {
    fmt::print("kept {}: the last one that another server has too; --force removes it\n", uuid);
  }
  return kExitOk;
}

int run_promote(const CloneOptions& options) {
  if (Status status = require_directory(options.place); !status)
    return report_error(status.error());
  const NamedSet set = named_set(options.place);
  if (set.snapshot.empty()) return report_error(wrong_line(options.place, "is not SET@UUID"));
  const auto paths = promote_snapshot(set.path, set.snapshot, options.volume);
  if (!paths) return report_error(paths.error());
  for (const std::string& path : *paths) fmt::print("{}\n", path);
  return kExitOk;
}

}  // namespace

void add_clone_upkeep_commands(CliCommand& clone, const std::shared_ptr<CloneOptions>& options) {
  CliCommand restore =
      clone.command("restore", "Bring a snapshot back by ssh, with only what differs on the line");
  restore.option("HOST:POOL", options->to, "A server, and the directory of sets there").required();
  restore.option("SET", options->place, "SET@UUID: where it comes to, and which snapshot")
      .required();
  restore.flag("--rollback", options->rollback,
               "Into the volumes that are there (else into new ones, NAME.restored)");
  restore.option("--volume", options->volume, "Only this volume of the snapshot")
      .value_name("NAME");
  restore.flag("--by-hashes", options->by_hashes,
               "Trust no common snapshot: compare hashes of what is here");
  restore.flag("--json", options->json, "Print the result as JSON");
  restore.runs([options] { return run_restore(*options); });

  CliCommand verify = clone.command("verify", "Read a snapshot and compare it with its hashes");
  verify.option("SET", options->place, "SET, its newest snapshot, or SET@UUID").required();
  verify.option("--against", options->to, "Read it there too, and compare").value_name("HOST:POOL");
  verify.runs([options] { return run_verify(*options); });

  CliCommand hashes =
      clone.command("hashes", "Write the hashes of a snapshot to standard output, for programs");
  hashes.option("SET", options->place, "SET, its newest snapshot, or SET@UUID").required();
  hashes.flag("--fresh", options->fresh, "Read the snapshot now, whatever is known of it");
  hashes.runs([options] { return run_hashes(*options); });

  CliCommand prune = clone.command("prune", "Remove all but the newest snapshots of a set");
  prune.option("SET", options->place, "Directory of the volumes").required();
  prune.option("--keep", options->keep, "How many stay").value_name("N").required();
  prune.flag("--force", options->force, "Also the last one that another server has too");
  prune.runs([options] { return run_prune(*options); });

  CliCommand promote =
      clone.command("promote", "Make writable volumes of a snapshot, to serve them");
  promote.option("SET", options->place, "SET@UUID").required();
  promote.option("--volume", options->volume, "Only this volume of the snapshot")
      .value_name("NAME");
  promote.runs([options] { return run_promote(*options); });
}

}  // namespace lastword

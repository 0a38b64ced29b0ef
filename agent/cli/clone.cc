// lastword clone: clones of LUNs to another server, with the sharing that they have here. Exit
// statuses are in docs/man/lastword-clone.8.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "agent/cli/clone_options.h"
#include "agent/cli/clone_output.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/progress_bar.h"
#include "agent/transfer/clone_place.h"
#include "agent/transfer/clone_position.h"
#include "agent/transfer/push_run.h"
#include "agent/transfer/send_run.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

// Of a stream that goes to, or comes from, somewhere else: a terminal is a mistake.
Status require_pipe(int fd, std::string_view what) {
  if (::isatty(fd) != 1) return {};
  return fail(wrong_line("", what));
}

int run_list(const CloneOptions& options) {
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  const auto list = (*place)->list();
  if (!list) return report_error(list.error());
  if (options.json) {
    print_json(*list);
  } else {
    fmt::print("{}", list_text(*list));
  }
  return kExitOk;
}

int run_snapshot(const CloneOptions& options) {
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  const auto snapshot = (*place)->take_snapshot(real_executor());
  if (!snapshot) return report_error(snapshot.error());
  if (options.json) {
    print_json(*snapshot);
  } else {
    fmt::print("{}\n", snapshot->uuid());
  }
  if (snapshot->at_one_point()) return kExitOk;
  complain(
      "lastword: {}: volumes were written while the snapshot was taken: each is at a moment of its "
      "own, not all at the same. Stop what writes to them for a moment, and take another one.\n",
      options.place);
  return kExitNo;
}

int run_send(const CloneOptions& options, const CommandContext& context) {
  const auto codec = CodecSetting::parse(options.codec);
  if (!codec) return report_error(codec.error());
  const NamedSet set = named_set(options.place);
  const auto place = ClonePlace::at(set.path);
  if (!place) return report_error(place.error());
  std::string base;
  if (!options.from.empty()) {
    const auto uuid = parse_uuid(options.from);
    if (!uuid) return report_error(wrong_line(options.from, "is not the UUID of a snapshot"));
    base = to_string(*uuid);
  }
  std::optional<pb::CloneHashes> against;
  if (options.against_hashes) {
    if (!base.empty()) return report_error(wrong_line("--from", "excludes --against-hashes"));
    auto hashes = read_hashes(input_from(STDIN_FILENO));
    if (!hashes) return report_error(hashes.error());
    against = std::move(*hashes);
  }
  std::optional<ClonePosition> start = ClonePosition{};
  if (!options.resume.empty()) start = parse_position(options.resume);
  if (!start) {
    return report_error(wrong_line(options.resume, "is not how far lastword clone staged says"));
  }
  if (Status pipe = require_pipe(STDOUT_FILENO,
                                 "the stream goes to a pipe or a file: ... | ssh "
                                 "HOST lastword clone receive POOL");
      !pipe) {
    return report_error(pipe.error());
  }
  const auto held = hold_of_source(context.config_path, set.path);
  if (!held) return report_error(held.error());
  Result<pb::CloneTransfer> done;
  {
    const std::string left = (*place)->left_by_send();
    const Interruption interruption(
        "interrupted: the receiver drops what it has of this snapshot, unless it is --resumable" +
        (left.empty() ? "" : "; " + left));
    ProgressBar bar("sending", stderr);
    const SendRequest request{
        .set = set.path,
        .snapshot = set.snapshot,
        .base = base,
        .against = std::move(against),
        .start = *start,
        .still_held = *held,
        .codec = *codec,
        .output = output_to(STDOUT_FILENO),
        .progress = [&](std::uint64_t now, std::uint64_t all) { bar.update(now, all); }};
    done = (*place)->send(request);
  }
  if (!done) return report_error(done.error());
  // Whoever reads the pipe may have refused it: then it is kept in vain.
  if (!options.against_hashes) {
    const Status status = (*place)->note_common("pipe", done->snapshot_uuid());
    if (!status) return report_error(status.error());
  }
  print_transfer(stderr, "sent", *done);
  return kExitOk;
}

void tell_cost(std::uint64_t unshared, std::uint64_t data) {
  complain("lastword: this pool cannot share as the sender does: up to {} bytes for {} of data.\n",
           unshared, data);
}

int run_receive(const CloneOptions& options) {
  if (Status pipe = require_pipe(STDIN_FILENO,
                                 "the stream comes from a pipe or a file: lastword "
                                 "clone send SET | ...");
      !pipe) {
    return report_error(pipe.error());
  }
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  Result<pb::CloneTransfer> done;
  {
    Interruption interruption("interrupted: nothing was published; " +
                              (*place)->left_by_receive(options.resumable));
    ProgressBar bar("receiving", stderr);
    SectionReader in(input_from(STDIN_FILENO));
    const auto staging =
        (*place)->staging({.allow_unshared = options.allow_unshared, .tell_cost = tell_cost});
    ReceiveOptions how{.keep = options.resumable};
    how.progress = [&](std::uint64_t now, std::uint64_t all) { bar.update(now, all); };
    how.publishing = [&] {
      interruption.tell("interrupted while it was published: " + (*place)->left_by_publishing());
    };
    done = receive_stream(in, *staging, how);
  }
  if (!done) return report_error(done.error());
  if (options.json) {
    print_json(*done);
  } else {
    print_transfer(stdout, "received", *done);
  }
  return kExitOk;
}

int run_push(const CloneOptions& options, const CommandContext& context) {
  const auto codec = CodecSetting::parse(options.codec);
  if (!codec) return report_error(codec.error());
  const auto to = remote_place(options.to);
  if (!to) return report_error(to.error());
  const auto held = hold_of_source(context.config_path, options.place);
  if (!held) return report_error(held.error());
  Result<Pushed> pushed;
  {
    const Interruption interruption(
        "interrupted: nothing was published there unless all had arrived; push again, it goes on");
    ProgressBar bar("pushing", stderr);
    pushed =
        push_set({.set = options.place,
                  .host = to->host,
                  .pool = to->pool,
                  .still_held = *held,
                  .codec = *codec,
                  .progress = [&](std::uint64_t now, std::uint64_t all) { bar.update(now, all); }});
  }
  if (!pushed) return report_error(pushed.error());
  if (options.json) {
    print_json(pushed->figures);
  } else if (pushed->plan.needed) {
    print_transfer(stderr, "pushed", pushed->figures);
  } else {
    print_message(fmt::format("{} has the newest snapshot, {}\n", options.to, pushed->plan.base));
  }
  return kExitOk;
}

int run_snapshots(const CloneOptions& options) {
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  const auto uuids = (*place)->snapshots();
  if (!uuids) return report_error(uuids.error());
  for (const std::string& uuid : *uuids) fmt::print("{}\n", uuid);
  return kExitOk;
}

int run_staged(const CloneOptions& options) {
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  const auto staged = (*place)->staged();
  if (!staged) return report_error(staged.error());
  for (const pb::CloneStaged& one : *staged) {
    if (options.json) {
      print_json(one);
    } else {
      fmt::print("{}\n", to_string(one));
    }
  }
  return kExitOk;
}

int run_abort(const CloneOptions& options) {
  const auto place = ClonePlace::at(options.place);
  if (!place) return report_error(place.error());
  const auto removed = (*place)->remove_staged();
  if (!removed) return report_error(removed.error());
  fmt::print("{}: {}\n", options.place,
             *removed ? "what was staged is removed" : "nothing was staged");
  return kExitOk;
}

}  // namespace

void add_clone_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<CloneOptions>();
  CliCommand clone = parser.command(
      "clone", "Clones of LUNs to another server, with the sharing that they have here");

  CliCommand list = clone.command("list", "Volumes, clones and snapshots, and what they share");
  list.option("DIR", options->place, "A set, or a directory of sets").required();
  list.flag("--json", options->json, "Print JSON, with all sharers");
  list.runs([options] { return run_list(*options); });

  CliCommand snapshot = clone.command("snapshot", "Keep all volumes of a set as they are now");
  snapshot.option("SET", options->place, "Directory of the volumes").required();
  snapshot.flag("--json", options->json, "Print JSON instead of the snapshot's UUID");
  snapshot.runs([options] { return run_snapshot(*options); });

  CliCommand send = clone.command("send", "Write a snapshot to standard output");
  send.option("SET", options->place, "SET, its newest snapshot, or SET@UUID").required();
  send.option("--from", options->from, "A snapshot that the receiver has: send what differs")
      .value_name("UUID");
  send.flag("--against-hashes", options->against_hashes,
            "Send what differs from the hashes on standard input (of `clone hashes`)");
  send.option("--resume", options->resume, "Begin where `clone staged` says that the receiver is")
      .value_name("VOLUME:BYTE");
  send.option("--codec", options->codec, "none, lz4, zstd, zstd:LEVEL or auto")
      .value_name("CODEC")
      .default_value("auto");
  send.runs([options, &context] { return run_send(*options, context); });

  CliCommand receive = clone.command("receive", "Take a snapshot from standard input");
  receive.option("POOL", options->place, "Directory that the set is in, or comes into").required();
  receive.flag("--resumable", options->resumable,
               "Keep what has arrived when the stream breaks off");
  receive.flag("--allow-unshared", options->allow_unshared,
               "Into a thin pool that cannot share as the sender does: copy");
  receive.flag("--json", options->json, "Print the result as JSON");
  receive.runs([options] { return run_receive(*options); });

  CliCommand push =
      clone.command("push", "Send the newest snapshot by ssh, from the newest that both have");
  push.option("HOST:POOL", options->to, "A server, and the directory of sets there").required();
  push.option("SET", options->place, "Directory of the volumes").required();
  push.option("--codec", options->codec, "none, lz4, zstd, zstd:LEVEL or auto")
      .value_name("CODEC")
      .default_value("auto");
  push.flag("--json", options->json, "Print the result as JSON");
  push.runs([options, &context] { return run_push(*options, context); });

  CliCommand snapshots = clone.command("snapshots", "Print the UUIDs of a set's snapshots");
  snapshots.option("SET", options->place, "Directory of the volumes").required();
  snapshots.runs([options] { return run_snapshots(*options); });

  CliCommand staged =
      clone.command("staged", "Print what interrupted transfers left that others can go on with");
  staged.option("POOL", options->place, "Directory of sets").required();
  staged.flag("--json", options->json, "Print a JSON object for each");
  staged.runs([options] { return run_staged(*options); });

  add_clone_upkeep_commands(clone, options);

  CliCommand abort = clone.command("abort", "Remove what an interrupted receive has staged");
  abort.option("DIR", options->place, "The pool, or the set").required();
  abort.runs([options] { return run_abort(*options); });
}

}  // namespace lastword

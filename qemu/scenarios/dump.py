"""alpha panics; its dump ends in each of the ways a dump can end."""

import json
import os

from qemu.harness import GuestLost, scenario

from .pair import EXIT_PARTIAL, FEW, LARGE_PATTERN, PROGRESS, SLOW, Pair, require


@scenario("panic_dump_completes", timeout=400)
def panic_dump_completes(lab):
    """Service is taken while the dump runs; the dump completes, is claimed, recovered, saved."""
    pair = Pair(lab)
    pair.ready()
    dump_disk = pair.armed()[0]
    # The dump goes on until service is taken, however slow this host is with that.
    pair.shelf.throttle(dump_disk, bytes_per_second=SLOW)
    panic = pair.alpha.panic()
    pair.wait_event(pair.alpha, "dump-started", 30)
    pair.wait_event(pair.beta, "service-taken", 30)
    pair.shelf.throttle(dump_disk)
    pair.wait_event(pair.alpha, "dump-completed", 90)
    pair.wait_event(pair.beta, "dump-saved", 60)
    require(pair.agent.wait(30) == 0, "the agent did not end well")
    events = {event.name: event.time - panic.time for event in reversed(pair.events())}
    lab.measure("panic_to_capture", events["capture-started"], "s")
    lab.measure("panic_to_dump_started", events["dump-started"], "s")
    lab.measure("panic_to_service_taken", events["service-taken"], "s")
    lab.measure("panic_to_dump_completed", events["dump-completed"], "s")
    require(
        events["service-taken"] < events["dump-completed"], "service waited for the dump to complete"
    )
    pair.require_no_dump_cut_short()
    for name in pair.names("service"):
        label = pair.label_of(pair.beta, name)
        require(label["owner_node"] == 2, f"{name} is not beta's: {label}")
    saved = [pair.header(pair.beta, name) for name in pair.names("dump")]
    require(saved[0]["attribute"] == "SAVED", f"the dump disk is {saved[0]}")
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("dump_hits_time_limit", timeout=400)
def dump_hits_time_limit(lab):
    """A dump too slow for its limit stops there; what was written by then is recovered."""
    limit = 25
    pair = Pair(
        lab,
        luns=FEW,
        timing={"dump_limit": f"{limit}s"},
        # The kernel's own data, its log among them, then lies at the beginning of the dump.
        alpha={"kernel_options": ("nokaslr",)},
    )
    pair.ready(pattern_mib=LARGE_PATTERN)
    disk = pair.armed()[0]
    pair.shelf.throttle(disk, bytes_per_second=SLOW)
    panic = pair.alpha.panic()
    started = pair.alpha.wait_for('"event":"dump-started"', 60, since=panic.index)
    if started.time - panic.time > limit / 2:
        raise GuestLost(f"the host is too slow for a dump within {limit} s")
    aborted = pair.wait_event(pair.alpha, "dump-aborted", 90, since=panic.index)
    require(aborted["reason"] == "LIMIT", f"the dump ended by {aborted}")
    claimed = pair.wait_event(pair.beta, "dump-disk-claimed", 30)
    pair.shelf.throttle(disk)
    require(claimed["detail"] == "ABORTED LIMIT", f"claimed as {claimed['detail']}")
    require(pair.agent.wait(90) == 0, "the agent did not end well")
    pair.require_all_taken()
    header = pair.header(pair.beta, disk)
    require((header["attribute"], header["reason"]) == ("SAVED", "LIMIT"), f"its header: {header}")
    pair.beta.check(
        f"lastword recover --verify {pair.beta.disk(disk)}", status=EXIT_PARTIAL, timeout=90
    )
    pair.prove_core(pair.core_folder(pair.beta), complete=False)


@scenario("first_candidate_fails", timeout=400)
def first_candidate_fails(lab):
    """The first armed disk vanishes before the panic: the dump goes to the second."""
    pair = Pair(lab, luns=FEW)
    pair.ready()
    first, second = pair.armed()[:2]
    pair.shelf.remove_lun(first)
    panic = pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    pair.alpha.wait_for('"event":"dump-completed"', 90, since=panic.index)
    pair.wait_event(pair.beta, "dump-saved", 90)
    pair.require_no_dump_cut_short()
    require(pair.header(pair.beta, second)["attribute"] == "SAVED", f"{second} was not saved")
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("first_candidate_fails_mid_dump", timeout=400)
def first_candidate_fails_mid_dump(lab):
    """The first armed disk fails while it takes the dump: a whole dump goes to the second."""
    # Uncompressed, so that the second dump takes longer than saving the first.
    pair = Pair(lab, luns=FEW, dump={"codec": "none"})
    pair.ready()
    first, second = pair.armed()[:2]
    pair.shelf.throttle(first, bytes_per_second=SLOW)
    pair.shelf.throttle(second, bytes_per_second=SLOW)
    panic = pair.alpha.panic()
    pair.alpha.wait_for(PROGRESS, 60, since=panic.index)
    pair.shelf.fail_io(first)
    aborted = pair.alpha.wait_for('"event":"dump-aborted".*"reason":"IO_ERROR"', 60, panic.index)
    pair.alpha.wait_for('"event":"dump-started"', 60, since=aborted.index)

    # The beginning on the first disk is saved before the dump on the second is complete.
    pair.shelf.heal_io(first)
    pair.shelf.throttle(first)
    beginning = pair.beta.wait_for('"event":"dump-saved"', 90)
    require(
        pair.header(pair.beta, second)["attribute"] == "IN_PROGRESS",
        "the dump on the second disk was over before its time",
    )
    pair.shelf.throttle(second)
    pair.beta.wait_for('"event":"dump-saved"', 90, since=beginning.index + 1)
    require(pair.agent.wait(90) == 0, "the agent did not end well")
    pair.require_all_taken()
    for name in (first, second):
        require(pair.header(pair.beta, name)["attribute"] == "SAVED", f"{name} was not saved")
    partial, whole = pair.core_folders(pair.beta)
    with open(os.path.join(partial, "report.json")) as report:
        require(not json.load(report)["complete"], "the beginning passes for a complete core")
    pair.prove_core(whole)

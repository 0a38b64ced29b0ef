"""A node that lost its disks without noticing must not write to them any more."""

from qemu.harness import blocks, pattern, scenario

from .pair import (
    EXIT_PARTIAL,
    EXIT_REFUSED,
    FEW,
    IDS,
    LARGE_PATTERN,
    PROGRESS,
    SLOW,
    Pair,
    require,
)
from .reboot import dump_and_reboot, recover


def stall(lab, pause, resume, *, reason):
    """alpha is paused mid-dump, claimed, recovered; then resumed. `pause`, `resume`: of a Guest.

    `reason`: a pattern of what the resumed writer leaves the disk for.
    """
    pair = Pair(
        lab,
        luns=FEW,
        timing={"grace": "10s", "dump_limit": "90s"},
        alpha={"kernel_options": ("nokaslr",)},
    )
    pair.ready(pattern_mib=LARGE_PATTERN)
    dump_disk = pair.armed()[0]
    pair.shelf.throttle(dump_disk, bytes_per_second=SLOW)
    panic = pair.alpha.panic()
    pair.alpha.wait_for(PROGRESS, 60, since=panic.index)
    pause(pair.alpha)
    pair.shelf.throttle(dump_disk)
    claimed = pair.wait_event(pair.beta, "dump-disk-claimed", 90)
    require(claimed["detail"] == "ABORTED STALLED", f"claimed as {claimed['detail']}")
    require(pair.agent.wait(90) == 0, "the agent did not end well")
    pair.require_all_taken()
    header = pair.header(pair.beta, dump_disk)
    require(
        (header["attribute"], header["reason"]) == ("SAVED", "STALLED"), f"its header is {header}"
    )
    before = {name: pair.shelf.digest(name) for name in pair.names("service|spare|dump")}

    mark = pair.alpha.log.mark()
    resume(pair.alpha)
    pair.alpha.wait_for(f'"event":"dump-aborted".*"reason":"{reason}"', 60, since=mark)
    pair.alpha.wait_ready(timeout=90, since=mark)
    for name, digest in before.items():
        require(pair.shelf.digest(name) == digest, f"alpha's late writes have reached {name}")
    pair.beta.check(
        f"lastword recover --verify {pair.beta.disk(dump_disk)}", status=EXIT_PARTIAL, timeout=90
    )
    pair.prove_core(pair.core_folder(pair.beta), complete=False)


@scenario("writer_stalls", timeout=400)
def writer_stalls(lab):
    """A dump writer that stands still is claimed at the stall time; awake again, it is fenced."""
    stall(lab, lambda alpha: alpha.stop(), lambda alpha: alpha.cont(), reason="FENCED")


@scenario("writer_stalls_with_writes_under_way", timeout=400)
def writer_stalls_with_writes_under_way(lab):
    """The same with requests still under way between node and shelf: none of them lands late."""
    # alpha's clock goes on while QEMU is frozen: its writer meets the conflict, or first sees that
    # its requests are older than the I/O time-out.
    stall(lab, lambda alpha: alpha.freeze(), lambda alpha: alpha.thaw(), reason="(FENCED|TIMEOUT)")


@scenario("zombie_owner", timeout=400)
def zombie_owner(lab):
    """alpha hangs while it writes to its service disks and wakes after the takeover: no write."""
    pair = Pair(
        lab,
        luns=FEW,
        timing={"io_timeout": "2s", "grace": "4s", "dump_limit": "20s"},
    )
    pair.ready(agent=False)
    offset = int(pair.label_of(pair.alpha, "service0")["data_offset_bytes"])
    writer = pair.alpha.spawn(f"lw-blocks {pair.alpha.disk('service0')} {offset} 10000", "blocks")
    writer.wait_for("block 50 written", 30)
    pair.alpha.stop()
    last = blocks.last_block(pair.shelf, "service0", offset)

    takeover = pair.take_over()
    require(takeover.wait(90) == 0, "the takeover did not end well")
    pair.require_all_taken()
    before = {name: pair.shelf.digest(name) for name in pair.names("service|spare|dump")}

    pair.alpha.cont()
    failed = writer.wait_for(r"block (\d+) failed: errno (\w+)", 60)
    require(writer.wait(10) == 3, "lw-blocks goes on")
    require(failed.match[2] == "EBADE", f"no conflict but {failed.match[2]}")
    require(
        int(failed.match[1]) == last.number + 1,
        f"block {failed.match[1]} failed, and the shelf ends at {last.number}",
    )
    after = blocks.last_block(pair.shelf, "service0", offset)
    require(after == last, f"the shelf ends at {after} instead of {last}")
    for name, digest in before.items():
        require(pair.shelf.digest(name) == digest, f"alpha's late writes have reached {name}")
    pair.alpha.check("lastword start", status=EXIT_REFUSED)
    pair.require_all_taken()


@scenario("stale_key_after_power_cycle", timeout=400)
def stale_key_after_power_cycle(lab):
    """A power cut leaves alpha's keys behind: its next start removes them, or else a takeover."""
    pair = Pair(
        lab,
        luns=FEW,
        timing={"io_timeout": "2s", "grace": "4s", "dump_limit": "20s"},
    )
    pair.ready(agent=False)
    names = pair.names("service|spare|dump")

    def alpha_keys(name):
        """Boot generations in alpha's keys on a LUN."""
        held = pair.inspect(pair.beta, name)["reservation"]
        keys = held["registrations"]
        return [key["boot_generation"] for key in keys if key["node"] == IDS["alpha"]]

    first = alpha_keys("service0")
    pair.alpha.restart()
    require(alpha_keys("service0") == first, "the shelf forgot the registration: nothing is tested")
    write = f"lw-blocks {pair.alpha.disk('service0')} " + str(
        int(pair.label_of(pair.beta, "service0")["data_offset_bytes"])
    )
    require(pair.alpha.run(f"{write} 10").status == 3, "a node writes without having started")
    pair.alpha.check("lastword start", timeout=60)
    for name in names + pair.names("mailbox"):
        keys = alpha_keys(name)
        require(keys == [first[0] + 1], f"{name}: {first} was followed by {keys}")
    pair.alpha.check(f"{write} 10")

    # The new key is good for a dump.
    pair.arm()
    pair.pattern = pattern.plant(pair.alpha, 64, seed=4, timeout=60)
    recover(pair, dump_and_reboot(pair))
    pair.prove_core(pair.core_folder(pair.alpha))
    pair.arm()

    pair.alpha.restart()
    takeover = pair.take_over()
    require(takeover.wait(90) == 0, "the takeover did not end well")
    for name in names + pair.names("mailbox"):
        require(not alpha_keys(name), f"{name} still has alpha's key of generation {alpha_keys(name)}")
    pair.require_all_taken()
    pair.alpha.check("lastword start", status=EXIT_REFUSED)
    require(pair.alpha.run(f"{write} 10").status == 3, "alpha writes after the takeover")
    pair.require_all_taken()

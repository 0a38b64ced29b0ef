"""The dump engine in a real capture kernel, beyond its defaults and its comfort."""

import json
import os
import struct

from qemu.harness import GuestLost, kdump, pattern, scenario
from qemu.harness.image import find_program, stripped

from . import readers
from .pair import EXIT_PARTIAL, FEW, LARGE_PATTERN, PROGRESS, SLOW, Pair, require

_KDUMP = {"core_format": "kdump"}
_NO_URING = "/usr/lib/lastword/dump-without-io-uring"


def crash(pair, timeout=120):
    """alpha panics and dumps, beta takes over and recovers. The console line of the panic."""
    panic = pair.alpha.panic()
    pair.alpha.wait_for('"event":"dump-completed"', timeout, since=panic.index)
    pair.wait_event(pair.beta, "dump-saved", timeout)
    require(pair.agent.wait(30) == 0, "the agent did not end well")
    pair.require_all_taken()
    return panic


def require_little_memory(pair, panic):
    """The dump writer's peak RSS kept to 16 MiB."""
    peak = pair.alpha.wait_for(r"lastword-dump: peak rss (\d+) bytes", 30, since=panic.index)
    pair.lab.measure("writer_peak_rss", int(peak.match[1]) / 2**20, "MiB")
    require(int(peak.match[1]) <= 16 << 20, f"the writer's peak was {peak.match[1]} bytes")


@scenario("dump_31_opens_everywhere", timeout=500, long=True)
def dump_31_opens_everywhere(lab):
    """The default dump holds the kernel's memory, and all that read cores read both formats of it."""
    pair = Pair(lab, luns=FEW, dump={**_KDUMP, "exclude": "31"}, alpha={"cpus": 2})
    pair.ready(of_kernel=True)
    # Something to leave out.
    pattern.plant(pair.alpha, 64, seed=9, timeout=60)
    disk = pair.armed()[0]
    crash(pair)
    pair.beta.check(
        f"mkdir /var/elf && lastword recover --no-mark --format elf -o /var/elf {pair.beta.disk(disk)}",
        timeout=120,
    )
    compressed = pair.core_folder(pair.beta)
    report = pair.prove_core(compressed)
    require(int(report["excluded_pages"]) > 64 << 8, f"{report['excluded_pages']} pages left out")
    require(int(report["unclassified_pages"]) == 0, f"{report['unclassified_pages']} pages could not be classified")
    kinds = {one["name"]: one for one in report["classes"]}
    for kind in ("user", "free", "cache"):
        require(int(kinds[kind]["stored_pages"]) == 0, f"{kind} pages were stored: {kinds[kind]}")
    core = os.path.join(compressed, "vmcore")
    with kdump.Kdump(core) as dump:
        # Zero pages are there, all of them as one.
        require(dump.dump_level == 30, f"its level is {dump.dump_level}")
        there = sum(1 for _ in dump.pages())
    require(
        there < int(report["memory_pages"]) - int(report["excluded_pages"]) + 1,
        f"{there} pages look there: those that were left out, too",
    )
    copied = pair.beta.extract("/var/elf")
    plain = os.path.join(copied, os.listdir(copied)[0])
    pair.prove_core(plain)
    for one in (core, os.path.join(plain, "vmcore")):
        readers.debug(lab, one, processors=2)


@scenario("smp_capture", timeout=400)
def smp_capture(lab):
    """A capture kernel with two processors, neither of them the machine's boot processor."""
    pair = Pair(
        lab,
        luns=FEW,
        dump={"codec": "zstd:3"},
        capture={"processors": 2},
        alpha={"cpus": 3},
    )
    pair.ready()
    # The shell that serves the harness, and what it starts, moves to processor 2.
    pair.alpha.check("exec sh -c 'taskset -p 4 $PPID'")
    panic = crash(pair)
    pair.alpha.wait_for(r"lastword-dump: .*codec zstd:3, 2 processors", 1, since=panic.index)
    pair.alpha.wait_for(r"CPU: 2 PID: \d+ Comm", 1, since=panic.index - 20)
    require_little_memory(pair, panic)
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("crashkernel_96M", timeout=500, long=True)
def crashkernel_96M(lab):
    """96 MiB are enough for the dump of a guest of 4 GiB."""
    pair = Pair(
        lab,
        luns=FEW,
        # A disk must hold all of memory: it is not known before the panic what is left out of it.
        sizes_mib={"spare": 5120, "dump": 5120},
        dump={**_KDUMP, "exclude": "zero,free"},
        alpha={"memory_mib": 4096, "crashkernel": "96M"},
    )
    reserved = int(pair.alpha.check("cat /sys/kernel/kexec_crash_size"))
    require(reserved == 96 << 20, f"{reserved} bytes are reserved")
    pair.ready(pattern_mib=LARGE_PATTERN)
    panic = crash(pair)
    require_little_memory(pair, panic)
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("slow_disk_limit", timeout=400)
def slow_disk_limit(lab):
    """A disk far too slow for memory: what the limit leaves of the dump is the kernel, whole."""
    limit = 30
    pair = Pair(lab, luns=FEW, dump=_KDUMP, timing={"dump_limit": f"{limit}s"})
    pair.ready(pattern_mib=LARGE_PATTERN)
    of_kernel = pattern.plant(pair.alpha, 64, seed=2, of_kernel=True, timeout=60)
    disk = pair.armed()[0]
    pair.shelf.throttle(disk, bytes_per_second=SLOW // 2)
    panic = pair.alpha.panic()
    started = pair.alpha.wait_for('"event":"dump-started"', 60, since=panic.index)
    if started.time - panic.time > limit / 3:
        raise GuestLost(f"the host is too slow for a dump within {limit} s")
    aborted = pair.wait_event(pair.alpha, "dump-aborted", 90, since=panic.index)
    require(aborted["reason"] == "LIMIT", f"the dump ended by {aborted}")
    pair.wait_event(pair.beta, "dump-disk-claimed", 30)
    pair.shelf.throttle(disk)
    require(pair.agent.wait(90) == 0, "the agent did not end well")
    pair.require_all_taken()
    folder = pair.core_folder(pair.beta)
    report = pair.prove_core(folder, complete=False)
    lab.measure("beyond_the_limit", int(report["elapsed_ms"]) / 1000 - limit, "s")
    behind = ("user", "cache", "free")
    require(report["last_pass"] in behind, f"the dump came to the pass {report['last_pass']} only")
    pattern.verify(lab, os.path.join(folder, "vmcore.elf"), of_kernel)


def hang_first_disk(lab, engine, **options):
    """A write to the first disk never returns: the writer leaves it alone and takes the next."""
    pair = Pair(lab, luns=FEW, dump={"codec": "none"}, **options)
    pair.ready()
    first, second = pair.armed()[:2]
    pair.shelf.throttle(first, bytes_per_second=SLOW)
    panic = pair.alpha.panic()
    started = pair.wait_event(pair.alpha, "dump-started", 60, since=panic.index)
    require(started["detail"] == engine, f"the engine was {started['detail']}")
    pair.alpha.wait_for(PROGRESS, 60, since=panic.index)
    pair.shelf.throttle(first, bytes_per_second=1)
    left = pair.alpha.wait_for('"event":"dump-aborted".*"reason":"TIMEOUT"', 60, panic.index)
    pair.alpha.wait_for('"event":"dump-started"', 30, since=left.index)
    pair.alpha.wait_for('"event":"dump-completed"', 90, since=left.index)
    pair.shelf.throttle(first)

    require(pair.agent.wait(120) == 0, "the agent did not end well")
    pair.require_all_taken()
    headers = [pair.header(pair.beta, name) for name in (first, second)]
    require([one["attribute"] for one in headers] == ["SAVED"] * 2, f"their headers: {headers}")
    require(headers[0]["reason"] == "STALLED", f"the first disk is {headers[0]}")
    pair.beta.check(
        f"lastword recover --verify {pair.beta.disk(first)}", status=EXIT_PARTIAL, timeout=90
    )
    folders = {}
    for folder in pair.core_folders(pair.beta):
        with open(os.path.join(folder, "report.json")) as file:
            folders[json.load(file)["complete"]] = folder
    require(len(folders) == 2, f"not one core of each disk: {folders}")
    pair.prove_core(folders[True])


@scenario("hung_disk_next_candidate", timeout=400)
def hung_disk_next_candidate(lab):
    """The default engine on a disk that hangs."""
    hang_first_disk(lab, "io_uring")


def without_io_uring(lab):
    """lastword-dump in a file that denies it io_uring: qemu/guest/no-uring.cpp."""
    parts = []
    for name in ("lw-no-uring", "lastword-dump"):
        with open(stripped(lab.build, find_program(lab.build, name)), "rb") as file:
            parts.append(file.read())
    return b"".join(parts) + struct.pack("<Q", len(parts[1]))


@scenario("libaio_only", timeout=400)
def libaio_only(lab):
    """A capture kernel that has no io_uring: the dump is written through libaio, which leaves a disk
    that hangs as well."""
    program = {_NO_URING: (without_io_uring(lab), 0o755)}
    hang_first_disk(
        lab,
        "libaio",
        paths={"dump_program": _NO_URING},
        alpha={"files": program},
        beta={"files": program},
    )


@scenario("clone_of_the_armed_disk", timeout=400)
def clone_of_the_armed_disk(lab):
    """A copy of the first candidate, found before it, has the same UUID: not a byte goes to it. The
    agent has seen it before the panic."""
    pair = Pair(lab, luns={"blank": 1, **FEW}, sizes_mib={"blank": 1024})
    pair.ready(agent=False)
    first = pair.armed()[0]
    pair.shelf.copy(first, "blank0")
    before = pair.shelf.digest("blank0")
    require(before == pair.shelf.digest(first), "the clone differs: nothing is tested")
    # It says that it watches when it has looked at all disks.
    pair.start_agent()
    panic = pair.alpha.panic()
    pair.alpha.wait_for('"event":"dump-completed"', 90, since=panic.index)
    require(pair.agent.wait(120) == 0, "the agent did not end well")
    require(pair.shelf.digest("blank0") == before, "the clone was written")
    pair.require_all_taken()
    require(pair.header(pair.beta, first)["attribute"] == "SAVED", f"{first} was not saved")
    pair.prove_core(pair.core_folder(pair.beta))

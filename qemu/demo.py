"""python3 -m qemu.demo --build DIR

Two nodes and a shelf, and a client that writes all the time: alpha panics, beta takes over while alpha's
memory goes to one disk; alpha reboots, and gets its disks back. Leaves BUILD/demo/: report.json, timeline.svg and core/ with what
beta recovered.

Exit status: 0 all held that lastword promises, 1 something did not, 75 a guest was lost and nothing
is shown either way.
"""

import argparse
import json
import os
import shutil
import sys

from . import timeline
from .figures import quiet
from .harness import ScenarioFailed, WaitTimeout, pattern
from .harness.runner import PASSED, ROOT, command_line, end_on_signals, run_in_lab
from .nbd import records
from .nbd.service import HOOKS, NbdService
from .scenarios.pair import EXIT_REFUSED, Pair, require

_LUNS = dict(service=8, spare=2, dump=1, mailbox=3)
_PATTERN_MIB = 128
_SEED = 7
_TIMEOUT = 270  # seconds in all
_USUAL_DELAY = 1  # seconds from the dump's begin to service on the partner; a figure, no promise
_BUSY = 0.5  # this share of the processors at work before the demo slows it down
_HEARD = '"event":"partner-heard"'
_NO_ANSWER = 1.0  # seconds without an answer that the drawing shows
_DMESG_LINES = 16, 40  # at least; at most, to show the panic message itself


# What lastword promises, looked up in the report: an order of events, whatever the machine. How long
# they took is a figure.


def first_times(report):
    """Event name -> seconds from the panic to its first occurrence."""
    times = {}
    for event in report["events"]:
        times[event["event"]] = min(event["t"], times.get(event["event"], event["t"]))
    return times


def promises(report):
    """[(what, whether it held)]"""
    at = first_times(report)
    told = ["panic", "capture-started", "dump-started", "service-taken", "dump-completed"]
    told += ["dump-disk-claimed", "dump-saved"]
    missing = [name for name in told if name not in at]
    if missing:
        return [(f"every step is seen (missing: {', '.join(missing)})", False)]
    ahead = at["dump-completed"] - at["service-taken"]
    image = report["capture_image_bytes"]
    way_back = report.get("giveback", {})
    return [
        (f"the service came back {ahead:.2f} s before the dump was complete", ahead > 0),
        (
            "the dump disk was claimed only after the dump was complete",
            at["dump-disk-claimed"] >= at["dump-completed"],
        ),
        (f"the capture image has {image / 2**20:.2f} MiB, at most 4", image <= 4 << 20),
        (
            f"alpha has all of its disks again, and is armed ({way_back.get('seconds', 0):.1f} s)",
            way_back.get("home", False) and way_back.get("armed", False),
        ),
    ]


def delay_of_service(report):
    """A sentence; with a hint where the figure says more about this machine than about lastword."""
    at = first_times(report)
    if "service-taken" not in at or "dump-started" not in at:
        return ""
    delay = at["service-taken"] - at["dump-started"]
    told = f"beta had all {report['service_disks']} service disks {delay:.2f} s after the dump began"
    if delay < _USUAL_DELAY:
        return told
    told += f" (usually less than {_USUAL_DELAY} s"
    before, during = report.get("busy_before"), report.get("busy_meanwhile")
    if before is not None and before >= _BUSY:
        told += f"; this machine was busy: its processors {before:.0%} at work before the demo began"
    elif during is not None and during >= 0.95:
        told += f"; this machine is slow: its processors {during:.0%} at work from panic to takeover"
    return told + ")"


def event_list(events, panic_time, name_of_disk):
    """Events of Pair as the report has them. name_of_disk(event) is the shelf's name or ''."""
    told = [{"t": 0.0, "node": "alpha", "event": "panic"}]
    for event in events:
        if event.time < panic_time:
            continue
        entry = {"t": round(event.time - panic_time, 3), "node": event.node, "event": event.name}
        disk = name_of_disk(event)
        if disk:
            entry["disk"] = disk
        told.append(entry)
    return told


class DiskNames:
    """Names of the shelf for what events call a disk: by its path on beta, else by its UUID.

    alpha's paths are of no use: it may find the disks in another order at each boot.
    """

    def __init__(self, pair):
        links = pair.beta.check("for d in /dev/disk/by-id/lw-*; do echo $d $(readlink -f $d); done")
        self._by_path = {
            path: link.rpartition("lw-")[2] for link, path in map(str.split, links.splitlines())
        }
        self._by_uuid = {
            pair.label_of(pair.beta, name)["disk_uuid"]: name
            for name in pair.names("dump") + pair.names("spare") + pair.names("service")
        }

    def __call__(self, event):
        if event.node == "beta" and event.disk in self._by_path:
            return self._by_path[event.disk]
        return self._by_uuid.get(event.disk_uuid, "")


# The run.


def _prepare(lab):
    lab.say("starting a shelf of {} disks, alpha and beta".format(sum(_LUNS.values())))
    nbd = NbdService(lab)
    options = {name: nbd.options(name) for name in ("alpha", "beta")}
    pair = Pair(lab, luns=_LUNS, hooks=HOOKS, **options)
    lab.say("lastword label: all disks are alpha's, the mailbox disks nobody's")
    pair.label()
    lab.say("lastword start, on both nodes: registered and reserved")
    pair.begin()
    lab.say("lastword arm, lastword check: a crash of alpha would be dumped")
    pair.arm()
    lab.say(f"planting {_PATTERN_MIB} MiB of known content in alpha's memory")
    pair.pattern = pattern.plant(pair.alpha, mib=_PATTERN_MIB, seed=_SEED, timeout=60)
    lab.say("lastword agent, on both: each watches the other")
    agents = [node.spawn("lastword agent", "agent") for node in (pair.alpha, pair.beta)]
    for agent in agents:
        agent.wait_for(_HEARD, 60)
    lab.say("alpha serves a disk by NBD; a client writes numbered records to it")
    nbd.begin(pair)
    return pair, nbd


def _say_event(lab, pair, panic, name_of_disk, event):
    disk = name_of_disk(event)
    lab.say(f"+{event.time - panic.time:5.2f} s  {event.node:5}  {event.name}  {disk}".rstrip())


def _watch(lab, pair, panic, name_of_disk, timeout=120):
    """Tells events as they come, until beta's takeover is over."""
    told, deadline = 0, lab.clock.now() + timeout
    while True:
        try:
            pair.beta.wait_for('lastword-event .*"event":"takeover-finished"', 0.2)
            over = True
        except WaitTimeout:
            over = False
        events = [event for event in pair.events() if event.time >= panic.time]
        for event in events[told:]:
            _say_event(lab, pair, panic, name_of_disk, event)
        told = len(events)
        if over:
            break
        if lab.clock.now() > deadline:
            raise ScenarioFailed(f"the takeover is not over {timeout} s after the panic")


def _give_back(lab, pair, panic):
    """alpha has rebooted: it waits, and beta gives back what it took. What became of that."""
    rebooted = pair.alpha.wait_ready(timeout=90, since=panic.index)
    lab.say("alpha has rebooted; lastword start: beta has its disks, so that it waits")
    started = pair.alpha.run("lastword start", timeout=60)
    require(started.status == EXIT_REFUSED, f"lastword start on alpha: {started.output}")
    pair.alpha.spawn("lastword agent", "again").wait_for(_HEARD, 60)
    lab.say("lastword giveback, on beta")
    began = lab.clock.now()
    giveback = pair.beta.spawn("lastword giveback", "giveback")
    require(giveback.wait(120) == 0, "lastword giveback did not end well")
    pair.wait_event(pair.alpha, "service-returned", 60)
    times = {event.name: event.time for event in pair.events() if event.time >= began}
    owners = [pair.label_of(pair.beta, name)["owner_node"] for name in pair.names("service|spare|dump")]
    return {
        "seconds": round(times["service-returned"] - began, 2),
        "service_gap_seconds": round(times["service-returned"] - times["service-returning"], 2),
        "home": set(owners) == {1},
        "armed": bool(pair.armed()),
        "rebooted": round(rebooted - panic.time, 3),
    }


def client_report(log, panic_time, at):
    """What the client saw, in seconds from the panic: who answered when, and the longest time without an
    acknowledged record that has a part of each step. `at`: first_times()."""

    def gap(begin, end):
        found = records.longest_gap(log, panic_time + at[begin], panic_time + at[end])
        return round(found.seconds, 2) if found else None

    return {
        "records": log.promised(),
        "spans": [
            (round(begin - panic_time, 3), round(end - panic_time, 3), node)
            for begin, end, node in records.service_spans(log, _NO_ANSWER)
        ],
        "gap_panic_seconds": gap("panic", "service-taken"),
        "gap_giveback_seconds": gap("service-returning", "service-returned"),
    }


def _number_on_console(node, pattern_text, since):
    return int(node.wait_for(pattern_text, 10, since=since).match[1])


def _demonstrate(lab, folder):
    busy_before = quiet.measure()
    pair, nbd = _prepare(lab)
    armed = json.loads(pair.alpha.check("cat /run/lastword/armed.json"))
    name_of_disk = DiskNames(pair)
    lab.say("alpha panics now")
    at_panic = quiet.reading()
    panic = pair.alpha.panic()
    _watch(lab, pair, panic, name_of_disk)
    busy_meanwhile = quiet.busy_fraction(at_panic, quiet.reading())
    peak_rss = _number_on_console(pair.alpha, r"lastword-dump: peak rss (\d+) bytes", panic.index)
    vmcore = _number_on_console(pair.alpha, r"lastword-dump: vmcore of (\d+) bytes", panic.index)
    way_back = _give_back(lab, pair, panic)
    nbd.wait_for_progress(30)
    lab.say("ending the client, and looking for each of its records")
    nbd.end_client()
    log = nbd.judge(pair, pair.alpha)

    lab.say("copying the recovered core out of beta, and proving it")
    recovered = pair.core_folder(pair.beta)
    core = os.path.join(folder, "core", "vmcore")
    os.rename(recovered, os.path.dirname(core))
    report = {
        "shelf": "lio",
        "service_disks": len(pair.names("service")),
        "capture_image_bytes": int(armed["image_bytes"]),
        "writer_peak_rss_bytes": peak_rss,
        "core": core,
        "core_bytes": os.stat(core).st_size,
        "vmcore_bytes": vmcore,
        "kernel": lab.kernel.release,
        "busy_before": round(busy_before, 2),
        "busy_meanwhile": round(busy_meanwhile, 2),
        "events": event_list(pair.events(), panic.time, name_of_disk),
    }
    rebooted = {"t": way_back.pop("rebooted"), "node": "alpha", "event": "rebooted"}
    report["events"].append(rebooted)
    report["giveback"] = way_back
    report["client"] = client_report(log, panic.time, first_times(report))
    pair.prove_core(os.path.dirname(core))
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    with open(os.path.join(folder, "timeline.svg"), "w", encoding="utf-8") as file:
        file.write(timeline.svg(report))
    broken = [what for what, held in promises(report) if not held]
    require(not broken, f"not so: {'; '.join(broken)}")


# What is shown of it.


def last_lines(log, least, most):
    """The end of a kernel log: from the line before its last panic, within bounds."""
    lines = log.splitlines()
    panics = [number for number, line in enumerate(lines) if "Kernel panic" in line]
    wanted = len(lines) - panics[-1] + 1 if panics else 0
    return lines[-min(max(wanted, least), most) :]


def client_gaps(report):
    """Sentences."""
    client = report.get("client", {})
    return [
        f"the client had no answer for {client[key]:.2f} s {when}"
        for key, when in (("gap_panic_seconds", "at the panic"), ("gap_giveback_seconds", "at the giveback"))
        if client.get(key) is not None
    ]


def _show(folder, proven):
    """Draws what there is: also after a failure, for whoever looks for its reason."""
    path = os.path.join(folder, "report.json")
    if not os.path.exists(path):
        return
    with open(path) as file:
        report = json.load(file)
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)
    print(f"\n{timeline.text(report, width, unicode)}\n")
    dmesg = os.path.join(os.path.dirname(report["core"]), "dmesg.txt")
    if os.path.exists(dmesg):
        print("  the last lines of alpha's kernel log, out of the recovered core:\n")
        with open(dmesg, errors="replace") as file:
            for line in last_lines(file.read(), *_DMESG_LINES):
                print(f"    {line}"[:width])
        print()
    held = [*promises(report)]
    if proven:
        held.append((f"the core holds alpha's {_PATTERN_MIB} MiB of known content, byte for byte", True))
        held.append(("vmcore-dmesg and makedumpfile read the panic message from it", True))
        count = report["client"]["records"]
        held.append((f"all {count} records that the client saw flushed are on the disk, once, in order", True))
    for what, well in held:
        print(f"  {'yes' if well else 'NO':4} {what}")
    if delay_of_service(report):
        print(f"\n  {delay_of_service(report)}")
    if "giveback" in report:
        gap = report["giveback"]["service_gap_seconds"]
        print(f"  at the giveback the service stood still for {gap:.2f} s, from its end on beta to alpha's")
    for told in client_gaps(report):
        print(f"  {told}")
    print(f"\n  {path}\n  {os.path.join(folder, 'timeline.svg')}\n  {report['core']}\n")


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python3 -m qemu.demo")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="build directory")
    options = parser.parse_args(argv)
    folder = os.path.join(os.path.abspath(options.build), "demo")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    end_on_signals()
    outcome = run_in_lab(
        lambda lab: _demonstrate(lab, folder),
        name="demo",
        build=options.build,
        timeout=_TIMEOUT,
        again=command_line("qemu.demo", options.build),
    )
    _show(folder, outcome == PASSED)
    return outcome


if __name__ == "__main__":
    sys.exit(main())

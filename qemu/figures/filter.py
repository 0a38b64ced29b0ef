"""lastword-dump of a real vmcore to an image against makedumpfile to a file: time and size, for the
levels and codecs that people use. Both read from the page cache."""

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass

from qemu.harness import GuestLost, ScenarioFailed
from qemu.harness.image import find_program

from ..vmcore import path_of
from .result import less_is_better

_CLUSTER = "5e9b4c0a-7f1d-4a36-9d2e-1c8f0b7a6e53"
VMCORES = ("1g", "4g")


@dataclass(frozen=True)
class Work:
    """One thing that both can do, and the issue's goals for it."""

    name: str
    ours: tuple
    peer: tuple
    faster: float | None = None
    smaller: float | None = None  # how many times


WORKS = (
    Work("level_0_lz4", ("--exclude", "0", "--codec", "lz4"), ("-l", "-d", "0"), 3, 1),
    Work("level_1_lz4", ("--exclude", "1", "--codec", "lz4"), ("-l", "-d", "1"), 2),
    Work("level_31_lz4", ("--exclude", "31", "--codec", "lz4"), ("-l", "-d", "31"), 1.5),
    Work("level_0_zstd", ("--exclude", "0", "--codec", "zstd"), ("-c", "-d", "0"), 5, 1 / 0.7),
    Work("level_0_auto", ("--exclude", "0", "--codec", "auto"), ("-l", "-d", "0")),
)


def _run(argv):
    began = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace")
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise ScenarioFailed(f"status {done.returncode} from {' '.join(argv)}:\n{done.stderr}")
    return seconds, done.stdout


def _remove(path):
    if os.path.exists(path):
        os.unlink(path)


class Dumper:
    def __init__(self, lab, vmcore):
        self._vmcore = vmcore
        self._image, self._file = lab.big_file("filter.img"), lab.big_file("filter.dump")
        self._lastword = find_program(lab.build, "lastword")
        self._dump = find_program(lab.build, "lastword-dump")

    def ours(self, options):
        """Seconds of the whole command, and bytes of the stream."""
        _remove(self._image)
        with open(self._image, "wb") as file:
            file.truncate(os.stat(self._vmcore).st_size * 5 // 4 + (64 << 20))
        label = ["label", self._image, "--role", "dump", "--cluster", _CLUSTER, "--home-id", "1"]
        _run([self._lastword, *label])
        seconds, _ = _run([self._dump, "--vmcore", self._vmcore, "--disk", self._image, *options])
        _, text = _run([self._lastword, "inspect", "--json", self._image])
        return seconds, stream_bytes(json.loads(text))

    def peer(self, options):
        _remove(self._file)
        seconds, _ = _run(["makedumpfile", *options, self._vmcore, self._file])
        return seconds, os.stat(self._file).st_size


def stream_bytes(report):
    """Of the coredump header that counts, in what `lastword inspect --json` prints."""
    for record in report["records"]:
        for slot in record.get("slots", []):
            header = slot.get("coredump_header")
            if header and slot.get("counts"):
                return int(header["durable_bytes"])
    raise ScenarioFailed("the image has no dump")


def measure(lab, name, runs):
    """By work: lists of (seconds, bytes) of both, in turn."""
    vmcore = path_of(lab.build, name)
    if not os.path.exists(vmcore):
        raise GuestLost(f"{vmcore} is missing: make vmcore")
    with open(vmcore, "rb") as file:  # into the page cache
        while file.read(4 << 20):
            pass
    dumper = Dumper(lab, vmcore)
    found = {work.name: ([], []) for work in WORKS}
    for number in range(runs):
        for work in WORKS:
            found[work.name][0].append(dumper.ours(work.ours))
            found[work.name][1].append(dumper.peer(work.peer))
        now = ", ".join(
            f"{key} {ours[-1][0]:.2f} s ({peer[-1][0]:.2f})" for key, (ours, peer) in found.items()
        )
        lab.say(f"run {number + 1}: {now}")
    return found


def results(name, found):
    """`found` as measure() gives it."""
    rows = []
    for work in WORKS:
        ours, peer = found[work.name]
        peer_name = "makedumpfile " + " ".join(work.peer)
        what = f"`lastword-dump {' '.join(work.ours)}` of the {name} vmcore"
        rows.append(
            less_is_better(f"dump_{name}_{work.name}", "s", [one[0] for one in ours],
                           [one[0] for one in peer], goal=work.faster, what=what,
                           peer_name=peer_name)
        )  # fmt: skip
        rows.append(
            less_is_better(f"dump_{name}_{work.name}_size", "bytes",
                           statistics.median(one[1] for one in ours),
                           statistics.median(one[1] for one in peer), goal=work.smaller,
                           what="its size", peer_name=peer_name)
        )  # fmt: skip
    return rows

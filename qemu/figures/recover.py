"""`lastword recover` of a dump to a core file against makedumpfile, which makes the same of the
vmcore. Input: a real vmcore (qemu/vmcore.py). Both count until the file is on stable storage."""

import os
import shutil
import subprocess
import time

from qemu.harness import ScenarioFailed
from qemu.harness.image import find_program

from .result import less_is_better

VMCORE = "1g"
_CLUSTER = "5e9b4c0a-7f1d-4a36-9d2e-1c8f0b7a6e53"
_SLACK_MIB = 64  # of the image: metadata, section headers
# Format, lastword's options, makedumpfile's.
PAIRS = (
    ("kdump", ["--format", "kdump"], ["-c", "-d", "0"]),
    ("elf", ["--format", "elf"], ["-E", "-d", "0"]),
)


def _run(argv):
    began = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise ScenarioFailed(f"status {done.returncode} from {' '.join(argv)}:\n{done.stderr}")
    return time.monotonic() - began


class Recoveries:
    def __init__(self, build, vmcore, image, folder):
        self._vmcore, self._image, self._folder = vmcore, image, folder
        programs = {name: find_program(build, name) for name in ("lastword", "lastword-dump")}
        for name, path in programs.items():
            if not path:
                raise ScenarioFailed(f"{name} is not built")
        self._lastword = programs["lastword"]
        with open(image, "wb") as file:
            file.truncate(os.stat(vmcore).st_size + (_SLACK_MIB << 20))
        _run([self._lastword, "label", image, "--role", "dump", "--cluster", _CLUSTER]
             + ["--home-id", "1"])  # fmt: skip
        # As makedumpfile's input: all of memory.
        everything = ["--exclude", "none"]
        _run([programs["lastword-dump"], "--vmcore", vmcore, "--disk", image, *everything])

    def _fresh(self):
        shutil.rmtree(self._folder, ignore_errors=True)
        os.makedirs(self._folder)

    def lastword(self, options):
        """The whole command: every checksum, core, log, report, all of it synced."""
        self._fresh()
        return _run(
            [self._lastword, "recover", "--no-mark", self._image, "-o", self._folder, *options]
        )

    def makedumpfile(self, options):
        self._fresh()
        core = os.path.join(self._folder, "core")
        return _run(["makedumpfile", *options, self._vmcore, core]) + _run(["sync", core])


def measure(lab, runs, vmcore):
    """{format: (seconds of lastword, seconds of makedumpfile)}, lists, taken in turn."""
    if not os.path.exists(vmcore):
        raise ScenarioFailed(f"no {vmcore}: make vmcore first")
    image, folder = lab.big_file("recover.img"), lab.big_folder("recovered")
    recoveries = Recoveries(lab.build, vmcore, image, folder)
    seconds = {name: ([], []) for name, _, _ in PAIRS}
    for number in range(runs):
        for name, ours, theirs in PAIRS:
            seconds[name][0].append(recoveries.lastword(ours))
            seconds[name][1].append(recoveries.makedumpfile(theirs))
            now = [one[-1] for one in seconds[name]]
            lab.say(f"run {number + 1}, {name}: {now[0]:.2f} s, makedumpfile {now[1]:.2f} s")
    return seconds


def results(seconds):
    return [
        less_is_better(
            f"recover_{name}", "s", *seconds[name], goal=1,
            what=f"`lastword recover --format {name}` of a dump of 1 GiB",
            peer_name=f"makedumpfile {' '.join(theirs)} of the vmcore, and sync",
        )
        for name, _, theirs in PAIRS
    ]  # fmt: skip

"""How many histories of two nodes the simulation plays."""

import os
import re
import subprocess

from . import result

_HISTORIES = 2000
_GOAL = 10_000  # a minute


def measure(build, runs):
    """Histories a minute, of each run."""
    return [_run(os.path.join(os.path.abspath(build), "bin", "lastword-sim")) for _ in range(runs)]


def _run(program):
    command = [program, "--seed", "1", "--histories", str(_HISTORIES), "--jobs", str(os.cpu_count())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return rate(done.stdout)


def rate(output):
    found = re.search(r": (\d+) a minute$", output, re.MULTILINE)
    if not found:
        raise ValueError(f"the simulation does not say how many histories it played: {output!r}")
    return int(found[1])


def results(rates):
    return [
        result.more_is_better(
            "simulated_histories", "/min", rates, _GOAL, peer_name="the goal", goal=1,
            what="histories of two nodes in the simulation",
        )
    ]  # fmt: skip

"""Known memory content in a guest, and the proof of it in a core."""

import re
import subprocess
from dataclasses import dataclass

from .errors import ScenarioFailed
from .image import find_program


@dataclass(frozen=True)
class Pattern:
    seed: int
    pages: int


def plant(node, mib=64, seed=1, of_kernel=False, timeout=30):
    """Take another seed in every life of a node: a reset leaves memory as it was."""
    kind = "kernel" if of_kernel else ""
    planted = node.spawn(f"lw-pattern {mib} {seed} {kind}", f"pattern-{seed}")
    found = planted.wait_for(r"^pattern-ready pages=(\d+)$", timeout)
    return Pattern(seed, int(found.match[1]))


def verify(lab, core, pattern):
    """Every page once, whole, at its own physical address; or ScenarioFailed."""
    result = find(lab, core, pattern)
    if result["status"] != 0:
        raise ScenarioFailed(f"the pattern is not whole in {core}:\n{result['text']}")


def find(lab, core, pattern):
    """Counts {pages, missing, damaged, displaced, repeated}, plus status and text."""
    program = find_program(lab.build, "lw-pattern")
    if not program:
        raise FileNotFoundError("lw-pattern is not built")
    result = subprocess.run(
        [program, "--verify", core, str(pattern.seed), str(pattern.pages)],
        capture_output=True,
        text=True,
    )
    text = result.stdout + result.stderr
    counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", result.stdout)}
    return {**counts, "status": result.returncode, "text": text.strip()}

"""Page classes on a real vmcore, against the program that everybody filters with."""

import re
import subprocess

from qemu import vmcore
from qemu.harness import ScenarioFailed, scenario
from qemu.harness.image import find_program

_LEVELS = (1, 2, 4, 8, 16, 31)
_ZERO, _CACHE, _PRIVATE, _USER, _FREE = 1, 2, 4, 8, 16
_REPORTED = {
    "zero": "Pages filled with zero",
    "cache": "Non-private cache pages",
    "private": "Private cache pages",
    "user": "User process data pages",
    "free": "Free pages",
    "hwpoison": "Hwpoison pages",
    "offline": "Offline pages",
}
# By which bits of the level makedumpfile leaves a class out.
_BITS = {
    "cache": _CACHE | _PRIVATE,
    "private": _PRIVATE,
    "user": _USER,
    "hugetlb": _USER,
    "free": _FREE,
    "hwpoison": ~_ZERO,
    "offline": ~_ZERO,
}
_SMALL = vmcore.Recipe(
    memory=448, text=40, binaries=20, noise=16, dirty=8, small=30, huge=24, pattern=16, hugetlb=8,
    hugetlb_pool=12, freed=24, balloon=8,
)  # fmt: skip


def parse_counts(text):
    """{class: {column: number}} and the numbers that stand alone, of --count-classes."""
    head, *lines = [line.split() for line in text.splitlines()]
    columns = head[1:]
    table, alone = {}, {}
    for name, *numbers in lines:
        if len(numbers) == len(columns):
            table[name] = dict(zip(columns, map(int, numbers)))
        else:
            alone[name] = int(numbers[0])
    return table, alone


def expected(table, level):
    """What makedumpfile should report: it filters the kernel's image like everything else."""
    left_out = [name for name, bits in _BITS.items() if bits & level]

    def both(name, column):
        return table[name][column] + table[name][f"image_{column}"]

    counts = dict.fromkeys(_REPORTED, 0)
    for name in left_out:
        counts["user" if name == "hugetlb" else name] += both(name, "frames")
    if level & _ZERO:
        counts["zero"] = table["all"]["zero"] - sum(both(name, "zero") for name in left_out)
    return counts


def parse_report(text):
    """What makedumpfile reported; ScenarioFailed unless it is all there."""
    counts = {}
    for name, title in _REPORTED.items():
        found = re.search(rf"^\s*{title}\s*: 0x([0-9a-f]+)$", text, re.MULTILINE)
        if not found:
            raise ScenarioFailed(f"makedumpfile does not report '{title}':\n{text}")
        counts[name] = int(found[1], 16)
    return counts


def _run(lab, *argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    with open(lab.path("commands.log"), "a") as log:
        log.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        raise ScenarioFailed(f"status {done.returncode} from {' '.join(argv)}:\n{done.stderr}")
    return done.stdout


@scenario("classes_match_makedumpfile", timeout=600)
def classes_match_makedumpfile(lab):
    """On a real vmcore, each class has as many page frames as makedumpfile says."""
    core = vmcore.ensure(lab, "1g")
    program = find_program(lab.build, "lastword-dump")
    table, alone = parse_counts(_run(lab, program, "--vmcore", core, "--count-classes"))
    if alone != {"unclassified": 0, "unreadable": 0}:
        raise ScenarioFailed(f"frames of a whole vmcore could not be classified or read: {alone}")
    seen = dict.fromkeys(_REPORTED, 0)
    for level in _LEVELS:
        # Its report goes to its standard output, its complaints to the other.
        report = _run(
            lab, "makedumpfile", "-d", str(level), "--message-level", "31", "--dry-run", core,
            lab.path("not-written"),
        )  # fmt: skip
        theirs, ours = parse_report(report), expected(table, level)
        if theirs != ours:
            raise ScenarioFailed(f"level {level}: makedumpfile {theirs}, lastword {ours}")
        seen = {name: max(count, theirs[name]) for name, count in seen.items()}
        lab.say(f"level {level}: {sum(theirs.values())} page frames left out, as by makedumpfile")
    # Nothing is proven about a class that the vmcore has none of.
    missing = [name for name, count in seen.items() if count == 0 and name != "hwpoison"]
    if missing:
        raise ScenarioFailed(f"the vmcore has no {', '.join(missing)} pages to compare")


@scenario("classes_in_capture_kernel", timeout=300)
def classes_in_capture_kernel(lab):
    """In the capture kernel, classes of /proc/vmcore are those of a file with the same content."""
    core = lab.big_file("taken.vmcore")
    there, alone_there = parse_counts(vmcore.take(lab, _SMALL, core, count=True))
    program = find_program(lab.build, "lastword-dump")
    here, alone_here = parse_counts(_run(lab, program, "--vmcore", core, "--count-classes"))
    # There, offline pages are not read; here they were copied as zeros.
    here["all"]["zero"] -= here["offline"]["zero"]
    here["offline"]["zero"] = 0
    if there != here or alone_there != alone_here or alone_here["unclassified"]:
        raise ScenarioFailed(f"capture kernel {there} {alone_there}, file {here} {alone_here}")

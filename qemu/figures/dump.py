"""lastword-dump of one vmcore file to an image, against others that write as much to a file."""

import json
import os
import struct
import subprocess
import time

from qemu.harness import ScenarioFailed
from qemu.harness.image import find_program

from .result import more_is_better

MEMORY_MIB = 1024
_GOAL = 0.9
_PAGE = 4096
_CLUSTER = "5e9b4c0a-7f1d-4a36-9d2e-1c8f0b7a6e53"
_SLACK_MIB = 64  # of the image: metadata, section headers
_FIO_DEPTH = 4  # as many writes of about 1 MiB under way as lastword-dump has


# The vmcore: headers as the kernel writes them, then memory that no page of is zero.

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_PT_LOAD, _PT_NOTE = 1, 4


def _note(name, text):
    data = text.encode()
    head = struct.pack("<III", len(name) + 1, len(data), 0)
    return head + b"".join(part + b"\0" * (-len(part) % 4) for part in (name.encode() + b"\0", data))


def vmcore_head(memory_bytes):
    """One page: ELF header, program headers, the VMCOREINFO note."""
    note = _note("VMCOREINFO", f"OSRELEASE=6.1.0-bench\nPAGESIZE={_PAGE}\n")
    note_offset = _EHDR.size + 2 * _PHDR.size
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head = _EHDR.pack(ident, 4, 62, 1, 0, _EHDR.size, 0, 0, _EHDR.size, _PHDR.size, 2, 0, 0, 0)
    head += _PHDR.pack(_PT_NOTE, 0, note_offset, 0, 0, len(note), len(note), 0)
    head += _PHDR.pack(
        _PT_LOAD, 7, _PAGE, 0xFFFF888000000000, 0, memory_bytes, memory_bytes, 0
    )
    head += note
    return head + bytes(_PAGE - len(head))


def write_vmcore(path, memory_mib):
    """Incompressible, without holes, and in the page cache when this returns."""
    with open(path, "wb") as file:
        file.write(vmcore_head(memory_mib << 20))
        for _ in range(memory_mib):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())


# The writers. Each returns bytes per second.


def _timed(argv):
    began = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise ScenarioFailed(f"status {done.returncode} from {' '.join(argv)}:\n{done.stderr}")
    return seconds, done.stdout


def _fresh(path, mib):
    """A sparse file, as all three find it: none has its blocks allocated before."""
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "wb") as file:
        file.truncate(mib << 20)


class Writers:
    def __init__(self, build, vmcore, target):
        self._vmcore, self._target = vmcore, target
        self._bytes = os.stat(vmcore).st_size
        self._programs = {name: find_program(build, name) for name in ("lastword", "lastword-dump")}
        for name, path in self._programs.items():
            if not path:
                raise ScenarioFailed(f"{name} is not built")
        self._engine = self._fio_engine()

    def lastword_dump(self):
        """The whole command: checks, every checksum, heartbeats, flush, COMPLETED."""
        _fresh(self._target, MEMORY_MIB + _SLACK_MIB)
        label = ["label", self._target, "--role", "dump", "--cluster", _CLUSTER, "--home-id", "1"]
        _timed([self._programs["lastword"], *label])
        dump = ["--vmcore", self._vmcore, "--disk", self._target, "--exclude", "none", "--codec", "none"]
        seconds, _ = _timed([self._programs["lastword-dump"], *dump])
        return self._bytes / seconds

    def dd(self):
        _fresh(self._target, MEMORY_MIB + _SLACK_MIB)
        seconds, _ = _timed(
            ["dd", f"if={self._vmcore}", f"of={self._target}", "bs=1M", "oflag=direct"]
            + ["conv=notrunc,fsync", "status=none"]
        )
        return self._bytes / seconds

    def _fio(self, engine, size):
        return [
            "fio", "--name=write", f"--filename={self._target}", "--rw=write", "--bs=1M",
            f"--size={size}", "--direct=1", f"--ioengine={engine}", f"--iodepth={_FIO_DEPTH}",
            "--end_fsync=1", "--fallocate=none", "--refill_buffers", "--output-format=json",
        ]  # fmt: skip

    def _fio_engine(self):
        """io_uring where the host has it, as lastword-dump chooses."""
        _fresh(self._target, 1)
        probe = subprocess.run(self._fio("io_uring", 1 << 20), capture_output=True, text=True)
        return "io_uring" if probe.returncode == 0 else "libaio"

    def fio(self):
        """By fio's own clock, which leaves out its start of some tenths of a second."""
        _fresh(self._target, MEMORY_MIB + _SLACK_MIB)
        size = MEMORY_MIB << 20
        _, output = _timed(self._fio(self._engine, size))
        job = json.loads(output[output.index("{") :])["jobs"][0]
        return size / (job["job_runtime"] / 1000)


def measure(lab, runs):
    """Lists of bytes per second: lastword-dump, dd, fio. In turn, so that a slow minute of the
    host's disk hits all of them."""
    vmcore, target = lab.big_file("bench.vmcore"), lab.big_file("bench.img")
    lab.say(f"making a vmcore of {MEMORY_MIB} MiB")
    write_vmcore(vmcore, MEMORY_MIB)
    writers = Writers(lab.build, vmcore, target)
    rates = ([], [], [])
    for number in range(runs):
        for rate, writer in zip(rates, (writers.lastword_dump, writers.dd, writers.fio)):
            rate.append(writer())
        now = [f"{rate[-1] / 1e6:.0f}" for rate in rates]
        lab.say(f"run {number + 1}: lastword-dump {now[0]} MB/s, dd {now[1]}, fio {now[2]}")
    return rates


def results(rates):
    ours, dd, fio = ([rate / 1e6 for rate in one] for one in rates)
    what = f"`lastword-dump` of a vmcore of {MEMORY_MIB} MiB to an image"
    return [
        more_is_better("dump_to_image_fio", "MB/s", ours, fio, goal=_GOAL, what=what,
                       peer_name="fio, sequential, O_DIRECT"),
        more_is_better("dump_to_image_dd", "MB/s", ours, dd, what=what,
                       peer_name="dd oflag=direct bs=1M"),
    ]  # fmt: skip

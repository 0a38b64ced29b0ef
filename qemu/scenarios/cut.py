"""What a dump is worth that ended early."""

import json
import mmap
import os
import struct
import subprocess

from qemu import vmcore
from qemu.harness import kdump, scenario, stream
from qemu.harness.disks import create_sparse
from qemu.harness.image import find_program

from . import readers
from .pair import EXIT_PARTIAL, PANIC_MESSAGE, require, require_log

_IMAGE_BYTES = 4 << 30
_PERCENT = (25, 50, 75)
_FIRST_STRETCH = ("essential", "image", "slab")


class _Memory:
    """Page frames of an ELF vmcore."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (table,) = struct.unpack_from("<Q", self._map, 32)
        (entries,) = struct.unpack_from("<H", self._map, 56)
        self._loads = []
        for index in range(entries):
            kind, _, offset, _, paddr, size = struct.unpack_from("<IIQQQQ", self._map, table + 56 * index)
            if kind == 1:
                self._loads.append((paddr, paddr + size, offset))

    def page(self, frame):
        """None where it is not wholly in one PT_LOAD."""
        first = frame * stream.BLOCK
        for begin, end, offset in self._loads:
            if begin <= first and first + stream.BLOCK <= end:
                at = offset + first - begin
                return self._map[at : at + stream.BLOCK]
        return None


def _run(lab, *argv, status=0):
    done = subprocess.run(argv, capture_output=True, text=True)
    with open(lab.path("commands.log"), "a") as log:
        log.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}")
    require(done.returncode == status, f"status {done.returncode} from {' '.join(argv)}:\n{done.stderr}")
    return done.stdout


def _recover(lab, image, form):
    """Folder of the recovered dump, and its report."""
    out = lab.big_folder(f"out.{form}")
    codec = ["--codec", "none"] if form == "kdump" else []
    result = json.loads(
        _run(
            lab, find_program(lab.build, "lastword"), "recover", image, "--no-mark", "--json",
            "--output", out, "--format", form, *codec, status=EXIT_PARTIAL,
        )
    )  # fmt: skip
    return result["directory"], result["report"]


def _prove(lab, image, left, memory):
    """What is in the sections that are left comes out, and is said to be all. Both cores of it."""
    frames = {frame for section in left for frame in section.frames}
    folder, report = _recover(lab, image, "kdump")
    require(not report["complete"] and report["incomplete_because"], f"it looks complete: {report}")
    require(int(report["missing_pages"]) > 0 and report["missing"], "what is missing is not said")
    core = os.path.join(folder, "vmcore")
    there = set()
    with kdump.Kdump(core) as dump:
        require(dump.incomplete, "the core lacks the mark of an incomplete one")
        for frame, content in dump.pages():
            if content is None:
                continue
            there.add(frame)
            expected = memory.page(frame)
            require(expected in (None, content), f"page frame {frame} is not what it was")
    require(there == frames, f"{len(frames - there)} pages are lost, {len(there - frames)} invented")
    plain = os.path.join(_recover(lab, image, "elf")[0], "vmcore")
    for one in (core, plain):
        require_log(one, PANIC_MESSAGE)
    return core, plain


@scenario("cut_dump_opens", timeout=600)
def cut_dump_opens(lab):
    """A dump of a real vmcore, cut at 25, 50 and 75 percent and where its first stretch ends: all
    that is left of it comes out, the log can be read; from that stretch on debuggers open it."""
    core = vmcore.ensure(lab, "1g")
    memory = _Memory(core)
    passes = set()
    for exclude in ("31", "zero,cache,private,free"):
        image = lab.big_file("dump.img")
        create_sparse(image, _IMAGE_BYTES)
        lastword = find_program(lab.build, "lastword")
        _run(
            lab, lastword, "label", image, "--role", "dump", "--home-id", "1", "--cluster",
            "5e9b4c0a-7f1d-4a36-9d2e-1c8f0b7a6e53",
        )  # fmt: skip
        _run(
            lab, find_program(lab.build, "lastword-dump"), "--vmcore", core, "--disk", image,
            "--exclude", exclude, "--codec", "lz4",
        )  # fmt: skip
        left = list(stream.sections(image))
        end = left[-1].end
        stretch = max(one.end for one in left if one.page_pass in _FIRST_STRETCH)
        cuts = [stream.DATA_OFFSET + (end - stream.DATA_OFFSET) * one // 100 for one in _PERCENT]
        for cut in sorted([stretch, *cuts], reverse=True):
            _run(lab, "fallocate", "--punch-hole", "-o", str(cut), "-l", str(end - cut), image)
            left = [section for section in left if section.content_end <= cut]
            cores = _prove(lab, image, left, memory)
            passes.add(left[-1].page_pass)
            lab.say(f"{exclude}: the log from {cut >> 20} of {end >> 20} MiB, in {left[-1].page_pass}")
            for one in cores if cut >= stretch else ():
                readers.debug(lab, one, processors=1)
        os.remove(image)
    require("user" in passes and "image" in passes, f"cut in {passes} only")

"""The sections of a dump on a disk (docs/disk-format.md), as far as a proof needs them."""

import struct
from typing import NamedTuple

BLOCK = 4096
DATA_OFFSET = 2 << 20  # of a disk that lastword labelled
PASSES = ("essential", "image", "slab", "kernel", "user", "cache", "free")
_MAGIC = b"LWSECTN1"
_HEADER = struct.Struct("<8sIHHQ16sQQQQIIII")
_RUN = struct.Struct("<QIHH")
_PAGES = 3
_STORED, _ZERO = 0, 1


class Section(NamedTuple):
    offset: int  # in the image
    end: int  # padded to whole blocks
    content_end: int  # what lies between the two is zeros
    page_pass: str  # empty: no pages
    frames: list  # those whose content it has, zero ones among them


def sections(path):
    """In their order, until there is none that begins like one."""
    with open(path, "rb") as image:
        at = DATA_OFFSET
        while True:
            image.seek(at)
            block = image.read(BLOCK)
            if len(block) < BLOCK or not block.startswith(_MAGIC):
                return
            header = _HEADER.unpack_from(block)
            kind, stored_bytes, runs, page_pass = header[2], header[7], header[10], header[12]
            frames = []
            for index in range(runs):
                first, count, what, _ = _RUN.unpack_from(block, _HEADER.size + index * _RUN.size)
                if what in (_STORED, _ZERO):
                    frames += range(first, first + count)
            end = at + BLOCK + -(-stored_bytes // BLOCK) * BLOCK
            yield Section(at, end, at + BLOCK + stored_bytes, PASSES[page_pass] if kind == _PAGES else "", frames)
            at = end

"""Reads kdump-compressed cores (agent/corefile/kdump_format.h says where the parts are), zlib or uncompressed
pages, by the description of the format alone. For proofs, not for speed."""

import mmap
import struct
import zlib

BLOCK = 4096
SIGNATURE = b"KDUMP   "
_HEADER = struct.Struct("<8si390s6xqqIiiIIIIIIi")
_SUB_HEADER = struct.Struct("<QiiQQQQQQQQQQQ")
_DESCRIPTOR = struct.Struct("<QIIQ")
_ZLIB, _INCOMPLETE = 0x1, 0x8

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_PT_LOAD, _PT_NOTE = 1, 4


def is_kdump(path):
    with open(path, "rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def _set_bits(bitmap):
    """Positions of the bits that are set, in order."""
    for index, byte in enumerate(bitmap):
        while byte:
            low = byte & -byte
            yield index * 8 + low.bit_length() - 1
            byte ^= low


class Kdump:
    """`incomplete`, `dump_level`, `release`, `nodename`, `notes`; pages()."""

    def __init__(self, path):
        self._file = open(path, "rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        header = _HEADER.unpack_from(self._map)
        if header[0] != SIGNATURE or header[1] != 6 or header[6] != BLOCK:
            raise ValueError(f"{path}: no kdump-compressed core of version 6")
        names = [header[2][at : at + 65].rstrip(b"\0").decode() for at in range(0, 390, 65)]
        self.nodename, self.release = names[1], names[2]
        self.incomplete = bool(header[5] & _INCOMPLETE)
        sub_blocks, bitmap_blocks = header[7], header[8]
        sub = _SUB_HEADER.unpack_from(self._map, BLOCK)
        self.dump_level = sub[1]
        self.notes = self._map[sub[7] : sub[7] + sub[8]]
        self._bitmap = (1 + sub_blocks) * BLOCK
        self._half = bitmap_blocks // 2 * BLOCK
        self._descriptors = self._bitmap + 2 * self._half

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._map.close()
        self._file.close()

    def _frames(self, which):
        start = self._bitmap + which * self._half
        return _set_bits(self._map[start : start + self._half])

    def memory(self):
        """Page frames that are memory, as ranges [first, end)."""
        ranges = []
        for frame in self._frames(0):
            if ranges and ranges[-1][1] == frame:
                ranges[-1][1] += 1
            else:
                ranges.append([frame, frame + 1])
        return ranges

    def pages(self):
        """(page frame, content) of what is there, content None where it is missing."""
        for number, frame in enumerate(self._frames(1)):
            place = self._descriptors + number * _DESCRIPTOR.size
            offset, size, flags, _ = _DESCRIPTOR.unpack_from(self._map, place)
            if offset == 0:
                yield frame, None
                continue
            content = self._map[offset : offset + size]
            if flags not in (0, _ZLIB):
                raise ValueError(f"page frame {frame}: flags {flags:#x}")
            content = zlib.decompress(content) if flags else content
            if len(content) != BLOCK:
                raise ValueError(f"page frame {frame}: {len(content)} bytes")
            yield frame, content


def to_elf(core, path):
    """The same as a sparse ELF core, for readers of that. Counts {stored, missing}."""
    counts = {"stored": 0, "missing": 0}
    with Kdump(core) as dump, open(path, "wb") as out:
        memory = dump.memory()
        headers = _EHDR.size + _PHDR.size * (len(memory) + 1)
        start = -(-(headers + len(dump.notes)) // BLOCK) * BLOCK
        ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
        out.write(
            _EHDR.pack(
                ident, 4, 62, 1, 0, _EHDR.size, 0, 0, _EHDR.size, _PHDR.size, len(memory) + 1,
                0, 0, 0,
            )
        )  # fmt: skip
        size = len(dump.notes)
        out.write(_PHDR.pack(_PT_NOTE, 0, headers, 0, 0, size, size, 4))
        place, at = {}, start
        for first, end in memory:
            size = (end - first) * BLOCK
            out.write(_PHDR.pack(_PT_LOAD, 7, at, 0, first * BLOCK, size, size, 0))
            place[first] = at
            at += size
        out.write(dump.notes)
        out.truncate(at)
        ranges = iter(memory)
        first, end = next(ranges)
        for frame, content in dump.pages():
            while frame >= end:
                first, end = next(ranges)
            counts["missing" if content is None else "stored"] += 1
            if content and content.count(0) != BLOCK:
                out.seek(place[first] + (frame - first) * BLOCK)
                out.write(content)
    return counts

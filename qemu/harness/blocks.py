"""Reads what lw-blocks wrote; the layout is that of qemu/guest/blocks.cpp."""

import struct
import zlib
from typing import NamedTuple

BLOCK_BYTES = 4096
_MAGIC = b"LWBLOCK\0"
_HEAD = struct.Struct("<8sQQ")


class Block(NamedTuple):
    number: int
    monotonic_ns: int  # the writing guest's clock


def parse(data):
    """The block, or None where the bytes are not one whole block."""
    magic, number, monotonic_ns = _HEAD.unpack_from(data)
    (crc,) = struct.unpack_from("<I", data, BLOCK_BYTES - 4)
    if magic != _MAGIC or crc != zlib.crc32(data[: BLOCK_BYTES - 4]):
        return None
    return Block(number, monotonic_ns)


def last_block(shelf, name, offset_bytes):
    """The last of the unbroken run of numbered blocks from an offset of a LUN, or None."""
    last = None
    while True:
        expected = last.number + 1 if last else 0
        data = shelf.read(name, offset_bytes + expected * BLOCK_BYTES, BLOCK_BYTES)
        block = parse(data) if len(data) == BLOCK_BYTES else None
        if not block or block.number != expected:
            return last
        last = block

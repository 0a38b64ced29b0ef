"""Records of lastword's metadata partition, as docs/disk-format.md describes them."""

import struct

BLOCK_BYTES = 4096
_MAGIC = b"LASTWORD"
_HEAD = struct.Struct("<8sIIQI")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types


def _crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def _fields(payload):
    """(number, value or None, bytes) of each field of a message; a value where it is a varint."""
    at = 0
    while at < len(payload):
        begin = at
        tag, at = _read_varint(payload, at)
        value = None
        wire = tag & 7
        if wire == _VARINT:
            value, at = _read_varint(payload, at)
        elif wire == _BYTES:
            length, at = _read_varint(payload, at)
            at += length
        else:
            at += {_FIXED64: 8, _FIXED32: 4}[wire]
        yield tag >> 3, value, payload[begin:at]


def number_in(payload, field):
    """Value of a field that is a varint; 0 where it is absent, as protobuf has it."""
    return next((value for number, value, _ in _fields(payload) if number == field), 0)


def with_numbers(payload, numbers):
    """The message with other values in fields that are varints: {field number: value}."""
    kept = b"".join(data for number, _, data in _fields(payload) if number not in numbers)
    return kept + b"".join(_varint(field << 3) + _varint(value) for field, value in numbers.items())


def parse(block):
    """(kind, sequence, payload) of a slot, or None where it holds no whole record."""
    magic, kind, version, sequence, length = _HEAD.unpack_from(block)
    end = _HEAD.size + length
    if magic != _MAGIC or version != 1 or end + 4 > len(block):
        return None
    (crc,) = struct.unpack_from("<I", block, end)
    return (kind, sequence, block[_HEAD.size : end]) if crc == _crc32c(block[:end]) else None


def compose(kind, sequence, payload):
    record = _HEAD.pack(_MAGIC, kind, 1, sequence, len(payload)) + payload
    return (record + struct.pack("<I", _crc32c(record))).ljust(BLOCK_BYTES, b"\0")

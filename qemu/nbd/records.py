"""Numbered records on a disk, and whether what a client was promised of them is there. Pure.

Record n is slot n of the disk. A client writes a record again, as it was, when it cannot know whether it
arrived; so each is there once, whichever node wrote it how often.
"""

import struct
import zlib
from dataclasses import dataclass, field

SIZE = 4096
_MAGIC = b"LWRECORD"
_RUN_BYTES = 16
_HEAD = struct.Struct(f"<8s{_RUN_BYTES}sQ")  # magic, run, number
_CRC = struct.Struct("<I")  # at the end, over all before it
_WORD = struct.Struct("<Q")


def make(run, number):
    """The record of this number. `run`: 16 bytes that tell this client's records from all others."""
    # Each sector is of this record only, so that a mixture of two shows.
    words = _WORD.pack(number) * ((SIZE - _HEAD.size - _CRC.size) // _WORD.size + 1)
    body = _HEAD.pack(_MAGIC, run, number) + words
    body = body[: SIZE - _CRC.size]
    return body + _CRC.pack(zlib.crc32(body))


EMPTY, TORN = "empty", "torn"


def read(run, slot):
    """The number of the record in a slot, or EMPTY, or TORN: anything else."""
    if not any(slot):
        return EMPTY
    body, crc = slot[: -_CRC.size], slot[-_CRC.size :]
    magic, whose, number = _HEAD.unpack_from(slot)
    whole = len(slot) == SIZE and (magic, whose) == (_MAGIC, run) and zlib.crc32(body) == _CRC.unpack(crc)[0]
    return number if whole else TORN


@dataclass
class Log:
    """What a client saw. Times are in seconds on one clock."""

    sent: int = 0  # records 0 to sent - 1 were given to a connection
    acknowledged: list = field(default_factory=list)  # (time, number, node); again where written again
    flushed: list = field(default_factory=list)  # (time, count): records 0 to count - 1 are safe
    connections: list = field(default_factory=list)  # (time, node)

    def promised(self):
        """So many records, from the first on, were acknowledged and flushed."""
        return max((count for _, count in self.flushed), default=0)


def parse_log(lines, clock=lambda monotonic: monotonic):
    """Lines of qemu.nbd.client, the last of which may be cut short. `clock` makes its times others."""
    log = Log()
    for line in lines:
        if not line.endswith("\n"):
            break
        what, time, *rest = line.split()
        time = clock(float(time))
        if what == "sent":
            log.sent = max(log.sent, int(rest[0]))
        elif what == "acknowledged":
            log.acknowledged.append((time, int(rest[0]), rest[1]))
        elif what == "flushed":
            log.flushed.append((time, int(rest[0])))
        elif what == "connected":
            log.connections.append((time, rest[0]))
        else:
            raise ValueError(f"no line of a client's log: {line!r}")
    return log


def verify(run, slots, log):
    """Sentences, one for each record that is not as promised; none where all is well.

    `slots`: those of the whole disk, in its order. A record that was sent and not flushed may be there
    or not; one that was acknowledged may not be torn.
    """
    promised = log.promised()
    acknowledged = max((number for _, number, _ in log.acknowledged), default=-1)
    wrong, places, torn, slot_count = [], {}, set(), 0
    for place, slot in enumerate(slots):
        slot_count += 1
        found = read(run, slot)
        if found == TORN:
            torn.add(place)
        elif found != EMPTY:
            places.setdefault(found, []).append(place)
    if slot_count < log.sent:
        wrong.append(f"the disk has {slot_count} slots, and {log.sent} records were sent")
    for number in range(promised):
        if number not in places and number not in torn:
            wrong.append(f"record {number} is lost: it was acknowledged and flushed")
    for place in sorted(torn):
        if place <= acknowledged or place >= log.sent:
            wrong.append(f"slot {place} is torn, or holds what no client wrote")
    for number, found in sorted(places.items()):
        if len(found) > 1:
            wrong.append(f"record {number} is there {len(found)} times: slots {found}")
        if found != [number] and number not in found:
            wrong.append(f"record {number} is in slot {found[0]}")
        if number >= log.sent:
            wrong.append(f"record {number} is there, and was never sent")
    return wrong


def service_spans(log, least):
    """[(begin, end, node)], each from the end of the one before: who answered; "" where for `least` seconds
    or longer nobody did."""
    spans = []
    for time, _, node in sorted(log.acknowledged):
        if not spans:
            spans.append((time, time, node))
            continue
        begin, end, last = spans[-1]
        if time - end >= least:
            spans += [(end, time, ""), (time, time, node)]
        elif node == last:
            spans[-1] = (begin, time, node)
        else:
            spans.append((end, time, node))
    return spans


@dataclass(frozen=True)
class Gap:
    begin: float
    end: float

    @property
    def seconds(self):
        return self.end - self.begin


def longest_gap(log, begin, end):
    """The longest time without an acknowledged record that has a part of [begin, end]; None where the log
    has no two acknowledgements round it."""
    times = sorted(time for time, _, _ in log.acknowledged)
    gaps = [Gap(*pair) for pair in zip(times, times[1:]) if pair[0] <= end and pair[1] >= begin]
    return max(gaps, key=lambda gap: gap.seconds, default=None)

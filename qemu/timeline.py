"""The demo's report drawn as text and as a picture. Pure: a report in, a string out.

The SVG is written by hand: a drawing library would be the only package that qemu/ needs beside
Python's own."""

import re
from dataclasses import dataclass
from html import escape

# What happens to a disk from one moment to the next.
VICTIM, WRITING, PARTNER, READING = "victim", "writing", "partner", "reading"
# And to a client of the service: nobody answers. While a node does, it is that node's kind.
NOBODY = "nobody"
CLIENT = "client"

_TAKEN = ("disk-taken", "dump-disk-claimed")
_WRITING_ENDS = ("dump-completed", "dump-aborted")
_READING_ENDS = ("dump-saved", "dump-unsaved")
_ROLES = ("service", "spare", "dump")
# The events that tell the story; the others are about one disk and show in its bar.
MARKED = (
    "panic",
    "capture-started",
    "dump-started",
    "service-taken",
    "dump-completed",
    "dump-aborted",
    "dump-disk-claimed",
    "dump-saved",
    "rebooted",
    "service-returning",
    "service-returned",
)


@dataclass(frozen=True)
class Span:
    begin: float  # seconds since the panic
    end: float
    kind: str


@dataclass(frozen=True)
class Bar:
    disk: str
    spans: tuple


def _disk_order(name):
    role = next((i for i, role in enumerate(_ROLES) if name.startswith(role)), len(_ROLES))
    parts = re.split(r"(\d+)", name)
    return role, [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def victim_of(report):
    return next(event["node"] for event in report["events"] if event["event"] == "panic")


def partner_of(report):
    victim = victim_of(report)
    return next((e["node"] for e in report["events"] if e["node"] != victim), "the partner")


def title(report):
    told = f"{victim_of(report)} panics, {partner_of(report)} takes over"
    returned = any(event["event"] == "service-returned" for event in report["events"])
    return f"{told} and gives back" if returned else told


def time_range(report):
    """What a drawing shows: from a little before the panic to after the last event, with room for
    the label of that one."""
    last = max([event["t"] for event in report["events"]] + [1.0])
    return -0.04 * last, 1.18 * last


def _bar(report, disk, begin, end):
    victim = victim_of(report)
    spans, owner, since, kind = [], VICTIM, begin, VICTIM

    def turn(now, into):
        nonlocal since, kind
        if into != kind:
            spans.append(Span(since, now, kind))
            since, kind = now, into

    for event in sorted(report["events"], key=lambda event: event["t"]):
        if event.get("disk") != disk:
            continue
        name, now = event["event"], event["t"]
        if name in _TAKEN and event["node"] != victim:
            owner = PARTNER
            turn(now, READING if name == "dump-disk-claimed" else PARTNER)
        elif name == "disk-returned":
            owner = VICTIM
            turn(now, VICTIM)
        elif name == "dump-started" and owner == VICTIM:
            turn(now, WRITING)
        elif name in _WRITING_ENDS and kind == WRITING or name in _READING_ENDS:
            turn(now, owner)
    spans.append(Span(since, end, kind))
    return Bar(disk, tuple(spans))


def _client_bar(report, begin, end):
    kinds = {victim_of(report): VICTIM, partner_of(report): PARTNER, "": NOBODY}
    spans = [
        Span(max(since, begin), until, kinds[node])
        for since, until, node in report["client"]["spans"]
        if until > begin and since < end
    ]
    # The client ends a little before the drawing does.
    spans[-1] = Span(spans[-1].begin, end, spans[-1].kind)
    return Bar(CLIENT, tuple(spans))


def bars(report):
    """One for the client, if the report has one: who answered it. And one for each disk that an event
    names: whose it was, and the dump on its way through it."""
    begin, end = time_range(report)
    disks = {event["disk"] for event in report["events"] if event.get("disk")}
    drawn = [_bar(report, disk, begin, end) for disk in sorted(disks, key=_disk_order)]
    return [_client_bar(report, begin, end), *drawn] if "client" in report else drawn


def ticks(begin, end, most):
    """Round moments at an even distance, `most` of them or fewer."""
    step = next(
        step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600)
        if (end - begin) / step <= most or step == 3600
    )  # fmt: skip
    first = -int(-begin // step)
    return [round(number * step, 1) for number in range(first, int(end // step) + 1)]


def story(report):
    """Events in the order of time; what one node does to many disks in a row is one entry:
    (t of the first, t of the last, node, event, [disks])."""
    told = []
    for event in sorted(report["events"], key=lambda event: event["t"]):
        disk = [event["disk"]] if event.get("disk") else []
        if disk and told and told[-1][2:4] == (event["node"], event["event"]):
            first, _, node, name, disks = told[-1]
            told[-1] = (first, event["t"], node, name, disks + disk)
        else:
            told.append((event["t"], event["t"], event["node"], event["event"], disk))
    return told


# On a terminal.

_UNICODE = {VICTIM: "░", WRITING: "▓", PARTNER: "█", READING: "▒", NOBODY: "×"}
_ASCII = {VICTIM: ".", WRITING: "w", PARTNER: "#", READING: "r", NOBODY: "x"}


def legend(report):
    victim, partner = victim_of(report), partner_of(report)
    kinds = [
        (VICTIM, f"{victim}'s"),
        (WRITING, f"{victim}'s memory is written to it"),
        (PARTNER, f"{partner}'s"),
        (READING, f"{partner} recovers the dump"),
    ]
    return [*kinds, (NOBODY, "no answer")] if "client" in report else kinds


def text(report, width=100, unicode=True):
    """The timeline for a terminal, without a newline at its end."""
    begin, end = time_range(report)
    drawn = bars(report)
    margin = max([len(bar.disk) for bar in drawn] + [4]) + 4
    columns = max(width - margin - 1, 20)
    fill = _UNICODE if unicode else _ASCII

    def column(t):
        return min(columns - 1, max(0, int((t - begin) / (end - begin) * columns)))

    scale, marks = [" "] * (columns + 8), [" "] * columns
    for tick in ticks(begin, end, columns // 8):
        label = f"{tick:g}"
        marks[column(tick)] = "|"
        scale[column(tick) : column(tick) + len(label)] = label
    lines = [
        f"  seconds after {victim_of(report)}'s panic",
        " " * margin + "".join(scale).rstrip(),
        " " * margin + "".join(marks).rstrip(),
    ]
    for bar in drawn:
        cells = [fill[bar.spans[0].kind]] * columns
        for span in bar.spans:
            first = column(span.begin)
            # However short, what happened shows; a later span may paint over its end.
            after = max(first + 1, column(span.end)) if span.end < end else columns
            cells[first:after] = fill[span.kind] * (after - first)
        lines.append(f"  {bar.disk:{margin - 4}}  {''.join(cells)}")
    lines.append("")
    lines.append("   ".join(["  " + fill[kind] * 2 + " " + what for kind, what in legend(report)]))
    lines.append("")
    for first, last, node, name, disks in story(report):
        until = f" to {last:.2f} s" if last - first >= 0.01 else " s"
        where = disks[0] if len(disks) == 1 else f"{len(disks)} disks" if disks else ""
        lines.append(f"  {f'{first:7.2f}{until}':20}{node:8}{name:20}{where}".rstrip())
    return "\n".join(lines)


# As a picture.

_ROW, _LABELS, _LEFT, _PLOT, _RIGHT = 26, 18, 96, 800, 30
_LETTER = 6.9  # mean width of a letter of class small
_STYLE = """
    svg { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
    .card { fill: #ffffff; stroke: #d5dae1; } .grid { stroke: #e3e7ec; }
    .text { fill: #1d2733; font-size: 13px; } .small { fill: #5a6675; font-size: 12px; }
    .title { fill: #1d2733; font-size: 16px; font-weight: 600; }
    .mark { stroke: #1d2733; stroke-width: 1; stroke-dasharray: 2 3; } .dot { fill: #1d2733; }
    .victim { fill: #cbd2da; } .writing { fill: #e8590c; }
    .partner { fill: #2f7fd1; } .reading { fill: #8cbdf0; } .nobody { fill: #c92a2a; }
    @media (prefers-color-scheme: dark) {
      .card { fill: #14191f; stroke: #2c3540; } .grid { stroke: #262e38; }
      .text, .title, .dot { fill: #e7ecf2; } .small { fill: #9aa7b5; } .mark { stroke: #e7ecf2; }
      .victim { fill: #48525e; } .writing { fill: #ff8a3d; }
      .partner { fill: #3d8fe6; } .reading { fill: #a5cdf7; } .nobody { fill: #ff6b6b; }
    }"""


def _rounded(value):
    return f"{value:.1f}".removesuffix(".0")


def _text(x, y, content, style="text", anchor="start"):
    place = f'x="{_rounded(x)}" y="{_rounded(y)}" text-anchor="{anchor}"'
    return f'<text class="{style}" {place}>{escape(content)}</text>'


def _label_levels(marks, gap=10):
    """For marks (x, width) from left to right: the row of each label, 0 the highest, so that no
    two labels overlap, and no line, which goes down from its label, runs through another."""
    ends, levels = [], []
    for x, width in marks:
        level = len(ends)
        while level > 0 and ends[level - 1] + gap <= x:
            level -= 1
        ends[level:] = [x + width]
        levels.append(level)
    return levels


def svg(report):
    """A picture of its own: colours, and a background that follows the reader's light or dark."""
    begin, end = time_range(report)
    drawn = bars(report)

    def x_of(t):
        return _LEFT + (t - begin) / (end - begin) * _PLOT

    marks = []
    for event in sorted(report["events"], key=lambda event: event["t"]):
        if event["event"] in MARKED:
            marks.append((x_of(event["t"]), f"{event['event']} {event['t']:.2f} s"))
    levels = _label_levels([(x, _LETTER * len(label)) for x, label in marks])
    label_rows = max(levels, default=0) + 1
    head = 54
    top = head + label_rows * _LABELS + 10
    bottom = top + len(drawn) * _ROW
    width, height = _LEFT + _PLOT + _RIGHT, bottom + 74

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">',
        f"<title>{escape(title(report))}</title>",
        f"<style>{_STYLE}\n  </style>",
        f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        _text(20, 32, title(report), "title"),
    ]
    for tick in ticks(begin, end, 16):
        x = _rounded(x_of(tick))
        out.append(f'<line class="grid" x1="{x}" y1="{top - 4}" x2="{x}" y2="{bottom + 4}"/>')
        out.append(_text(x_of(tick), bottom + 20, f"{tick:g} s", "small", "middle"))
    for index, bar in enumerate(drawn):
        y = top + index * _ROW
        out.append(_text(_LEFT - 12, y + 17, bar.disk, "text", "end"))
        for span in bar.spans:
            x, right = x_of(span.begin), x_of(span.end)
            out.append(
                f'<rect class="{span.kind}" x="{_rounded(x)}" y="{y + 4}"'
                f' width="{_rounded(max(right - x, 1))}" height="{_ROW - 8}"/>'
            )
    for (x, label), level in zip(marks, levels):
        # The first label is the highest, so that no line runs through a later one's text.
        y = head + level * _LABELS + 10
        at = _rounded(x)
        out.append(f'<line class="mark" x1="{at}" y1="{y - 10}" x2="{at}" y2="{bottom + 4}"/>')
        out.append(f'<circle class="dot" cx="{at}" cy="{y - 4}" r="2.5"/>')
        out.append(_text(x + 6, y, label, "small"))
    x = _LEFT
    for kind, what in legend(report):
        out.append(f'<rect class="{kind}" x="{_rounded(x)}" y="{bottom + 42}" width="14" height="14"/>')
        out.append(_text(x + 20, bottom + 54, what, "small"))
        x += 50 + _LETTER * len(what)
    out.append("</svg>")
    return "\n".join(out) + "\n"

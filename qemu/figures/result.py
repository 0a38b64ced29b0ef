"""A figure against its peer, as the report and the README have it. Pure."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Result:
    """`ratio` says how many times as good as the peer lastword is, whichever way the unit counts;
    a goal is the least ratio. Without a peer or a goal these are None."""

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    goal: float | None = None
    what: str = ""  # for the table

    @property
    def met(self):
        return self.goal is None or self.ratio >= self.goal

    def as_json(self):
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": _short(self.ours),
            "peer": _short(self.peer),
            "peer_name": self.peer_name,
            "ratio": _short(self.ratio),
            "goal": self.goal,
            "met": self.met,
        }


def less_is_better(name, unit, ours, peer=None, **more):
    """Of seconds or bytes. `ours` and `peer` may be lists: their medians count."""
    ours, peer = _median(ours), _median(peer)
    return Result(name, unit, ours, peer, ratio=peer / ours if peer else None, **more)


def more_is_better(name, unit, ours, peer=None, **more):
    """Of a rate."""
    ours, peer = _median(ours), _median(peer)
    return Result(name, unit, ours, peer, ratio=ours / peer if peer else None, **more)


def _median(values):
    return median(values) if isinstance(values, (list, tuple)) else values


def _short(value):
    """Four digits that count; whole numbers as they are."""
    if value is None or isinstance(value, int) or value == int(value):
        return value if value is None else int(value)
    return float(f"{value:.4g}")


_SCALES = {"bytes": (2**20, "MiB")}


def _shown(value, unit):
    if value is None:
        return ""
    scale, unit = _SCALES.get(unit, (1, unit))
    value /= scale
    digits = 0 if value >= 100 else 2 if value >= 0.1 else 3
    return f"{value:.{digits}f} {unit}"


def table(results):
    """Markdown."""
    rows = [
        "| what | lastword | against | | times as good | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        if result.ratio is not None and result.ratio >= 20:
            ratio = f"{result.ratio:.0f}"
        goal = "" if result.goal is None else f"{result.goal:g}"
        met = "" if result.goal is None else "met" if result.met else "**missed**"
        ours, peer = _shown(result.ours, result.unit), _shown(result.peer, result.unit)
        rows.append(
            f"| {result.what or result.name} | {ours} | {result.peer_name} | {peer}"
            f" | {ratio} | {goal} | {met} |"
        )
    return "\n".join(rows)

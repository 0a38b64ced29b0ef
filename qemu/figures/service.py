"""How long a service stands still: after a silence, at a graceful takeover, at a giveback."""

from qemu.scenarios.heartbeat import Watched
from qemu.scenarios.nbd import Served

from .result import less_is_better

RUNS_OF_SILENCE = 10


def measure_silence(lab):
    """Seconds from a loss of power to service-taken."""
    pair = Watched(lab)
    began = lab.clock.now()
    pair.alpha.kill()
    pair.require_taken_on_silence()
    return pair.told("service-taken")[0].time - began


def measure_gaps(lab):
    """Seconds without an acknowledged write, as the client sees them: takeover --graceful, giveback."""
    pair = Served(lab)
    gaps = [gap.seconds for gap in pair.go_and_come_back()]
    pair.judge(pair.alpha)
    return tuple(gaps)


def results_of_silence(seconds):
    worst = max(seconds)
    return [
        less_is_better(
            "silence_to_service_taken", "s", seconds, what="loss of power to `service-taken`"
        ),
        less_is_better(
            "silence_to_service_taken_worst", "s", worst, what=f"the same, worst of {len(seconds)}"
        ),
    ]


def results_of_gaps(gaps):
    graceful, giveback = zip(*gaps)
    return [
        less_is_better(
            "client_gap_graceful_takeover", "s", list(graceful),
            what="graceful takeover, as a client sees it",
        ),
        less_is_better(
            "client_gap_giveback", "s", list(giveback), what="giveback, as a client sees it"
        ),
    ]  # fmt: skip

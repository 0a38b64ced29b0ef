"""From the panic to the service on the other node; and how small the capture side is."""

import json

from qemu.harness import pattern
from qemu.scenarios.pair import Pair

from .result import less_is_better

_SLACK = 0.3  # seconds beyond the capture kernel's boot
_IMAGE_LIMIT = 4 << 20


def measure(lab):
    """One crash: seconds to capture-started, to dump-started, to service-taken; image, peak RSS."""
    pair = Pair(lab)
    pair.label()
    pair.begin()
    pair.arm()
    image = int(json.loads(pair.alpha.check("cat /run/lastword/armed.json"))["image_bytes"])
    pattern.plant(pair.alpha, mib=64, seed=3, timeout=60)
    pair.start_agent()
    panic = pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    peak = pair.alpha.wait_for(r"lastword-dump: peak rss (\d+) bytes", 90, since=panic.index)
    at = {event.name: event.time - panic.time for event in reversed(pair.events())}
    steps = [at[name] for name in ("capture-started", "dump-started", "service-taken")]
    lab.say("capture kernel after {:.2f} s, dump after {:.2f} s, service after {:.2f} s".format(*steps))
    return (*steps, image, int(peak.match[1]))


def results(measured):
    """`measured`: a list of what measure() returned."""
    booted, dumping, served, images, peaks = zip(*measured)
    return [
        less_is_better(
            "panic_to_service_taken", "s", served, [seconds + _SLACK for seconds in booted],
            peer_name=f"the capture kernel's boot + {_SLACK} s", goal=1.0,
            what="panic to `service-taken`, 8 disks",
        ),
        less_is_better(
            "dump_started_to_service_taken", "s",
            [after - before for before, after in zip(dumping, served)],
            peer_name="the promise", peer=1.0, goal=1.0,
            what="`dump-started` to `service-taken`",
        ),
        less_is_better(
            "capture_image_bytes", "bytes", max(images), _IMAGE_LIMIT, peer_name="the limit",
            goal=1.0, what="capture image",
        ),
        less_is_better("writer_peak_rss_bytes", "bytes", max(peaks),
                       what="peak RSS of the dump writer"),
    ]  # fmt: skip

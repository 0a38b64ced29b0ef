"""Taking all disks of a node that is gone: lastword against sg3-utils used as fence_scsi does.

Every run starts with alpha holding all service disks, and ends with beta holding them.
"""

import re

from qemu.harness import CommandFailed, ScenarioFailed
from qemu.scenarios.by_hand import Returns
from qemu.scenarios.pair import Pair, require

from .result import less_is_better

COUNTS = (8, 64)
_GOALS = {64: 50}
_FLAT = 0.5  # eight times as many disks in at most twice the time
_PEER = "sg_turs + sg_persist, disk by disk, as fence_scsi"

# Keys as fence_scsi composes them: four digits for the cluster, four for the node.
_VICTIM, _HOST = "c0de0000", "c0de0001"

# What fence_scsi (ClusterLabs/fence-agents, agents/scsi/fence_scsi.py, set_status, action "off")
# runs for each device: get_registration_keys() and preempt_abort() on the way out, then
# get_registration_keys() and get_reservation_key() to verify, every one of them after
# reset_dev(), which is sg_turs. Kinder than the original: no Python, and no shell per command.
_FENCE = r"""
host=$1 victim=$2
shift 2
failed=0
for dev; do
    [ -b "$dev" ] || exit 1
    sg_turs "$dev"
    case $(sg_persist -n -i -k -d "$dev") in
    *0x"$victim"*)
        sg_turs "$dev"
        sg_persist -n -o -A -T 5 -K "$host" -S "$victim" -d "$dev" ;;
    esac
done
for dev; do
    sg_turs "$dev"
    case $(sg_persist -n -i -k -d "$dev") in
    *0x"$victim"*) failed=$((failed + 1)); continue ;;
    esac
    sg_turs "$dev"
    case $(sg_persist -n -i -r -d "$dev") in
    *[Kk]ey=0x*) ;;
    *) failed=$((failed + 1)) ;;
    esac
done
exit $failed
"""

_STAMPED = re.compile(r"^(\d+\.\d+) (.*)$", re.M)


def stamped(output):
    """What lw-stamp printed, as [(seconds, line)]."""
    return [(float(seconds), line) for seconds, line in _STAMPED.findall(output)]


def _moment(lines, event):
    for seconds, line in lines:
        if f'"event":"{event}"' in line:
            return seconds
    raise ScenarioFailed(f"no {event} in what lastword takeover said")


class _Bench:
    def __init__(self, lab, count):
        self.lab = lab
        self.pair = Pair(lab, luns=dict(service=count, mailbox=3))
        self.returns = Returns(self.pair)
        self.pair.beta.check(f"cat >/root/fence.sh <<'END'\n{_FENCE}\nEND")

    def lastword(self):
        """Seconds: the whole command; from its start of the takeover to the service's."""
        self.returns.alpha_holds_all()
        beta = self.pair.beta
        result = beta.run("lw-stamp lastword takeover", timeout=120)
        lines = stamped(result.output)
        if result.status != 0:
            raise CommandFailed(f"lastword takeover: status {result.status}\n{result.output}")
        require(len([l for _, l in lines if '"disk-taken"' in l]) == len(self.pair.names("service")),
                "not every disk was taken")  # fmt: skip
        self.returns.beta_lets_go()
        inner = _moment(lines, "service-taken") - _moment(lines, "takeover-started")
        return lines[-1][0], inner

    def fence_scsi(self):
        """Seconds. All nodes are registered with fence_scsi before; that is not measured."""
        alpha, beta = self.pair.alpha, self.pair.beta
        register = "sg_turs $dev; sg_persist -n -o -I -S {} -d $dev"
        reserve = f"sg_persist -n -o -R -T 5 -K {_VICTIM} -d $dev"
        self.returns.each(alpha, f"{register.format(_VICTIM)} && {reserve}", "service")
        self.returns.each(beta, register.format(_HOST), "service")
        command = f"lw-stamp sh /root/fence.sh {_HOST} {_VICTIM} {self.returns.disks(beta, 'service')}"
        result = beta.run(command, timeout=180)
        if result.status != 0:
            raise CommandFailed(f"{result.status} disks were not taken as fence_scsi does")
        self.returns.clear(beta, _HOST, "service")
        return stamped(result.output)[-1][0]


def measure(lab, count, runs):
    """Lists of seconds: lastword's whole command, its takeover alone, fence_scsi's commands."""
    bench = _Bench(lab, count)
    whole, inner, fenced = [], [], []
    for number in range(runs):
        seconds = bench.lastword()
        whole.append(seconds[0])
        inner.append(seconds[1])
        fenced.append(bench.fence_scsi())
        lab.say(
            f"run {number + 1}: {count} disks in {whole[-1]:.3f} s ({inner[-1]:.3f} s of it the"
            f" takeover), disk by disk in {fenced[-1]:.2f} s"
        )
    return whole, inner, fenced


def results(measured):
    """`measured`: count -> what measure() returned for it."""
    out = []
    for count, (whole, inner, fenced) in measured.items():
        out.append(
            less_is_better(
                f"takeover_{count}", "s", whole, fenced, peer_name=_PEER, goal=_GOALS.get(count),
                what=f"`lastword takeover` of {count} disks, the whole command",
            )
        )  # fmt: skip
        out.append(
            less_is_better(
                f"takeover_{count}_to_service", "s", inner, fenced, peer_name=_PEER,
                goal=_GOALS.get(count), what="the same, `takeover-started` to `service-taken`",
            )
        )  # fmt: skip
    few, many = COUNTS
    if few in measured and many in measured:
        for index, (name, part) in enumerate(
            [("takeover_flat", "the whole command"), ("takeover_flat_to_service", "to `service-taken`")]
        ):
            out.append(
                less_is_better(
                    name, "s", measured[many][index], measured[few][index], goal=_FLAT,
                    peer_name=f"{few} disks", what=f"{many} disks, {part}",
                )
            )  # fmt: skip
    return out

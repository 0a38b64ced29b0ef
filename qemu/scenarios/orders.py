"""What operators order: to leave in good order, to take over, to label anew, to give back."""

import time

from qemu.harness import scenario

from .boots import OF_BETA
from .giveback import HOLDING_HOOK, HOOKS, GivenBack
from .heartbeat import SILENCE, Watched
from .pair import FEW, require

COUNTDOWN = 20


@scenario("countdown_expires", timeout=800, long=True)
def countdown_expires(lab):
    """alpha's hook hangs while it is to leave: at zero beta takes over by force, alpha is fenced."""
    files = {f"{HOOKS}/service-leaving": (HOLDING_HOOK, 0o755)}
    pair = GivenBack(lab, alpha={"files": files})
    pair.alpha.check("touch /run/hold")
    mark = pair.alpha.log.mark()
    asking = pair.beta.spawn(f"lastword takeover --graceful --countdown {COUNTDOWN}s", "graceful")
    pair.alpha.wait_for("hook-ran service-leaving", 60, since=mark)
    pair.require_held("alpha", pair.names("service"), pair.beta)
    require(not pair.told("service-taken"), "beta took the service before the countdown was over")
    require(asking.wait(120) == 0, "the takeover by force did not end well")
    asked, forced, served = (
        pair.told(name)[0].time for name in ("takeover-asked", "takeover-forced", "service-taken")
    )
    require(forced - asked > COUNTDOWN - 1, f"forced after {forced - asked:.1f} s")
    require(served > forced, "beta took the service before the countdown was over")
    pair.wait_event(pair.alpha, "fenced", 60, since=mark)
    pair.require_all_taken()
    hooks = pair.hooks_run(pair.beta)
    require(hooks == ["service-taken"], f"beta's hooks: {hooks}")


@scenario("both_paths_cut_one_winner", timeout=800, long=True)
def both_paths_cut_one_winner(lab):
    """Neither hears the other, and both are ordered to take over at once: one wins all disks."""
    pair = Watched(lab, luns={**FEW, "mailbox": 3}, of_beta=OF_BETA)
    nodes = (pair.alpha, pair.beta)
    for node in nodes:
        pair.agents[node.name].kill()
    orders = {node.name: node.spawn("lastword takeover", "order") for node in nodes}
    ends = {name: order.wait(120) for name, order in orders.items()}
    lab.say(f"takeover ended with {ends}")
    winners = [name for name, status in ends.items() if status == 0]
    require(len(winners) == 1, f"takeover ended with {ends}")
    seen_by = next(node for node in nodes if node.name == winners[0])
    pair.require_held(winners[0], pair.names("service|spare|dump"), seen_by)
    taken = {event.node for event in pair.events() if event.name == "disk-taken"}
    require(taken == set(winners), f"disks were taken by {taken}")


_LATE_LBA = 32768  # of 512 bytes; beyond everything that lastword writes


@scenario("giver_writes_late", timeout=800, long=True)
def giver_writes_late(lab):
    """A program on beta writes while the disks go back: nothing lands once alpha has them."""
    pair = GivenBack(lab)
    pair.panic_and_wait()
    disk = pair.beta.check(f"readlink -f {pair.beta.disk('service0')}").strip().removeprefix("/dev/")
    generic = pair.beta.check(f"ls /sys/block/{disk}/device/scsi_generic").strip()
    pair.beta.check("yes beta | head -c 512 >/tmp/late")
    # WRITE (10) of one block by the generic device, which no list of openers of the disk shows.
    command = f"2a 00 00 00 {_LATE_LBA >> 8:02x} 00 00 00 01 00"
    write = f"sg_raw -s 512 -i /tmp/late /dev/{generic} {command} >/dev/null 2>&1"
    told = "[ $status = $old ] || { echo late-write $status; old=$status; }"
    writer = pair.beta.spawn(f"old=; while :; do {write}; status=$?; {told}; done", "late")
    writer.wait_for("late-write 0", 30)
    pair.give_back()
    pair.wait_event(pair.alpha, "service-returned", 60)
    # sg3_utils: SG_LIB_CAT_RES_CONFLICT.
    writer.wait_for("late-write 24", 30)
    pair.alpha.check(
        f"yes alpha | dd of={pair.alpha.disk('service0')} bs=512 seek={_LATE_LBA} count=1 "
        "iflag=fullblock oflag=direct conv=notrunc"
    )
    time.sleep(3)
    found = pair.shelf.read("service0", _LATE_LBA * 512, 512)
    require(found.startswith(b"alpha\n"), f"beta's late write has landed: {found[:12]}")
    mark = pair.beta.log.mark()
    time.sleep(2)
    again = pair.beta.log.find("late-write 0", mark)
    require(again is None, "beta writes to alpha's disk again")
    pair.require_all_home()


@scenario("relabel_is_no_takeover", timeout=800, long=True)
def relabel_is_no_takeover(lab):
    """A disk gets another home while the agents run: it changes hands by that, and nobody takes over."""
    pair = Watched(lab, of_beta=OF_BETA)
    pair.alpha.check("lastword stop", timeout=60)
    disk = pair.alpha.disk("service0")
    pair.alpha.check(
        f"lastword label --role service --home beta --adopt {disk} --force {disk}", timeout=60
    )
    for node in (pair.beta, pair.alpha):
        node.check("lastword start", timeout=120)
    pair.require_quiet(2 * SILENCE, nodes=("alpha", "beta"))
    for node in ("alpha", "beta"):
        require(not pair.told("fenced", node), f"{node} was fenced by a label")
    pair.require_held("beta", ["service0", "service1", "spare1"], pair.beta)
    pair.require_held("alpha", ["spare0", "dump0"], pair.beta)

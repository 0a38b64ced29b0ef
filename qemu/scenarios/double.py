"""A second failure before the first is over."""

from qemu.harness import pattern, scenario

from .boots import OF_BETA
from .giveback import HOLDING_HOOK, HOOKS, GivenBack, give_back_half
from .heartbeat import Watched
from .pair import require
from .reboot import recover_on


def panic_of_beta(pair, seed):
    """beta dumps to a disk of its own, and alpha, which waits, takes whatever it has not."""
    planted = pattern.plant(pair.beta, 64, seed, timeout=60)
    mark = pair.alpha.log.mark()
    pair.beta.panic()
    pair.wait_event(pair.alpha, "service-taken", 90, since=mark)
    pair.wait_event(pair.alpha, "dump-saved", 180, since=mark)
    pair.wait_event(pair.alpha, "takeover-finished", 90, since=mark)
    pair.require_held("alpha", pair.names("service|spare|dump"), pair.alpha)
    pair.require_no_dump_cut_short()
    pair.prove_core(pair.core_folder(pair.alpha, owner="beta"), planted=planted)


@scenario("panic_while_holding_both", timeout=800, long=True)
def panic_while_holding_both(lab):
    """beta, which has all disks, panics: it dumps to a disk of its own, and alpha takes both sets."""
    pair = GivenBack(lab, of_beta=OF_BETA)
    pair.panic_and_wait()
    pair.require_all_taken()
    panic_of_beta(pair, seed=10)
    dumped = {event.disk_uuid for event in pair.events() if event.name == "dump-started"}
    homes = {
        pair.label_of(pair.alpha, name)["disk_uuid"]: pair.home_of(name) for name in pair.shelf.luns
    }
    require({homes[uuid] for uuid in dumped} == {"alpha", "beta"}, f"dumps went to {dumped}")


@scenario("panic_of_giver", timeout=800, long=True)
def panic_of_giver(lab):
    """beta panics in the middle of a giveback: dumped to a disk of its own, and alpha takes the rest."""
    files = {f"{HOOKS}/service-returning": (HOLDING_HOOK, 0o755)}
    pair = GivenBack(lab, of_beta=OF_BETA, beta={"files": files})
    give_back_half(pair)
    panic_of_beta(pair, seed=12)


@scenario("both_panic", timeout=800, long=True)
def both_panic(lab):
    """Both panic at the same moment: each dumps to its own disk, and nobody takes anything."""
    pair = Watched(lab, of_beta=OF_BETA)
    of_beta = pattern.plant(pair.beta, 64, seed=11, timeout=60)
    first = pair.alpha.panic()
    second = pair.beta.panic()
    for node, panic in ((pair.alpha, first), (pair.beta, second)):
        pair.wait_event(node, "dump-completed", 120, since=panic.index)
        node.wait_ready(timeout=120, since=panic.index)
    for node in (pair.alpha, pair.beta):
        node.check("lastword start", timeout=120)
        require(not pair.told("takeover-started", node.name), f"{node.name} took over")
    for node, planted in ((pair.alpha, pair.pattern), (pair.beta, of_beta)):
        headers = {name: pair.header(node, name) for name in pair.names_of(node.name, "spare|dump")}
        disks = [name for name, header in headers.items() if header["attribute"] == "COMPLETED"]
        require(len(disks) == 1, f"{node.name} finds its dump on {disks}: {headers}")
        recover_on(pair, node, disks[0])
        pair.prove_core(pair.core_folder(node, owner=node.name), planted=planted)
    pair.require_all_home()


@scenario("double_failure", timeout=800, long=True)
def double_failure(lab):
    """beta loses its power in the middle of a takeover, and boots: it goes on, and saves the dump."""
    pair = GivenBack(lab, of_beta=OF_BETA)
    disk = pair.plant_much(seed=12)
    panic = pair.alpha.panic()
    pair.beta.wait_for("hook-ran service-taken", 60)
    require(pair.header(pair.beta, disk)["attribute"] == "IN_PROGRESS", "the dump was over by then")
    pair.beta.kill()
    pair.shelf.throttle(disk)
    pair.beta.start().wait_ready()
    mark = pair.beta.log.mark()
    pair.beta.check("lastword start", timeout=120)
    pair.agents["beta"] = pair.run_agent(pair.beta, "second")
    pair.wait_event(pair.beta, "takeover-resumed", 60, since=mark)
    # Its service begins again: the hook of the boot before is gone with that boot.
    pair.beta.wait_for("hook-ran service-taken", 60, since=mark)
    pair.wait_event(pair.beta, "dump-saved", 180, since=mark)
    pair.wait_event(pair.beta, "takeover-finished", 90, since=mark)
    pair.require_all_taken()
    pair.prove_core(pair.core_folder(pair.beta))
    pair.alpha.wait_ready(timeout=120, since=panic.index)
    pair.wait_on_alpha()
    pair.require_quiet_on_alpha(5)

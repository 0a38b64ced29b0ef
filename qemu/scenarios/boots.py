"""Nodes that boot: both at once, one without the other, one while its disks are being taken."""

from qemu.harness import scenario

from .giveback import GivenBack
from .heartbeat import HEARD, SILENCE, WATCHING, Watched
from .pair import PROGRESS, require

OF_BETA = ("service1", "spare1")


@scenario("partner_reboots_in_takeover", timeout=800, long=True)
def partner_reboots_in_takeover(lab):
    """alpha is reset in the middle of its dump and is up before beta has all: it waits; no set is split."""
    pair = GivenBack(lab)
    disk = pair.plant_much(seed=7)
    panic = pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    pair.alpha.wait_for(PROGRESS, 120, since=panic.index)
    mark = pair.alpha.reset()
    pair.alpha.wait_ready(since=mark)
    pair.shelf.throttle(disk)
    require(not pair.told("takeover-finished"), "beta had all before alpha was back")
    pair.wait_on_alpha()
    pair.wait_event(pair.beta, "takeover-finished", 180)
    pair.require_all_taken()
    header = pair.header(pair.beta, disk)
    require(header["attribute"] == "SAVED", f"what alpha had dumped is not saved: {header}")
    pair.core_folder(pair.beta)
    pair.require_quiet_on_alpha(5)
    pair.give_back()
    pair.wait_event(pair.alpha, "service-returned", 60)
    pair.require_all_home()


@scenario("both_boot_at_once", timeout=800, long=True)
def both_boot_at_once(lab):
    """Both lose their power and start at the same moment: each ends on its own disks, nobody takes over."""
    pair = Watched(lab, of_beta=OF_BETA)
    nodes = (pair.alpha, pair.beta)
    for node in nodes:
        node.kill()
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_ready()
    marks = {node.name: node.log.mark() for node in nodes}
    starting = [node.spawn("lastword start", "start") for node in nodes]
    for started in starting:
        require(started.wait(120) == 0, f"start on {started.guest.name} did not end well")
    for node in nodes:
        pair.agents[node.name] = pair.run_agent(node, "second")
    for node in nodes:
        node.check("lastword arm", timeout=180)
        node.wait_for(HEARD, 60, since=marks[node.name])
    pair.require_quiet(SILENCE, nodes=("alpha", "beta"))
    pair.require_all_home()


@scenario("partner_absent_at_boot", timeout=800, long=True)
def partner_absent_at_boot(lab):
    """alpha boots alone: it serves its disks at once, takes nothing on silence, and all by order."""
    pair = Watched(lab, of_beta=OF_BETA)
    for node in (pair.alpha, pair.beta):
        node.kill()
    pair.alpha.start().wait_ready()
    pair.serve_again(pair.alpha, seed=8, mail=WATCHING)
    pair.require_quiet(2 * SILENCE, nodes=("alpha",))
    pair.require_held("alpha", pair.names_of("alpha"), pair.alpha)
    require(not pair.told("partner-silent", "alpha"), "a partner that was never heard is not silent")
    taken = pair.alpha.run("lastword takeover", timeout=120)
    require(taken.status == 0, f"takeover by order: status {taken.status}\n{taken.output}")
    pair.require_held("alpha", pair.names("service|spare|dump"), pair.alpha)

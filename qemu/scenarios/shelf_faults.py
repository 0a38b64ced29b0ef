"""The shelf fails: it loses its power, or shows a disk late."""

from qemu.harness import scenario

from .boots import OF_BETA
from .giveback import GivenBack
from .heartbeat import SILENCE, Watched
from .pair import require


def lose_power(lab, *, keep_reservations):
    """Both nodes serve through it; then alpha panics, and is taken over with its dump."""
    pair = Watched(lab, of_beta=OF_BETA)
    before = {name: pair.shelf.registrations(name) for name in pair.names("service")}
    began = lab.clock.now()
    lab.measure("dark", pair.shelf.lose_power(keep_reservations=keep_reservations) - began, "s")
    for name, registered in before.items():
        kept = pair.shelf.registrations(name)
        lab.say(f"{name}: {' / '.join(kept.split())}")
    return pair


def serves_on(pair):
    pair.require_quiet(SILENCE, nodes=("alpha", "beta"))
    for node in ("alpha", "beta"):
        require(not pair.told("fenced", node), f"{node} was fenced by the power loss")
    pair.require_all_home()
    for node in (pair.alpha, pair.beta):
        disk = node.disk(pair.names_of(node.name, "service")[0])
        node.check(f"dd if=/dev/zero of={disk} bs=4k seek=4096 count=1 oflag=direct", timeout=30)
    pair.panic_is_taken_over()


@scenario("shelf_power_loss", timeout=800, long=True)
def shelf_power_loss(lab):
    """The shelf forgets all reservations: each node takes its own disks anew, and they serve on."""
    pair = lose_power(lab, keep_reservations=False)
    for node in (pair.alpha, pair.beta):
        pair.wait_event(node, "reservations-lost", 60)
    serves_on(pair)


@scenario("shelf_power_loss_with_aptpl", timeout=800, long=True)
def shelf_power_loss_with_aptpl(lab):
    """The shelf keeps its reservations over the power loss (APTPL): nobody loses or takes anything."""
    pair = lose_power(lab, keep_reservations=True)
    serves_on(pair)
    for node in ("alpha", "beta"):
        require(not pair.told("reservations-lost", node), f"{node} had lost its reservations")


_TELLING_HOOK = """#!/bin/sh
count() { echo $#; }
echo "hook-ran $LASTWORD_EVENT: $(count $LASTWORD_NEW_DISKS) new, $(count $LASTWORD_MISSING_DISKS) missing"
"""


@scenario("service_disk_taken_late_is_announced", timeout=800, long=True)
def service_disk_taken_late_is_announced(lab):
    """A service disk answers only after the takeover has begun: the hook is told of it then."""
    files = {"/etc/lastword/hooks/service-taken": (_TELLING_HOOK, 0o755)}
    pair = GivenBack(lab, beta={"files": files})
    pair.shelf.remove_lun("service1")
    pair.alpha.panic()
    pair.beta.wait_for("hook-ran service-taken: 1 new, 1 missing", 60)
    pair.shelf.restore_lun("service1")
    pair.beta.wait_for("hook-ran service-taken: 1 new, 0 missing", 60)
    pair.wait_event(pair.beta, "takeover-finished", 180)
    require(pair.hooks_run(pair.beta) == ["service-taken"] * 2, "the hook ran more than twice")
    pair.require_all_taken()

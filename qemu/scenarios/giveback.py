"""alpha has been taken over from, and has rebooted: it waits, and gets its disks back."""

import time

from qemu.harness import pattern, scenario

from .heartbeat import HEARD, Watched
from .pair import EXIT_NO, EXIT_REFUSED, LARGE_PATTERN, PROGRESS, SLOW, require
from .service import block_of, write_block

# What the service's hook is told, one line for each run.
HOOKS = "/etc/lastword/hooks"
HOOK = '#!/bin/sh\necho "hook-ran $LASTWORD_EVENT: $LASTWORD_DISKS"\n'
_EVENTS = ("service-taken", "service-leaving", "service-returning", "service-returned")


class GivenBack(Watched):
    """beta has taken over from alpha, which has panicked, rebooted, and waits."""

    def __init__(self, lab, *, alpha=None, beta=None, **options):
        files = {f"{HOOKS}/{event}": (HOOK, 0o755) for event in _EVENTS}
        nodes = {"alpha": dict(alpha or {}), "beta": dict(beta or {})}
        for node in nodes.values():
            node["files"] = {**files, **node.get("files", {})}
        super().__init__(lab, hooks={"directory": HOOKS}, **nodes, **options)

    def panic_and_wait(self):
        panic = self.alpha.panic()
        self.wait_event(self.beta, "takeover-finished", 180)
        self.alpha.wait_ready(timeout=120, since=panic.index)
        self.wait_on_alpha()

    def wait_on_alpha(self):
        started = self.alpha.run("lastword start", timeout=120)
        require(started.status == EXIT_REFUSED, f"start: status {started.status}\n{started.output}")
        for said in ("waits for giveback", "then `lastword giveback` on beta"):
            require(said in started.output, f"start says: {started.output}")
        self.agents["alpha"] = self.run_agent(self.alpha, "waiting")
        self.agents["alpha"].wait_for(HEARD, 60)

    def plant_much(self, seed):
        """So much that a dump at the speed SLOW takes most of a minute; returns where it goes."""
        self.pattern = pattern.plant(self.alpha, LARGE_PATTERN, seed, timeout=120)
        disk = self.armed()[0]
        self.shelf.throttle(disk, bytes_per_second=SLOW)
        return disk

    def give_back(self, options="", status=0, timeout=200):
        done = self.beta.run(f"lastword giveback {options}", timeout=timeout)
        require(done.status == status, f"giveback: status {done.status}\n{done.output}")
        return done.output

    def require_quiet_on_alpha(self, seconds):
        """alpha's agent runs on: it is neither fenced nor does it take anything."""
        time.sleep(seconds)
        for name in ("fenced", "takeover-started"):
            require(not self.told(name, "alpha"), f"{name} on alpha")

    def hooks_run(self, node):
        return [
            line.text.split()[1].rstrip(":")
            for line in node.log.lines()
            if line.text.startswith("hook-ran ")
        ]


def mount_out_of_sight(node, disk):
    """A file system on the disk that is mounted in another mount namespace only; who has it."""
    partition = node.check(f"readlink -f {disk}").strip() + "2"
    node.check(f"mke2fs {partition}", timeout=60)
    node.check(f"mkdir -p /mnt/served && mount -t ext4 {partition} /mnt/served")
    container = node.spawn("unshare -m sh -c 'echo has a mount; exec sleep 1000'", "container")
    container.wait_for("^has a mount$", 20)
    node.check("umount /mnt/served")
    require("/mnt/served" not in node.check("cat /proc/mounts"), "it is still mounted in sight")
    return container


@scenario("giveback_after_panic", timeout=700)
def giveback_after_panic(lab):
    """The whole circle on real kernels: panic, takeover, dump saved, reboot, giveback, the next panic."""
    pair = GivenBack(lab)
    write_block(pair.alpha, pair.alpha.disk("service0"), "by alpha")
    pair.panic_and_wait()
    write_block(pair.beta, pair.beta.disk("service0"), "by beta")
    written = block_of(pair.beta, pair.beta.disk("service0"))
    plan = pair.give_back("--dry-run")
    require("service0" in plan or "/dev/" in plan, f"the dry run names no disk: {plan}")
    pair.require_all_taken()
    began = lab.clock.now()
    giveback = pair.beta.spawn("lastword giveback", "giveback")
    require(giveback.wait(120) == 0, "the giveback did not end well")
    pair.wait_event(pair.alpha, "service-returned", 60)
    lab.measure("giveback", lab.clock.now() - began, "s")
    stopped, served = (
        max(event.time for event in pair.events() if event.name == name)
        for name in ("service-returning", "service-returned")
    )
    lab.measure("giveback_gap", served - stopped, "s")
    pair.require_all_home()
    require(
        block_of(pair.alpha, pair.alpha.disk("service0")) == written,
        "alpha does not read what beta wrote",
    )
    require(pair.hooks_run(pair.beta) == ["service-taken", "service-returning"], "beta's hooks")
    require(pair.hooks_run(pair.alpha) == ["service-returned"], "alpha's hooks")
    require(pair.armed(), "alpha is not armed after the giveback")
    # And again, from the beginning.
    pair.pattern = pattern.plant(pair.alpha, 64, seed=3, timeout=60)
    mark = pair.beta.log.mark()
    pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60, since=mark)
    pair.wait_event(pair.beta, "dump-saved", 180, since=mark)
    pair.wait_event(pair.beta, "takeover-finished", 60, since=mark)
    pair.require_all_taken()
    pair.prove_core(pair.core_folders(pair.beta)[-1])


@scenario("giveback_vetoed_while_dumping", timeout=800, long=True)
def giveback_vetoed_while_dumping(lab):
    """beta has alpha's service while alpha still dumps: nothing goes back, and the answer says why."""
    pair = GivenBack(lab)
    disk = pair.plant_much(seed=4)
    panic = pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    pair.alpha.wait_for(PROGRESS, 120, since=panic.index)
    said = pair.give_back(status=EXIT_REFUSED)
    require("a takeover, giveback or handover runs on this node" in said, f"the answer does not say why: {said}")
    require(pair.header(pair.beta, disk)["attribute"] == "IN_PROGRESS", "the dump was over by then")
    pair.shelf.throttle(disk)
    pair.wait_event(pair.beta, "takeover-finished", 180)
    pair.require_all_taken()


@scenario("waiting_node_takes_both", timeout=800, long=True)
def waiting_node_takes_both(lab):
    """beta, which has all, loses its power while alpha waits: alpha takes what is there, its own too."""
    pair = GivenBack(lab)
    pair.panic_and_wait()
    pair.beta.kill()
    pair.wait_event(pair.alpha, "takeover-announced", 90)
    pair.wait_event(pair.alpha, "takeover-finished", 120)
    pair.wait_event(pair.alpha, "service-returned", 60)
    pair.require_all_home(pair.alpha)
    require(pair.hooks_run(pair.alpha) == ["service-taken", "service-returned"], "alpha's hooks")


# Ends when the scenario lets it.
HOLDING_HOOK = HOOK + "while [ -e /run/hold ]; do usleep 100000; done\n"


def give_back_half(pair):
    """The dump disks are alpha's and armed; the service is about to end on beta."""
    pair.panic_and_wait()
    pair.beta.check("touch /run/hold")
    giveback = pair.beta.spawn("lastword giveback", "giveback")
    giveback.wait_for("hook-ran service-returning", 90)
    require(pair.armed(), "alpha is not armed before its service is to come back")
    return giveback


@scenario("panic_of_receiver", timeout=800, long=True)
def panic_of_receiver(lab):
    """alpha panics with its dump disks back and its service still on beta: dumped, and taken again."""
    files = {f"{HOOKS}/service-returning": (HOLDING_HOOK, 0o755)}
    pair = GivenBack(lab, beta={"files": files})
    giveback = give_back_half(pair)
    pair.pattern = pattern.plant(pair.alpha, 64, seed=5, timeout=60)
    mark = pair.beta.log.mark()
    panic = pair.alpha.panic()
    pair.alpha.wait_for('"event":"dump-started"', 60, since=panic.index)
    pair.beta.check("rm /run/hold")
    require(giveback.wait(60) != 0, "the giveback ended well, though alpha panicked")
    pair.wait_event(pair.beta, "dump-saved", 180, since=mark)
    pair.wait_event(pair.beta, "takeover-finished", 120, since=mark)
    pair.require_all_taken()
    pair.prove_core(pair.core_folders(pair.beta)[-1])


@scenario("death_of_giver", timeout=800, long=True)
def death_of_giver(lab):
    """beta loses its power in the middle of a giveback: alpha, which waits, takes the rest as well."""
    files = {f"{HOOKS}/service-returning": (HOLDING_HOOK, 0o755)}
    pair = GivenBack(lab, beta={"files": files})
    give_back_half(pair)
    pair.beta.kill()
    pair.wait_event(pair.alpha, "takeover-finished", 180)
    pair.wait_event(pair.alpha, "service-returned", 60)
    pair.require_all_home(pair.alpha)


@scenario("handover_and_giveback", timeout=600)
def handover_and_giveback(lab):
    """alpha leaves its service to beta in good order, and gets it back: nothing is dumped or voted. Not
    before a container on beta has let go of a disk that beta itself has unmounted."""
    pair = GivenBack(lab)
    write_block(pair.alpha, pair.alpha.disk("service0"), "by alpha")
    written = block_of(pair.alpha, pair.alpha.disk("service0"))
    done = pair.alpha.run("lastword handover", timeout=120)
    require(done.status == 0, f"handover: status {done.status}\n{done.output}")
    pair.wait_event(pair.beta, "takeover-finished", 60)
    pair.require_all_taken()
    require(
        block_of(pair.beta, pair.beta.disk("service0")) == written, "beta reads not what alpha wrote"
    )
    require(pair.hooks_run(pair.alpha) == ["service-leaving"], "alpha's hooks")
    require(pair.hooks_run(pair.beta) == ["service-taken"], "beta's hooks")
    pair.require_quiet_on_alpha(5)
    pair.agents["alpha"].kill("TERM")
    pair.wait_on_alpha()
    device = pair.beta.check(f"readlink -f {pair.beta.disk('service0')}").strip()
    container = mount_out_of_sight(pair.beta, pair.beta.disk("service0"))
    said = pair.give_back(status=EXIT_NO)
    require(
        f"{device}: another program or the kernel holds it" in said,
        f"the giveback does not say who keeps it from its end:\n{said}",
    )
    require(not pair.told("service-returned", "alpha"), "alpha serves what beta has mounted")
    called_off = ["service-taken", "service-returning", "service-taken"]
    require(pair.hooks_run(pair.beta) == called_off, "beta's service goes on")
    container.kill()
    pair.give_back()
    pair.wait_event(pair.alpha, "service-returned", 60)
    pair.require_all_home()

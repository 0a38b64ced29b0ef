"""What agents do and do not survive: their own death, in peace and in a takeover."""

import re
import time

from qemu.harness import blocks, scenario

from .giveback import GivenBack
from .heartbeat import Watched
from .pair import EXIT_REFUSED, SLOW, require

_RESET = "softdog: Initiating system reboot"


def require_saved_and_served_once(pair, disk):
    pair.wait_event(pair.beta, "dump-saved", 180)
    pair.wait_event(pair.beta, "takeover-finished", 60)
    pair.require_all_taken()
    require(pair.header(pair.beta, disk)["attribute"] == "SAVED", "the dump is not saved")
    pair.prove_core(pair.core_folder(pair.beta))
    hooks = pair.hooks_run(pair.beta)
    require(hooks == ["service-taken"], f"beta's hooks: {hooks}")


@scenario("agent_dead_node_alive", timeout=800, long=True)
def agent_dead_node_alive(lab):
    """alpha's agent dies for good, its service writes on: the watchdog resets alpha in time."""
    modules = {"modules": ("softdog",)}
    pair = Watched(
        lab,
        sizes_mib={"service": 512},
        watchdog={"device": "/dev/watchdog0"},
        alpha=modules,
        beta=modules,
    )
    pair.wait_event(pair.alpha, "watchdog-armed", 5)
    pair.alpha.check("lastword check", timeout=60)
    offset = int(pair.label_of(pair.alpha, "service0")["data_offset_bytes"])
    writer = pair.alpha.spawn(f"lw-blocks {pair.alpha.disk('service0')} {offset} 100000", "blocks")
    writer.wait_for("block 50 written", 30)
    pair.agents["alpha"].kill()
    reset = pair.alpha.wait_for(_RESET, 60)
    pair.alpha.wait_ready(since=reset.index)
    last = blocks.last_block(pair.shelf, "service0", offset)
    said = [
        int(match[1])
        for line in pair.alpha.log.lines()
        if (match := re.search(r"block (\d+) written", line.text))
    ]
    require(last.number >= max(said) > 50, f"alpha wrote to {max(said)}, the shelf has {last}")
    pair.require_taken_on_silence()
    announced = pair.told("takeover-announced")[0].time
    lab.measure("reset_before_announcement", announced - reset.time, "s")
    require(reset.time < announced, "alpha wrote on while beta took over")
    after = blocks.last_block(pair.shelf, "service0", offset)
    require(after == last, f"the shelf ended at {last}, and now at {after}")
    started = pair.alpha.run("lastword start", timeout=60)
    require(started.status == EXIT_REFUSED, f"alpha's start: {started.status}\n{started.output}")


@scenario("agent_killed_in_takeover", timeout=800, long=True)
def agent_killed_in_takeover(lab):
    """Killed at three moments of a takeover and started again: it ends, and the hook ran once."""
    pair = GivenBack(lab)
    disk = pair.plant_much(seed=6)

    def killed_and_started_again():
        pair.agents["beta"].kill()
        require(pair.agents["beta"].wait(10) == 137, "the agent had ended before")
        pair.agents["beta"] = pair.run_agent(pair.beta, "again")

    pair.alpha.panic()
    pair.wait_event(pair.beta, "takeover-started", 60)
    killed_and_started_again()
    pair.beta.wait_for("hook-ran service-taken", 60)
    time.sleep(2)  # it has ended, and this agent knows
    killed_and_started_again()
    pair.wait_event(pair.beta, "takeover-resumed", 30)
    require(pair.header(pair.beta, disk)["attribute"] == "IN_PROGRESS", "the dump was over by then")
    pair.shelf.throttle(disk)
    pair.wait_event(pair.beta, "dump-disk-claimed", 120)
    killed_and_started_again()
    require_saved_and_served_once(pair, disk)


@scenario("agent_stopped_in_takeover", timeout=800, long=True)
def agent_stopped_in_takeover(lab):
    """Told to stop while it waits for a dump: it ends at once, and the next agent takes the rest."""
    pair = GivenBack(lab)
    disk = pair.plant_much(seed=7)
    pair.alpha.panic()
    pair.beta.wait_for("hook-ran service-taken", 60)
    time.sleep(2)  # it has ended, and this agent knows
    pair.agents["beta"].kill("TERM")
    require(pair.agents["beta"].wait(15) == 0, "the agent did not end well")
    require(pair.told("takeover-interrupted", "beta"), "the agent ended without a word")
    require(pair.header(pair.beta, disk)["attribute"] == "IN_PROGRESS", "the dump was over by then")
    pair.agents["beta"] = pair.run_agent(pair.beta, "again")
    pair.wait_event(pair.beta, "takeover-resumed", 30)
    pair.shelf.throttle(disk)
    require_saved_and_served_once(pair, disk)


@scenario("panic_with_agents_running", timeout=600)
def panic_with_agents_running(lab):
    """alpha panics with both agents at work: beta serves while the dump has only begun."""
    pair = Watched(lab)
    disk = pair.armed()[0]
    pair.shelf.throttle(disk, bytes_per_second=SLOW)
    pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    require(pair.header(pair.beta, disk)["attribute"] == "IN_PROGRESS", "the dump was over by then")
    pair.shelf.throttle(disk)
    pair.wait_event(pair.beta, "takeover-finished", 180)
    began, served = (
        next(event.time for event in pair.events() if event.name == name)
        for name in ("dump-started", "service-taken")
    )
    lab.measure("dump_started_to_service_taken", served - began, "s")
    require(not pair.told("takeover-announced"), "a proven panic needs no announcement")
    pair.require_all_taken()
    pair.prove_core(pair.core_folder(pair.beta))

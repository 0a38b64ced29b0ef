"""Nodes that watch each other: who is dead, who only seems to be, and what a node is told then."""

import time

from qemu.harness import pattern, scenario

from .pair import FEW, Pair, require

# Short, but not so short that a busy machine's guests miss their own ticks. A dump is not cut.
TIMES = {"io_timeout": "2s", "grace": "4s", "dump_limit": "80s", "heartbeat": "500ms"}
SILENCE = 12.5  # shortest_silence() of them, in seconds
HEARD = '"event":"partner-heard"'
WATCHING = '"event":"watching"'


class Watched(Pair):
    """Both agents run and have heard each other."""

    def __init__(self, lab, *, mail=HEARD, **options):
        """`mail`: what the agents say when they are at work; without mailbox disks WATCHING."""
        super().__init__(lab, **{"luns": FEW, "timing": TIMES, **options})
        self.ready(agent=False)
        self.agents = {node.name: self.run_agent(node) for node in (self.alpha, self.beta)}
        for agent in self.agents.values():
            agent.wait_for(mail, 60)

    def run_agent(self, node, tag="agent"):
        return node.spawn("lastword agent", tag)

    def told(self, name, node="beta"):
        return [event for event in self.events() if (event.name, event.node) == (name, node)]

    def require_quiet(self, seconds, nodes=("beta",)):
        """Nothing is announced and nothing taken."""
        time.sleep(seconds)
        for node in nodes:
            for name in ("takeover-announced", "takeover-started"):
                require(not self.told(name, node), f"{name} on {node}")

    def serve_again(self, node, seed, mail=HEARD):
        """A node that has booted serves its own disks, armed, its agent at work."""
        node.check("lastword start", timeout=120)
        node.check("lastword arm", timeout=180)
        mark = node.log.mark()
        self.agents[node.name] = self.run_agent(node, "again")
        node.wait_for(mail, 60, since=mark)
        return pattern.plant(node, 64, seed, timeout=60)

    def panic_is_taken_over(self, timeout=60):
        """alpha panics; beta takes all and saves the dump. A mailbox disk that cannot be read may be
        alpha's as well: the takeover waits for it until its deadline."""
        mark = self.beta.log.mark()
        self.alpha.panic()
        self.wait_event(self.beta, "service-taken", timeout, since=mark)
        self.wait_event(self.beta, "dump-saved", 180, since=mark)
        self.wait_event(self.beta, "takeover-finished", 120, since=mark)
        self.require_all_taken()
        self.prove_core(self.core_folders(self.beta)[-1])

    def require_taken_on_silence(self):
        self.wait_event(self.beta, "takeover-announced", 90)
        self.wait_event(self.beta, "service-taken", 60)
        self.wait_event(self.beta, "takeover-finished", 120)
        self.require_all_taken()


@scenario("heartbeat_lost_takeover", timeout=400)
def heartbeat_lost_takeover(lab):
    """alpha loses its power: no capture kernel tells of it, and its silence is acted on."""
    pair = Watched(lab)
    began = lab.clock.now()
    pair.alpha.kill()
    pair.require_taken_on_silence()
    announced = pair.told("takeover-announced")[0].time - began
    lab.measure("silence_to_service_taken", pair.told("service-taken")[0].time - began, "s")
    require(announced > SILENCE - 1, f"announced after {announced:.1f} s")


@scenario("own_pause_is_not_partner_silence", timeout=400, long=True)
def own_pause_is_not_partner_silence(lab):
    """beta is paused for longer than the silence time: alpha is not dead for that."""
    pair = Watched(lab)
    pair.beta.stop()
    # alpha must not take over meanwhile: it would be right to.
    pair.agents["alpha"].kill("TERM")
    time.sleep(2 * SILENCE)
    again = pair.run_agent(pair.alpha, "again")
    pair.beta.cont()
    again.wait_for(HEARD, 30)
    pair.require_quiet(SILENCE)


@scenario("agent_restart_is_no_failure", timeout=400, long=True)
def agent_restart_is_no_failure(lab):
    """Killed and started again, stopped for long, upgraded: an agent may go, its node stays."""
    pair = Watched(lab)
    pair.agents["alpha"].kill()
    time.sleep(3)
    again = pair.run_agent(pair.alpha, "again")
    pair.require_quiet(SILENCE + 4)
    again.kill("TERM")
    require(again.wait(20) == 0, "the agent did not end in order")
    pair.wait_event(pair.beta, "partner-away", 10)
    pair.require_quiet(2 * SILENCE)
    # Stopped in order: neither is a node that leaves.
    pair.alpha.check("lastword stop", timeout=60)
    pair.require_quiet(SILENCE)


@scenario("paused_node_wakes_fenced", timeout=400)
def paused_node_wakes_fenced(lab):
    """alpha hangs while its service writes, is taken over, and wakes: no write of it lands."""
    pair = Watched(lab)
    disk = pair.alpha.disk(pair.names("service")[0])
    writing = f"while dd if=/dev/zero of={disk} bs=4k seek=4096 count=1 oflag=direct; do usleep 50000; done"
    pair.alpha.spawn(f"{{ {writing}; }} 2>/dev/null", "writer")
    time.sleep(1)
    pair.alpha.stop()
    pair.require_taken_on_silence()
    before = {name: pair.shelf.digest(name) for name in pair.names("service|spare|dump")}
    mark = pair.alpha.log.mark()
    pair.alpha.cont()
    # alpha learns it, and crashes: its capture kernel has no disk to write to, and reboots.
    pair.wait_event(pair.alpha, "fenced", 60, since=mark)
    pair.alpha.wait_for("Kernel panic", 60, since=mark)
    pair.alpha.wait_ready(timeout=120, since=mark)
    for name, digest in before.items():
        require(pair.shelf.digest(name) == digest, f"alpha has written to {name}")


@scenario("mailbox_disk_lost", timeout=400, long=True)
def mailbox_disk_lost(lab):
    """One of three mailbox disks goes: heartbeats and votes go on with two."""
    pair = Watched(lab, luns={**FEW, "mailbox": 3})
    pair.shelf.remove_lun(pair.names("mailbox")[1])
    pair.require_quiet(SILENCE + 5)
    pair.alpha.kill()
    pair.wait_event(pair.beta, "takeover-announced", 90)
    pair.wait_event(pair.beta, "service-taken", 60)

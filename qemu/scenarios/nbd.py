"""A client that writes to a service over NBD, while its disk goes from node to node."""

from qemu.harness import scenario
from qemu.nbd.service import HOOKS, NbdService

from .giveback import GivenBack
from .heartbeat import Watched
from .pair import require


class Served(GivenBack):
    """alpha serves, a client writes."""

    def __init__(self, lab):
        self.nbd = NbdService(lab)
        nodes = {name: self.nbd.options(name) for name in ("alpha", "beta")}
        Watched.__init__(self, lab, hooks=HOOKS, **nodes)
        self.nbd.begin(self)

    def time_of(self, name, since):
        return next(event.time for event in self.events() if event.name == name and event.time >= since)

    def served_again(self, name, begin):
        """The client goes on. The gap since `begin` is a figure."""
        self.nbd.wait_for_progress(60, records=20)
        return self.nbd.measure_gap(name, begin, self.lab.clock.now())

    def give_back_under_load(self):
        began = self.lab.clock.now()
        self.give_back()
        self.wait_event(self.alpha, "service-returned", 60)
        return self.served_again("client_gap_giveback", began)

    def go_and_come_back(self):
        """A graceful takeover and a giveback; the gaps that the client saw."""
        began = self.lab.clock.now()
        done = self.beta.run("lastword takeover --graceful --countdown 2min", timeout=200)
        require(done.status == 0, f"takeover --graceful: status {done.status}\n{done.output}")
        graceful = self.served_again("client_gap_graceful_takeover", began)
        self.require_all_taken()
        self.agents["alpha"].kill("TERM")
        self.wait_on_alpha()
        giveback = self.give_back_under_load()
        self.require_all_home()
        return graceful, giveback

    def judge(self, node):
        self.nbd.end_client()
        return self.nbd.judge(self, node)


@scenario("service_over_panic", timeout=500)
def service_over_panic(lab):
    """A client writes to alpha's disk while alpha panics and beta takes over: nothing flushed is lost."""
    pair = Served(lab)
    panic = pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    lab.measure("panic_to_service_taken", pair.time_of("service-taken", panic.time) - panic.time, "s")
    pair.served_again("client_gap_panic", panic.time)
    pair.wait_event(pair.beta, "takeover-finished", 180)
    log = pair.judge(pair.beta)
    require({node for _, _, node in log.acknowledged} == {"alpha", "beta"}, "both nodes served")


@scenario("graceful_takeover_and_giveback_under_load", timeout=700, long=True)
def graceful_takeover_and_giveback_under_load(lab):
    """beta asks alpha to leave, and gives back later, while a client writes: nothing flushed is lost."""
    pair = Served(lab)
    pair.go_and_come_back()
    pair.judge(pair.alpha)


@scenario("service_over_silence", timeout=500, long=True)
def service_over_silence(lab):
    """A client writes to alpha's disk while alpha loses its power: nothing flushed is lost."""
    pair = Served(lab)
    began = lab.clock.now()
    pair.alpha.kill()
    pair.require_taken_on_silence()
    pair.served_again("client_gap_silence", began)
    pair.judge(pair.beta)

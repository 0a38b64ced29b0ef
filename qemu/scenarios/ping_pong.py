"""alpha gets its disks back by itself, panics again, and after so many times an operator is asked."""

import time

from qemu.harness import scenario

from .giveback import GivenBack
from .heartbeat import Watched
from .pair import EXIT_NO, require

MOST = 2
STABLE = 3  # seconds


class PingPong(GivenBack):
    """Without hooks: the service is nobody's concern here."""

    def __init__(self, lab):
        rule = {"automatic": True, "stable": f"{STABLE}s", "most": MOST}
        Watched.__init__(self, lab, giveback=rule)

    def panic_again(self):
        """Returns where beta's log was before."""
        mark = self.beta.log.mark()
        panic = self.alpha.panic()
        self.wait_event(self.beta, "takeover-finished", 180, since=mark)
        self.require_all_taken()
        self.alpha.wait_ready(timeout=180, since=panic.index)
        self.wait_on_alpha()
        return mark

    def wait_returned(self, mark):
        self.wait_event(self.beta, "giveback-finished", 180, since=mark)
        self.require_all_home()

    def details(self, name):
        return [event.detail for event in self.told(name)]


@scenario("ping_pong_is_limited", timeout=1200, long=True)
def ping_pong_is_limited(lab):
    """alpha panics under its own service: the third time its disks stay at beta, until an operator's word."""
    pair = PingPong(lab)
    for times in range(1, MOST + 1):
        mark = pair.panic_again()
        pair.wait_returned(mark)
        begun = pair.details("giveback-started")
        require(len(begun) == times, f"givebacks: {begun}")
        require("by itself" in begun[-1], f"the giveback does not say by whom: {begun[-1]}")
        pair.wait_event(pair.alpha, "service-returned", 60)
    mark = pair.panic_again()
    pair.wait_event(pair.beta, "giveback-left-to-operator", 60, since=mark)
    time.sleep(5 * STABLE)
    require(len(pair.told("giveback-started")) == MOST, "alpha got its disks once more")
    require(len(pair.told("giveback-left-to-operator")) == 1, "it was said more than once")
    pair.require_all_taken()
    for command in ("status", "check"):
        said = pair.beta.run(f"lastword {command}", timeout=60)
        require(said.status == EXIT_NO, f"{command}: status {said.status}")
        require(f"{MOST} times in a row" in said.output, f"{command} says: {said.output}")
    # An operator's giveback that is killed is finished by the agent.
    mark = pair.beta.log.mark()
    giveback = pair.beta.spawn("lastword giveback", "giveback")
    giveback.wait_for('"event":"disks-promised"', 90)
    giveback.kill("KILL")
    pair.wait_event(pair.beta, "giveback-resumed", 60, since=mark)
    pair.wait_returned(mark)
    said = pair.beta.run("lastword history", timeout=60)
    require("by itself" in said.output, f"history says: {said.output}")
    # And it counts from the beginning.
    mark = pair.panic_again()
    pair.wait_returned(mark)
    require(len(pair.told("giveback-left-to-operator")) == 1, "an operator was asked too early")

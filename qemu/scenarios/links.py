"""Heartbeats by UDP beside the mailbox disks: what a cut cable means, and what it does not."""

from qemu.harness import scenario

from .heartbeat import SILENCE, Watched
from .pair import require

NODES = ("alpha", "beta")


class Linked(Watched):
    """Two cables from node to node, and both agents hear each other by each."""

    def __init__(self, lab):
        super().__init__(lab, links=2)
        for node in (self.alpha, self.beta):
            for link in range(2):
                self.wait_link(node, "link-works", link)

    def wait_link(self, node, event, link, since=None):
        node.wait_for(rf'"event":"{event}".*link{link}', 30, since)

    def marks(self):
        return [(node, node.log.mark()) for node in (self.alpha, self.beta)]


@scenario("network_cut_no_takeover", timeout=600, long=True)
def network_cut_no_takeover(lab):
    """Both cables are cut: the mailbox disks tell that the partner lives, and nobody takes over."""
    pair = Linked(lab)
    before = pair.marks()
    for wire in pair.wires:
        wire.cut()
    for node, mark in before:
        for link in range(2):
            pair.wait_link(node, "link-quiet", link, mark)
    pair.require_quiet(2 * SILENCE, NODES)
    before = pair.marks()
    for wire in pair.wires:
        wire.mend()
    for node, mark in before:
        for link in range(2):
            pair.wait_link(node, "link-works", link, mark)
    # Whoever is heard by a cable alone is heard.
    pair.shelf.remove_lun("mailbox0")
    pair.require_quiet(2 * SILENCE, NODES)
    for node in NODES:
        require(not pair.told("partner-late", node), f"{node} does not hear its partner by the cables")
    pair.panic_is_taken_over()


@scenario("one_way_link", timeout=600, long=True)
def one_way_link(lab):
    """No frame of alpha's arrives: both say which link it is, and alpha's death is acted on as ever."""
    pair = Linked(lab)
    before = pair.marks()
    for wire in pair.wires:
        wire.cut("alpha")
    for link in range(2):
        pair.wait_link(pair.alpha, "link-one-way", link, before[0][1])
        pair.wait_link(pair.beta, "link-quiet", link, before[1][1])
    pair.require_quiet(2 * SILENCE, NODES)
    pair.alpha.kill()
    pair.require_taken_on_silence()

"""Mailbox disks that are missing, hang, or are not the same on both nodes: silence is not acted on
where it proves nothing, a panic always is."""

from qemu.harness import scenario

from .heartbeat import HEARD, SILENCE, TIMES, WATCHING, Watched
from .pair import FEW, configuration, require

LASTWORD_TOML = "/etc/lastword/lastword.toml"


def silent_then_panic(pair, why, mail=HEARD):
    """alpha's silence is told, with the reason, and not acted on. Up again, it panics: taken over."""
    pair.alpha.kill()
    told = pair.wait_event(pair.beta, "silence-not-acted-on", 90)
    require(why in told["detail"], f"the reason is {told['detail']}")
    pair.require_quiet(SILENCE)
    pair.alpha.start().wait_ready()
    pair.pattern = pair.serve_again(pair.alpha, seed=9, mail=mail)
    pair.panic_is_taken_over()


@scenario("zero_mailboxes", timeout=500, long=True)
def zero_mailboxes(lab):
    """Without mailbox disks nobody notices a death without a word; a panic is taken over."""
    pair = Watched(lab, luns={**FEW, "mailbox": 0}, mail=WATCHING)
    pair.alpha.kill()
    pair.require_quiet(2 * SILENCE)
    pair.alpha.start().wait_ready()
    pair.pattern = pair.serve_again(pair.alpha, seed=9, mail=WATCHING)
    pair.panic_is_taken_over()


@scenario("one_mailbox_dead_panic", timeout=400, long=True)
def one_mailbox_dead_panic(lab):
    """The only mailbox disk is gone: both nodes serve on in silence; a panic is taken over."""
    pair = Watched(lab)
    pair.shelf.remove_lun("mailbox0")
    pair.require_quiet(2 * SILENCE, nodes=("alpha", "beta"))
    pair.panic_is_taken_over()
    require(pair.told("no-majority"), "the vote that could not be won was not told")


@scenario("mailbox_hangs", timeout=400, long=True)
def mailbox_hangs(lab):
    """One of three mailbox disks answers nothing any more: the others carry heartbeats and votes."""
    pair = Watched(lab, luns={**FEW, "mailbox": 3})
    pair.shelf.throttle("mailbox1", bytes_per_second=1)
    pair.wait_event(pair.beta, "heartbeat-problem", 60)
    pair.require_quiet(2 * SILENCE, nodes=("alpha", "beta"))
    for node in ("alpha", "beta"):
        require(not pair.told("partner-late", node), f"the disk that hangs held {node} up")
    pair.alpha.kill()
    pair.require_taken_on_silence()


@scenario("sets_differ", timeout=500, long=True)
def sets_differ(lab):
    """alpha counts votes by a mailbox disk that beta has not joined: both could win, so nobody may."""
    pair = Watched(lab, luns={**FEW, "extra": 1}, sizes_mib={"extra": 16})
    extra = pair.alpha.disk("extra0")
    pair.alpha.check(f"lastword label --role mailbox {extra}", timeout=60)
    pair.alpha.check("lastword start", timeout=60)
    pair.require_quiet(10)
    silent_then_panic(pair, "the same mailbox disks")


@scenario("config_skew", timeout=500, long=True)
def config_skew(lab):
    """Settings that differ are named and keep silence from being acted on; a panic is taken over."""
    skewed = configuration("alpha", timing={**TIMES, "grace": "5s"})
    pair = Watched(lab, alpha={"files": {LASTWORD_TOML: skewed}})
    silent_then_panic(pair, "grace (4000 ms here, 5000 ms there)")

"""Mailbox disks that are missing, hang, or are not the same on both nodes: silence is not acted on
where it proves nothing, a panic always is."""

import time

from qemu.harness import records, scenario

from .boots import OF_BETA
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


@scenario("zero_mailboxes", timeout=800, long=True)
def zero_mailboxes(lab):
    """Without mailbox disks nobody notices a death without a word; a panic is taken over."""
    pair = Watched(lab, luns={**FEW, "mailbox": 0}, of_beta=OF_BETA, mail=WATCHING)
    pair.alpha.kill()
    pair.require_quiet(2 * SILENCE)
    pair.alpha.start().wait_ready()
    pair.pattern = pair.serve_again(pair.alpha, seed=9, mail=WATCHING)
    pair.panic_is_taken_over()


@scenario("one_mailbox_dead_panic", timeout=800, long=True)
def one_mailbox_dead_panic(lab):
    """The only mailbox disk is gone: both nodes serve on in silence; a panic is taken over."""
    pair = Watched(lab)
    pair.shelf.remove_lun("mailbox0")
    pair.require_quiet(2 * SILENCE, nodes=("alpha", "beta"))
    pair.panic_is_taken_over()
    require(pair.told("no-majority"), "the vote that could not be won was not told")


@scenario("mailbox_hangs", timeout=800, long=True)
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


@scenario("sets_differ", timeout=800, long=True)
def sets_differ(lab):
    """alpha counts votes by a mailbox disk that beta has not joined: both could win, so nobody may."""
    pair = Watched(lab, luns={**FEW, "extra": 1}, sizes_mib={"extra": 16})
    extra = pair.alpha.disk("extra0")
    pair.alpha.check(f"lastword label --role mailbox {extra}", timeout=60)
    pair.alpha.check("lastword start", timeout=120)
    pair.require_quiet(10)
    silent_then_panic(pair, "the same mailbox disks")


@scenario("config_skew", timeout=800, long=True)
def config_skew(lab):
    """Settings that differ are named and keep silence from being acted on; a panic is taken over."""
    skewed = configuration("alpha", timing={**TIMES, "grace": "5s"})
    pair = Watched(lab, alpha={"files": {LASTWORD_TOML: skewed}})
    silent_then_panic(pair, "grace (4000 ms here, 5000 ms there)")


# MailboxSlot of proto/disk.proto, and where alpha's two slots are (docs/disk-format.md).
_SEQUENCE, _PROTOCOL = 3, 7
_SLOTS = ((1 << 20) + 8192, (1 << 20) + 73728)


def say_as_alpha(pair, numbers):
    """A heartbeat after alpha's last one, with other numbers in it. alpha's agent is dead."""
    slots = {
        at: records.parse(pair.shelf.read("mailbox0", at, records.BLOCK_BYTES)) for at in _SLOTS
    }
    newest = max((at for at in _SLOTS if slots[at]), key=lambda at: slots[at][1])
    kind, sequence, payload = slots[newest]
    numbers = {_SEQUENCE: records.number_in(payload, _SEQUENCE) + 1, **numbers}
    changed = records.with_numbers(payload, numbers)
    other = next(at for at in _SLOTS if at != newest)
    pair.shelf.write("mailbox0", other, records.compose(kind, sequence + 1, changed))
    return records.number_in(payload, _PROTOCOL)


@scenario("version_mismatch", timeout=800, long=True)
def version_mismatch(lab):
    """alpha speaks another version of the protocol: its silence is not acted on, its panic is."""
    pair = Watched(lab)
    pair.agents["alpha"].kill()
    time.sleep(1)  # no write of it is under way
    known = say_as_alpha(pair, {_PROTOCOL: 9})
    require(known not in (0, 9), f"alpha's agent speaks version {known}")
    told = pair.wait_event(pair.beta, "silence-not-acted-on", 90)
    require("version 9" in told["detail"], f"the reason is {told['detail']}")
    pair.require_quiet(SILENCE)
    pair.panic_is_taken_over()

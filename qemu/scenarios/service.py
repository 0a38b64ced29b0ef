"""What the service sees of its disks once beta has them."""

from qemu.harness import scenario

from .pair import FEW, Pair, require

_BLOCK = 2048  # of 4096 bytes; beyond everything that lastword writes


def block_of(node, disk):
    """Through the page cache."""
    return node.check(f"dd if={disk} bs=4096 skip={_BLOCK} count=1 2>/dev/null | md5sum").split()[0]


def write_block(node, disk, text):
    node.check(f"echo {text} | dd of={disk} bs=4096 seek={_BLOCK} conv=sync,notrunc,fsync 2>/dev/null")


@scenario("no_stale_cache_after_takeover", timeout=400)
def no_stale_cache_after_takeover(lab):
    """beta had read the disk and has it open: after service-taken a buffered read returns what alpha
    wrote since, and who has it open is named. No close that udev would act on happens on the way."""
    pair = Pair(lab, luns=FEW)
    pair.label()
    closes = {"alpha": watch_closes(pair, pair.alpha)}
    pair.begin()
    pair.arm()
    seen_by_alpha, seen_by_beta = (node.disk("service0") for node in (pair.alpha, pair.beta))
    require(not closed(closes["alpha"]), f"start and arm closed {closed(closes['alpha'])}")
    write_block(pair.alpha, seen_by_alpha, "before")
    reader = pair.beta.spawn(
        f"sh -c 'exec 3<{seen_by_beta}; dd bs=4096 skip={_BLOCK} count=1 <&3 >/dev/null; "
        "echo has read; exec sleep 1000'",
        "reader",
    )
    reader.wait_for("^has read$", 20)
    before = block_of(pair.beta, seen_by_beta)
    write_block(pair.alpha, seen_by_alpha, "after")
    require(
        block_of(pair.beta, seen_by_beta) == before,
        "beta's page cache shows what alpha writes: this scenario proves nothing",
    )
    closes["beta"] = watch_closes(pair, pair.beta)
    pair.start_agent()
    panic = pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    after = block_of(pair.beta, seen_by_beta)
    require(after != before, "beta reads what the disk held before alpha wrote it")
    opened = pair.wait_event(pair.beta, "disk-open", 30)
    device = pair.beta.check(f"readlink -f {seen_by_beta}").strip()
    require(opened["disk"] == device, f"disk-open is of {opened['disk']}, not of {device}")
    require("sleep" in opened["detail"], f"disk-open names {opened['detail']}")
    pair.alpha.wait_for('"event":"dump-completed"', 120, since=panic.index)
    pair.wait_event(pair.beta, "dump-saved", 120)
    require(pair.agent.wait(30) == 0, "the agent did not end well")
    pair.require_all_taken()
    require(not closed(closes["beta"]), f"the takeover closed {closed(closes['beta'])}")


@scenario("changes_of_beta_do_not_land", timeout=200)
def changes_of_beta_do_not_land(lab):
    """A program on beta had changed a disk of alpha's in beta's page cache: the takeover does not bring
    that onto the disk, and says so."""
    pair = Pair(lab, luns=dict(service=2, mailbox=1))
    pair.label()
    pair.begin()
    disk = pair.beta.disk("service0")
    write_block(pair.alpha, pair.alpha.disk("service0"), "alpha")
    # Nothing is to be written back before the takeover does it. 0 would be at once: the first change
    # of a disk wakes its writer after that time, and a disk without history has a share of 0.
    pair.beta.check("echo 360000 >/proc/sys/vm/dirty_writeback_centisecs")
    writer = pair.beta.spawn(
        f"sh -c 'exec 3<>{disk}; echo beta | dd of={disk} bs=4096 seek={_BLOCK} conv=sync,notrunc; "
        "echo has written; exec sleep 1000'",
        "writer",
    )
    writer.wait_for("^has written$", 20)
    changed = block_of(pair.beta, disk)
    # By alpha: a direct read on beta would write back what is changed there.
    was = block_of(pair.alpha, pair.alpha.disk("service0"))
    require(changed != was, "nothing is changed in beta's page cache: this scenario proves nothing")
    pair.alpha.kill()
    result = pair.beta.run("lastword takeover", timeout=60)
    require(result.status == 0, f"takeover: status {result.status}\n{result.output}")
    require(
        direct_block_of(pair.beta, disk) == was, "what beta had changed is on the disk, after alpha's"
    )
    require(block_of(pair.beta, disk) == was, "beta still reads what it had changed")
    device = pair.beta.check(f"readlink -f {disk}").strip()
    told = [line for line in result.output.splitlines() if '"changes-refused"' in line]
    require(len(told) == 1 and f'"{device}"' in told[0], f"changes-refused is told as {told}")


def direct_block_of(node, disk):
    """Past the page cache."""
    return node.check(
        f"dd if={disk} bs=4096 skip={_BLOCK} count=1 iflag=direct 2>/dev/null | md5sum"
    ).split()[0]


def watch_closes(pair, node):
    disks = " ".join(node.disk(name) for name in pair.shelf.luns)
    watch = node.spawn(f"lw-closes {disks}", f"closes-{node.name}")
    watch.wait_for("watching", 20)
    return watch


def closed(watch):
    """The disks that were closed after they had been open for writing."""
    return sorted(
        line.text.split()[-1]
        for line in watch.guest.log.lines()
        if line.text.startswith("closed ")
    )

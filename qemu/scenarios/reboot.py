"""alpha comes back and nobody has taken over: its disks and its dump are its own."""

from qemu.harness import pattern, scenario

from .pair import EXIT_NO, FEW, Pair, require


def dump_and_reboot(pair):
    """alpha panics, dumps, reboots by itself, takes its disks. Returns the disk of the dump."""
    disk = pair.armed()[0]
    panic = pair.alpha.panic()
    pair.wait_event(pair.alpha, "dump-completed", 90, since=panic.index)
    pair.alpha.wait_ready(timeout=90, since=panic.index)
    pair.alpha.check("lastword start", timeout=60)
    return disk


def recover(pair, name):
    recover_on(pair, pair.alpha, name)


def recover_on(pair, node, name):
    node.check(f"lastword recover {node.disk(name)}", timeout=120)
    require(pair.header(node, name)["attribute"] == "SAVED", f"{name} is not marked SAVED")


@scenario("reboot_without_takeover", timeout=400)
def reboot_without_takeover(lab):
    """Nobody takes over: alpha dumps, reboots, takes its disks and recovers its own dump."""
    pair = Pair(lab, luns=FEW)
    pair.ready(agent=False)
    disk = dump_and_reboot(pair)
    header = pair.header(pair.alpha, disk)
    require(header["attribute"] == "COMPLETED", f"{disk} is {header['attribute']}")
    pair.alpha.check("lastword recover --verify " + pair.alpha.disk(disk), timeout=120)
    recover(pair, disk)
    pair.prove_core(pair.core_folder(pair.alpha))
    pair.arm()
    require(pair.armed()[0] == disk, "a saved dump keeps its disk from being armed again")


@scenario("unsaved_dump_is_kept", timeout=400)
def unsaved_dump_is_kept(lab):
    """A dump nobody saved outlives the next panic; without another disk, arming refuses."""
    pair = Pair(lab, luns={**FEW, "spare": 1})
    pair.ready(agent=False)
    first = dump_and_reboot(pair)
    data = int(pair.label_of(pair.alpha, first)["data_offset_bytes"])
    kept = pair.shelf.digest(first, data)

    pair.arm()
    second_pattern = pattern.plant(pair.alpha, 64, seed=2, timeout=60)
    second = dump_and_reboot(pair)
    require(second != first, "the second dump went to the disk of the first")
    require(pair.header(pair.alpha, first)["attribute"] == "COMPLETED", "its header has changed")
    require(pair.shelf.digest(first, data) == kept, "the second panic has changed the first dump")
    pair.alpha.check("lastword arm", status=EXIT_NO)

    recover(pair, first)
    recover(pair, second)
    folders = pair.core_folders(pair.alpha)
    require(len(folders) == 2, f"{len(folders)} cores of two dumps")
    pair.prove_core(folders[0])
    pair.prove_core(folders[1], planted=second_pattern)


@scenario("stop_leaves_a_sick_disk", timeout=200)
def stop_leaves_a_sick_disk(lab):
    """A stop that can not release a disk says so; the next start is a new life, and gets the disk."""
    pair = Pair(lab, luns=FEW)
    pair.ready(agent=False)
    pair.shelf.fail_io("service1")
    pair.alpha.check("lastword stop", status=EXIT_NO, timeout=60)
    pair.alpha.check("lastword start", status=EXIT_NO, timeout=60)
    pair.shelf.heal_io("service1")
    pair.alpha.check("lastword start", timeout=60)
    held = pair.inspect(pair.alpha, "service1")["reservation"]
    lives = [key["boot_generation"] for key in [held["holder"], *held["registrations"]]]
    require(lives == [2, 2], f"service1 is held by {held}")
    pair.arm()

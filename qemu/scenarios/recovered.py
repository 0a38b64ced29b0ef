"""What is recovered, in each format, read by what others have written."""

import os
import subprocess

from qemu.harness import kdump, scenario

from .pair import FEW, PANIC_MESSAGE, SLOW, Pair, require


def refiltered(core):
    """The counts of the kdump core that makedumpfile -d 31 makes of another one."""
    small = f"{core}.31"
    done = subprocess.run(["makedumpfile", "-c", "-d", "31", core, small], capture_output=True)
    require(done.returncode == 0, f"makedumpfile -d 31 fails on {core}: {done.stderr[-500:]}")
    with kdump.Kdump(small) as dump:
        return sum(1 for _ in dump.pages())


@scenario("kdump_core_holds_memory", timeout=400)
def kdump_core_holds_memory(lab):
    """The default core, kdump-compressed, and an ELF one of the same dump hold the same memory;
    --dmesg prints the log while the dump runs."""
    pair = Pair(lab, luns=FEW, dump={"core_format": "kdump"})
    pair.ready()
    disk = pair.armed()[0]
    pair.shelf.throttle(disk, bytes_per_second=SLOW)
    panic = pair.alpha.panic()
    pair.wait_event(pair.alpha, "dump-started", 30, since=panic.index)
    device = pair.beta.disk(disk)
    during = pair.beta.check(
        f"until lastword recover --dmesg {device} 2>/dev/null; do usleep 100000; done", timeout=60
    )
    require(PANIC_MESSAGE in during, "--dmesg lacks the panic message")
    state = pair.header(pair.beta, disk)["attribute"]
    require(state == "IN_PROGRESS", f"the dump was over before its time: {state}")
    pair.shelf.throttle(disk)
    pair.wait_event(pair.beta, "dump-saved", 120, since=panic.index)
    require(pair.agent.wait(30) == 0, "the agent did not end well")

    began = lab.clock.now()
    after = pair.beta.check(f"lastword recover --dmesg {device}", timeout=30)
    lab.measure("recover_dmesg", lab.clock.now() - began, "s")
    require(after.startswith(during), "the log has changed")
    pair.beta.check(
        f"mkdir /var/elf && lastword recover --no-mark --format elf -o /var/elf {device}",
        timeout=120,
    )
    compressed = pair.core_folder(pair.beta)
    core = os.path.join(compressed, "vmcore")
    require(kdump.is_kdump(core), "the default core is no kdump core")
    lab.measure("kdump_core", os.stat(core).st_size / 2**20, "MiB")
    pair.prove_core(compressed)
    copied = pair.beta.extract("/var/elf")
    plain = os.path.join(copied, os.listdir(copied)[0])
    pair.prove_core(plain)
    counts = [refiltered(core), refiltered(os.path.join(plain, "vmcore"))]
    require(counts[0] == counts[1] > 1000, f"makedumpfile -d 31 keeps {counts} pages of them")

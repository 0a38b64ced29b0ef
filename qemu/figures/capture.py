"""In the capture kernel: from the panic to a complete dump on a disk of the shelf, lastword-dump
against makedumpfile in the same guest with the same memory. makedumpfile gets a file system on a
disk like the one that lastword-dump writes, and counts until that is unmounted."""

import dataclasses
import io

from qemu import vmcore
from qemu.harness import disks, image
from qemu.scenarios.pair import CAPTURE_OPTIONS, FEW, Pair, configuration

from .result import less_is_better

LEVELS = (0, 31)
_GOALS = {0: 3, 31: 1}
_PEER_DISK = "blank0"
_PEER_IMAGE = "/boot/makedumpfile.cpio"
_CONFIG = "/etc/lastword/lastword.toml"
_SIZE_MIB = 2048
# A guest without balloon and reserved pages, otherwise as in `make vmcore`.
_MEMORY = dataclasses.replace(vmcore.RECIPES["1g"], hugetlb=0, hugetlb_pool=0, balloon=0)


def _configuration(level):
    return configuration("alpha", dump={"exclude": str(level), "core_format": "kdump", "keep": "latest"})


class _Bench:
    def __init__(self, lab):
        self._lab = lab
        content = lab.big_folder("content")
        vmcore.make_content(content, _MEMORY)
        archive = io.BytesIO()
        image.vmcore_archive(lab.kernel, makedumpfile=True).write(archive)
        self._pair = Pair(
            lab,
            luns={"blank": 1, **FEW},
            sizes_mib=dict.fromkeys(("blank", "spare", "dump"), _SIZE_MIB),
            alpha={
                "memory_mib": _MEMORY.memory,
                "crashkernel": "160M",
                "var_content": content,
                "files": {_PEER_IMAGE: archive.getvalue()},
            },
        )
        self._pair.label()
        self._pair.begin()

    def ours(self, level):
        """Seconds to COMPLETED."""
        alpha = self._pair.alpha
        alpha.files[_CONFIG] = _configuration(level)
        alpha.restart()
        alpha.check("mkdir -p /var/crash/alpha; lastword start && lastword arm", timeout=60)
        vmcore.fill_memory(alpha, _MEMORY)
        panic = alpha.panic()
        done = alpha.wait_for('"event":"dump-completed"', 120, since=panic.index)
        return done.time - panic.time

    def makedumpfile(self, level):
        """Seconds until its file is on the disk."""
        alpha = self._pair.alpha
        alpha.kill()
        disks.create_ext4(self._pair.shelf.luns[_PEER_DISK].image, _SIZE_MIB << 20)
        alpha.restart()
        alpha.check(
            f"kexec -p -s /boot/vmlinuz-$(uname -r) --initrd={_PEER_IMAGE} --command-line='console=ttyS0"
            f" loglevel=4 nr_cpus=1 reset_devices {CAPTURE_OPTIONS} lastword.makedumpfile={level}"
            f" lastword.disk={_PEER_DISK} lastword.disks={len(self._pair.shelf.luns)}'"
        )
        vmcore.fill_memory(alpha, _MEMORY)
        panic = alpha.panic()
        done = alpha.wait_for("lastword-guest: capture saved vmcore$", 200, since=panic.index)
        return done.time - panic.time


def measure(lab, runs):
    """{level: (our seconds, makedumpfile's)}, lists."""
    bench = _Bench(lab)
    found = {level: ([], []) for level in LEVELS}
    for number in range(runs):
        for level, (ours, peer) in found.items():
            ours.append(bench.ours(level))
            peer.append(bench.makedumpfile(level))
            lab.say(f"run {number + 1}, level {level}: {ours[-1]:.2f} s, makedumpfile {peer[-1]:.2f} s")
    return found


def results(found):
    return [
        less_is_better(f"capture_level_{level}", "s", *found[level], goal=_GOALS[level],
                       what=f"panic to COMPLETED in the capture kernel, {_MEMORY.memory} MiB, level {level}",
                       peer_name=f"makedumpfile -l -d {level} there")
        for level in LEVELS
    ]  # fmt: skip

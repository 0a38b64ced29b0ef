"""python3 -m qemu.vmcore [--build DIR] [1g] [4g]

Real vmcores, into BUILD/vmcore/NAME.vmcore: guests with memory of every kind panic, and their
capture kernel copies /proc/vmcore as it is. One that exists is kept; without a name, both.

Exit status: 0 they exist, 1 something failed, 2 usage, 75 a guest was lost.
"""

import argparse
import io
import os
import subprocess
import sys
from dataclasses import dataclass

from .harness import disks, image, pattern
from .harness.node import Node
from .harness.runner import PASSED, ROOT, command_line, end_on_signals, run_in_lab

_TIMEOUT = 900  # seconds for one of them
_CAPTURE = "/boot/capture.cpio"
_BALLOON = "kernel/drivers/virtio/virtio_balloon.ko"
_TEXT_FOLDERS = ("/usr/include", "/usr/share", "/usr/lib/python3")
_BINARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/bin")
_FEWEST_BYTES, _MOST_BYTES = 2 << 10, 4 << 20  # of a file that is taken from these


@dataclass(frozen=True)
class Recipe:
    """MiB of each kind of memory; what is left stays free."""

    memory: int
    text: int  # page cache
    binaries: int  # page cache
    noise: int  # page cache, incompressible
    dirty: int  # page cache that is not on the disk yet
    small: int  # anonymous, of 4 KiB
    huge: int  # anonymous, of 2 MiB
    pattern: int  # anonymous, incompressible
    hugetlb: int  # in use
    hugetlb_pool: int
    freed: int  # free, and not zero
    balloon: int  # given back to the hypervisor


RECIPES = {
    "1g": Recipe(
        memory=1024, text=160, binaries=64, noise=48, dirty=24, small=96, huge=64, pattern=64,
        hugetlb=32, hugetlb_pool=48, freed=120, balloon=16,
    ),
    "4g": Recipe(
        memory=4096, text=600, binaries=400, noise=256, dirty=96, small=400, huge=300, pattern=400,
        hugetlb=128, hugetlb_pool=160, freed=600, balloon=64,
    ),
}  # fmt: skip


def path_of(build, name):
    return os.path.join(os.path.abspath(build), "vmcore", f"{name}.vmcore")


class _NoDisks:
    """A shelf, as a node sees it, without any disk."""

    luns = {}


class _Donor(Node):
    """A node with a raw disk for its vmcore, and a balloon."""

    def __init__(self, lab, raw, **options):
        super().__init__(lab, "alpha", _NoDisks(), **options)
        self._raw = raw

    def _devices(self):
        return [
            *super()._devices(),
            *("-drive", f"file={self._raw},if=none,id=raw,format=raw,cache=unsafe"),
            *("-device", "virtio-blk-pci,disable-legacy=on,drive=raw"),
            *("-device", "virtio-balloon-pci,disable-legacy=on"),
        ]


def _files_below(folders):
    for folder in folders:
        for parent, below, names in os.walk(folder):
            below.sort()
            for name in sorted(names):
                path = os.path.join(parent, name)
                if not os.path.islink(path) and os.path.isfile(path):
                    yield path


def _copy_files(folders, destination, mib):
    """Whole files of the host, so many MiB of them."""
    os.makedirs(destination)
    left = mib << 20
    for number, path in enumerate(_files_below(folders)):
        size = os.stat(path).st_size
        if _FEWEST_BYTES <= size <= min(_MOST_BYTES, left):
            with open(path, "rb") as source, open(f"{destination}/{number}", "wb") as target:
                target.write(source.read())
            left -= size


def make_content(folder, recipe):
    _copy_files(_TEXT_FOLDERS, f"{folder}/text", recipe.text)
    _copy_files(_BINARY_FOLDERS, f"{folder}/binaries", recipe.binaries)
    with open(f"{folder}/noise", "wb") as file:
        for _ in range(recipe.noise):
            file.write(os.urandom(1 << 20))


def fill_memory(donor, recipe):
    """Needs make_content() of the same recipe in /var; for a balloon a _Donor's devices."""
    # Before memory is fragmented.
    donor.check(f"echo {recipe.hugetlb_pool // 2} >/proc/sys/vm/nr_hugepages")
    donor.check("cat /var/text/* /var/binaries/* /var/noise >/dev/null", timeout=300)
    # Pages of a block device's own cache have buffers, so they are private.
    donor.check("dd if=/dev/vda of=/dev/null bs=1M count=8 status=none")
    # Read back by the programs below: text, as much as the largest of them.
    donor.check("cat /var/text/* | head -c 33554432 >/tmp/text", timeout=60)
    for kind in ("hugetlb", "huge", "small"):
        if mib := getattr(recipe, kind):
            held = donor.spawn(f"lw-memory {kind} {mib} /tmp/text", kind)
            held.wait_for(f"^memory-ready {kind}$", 120)
    pattern.plant(donor, mib=recipe.pattern, timeout=120)
    donor.check(f"lw-memory freed {recipe.freed} /var/noise", timeout=120)
    donor.check(f"dd if=/var/noise of=/var/dirty bs=1M count={recipe.dirty} status=none")
    if recipe.balloon:
        _inflate(donor, recipe)


def _inflate(donor, recipe):
    donor.check("insmod /root/virtio_balloon.ko")
    donor.qmp.execute("balloon", value=(recipe.memory - recipe.balloon) << 20)
    donor.check(
        f"tries=0; until grep -q 'balloon_inflate {recipe.balloon * 256}$' /proc/vmstat"
        " || [ $tries -gt 300 ]; do tries=$((tries + 1)); usleep 100000; done; cat /proc/meminfo",
        timeout=60,
    )


def _capture_image(lab, count):
    image_bytes = io.BytesIO()
    image.vmcore_archive(lab.kernel, lab.build if count else None).write(image_bytes)
    return image_bytes.getvalue()


def take(lab, recipe, final, *, count=False):
    """Leaves a vmcore at `final`. Returns the table of `lastword-dump --count-classes` in the
    capture kernel if `count`, else nothing."""
    os.makedirs(os.path.dirname(final), exist_ok=True)
    raw = lab.big_file("raw.img")
    disks.create_sparse(raw, (recipe.memory + 64) << 20)
    content = lab.big_folder("content")
    lab.say("collecting files")
    make_content(content, recipe)
    with open(f"{lab.kernel.modules}/{_BALLOON}", "rb") as file:
        balloon = file.read()
    donor = _Donor(
        lab,
        raw,
        memory_mib=recipe.memory,
        files={_CAPTURE: _capture_image(lab, count), "/root/virtio_balloon.ko": balloon},
        var_content=content,
    )
    lab.start(donor)
    donor.check(
        f"kexec -p -s /boot/vmlinuz-$(uname -r) --initrd={_CAPTURE} --command-line='console=ttyS0"
        " loglevel=5 nr_cpus=1 reset_devices cryptomgr.notests lastword.vmcore=/dev/vdb'"
    )
    lab.say("filling memory")
    fill_memory(donor, recipe)
    panic = donor.panic()
    began = donor.wait_for(r"lastword-guest: capture copies (\d+) bytes$", 120, since=panic.index)
    size = int(began.match[1])
    _follow(lab, donor, began.index, size)
    donor.wait_exit(30)
    os.truncate(raw, size)
    subprocess.run(["fallocate", "--dig-holes", raw], check=True)
    os.rename(raw, final)
    lab.say(f"{final}: {size >> 20} MiB, {os.stat(final).st_blocks >> 11} MiB of it not zero")
    told = (line.text.partition("lastword-guest: count ")[2] for line in donor.log.lines(panic.index))
    return "".join(f"{line}\n" for line in told if line)


def _follow(lab, donor, since, size):
    copied = 0
    while copied << 20 < size:
        found = donor.wait_for(r"lastword-guest: capture copied (\d+) MiB$", 120, since=since)
        copied, since = int(found.match[1]), found.index + 1
        lab.say(f"{min(copied, size >> 20)} of {size >> 20} MiB")
    donor.wait_for("lastword-guest: capture saved vmcore$", 120, since=since)


def ensure(lab, name):
    """Path of the vmcore of that name, taken in this lab unless there is one."""
    path = path_of(lab.build, name)
    if not os.path.exists(path):
        take(lab, RECIPES[name], path)
    return path


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python3 -m qemu.vmcore")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="build directory")
    parser.add_argument("name", nargs="*", help=" ".join(RECIPES))
    options = parser.parse_args(argv)
    names = options.name or list(RECIPES)
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)}")
    end_on_signals()
    for name in names:
        if os.path.exists(path_of(options.build, name)):
            print(f"{path_of(options.build, name)} exists")
            continue
        outcome = run_in_lab(
            lambda lab: ensure(lab, name),
            name=f"vmcore-{name}",
            build=options.build,
            timeout=_TIMEOUT,
            again=command_line("qemu.vmcore", options.build, name),
        )
        if outcome != PASSED:
            return outcome
    return PASSED


if __name__ == "__main__":
    sys.exit(main())

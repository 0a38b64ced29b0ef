"""The initramfs images of shelf and node, cached by what goes into them."""

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import time

from .cpio import Archive

GUEST_FILES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "guest")

_NODE_MODULES = ["virtio_pci", "virtio_scsi", "virtio_blk", "sd_mod", "sg", "crc32c_intel"]
# In the image, and loaded where a scenario asks for them.
_NODE_OPTIONAL_MODULES = ["softdog", "dm_thin_pool", "dm_snapshot"]
_SHELF_MODULES = [
    "virtio_pci",
    "virtio_scsi",
    "virtio_net",
    "sd_mod",
    "configfs",
    "target_core_mod",
    "target_core_iblock",
    "iscsi_target_mod",
    "crc32c_intel",
]
_LIBKMOD_INDEXES = [
    "modules.dep.bin",
    "modules.alias.bin",
    "modules.symbols.bin",
    "modules.builtin.bin",
]
# What a node with a real udev needs: rules that make links to disks and watch them for writers.
_UDEV = "/usr/lib/udev"
_UDEV_RULES = ["50-udev-default.rules", "60-block.rules", "60-persistent-storage.rules"]
_UDEV_DAEMON = "/usr/lib/systemd/systemd-udevd"  # udevadm by another name; node-init.sh starts it
_SG_TOOLS = ["sg_persist", "sg_turs", "sg_inq", "sg_raw", "sg_vpd", "sg_reset", "sg_readcap"]

# The example of a service, as docs/operations.md has it installed.
_NBD_EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(GUEST_FILES)), "examples", "nbd")
NBD_HOOK = "/usr/local/sbin/lastword-nbd"
NBD_EVENTS = [
    *("service-taken", "service-returning", "service-returned", "service-leaving", "fenced"),
    *("takeover-announced", "takeover-called-off"),
]
HOOKS = "/etc/lastword/hooks"
_NETWORK_MODULES = ["virtio_net"]

_LVM_COMMANDS = ["lvs", "vgs", "pvcreate", "vgcreate", "lvcreate", "lvchange", "lvremove", "lvresize", "lvextend"]
# No udevd and no dmeventd in the guest: LVM makes the nodes of its devices itself.
_LVM_CONFIG = """activation { monitoring = 0 udev_sync = 0 udev_rules = 0 }
devices { obtain_device_list_from_udev = 0 }
backup { backup = 0 archive = 0 }
"""

# Where a build leaves the program, relative to the build directory; the first that exists counts.
_PROGRAM_FOLDERS = ["bin", ".", "agent", "dumpwriter", "qemu/guest", "guest"]
_NODE_PROGRAMS = {
    "lastword": "/usr/sbin/lastword",
    "lastword-agent": "/usr/sbin/lastword-agent",
    "lastword-dump": "/usr/lib/lastword/lastword-dump",
    "lw-pattern": "/usr/bin/lw-pattern",
    "lw-blocks": "/usr/bin/lw-blocks",
    "lw-closes": "/usr/bin/lw-closes",
    "lw-memory": "/usr/bin/lw-memory",
    "lw-stamp": "/usr/bin/lw-stamp",
}


def find_program(build, name):
    """Path of a built program, or None."""
    for folder in _PROGRAM_FOLDERS:
        path = os.path.join(build, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


@functools.cache
def _shared_libraries(program):
    listing = subprocess.run(["ldd", program], capture_output=True, text=True)
    if listing.returncode != 0:  # a static program
        return []
    if "not found" in listing.stdout:
        raise FileNotFoundError(f"{program} lacks a library:\n{listing.stdout}")
    return re.findall(r"(?:=> )?(/\S+) \(0x", listing.stdout)


def stripped(build, source):
    """A copy without debug information, which makes up most of a program and of a guest's boot."""
    folder = os.path.join(build, "vm", "stripped")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, os.path.basename(source))
    if not os.path.exists(path) or os.path.getmtime(path) != os.path.getmtime(source):
        subprocess.run(["strip", "--preserve-dates", "-o", f"{path}.new", source], check=True)
        os.rename(f"{path}.new", path)
    return path


def _add_program(archive, path, source):
    archive.file(path, source, mode=0o755)
    for library in _shared_libraries(source):
        archive.file(library, library, mode=0o755)


def _host_program(name):
    source = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if not source:
        raise FileNotFoundError(f"the guests need {name}, which is not installed")
    return source


def _guest_base(kernel, modules, init, optional=()):
    """`optional`: modules that nothing loads at boot."""
    archive = Archive(merged_usr=True)
    for path in ("/proc", "/sys", "/dev", "/run", "/tmp", "/var", "/root"):
        archive.directory(path)
    archive.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    archive.text("/etc/group", "root:x:0:\n")
    busybox = _host_program("busybox")
    archive.file("/usr/bin/busybox", busybox, mode=0o755)
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            archive.symlink(f"/usr/bin/{applet}", "busybox")

    archive.file("/init", os.path.join(GUEST_FILES, init), mode=0o755)
    archive.file("/etc/lastword-guest/lib.sh", os.path.join(GUEST_FILES, "lib.sh"))
    paths = kernel.closure(modules)
    archive.text("/etc/lastword-guest/modules", "".join(f"{path}\n" for path in paths))
    paths = kernel.closure([*modules, *optional])
    for path in paths:
        archive.file(f"{kernel.modules}/{path}", f"{kernel.modules}/{path}")
    archive.text(f"{kernel.modules}/modules.dep", kernel.modules_dep(paths))
    # The text is for busybox; the rest is for libkmod, which takes the whole kernel's.
    for index in ("modules.builtin", "modules.order", "modules.softdep", *_LIBKMOD_INDEXES):
        archive.file(f"{kernel.modules}/{index}", f"{kernel.modules}/{index}")
    return archive


def shelf_archive(kernel):
    return _guest_base(kernel, _SHELF_MODULES, "shelf-init.sh")


def node_archive(kernel, build, *, udev=False):
    """Holds lastword as far as it is built, and what arming needs to make a capture image.

    `udev`: the node runs the host's systemd-udevd.
    """
    archive = _guest_base(kernel, _NODE_MODULES, "node-init.sh", _NODE_OPTIONAL_MODULES)
    for script in ("lw-disks", "lw-spawn"):
        archive.file(f"/usr/sbin/{script}", os.path.join(GUEST_FILES, f"{script}.sh"), mode=0o755)
    archive.file(kernel.image, kernel.image)
    for tool in [*_SG_TOOLS, "kexec"]:
        _add_program(archive, f"/usr/sbin/{tool}", _host_program(tool))
    _add_program(archive, "/usr/bin/flock", _host_program("flock"))  # busybox-static has none
    for name, path in _NODE_PROGRAMS.items():
        program = find_program(build, name)
        if program:
            _add_program(archive, path, stripped(build, program))
    if udev:
        _add_udev(archive)
    return archive


def _add_udev(archive):
    _add_program(archive, "/usr/bin/udevadm", _host_program("udevadm"))
    archive.symlink(_UDEV_DAEMON, "/usr/bin/udevadm")
    _add_program(archive, f"{_UDEV}/scsi_id", f"{_UDEV}/scsi_id")
    for rules in _UDEV_RULES:
        archive.file(f"{_UDEV}/rules.d/{rules}", f"{_UDEV}/rules.d/{rules}")
    _add_program(archive, "/usr/bin/delpart", _host_program("delpart"))


def network_archive(kernel):
    """Goes behind the image of a node that has network cards."""
    archive = Archive()
    archive.file("/etc/lastword-guest/network.sh", os.path.join(GUEST_FILES, "network.sh"))
    loaded = kernel.closure(_NODE_MODULES)
    paths = [path for path in kernel.closure(_NETWORK_MODULES) if path not in loaded]
    archive.text("/etc/lastword-guest/network-modules", "".join(f"{path}\n" for path in paths))
    for path in paths:
        archive.file(f"{kernel.modules}/{path}", f"{kernel.modules}/{path}")
    return archive


def nbd_archive():
    """Goes behind the image of a node that serves disks by NBD: nbdkit, the example with its hooks."""
    archive = Archive()
    nbdkit = _host_program("nbdkit")
    _add_program(archive, "/usr/bin/nbdkit", nbdkit)
    plugins = subprocess.run([nbdkit, "--dump-config"], capture_output=True, text=True, check=True)
    plugin = f"{re.search(r'^plugindir=(.*)$', plugins.stdout, re.M)[1]}/nbdkit-file-plugin.so"
    _add_program(archive, plugin, plugin)
    archive.file(NBD_HOOK, os.path.join(_NBD_EXAMPLE, "lastword-nbd"), mode=0o755)
    for event in NBD_EVENTS:
        archive.symlink(f"{HOOKS}/{event}", NBD_HOOK)
    return archive


def thin_archive():
    """Goes behind the image of a node with LVM thin pools: LVM, dmsetup and the tools of dm-thin."""
    archive = Archive()
    for tool in ("lvm", "dmsetup", "pdata_tools"):
        _add_program(archive, f"/usr/sbin/{tool}", _host_program(tool))
    for command in _LVM_COMMANDS:
        archive.symlink(f"/usr/sbin/{command}", "lvm")
    for command in ("thin_dump", "thin_check"):
        archive.symlink(f"/usr/sbin/{command}", "pdata_tools")
    archive.text("/etc/lvm/lvm.conf", _LVM_CONFIG)
    return archive


def vmcore_archive(kernel, build=None, *, makedumpfile=False):
    """A capture image in shell (vmcore-init.sh); with `build` it also counts page classes, with
    `makedumpfile` it can run that, onto a disk of the shelf."""
    modules = _NODE_MODULES if makedumpfile else ["virtio_pci", "virtio_blk"]
    archive = _guest_base(kernel, modules, "vmcore-init.sh")
    if makedumpfile:
        archive.file("/usr/sbin/lw-disks", os.path.join(GUEST_FILES, "lw-disks.sh"), mode=0o755)
        _add_program(archive, "/usr/bin/makedumpfile", _host_program("makedumpfile"))
    if build:
        program = stripped(build, find_program(build, "lastword-dump"))
        archive.file(_NODE_PROGRAMS["lastword-dump"], program, mode=0o755)
    return archive


@contextlib.contextmanager
def _locked(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(build, kind, archive):
    """The archive written to a file below `build`, or the file an earlier run wrote."""
    folder = os.path.join(build, "vm", "images")
    os.makedirs(folder, exist_ok=True)
    digest = hashlib.sha256("\n".join(archive.fingerprint()).encode()).hexdigest()[:16]
    path = os.path.join(folder, f"{kind}-{digest}.cpio")
    with _locked(os.path.join(folder, "lock")):
        if not os.path.exists(path):
            _prune(folder, kind)
            with open(path + ".new", "wb") as out:
                archive.write(out)
            os.rename(path + ".new", path)
    return path


def _prune(folder, kind):
    for entry in os.scandir(folder):
        # Another run may just have been told the path of a young one.
        if entry.name.startswith(f"{kind}-") and time.time() - entry.stat().st_mtime > 600:
            os.unlink(entry.path)

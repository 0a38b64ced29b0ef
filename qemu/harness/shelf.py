"""The shelf: the disks both nodes see. LIO in a guest, or tgt on the host."""

import hashlib
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass

from . import disks, image
from .cpio import Archive
from .errors import GuestLost
from .guest import Guest

# The socket is private to the lab; the number only tells daemons on one socket path apart.
_TGT_CONTROL = "1"
_IQN = "iqn.2025-01.example.lastword:shelf"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Lun:
    name: str  # lower case letters and digits, at most 10: a serial number of tgt has room for 36
    number: int
    size_bytes: int
    image: str  # raw image on the host

    @property
    def serial(self):
        """Unit serial number. LIO makes the NAA name from its first 25 hexadecimal digits."""
        return f"{hashlib.sha256(self.name.encode()).hexdigest()[:25]}-{self.name}"


class _Shelf:
    def _create_luns(self, lab, sizes_mib, first_number):
        self.iqn = _IQN
        self.port = free_port()
        self.luns = {}
        for number, (name, size_mib) in enumerate(sizes_mib.items(), start=first_number):
            if not re.fullmatch(r"[a-z0-9]{1,10}", name):
                raise ValueError(f"no name for a LUN: {name}")
            path = lab.big_file(f"shelf-{name}.img")
            self.luns[name] = Lun(name, number, size_mib << 20, path)
            disks.create_sparse(path, size_mib << 20)

    def url(self, name):
        return f"iscsi://127.0.0.1:{self.port}/{self.iqn}/{self.luns[name].number}"

    def read(self, name, offset_bytes, length_bytes):
        """What has reached the shelf: acknowledged writes are in the image."""
        with open(self.luns[name].image, "rb") as file:
            return os.pread(file.fileno(), length_bytes, offset_bytes)

    def write(self, name, offset_bytes, data):
        """Behind the initiators' backs, whatever is reserved; whole blocks of 4096 bytes."""
        with open(self.luns[name].image, "r+b") as file:
            os.pwrite(file.fileno(), data, offset_bytes)
            os.fsync(file.fileno())

    def copy(self, name, to):
        """What has reached a LUN goes to another one of its size, as a snapshot has it."""
        if self.luns[name].size_bytes != self.luns[to].size_bytes:
            raise ValueError(f"{name} and {to} differ in size")
        copied = ["cp", "--sparse=always", self.luns[name].image, self.luns[to].image]
        subprocess.run(copied, check=True)

    def digest(self, name, offset_bytes=0):
        """Of all that has reached a LUN from an offset on."""
        return disks.digest(self.luns[name].image, offset_bytes)


class LioShelf(Guest, _Shelf):
    """The kernel's own target, with persistent reservations complete."""

    supports_preempt_and_abort = True

    def __init__(self, lab, sizes_mib, *, memory_mib=384, cpus=1):
        super().__init__(lab, "shelf", memory_mib=memory_mib, cpus=cpus)
        self._create_luns(lab, sizes_mib, first_number=0)
        self._base = image.cached(lab.build, "shelf", image.shelf_archive(lab.kernel))
        self._kept = {}  # {LUN: LIO's own lines on its registrations} for the next start

    def _initrd(self):
        overlay = Archive()
        table = "".join(f"{lun.number} {lun.name} {lun.serial}\n" for lun in self.luns.values())
        overlay.text("/etc/lastword-guest/luns", table)
        for name, lines in self._kept.items():
            overlay.text(f"/etc/lastword-guest/pr/{name}", lines)
        return self.lab.join_initrd(self.name, [self._base], overlay)

    def _kernel_options(self):
        return [f"lastword.iqn={self.iqn}", "panic=0", "nokaslr"]

    def _devices(self):
        forward = f"hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:3260"
        devices = ["-netdev", f"user,id=net0,restrict=on,{forward}"]
        devices += ["-device", "virtio-net-pci,disable-legacy=on,netdev=net0,romfile="]
        devices += ["-device", "virtio-scsi-pci,disable-legacy=on,id=scsi0"]
        for lun in self.luns.values():
            devices += [
                "-drive",
                f"file={lun.image},if=none,id={lun.name},format=raw,cache=none,aio=native"
                ",discard=unmap,file.locking=off",
                "-device",
                f"scsi-hd,bus=scsi0.0,scsi-id={lun.number},lun=0,drive={lun.name}"
                f",serial={lun.name}",
            ]
        return devices

    def _disk(self, name):
        return f"/sys/bus/scsi/devices/0:0:{self.luns[name].number}:0"

    def _tpg(self):
        return f"/sys/kernel/config/target/iscsi/{self.iqn}/tpgt_1"

    def lose_power(self, *, keep_reservations, timeout=60):
        """Dark for the seconds of a boot; the initiators connect again by themselves.

        `keep_reservations`: those registered with APTPL=1 survive, as SPC-4 5.13.5 wants it; otherwise
        it forgets all. A registration that survives is not bound to a session id (ISID): libiscsi
        connects again with another one.
        """
        self._kept = self._persistent_registrations() if keep_reservations else {}
        return self.restart(timeout)

    def _persistent_registrations(self):
        """{LUN: lines} as the kernel takes them back, drivers/target/target_core_configfs.c
        (target_pr_res_aptpl_metadata_store)."""
        kept = {}
        for name, lun in self.luns.items():
            lines, fields = [], []
            for line in self.check(f"cat /var/target/pr/aptpl_{lun.serial} 2>/dev/null || :").splitlines():
                if line.startswith("PR_REG_END"):
                    lines.append(",".join(fields) + "\n")
                    fields = []
                elif "=" in line and not line.startswith("initiator_sid="):
                    fields.append(line.strip())
            if lines:
                kept[name] = "".join(lines)
        return kept

    def remove_lun(self, name):
        """It is gone for all initiators, its registrations with it: LOGICAL UNIT NOT SUPPORTED."""
        lun = f"{self._tpg()}/lun/lun_{self.luns[name].number}"
        self.check(f"rm {lun}/{name} && rmdir {lun}")

    def restore_lun(self, name):
        """Back again, without registrations."""
        lun = f"{self._tpg()}/lun/lun_{self.luns[name].number}"
        backstore = f"/sys/kernel/config/target/core/iblock_0/{name}"
        self.check(f"mkdir {lun} && ln -s {backstore} {lun}/{name}")

    def fail_io(self, name):
        """Reads and writes end in an error; commands that do not reach the medium still work."""
        self.check(f"echo offline >{self._disk(name)}/state")

    def heal_io(self, name):
        self.check(f"echo running >{self._disk(name)}/state")

    def registrations(self, name):
        """LIO's own view: text of the registrants and the holder, with the ISID of each."""
        pr = f"/sys/kernel/config/target/core/iblock_0/{name}/pr"
        return self.check(f"cat {pr}/res_holder {pr}/res_pr_type {pr}/res_pr_registered_i_pts")

    def connections(self):
        """TCP ports of the initiators that are connected: one that dropped comes back with another."""
        established = "01"
        local = f":{3260:04X}"
        rows = [line.split() for line in self.check("cat /proc/net/tcp").splitlines()[1:]]
        return {
            int(row[2].split(":")[1], 16)
            for row in rows
            if row[1].endswith(local) and row[3] == established
        }


class TgtShelf(_Shelf):
    """tgtd on the host: faster to start, but without PREEMPT AND ABORT and READ FULL STATUS."""

    supports_preempt_and_abort = False

    def __init__(self, lab, sizes_mib):
        self.lab = lab
        self.name = "shelf"
        self.log = lab.open_log(self.name)
        # tgt keeps LUN 0 for its controller.
        self._create_luns(lab, sizes_mib, first_number=1)
        self._process = None
        # A path of a UNIX socket is at most 107 bytes, which a build directory may exceed.
        self._folder = lab.short_folder()
        self._environment = {**os.environ, "TGT_IPC_SOCKET": os.path.join(self._folder, "tgt")}

    def start(self):
        with open(self.lab.path("tgtd.log"), "ab") as output:
            self._process = self.lab.children.start(
                ["tgtd", "-f", "-C", _TGT_CONTROL]
                + ["--iscsi", f"portal=127.0.0.1:{self.port},nop_interval=0"],
                stdout=output,
                stderr=output,
                env=self._environment,
            )
        return self

    def wait_ready(self, timeout=10):
        deadline = time.monotonic() + timeout
        while self._tgtadm("sys", "show").returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise GuestLost("tgtd does not come up; see tgtd.log")
            time.sleep(0.05)
        self._must("target", "new", "--tid", "1", "-T", self.iqn)
        for lun in self.luns.values():
            number = str(lun.number)
            self._must("logicalunit", "new", "--tid", "1", "--lun", number, "-b", lun.image)
            identity = f"scsi_sn={lun.serial},scsi_id={lun.serial},vendor_id=LASTWORD"
            self._must("logicalunit", "update", "--tid", "1", "--lun", number, "-P", identity)
        self._must("target", "bind", "--tid", "1", "-I", "127.0.0.1")
        return self.lab.clock.now()

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        if self._process:
            self.lab.children.kill(self._process)

    def _tgtadm(self, mode, operation, *arguments):
        return subprocess.run(
            ["tgtadm", "-C", _TGT_CONTROL, "--lld", "iscsi"]
            + ["--mode", mode, "--op", operation, *arguments],
            capture_output=True,
            text=True,
            env=self._environment,
        )

    def _must(self, mode, operation, *arguments):
        result = self._tgtadm(mode, operation, *arguments)
        if result.returncode != 0:
            raise GuestLost(f"tgtadm {operation} {mode}: {result.stderr.strip()}")

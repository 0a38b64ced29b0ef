import os

from . import disks, image
from .cpio import Archive
from .guest import Guest


NBD_PORT = 10809  # in the guest
_NBD_ADDRESS = "10.0.2.15/24"  # what QEMU's own network (-netdev user) forwards ports to


class Node(Guest):
    """alpha or beta: Debian's kernel, lastword as far as it is built, the shelf's disks, /var."""

    def __init__(
        self,
        lab,
        name,
        shelf,
        *,
        files=None,
        memory_mib=768,
        cpus=1,
        crashkernel="128M",
        panic=0,
        var_mib=4096,
        var_content=None,
        kernel_options=(),
        udev=False,
        modules=(),
        nbd_port=None,
        wires=(),
        drives=None,
    ):
        """`files`: path -> content, or (content, mode), laid over the image; read at every start.

        `var_content`: a folder of the host that /var begins with.

        `panic`: what the kernel does without a capture image: 0 halts, -1 reboots at once,
        n > 0 reboots after n seconds.

        `udev`: it runs a systemd-udevd with the rules for disks.

        `modules`: of the image's optional ones, loaded at every boot.
        `nbd_port`: it has examples/nbd and a network; what it serves at NBD_PORT is at this port of
        127.0.0.1.

        `wires`: (Wire, address of this node with its prefix length) for each; a card for each.

        `drives`: name -> MiB of virtio disks of its own, /dev/vdb and so on in this order; then it
        has LVM with thin pools, too. `shelf` may be None.
        """
        super().__init__(lab, name, memory_mib=memory_mib, cpus=cpus)
        self.shelf = shelf
        self._luns = shelf.luns if shelf else {}
        self.files = dict(files or {})
        self.iqn = f"iqn.2025-01.example.lastword:{name}"
        self._life = 0
        self._options = [f"crashkernel={crashkernel}", f"panic={panic}", *kernel_options]
        self._var = lab.big_file(f"{name}-var.img")
        disks.create_ext4(self._var, var_mib << 20, var_content)
        archive = image.node_archive(lab.kernel, lab.build, udev=udev)
        self._images = [image.cached(lab.build, "node-udev" if udev else "node", archive)]
        self._drives = {}
        for drive, mib in (drives or {}).items():
            self._drives[drive] = lab.big_file(f"{name}-{drive}.img")
            disks.create_sparse(self._drives[drive], mib << 20)
        if drives:
            # LVM asks for the latter before it takes a snapshot of a thin volume, and does not use it.
            modules = (*modules, "dm_thin_pool", "dm_snapshot")
            self._images.append(image.cached(lab.build, "thin", image.thin_archive()))
        if modules:
            self._options.append(f"lastword.modules={','.join(modules)}")
        self._nbd_port = nbd_port
        self._wires = tuple(wires)
        if nbd_port or wires:
            archive = image.network_archive(lab.kernel)
            self._images.append(image.cached(lab.build, "network", archive))
        if nbd_port:
            self._images.append(image.cached(lab.build, "nbd", image.nbd_archive()))

    def disk(self, name):
        """Device of a LUN in this guest."""
        if name not in self._luns:
            raise KeyError(f"the shelf has no {name}")
        return f"/dev/disk/by-id/lw-{name}"

    def rescan_disks(self):
        """Renew the links after a disk came or went."""
        return int(self.check("lw-disks"))

    def extract(self, directory, destination=None):
        """Copy a directory below /var to the host, holes kept; returns where it is.

        Works on a running guest (its /var stands still meanwhile) and on a dead one.
        """
        if not f"{directory}/".startswith("/var/"):
            raise ValueError(f"{directory} is not on the persistent disk")
        destination = destination or self.lab.big_folder(f"{self.name}-{os.path.basename(directory)}")
        inner = directory.removeprefix("/var") or "/"
        if not self.is_running():
            disks.replay_journal(self._var)
            disks.extract(self._var, inner, destination)
            return destination
        self.check("sync; fsfreeze --freeze /var", timeout=120)
        try:
            disks.extract(self._var, inner, destination)
        finally:
            self.check("fsfreeze --unfreeze /var")
        return destination

    def _initrd(self):
        overlay = Archive()
        for path, content in self.files.items():
            data, mode = content if isinstance(content, tuple) else (content, 0o644)
            overlay.text(path, data, mode)
        return self.lab.join_initrd(self.name, self._images, overlay)

    def _kernel_options(self):
        return [f"lastword.disks={len(self._luns)}", *self._network_options(), *self._options]

    def _network_options(self):
        addresses = [_NBD_ADDRESS] if self._nbd_port else []
        addresses += [address for _, address in self._wires]
        return [f"lastword.addresses={','.join(addresses)}"] if addresses else []

    def _inherited(self):
        return [wire.fileno(self.name) for wire, _ in self._wires]

    def _devices(self):
        # Each process is another initiator port. A new session of the old name is what LIO does not
        # take for registered while an older session of that name holds the reservation, whatever it
        # has registered since (drivers/target/target_core_pr.c, isid_mismatch).
        self._life += 1
        devices = ["-iscsi", f"initiator-name={self.iqn}.{self._life}"]
        devices += ["-drive", f"file={self._var},if=none,id=var,format=raw,cache=unsafe"]
        devices += ["-device", "virtio-blk-pci,disable-legacy=on,drive=var"]
        devices += ["-device", "virtio-scsi-pci,disable-legacy=on,id=scsi0"]
        if self._nbd_port:
            # A guest that panicked keeps its ports open here and answers nothing.
            forward = f"hostfwd=tcp:127.0.0.1:{self._nbd_port}-{_NBD_ADDRESS.partition('/')[0]}:{NBD_PORT}"
            devices += ["-netdev", f"user,id=net0,restrict=on,{forward}"]
            devices += ["-device", "virtio-net-pci,disable-legacy=on,netdev=net0,romfile="]
        for index, (wire, _) in enumerate(self._wires):
            # Without mac= both nodes would have one.
            mac = f"52:54:00:00:{index:02x}:{sum(self.name.encode()) % 256:02x}"
            devices += ["-netdev", f"socket,id=wire{index},fd={wire.fileno(self.name)}"]
            devices += [
                "-device",
                f"virtio-net-pci,disable-legacy=on,netdev=wire{index},mac={mac},romfile=",
            ]
        for drive, path in self._drives.items():
            devices += ["-drive", f"file={path},if=none,id={drive},format=raw,cache=unsafe"]
            devices += ["-device", f"virtio-blk-pci,disable-legacy=on,drive={drive},serial={drive}"]
        for index, name in enumerate(self._luns):
            devices += [
                "-drive",
                f"file={self.shelf.url(name)},if=none,id={name},format=raw,cache=none",
                "-device",
                f"scsi-block,bus=scsi0.0,scsi-id={index},lun=0,drive={name}",
            ]
        return devices

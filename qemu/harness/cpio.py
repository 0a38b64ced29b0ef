"""An initramfs archive (cpio "newc"), as the kernel unpacks it: uncompressed and concatenable."""

import os
import stat

_ALIGN = 4


def _pad(length):
    return b"\0" * (-length % _ALIGN)


class Archive:
    """Paths are absolute in the guest. Parents are added where missing, in Debian's merged /usr."""

    _MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

    def __init__(self, *, merged_usr=False):
        self._entries = {}
        if merged_usr:
            for link, target in self._MERGED.items():
                self.directory(f"/{target}")
                self._entries[link] = (stat.S_IFLNK | 0o777, target, None)

    def _place(self, path):
        path = os.path.normpath(path).lstrip("/")
        first, slash, rest = path.partition("/")
        if slash and first in self._MERGED:
            path = f"{self._MERGED[first]}/{rest}"
        return path

    def _add(self, path, mode, data=b"", source=None):
        place = self._place(path)
        parent = os.path.dirname(place)
        if parent and parent not in self._entries:
            self._add("/" + parent, stat.S_IFDIR | 0o755)
        self._entries.setdefault(place, (mode, data, source))

    def directory(self, path, mode=0o755):
        self._add(path, stat.S_IFDIR | mode)

    def symlink(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target)

    def text(self, path, content, mode=0o644):
        self._add(path, stat.S_IFREG | mode, content)

    def file(self, path, source, mode=None):
        """Take the content of a file of the host when the archive is written."""
        permissions = stat.S_IMODE(os.stat(source).st_mode) if mode is None else mode
        self._add(path, stat.S_IFREG | permissions, source=os.path.realpath(source))

    def fingerprint(self):
        """Lines that change whenever the written archive would."""
        for place, (mode, data, source) in self._entries.items():
            if source:
                status = os.stat(source)
                data = f"{source} {status.st_size} {status.st_mtime_ns}"
            yield f"{place} {mode:o} {data!r}"

    def write(self, out):
        """`out` is a binary file; its position must be a multiple of 4."""
        for inode, (place, (mode, data, source)) in enumerate(self._entries.items(), start=1):
            if source:
                with open(source, "rb") as file:
                    data = file.read()
            elif isinstance(data, str):
                data = data.encode()
            self._write_entry(out, inode, place, mode, data)
        self._write_entry(out, 0, "TRAILER!!!", 0, b"")

    @staticmethod
    def _write_entry(out, inode, place, mode, data):
        name = place.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        out.write(header + name + _pad(len(header) + len(name)))
        out.write(data + _pad(len(data)))

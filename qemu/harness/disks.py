"""Disk images on the host."""

import hashlib
import os
import re
import stat
import subprocess
from dataclasses import dataclass


def create_sparse(path, size_bytes):
    with open(path, "wb") as file:
        file.truncate(size_bytes)


def create_ext4(path, size_bytes, content=None):
    """`content`: a folder whose files it then holds."""
    create_sparse(path, size_bytes)
    inodes = ["-N", "65536", "-d", content] if content else ["-N", "16384"]
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-m0", "-J", "size=16", *inodes]
        + ["-E", "lazy_itable_init=0,lazy_journal_init=1,nodiscard", path],
        check=True,
    )


def digest(path, offset_bytes=0):
    """SHA-256 of what an image holds from an offset on; a hole and zeros are the same."""
    chunk_bytes = 1 << 20
    zeros = bytes(chunk_bytes)
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        position = offset_bytes
        while True:
            try:
                data = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                return found.hexdigest()
            position = max(position, data - data % chunk_bytes)
            chunk = os.pread(file.fileno(), chunk_bytes - position % chunk_bytes, position)
            if chunk != zeros[: len(chunk)]:
                found.update(position.to_bytes(8, "big") + chunk)
            position += len(chunk)


def replay_journal(path):
    result = subprocess.run(["e2fsck", "-fy", path], capture_output=True, text=True)
    if result.returncode > 1:
        raise RuntimeError(f"{path} is damaged beyond its journal:\n{result.stdout}")


def _debugfs(image, request):
    return subprocess.run(
        ["debugfs", "-R", request, image], capture_output=True, text=True, check=True
    ).stdout


@dataclass(frozen=True)
class _Inode:
    number: int
    mode: int
    name: str
    size: int


def _list(image, directory):
    for line in _debugfs(image, f'ls -p "{directory}"').splitlines():
        fields = line.split("/")
        if len(fields) >= 7 and fields[5] not in (".", "..", ""):
            size = int(fields[6]) if fields[6] else 0
            yield _Inode(int(fields[1]), int(fields[2], 8), fields[5], size)


_EXTENT = re.compile(r"\s*(\d+)/\s*(\d+)\s+\d+/\s*\d+\s+(\d+) -\s+(\d+)\s+(\d+) -\s+(\d+)\s+\d+(.*)")


def _copy_file(image, inode, destination):
    """Extent by extent: debugfs dump would write every hole out."""
    with open(image, "rb") as source, open(destination, "wb") as target:
        target.truncate(inode.size)
        for line in _debugfs(image, f"ex <{inode.number}>").splitlines():
            match = _EXTENT.match(line)
            if not match or match[1] != match[2] or "Uninit" in match[7]:
                continue
            logical, physical = int(match[3]) * 4096, int(match[5]) * 4096
            length = min((int(match[4]) - int(match[3]) + 1) * 4096, inode.size - logical)
            while length > 0:
                copied = os.copy_file_range(
                    source.fileno(), target.fileno(), length, physical, logical
                )
                if copied == 0:
                    raise OSError(f"{image} ends within a file")
                length, logical, physical = length - copied, logical + copied, physical + copied


def extract(image, directory, destination):
    """Copy a directory out of an ext4 image with 4 KiB blocks, holes kept.

    The journal must have been replayed, or the file system been frozen.
    """
    os.makedirs(destination, exist_ok=True)
    for inode in _list(image, directory):
        target = os.path.join(destination, inode.name)
        if stat.S_ISDIR(inode.mode):
            extract(image, f"{directory}/{inode.name}", target)
        elif stat.S_ISREG(inode.mode):
            _copy_file(image, inode, target)

"""examples/nbd on both nodes of a pair, and a client of it."""

import os
import secrets
import signal
import subprocess
import time

from qemu.harness import ScenarioFailed, image
from qemu.harness.node import NBD_PORT
from qemu.harness.runner import ROOT
from qemu.harness.shelf import free_port

from . import records

# python3-libnbd is Debian's, and for Debian's Python only.
_PYTHON = "/usr/bin/python3"
_SECTOR = 512
HOOKS = {"directory": image.HOOKS}  # of configuration()


class NbdService:
    """One service disk of alpha's, served by whoever has it. Made before the pair."""

    def __init__(self, lab, lun="service0"):
        self._lab, self._lun = lab, lun
        self._ports = {"alpha": free_port(), "beta": free_port()}
        self._run = secrets.token_bytes(16)
        self._log_path = lab.path("client.log")
        self._client = None

    def options(self, node):
        """Of Node, for alpha and beta."""
        line = f"service {NBD_PORT} alpha /dev/disk/by-id/lw-{self._lun}-part2\n"
        return {"nbd_port": self._ports[node], "files": {"/etc/lastword/nbd.exports": line}}

    def begin(self, pair):
        """As at boot: alpha serves its own. The client runs from here on, and has a first FLUSH."""
        pair.alpha.check(f"{image.NBD_HOOK} start")
        targets = [f"{node}={port}" for node, port in self._ports.items()]
        command = [_PYTHON, "-m", "qemu.nbd.client", "--run", self._run.hex(), "--log", self._log_path]
        with open(self._lab.path("client.out"), "w") as output:
            self._client = self._lab.children.start(
                command + targets,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": ROOT},
            )
        self.wait_for_progress(30, records=20)

    def log(self):
        """What the client has seen so far, in seconds of the lab's clock."""
        if not os.path.exists(self._log_path):
            return records.Log()
        with open(self._log_path) as file:
            return records.parse_log(file, self._lab.clock.at)

    def wait_for_progress(self, timeout, records=1):
        """Until so many records that were not sent yet are acknowledged and flushed."""
        wanted = self.log().sent + records
        deadline = self._lab.clock.now() + timeout
        while self.log().promised() < wanted:
            if self._client.poll() is not None:
                raise ScenarioFailed(f"the client has ended with {self._client.returncode}: see client.out")
            if self._lab.clock.now() > deadline:
                raise ScenarioFailed(f"the client is not served within {timeout} s")
            time.sleep(0.1)

    def end_client(self):
        """All that it has sent is flushed then."""
        self._client.send_signal(signal.SIGTERM)
        status = self._client.wait(90)
        if status != 0:
            raise ScenarioFailed(f"the client ended with {status}: see client.out")

    def judge(self, pair, node):
        """`node` serves. Everything that the client was promised has reached the disk, and reads so."""
        log = self.log()
        disk = pair.shelf.luns[self._lun]
        begin, length = self._partition(node)
        with open(disk.image, "rb") as file:
            wrong = records.verify(self._run, _slots(file, begin, length), log)
        if not log.promised():
            wrong.append("no record was flushed: nothing is proven")
        if wrong:
            raise ScenarioFailed(f"{len(wrong)} records are not as promised: " + "; ".join(wrong[:8]))
        self._lab.say(f"all {log.promised()} flushed records are there once, in order")
        return log

    def _partition(self, node):
        """Offset and length in bytes."""
        place = "/sys/class/block/$(basename $(readlink -f /dev/disk/by-id/lw-%s-part2))" % self._lun
        start, size = node.check(f"cat {place}/start {place}/size").split()
        return int(start) * _SECTOR, int(size) * _SECTOR

    def measure_gap(self, name, begin, end):
        """The longest time without an acknowledged record between two moments, as a figure."""
        gap = records.longest_gap(self.log(), begin, end)
        if gap is None:
            raise ScenarioFailed(f"the client was not served before and after: {name}")
        self._lab.measure(name, gap.seconds, "s")
        return gap


def _slots(file, begin, length):
    for place in range(length // records.SIZE):
        yield os.pread(file.fileno(), records.SIZE, begin + place * records.SIZE)

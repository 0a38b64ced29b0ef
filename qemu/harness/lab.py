import json
import os
import shutil
import tempfile

from . import accel, kernel
from .errors import GuestLost
from .log import Clock, LineLog
from .node import Node
from .process import Children
from .shelf import LioShelf, TgtShelf
from .wire import Wire

DEFAULT_SIZES_MIB = {"service": 64, "spare": 1024, "dump": 1024, "mailbox": 16}


def lun_table(*, sizes_mib=None, **counts):
    """{name: MiB} for so many LUNs of each role: lun_table(service=8, dump=1)."""
    sizes = {**DEFAULT_SIZES_MIB, **(sizes_mib or {})}
    return {
        f"{role}{index}": sizes[role] for role, count in counts.items() for index in range(count)
    }


class Lab:
    """All that one run of a scenario uses; close() ends and removes it."""

    def __init__(self, build, scenario, *, keep=False):
        self.build = os.path.abspath(build)
        self.scenario = scenario
        self.keep = keep
        self.folder = os.path.join(self.build, "vm", scenario)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.clock = Clock()
        self.children = Children()
        self.kernel = kernel.newest()
        self.accel = accel.detect(self.build, self.kernel)
        self.measurements = {}
        self._progress = self.open_log("progress")
        self._logs = []
        self._big = []
        self._short = None
        self._guests = []
        self._wires = []
        self._diagnoses = []

    # Machines.

    def lio_shelf(self, sizes_mib, **options):
        return self._keep(LioShelf(self, sizes_mib, **options))

    def tgt_shelf(self, sizes_mib):
        return self._keep(TgtShelf(self, sizes_mib))

    def node(self, name, shelf, **options):
        return self._keep(Node(self, name, shelf, **options))

    def wire(self):
        """A cable between alpha and beta, for option `wires` of both."""
        self._wires.append(Wire())
        return self._wires[-1]

    def start(self, *guests):
        """Start them side by side and return when all are ready."""
        began = self.clock.now()
        for guest in guests:
            guest.start()
        for guest in guests:
            ready = guest.wait_ready()
            self.measure(f"{guest.name}_boot", ready - began, "s")

    def cluster(self, luns, *, shelf="lio", alpha=None, beta=None):
        """A started shelf, alpha and beta. `alpha`, `beta`: options of Node."""
        began = self.clock.now()
        disks_of = self.lio_shelf(luns) if shelf == "lio" else self.tgt_shelf(luns)
        disks_of.start()
        nodes = [
            self.node("alpha", disks_of, **(alpha or {})),
            self.node("beta", disks_of, **(beta or {})),
        ]
        self.measure("shelf_boot", disks_of.wait_ready() - began, "s")
        # A node logs in to its disks before its first instruction: not before the shelf is up.
        self.start(*nodes)
        self.measure("cluster_boot", self.clock.now() - began, "s")
        return disks_of, *nodes

    def _keep(self, guest):
        self._guests.append(guest)
        return guest

    # Files.

    def path(self, name):
        return os.path.join(self.folder, name)

    def big_file(self, name):
        """Path of a file that goes with the lab."""
        path = self.path(name)
        self._big.append(path)
        return path

    def big_folder(self, name):
        """A fresh folder that goes with the lab."""
        path = self.big_file(name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def short_folder(self):
        """For UNIX sockets, whose paths are limited to 107 bytes."""
        if not self._short:
            self._short = tempfile.mkdtemp(prefix="lw-")
        return self._short

    def join_initrd(self, name, images, overlay):
        """The kernel unpacks concatenated archives one after the other."""
        path = self.big_file(f"{name}.initrd")
        with open(path, "wb") as out:
            for image in images:
                with open(image, "rb") as content:
                    shutil.copyfileobj(content, out)
            overlay.write(out)
        return path

    def open_log(self, name):
        log = LineLog(self.clock, self.path(f"{name}.log"))
        if name != "progress":
            self._logs.append(log)
        return log

    # Telling.

    def say(self, text):
        self._progress.add("harness", text)
        print(f"[{self.clock.now():7.2f}] {self.scenario}: {text}", flush=True)

    def measure(self, name, value, unit):
        self.measurements[name] = {"value": round(value, 3), "unit": unit}
        self.say(f"{name} = {value:.2f} {unit}")

    def on_failure(self, tell):
        """tell() is called when the scenario has failed, with the guests as they are then.

        It raises GuestLost where it finds that the harness failed, not the code under test.
        """
        self._diagnoses.append(tell)

    def diagnose(self):
        for tell in self._diagnoses:
            try:
                tell()
            except GuestLost:
                raise
            except Exception as error:  # the failure itself is what counts
                self.say(f"no diagnosis: {error}")

    def tell_of_the_end(self, lines=15):
        """What each guest, and the program of its machine, said last: a log may be all that is left."""
        for log in self._logs:
            told = [line for line in log.lines() if line.source == "qemu" or "lastword" in line.text]
            for line in told[-lines:]:
                print(f"  {log.name} {line.time:7.2f} {line.text[:300]}", flush=True)

    def close(self):
        self.children.kill_all()
        for guest in self._guests:
            guest.kill()
        for wire in self._wires:
            wire.close()
        with open(self.path("measurements.json"), "w") as file:
            json.dump(self.measurements, file, indent=2)
        if not self.keep:
            for path in self._big:
                shutil.rmtree(path, ignore_errors=True)
                if os.path.exists(path):
                    os.unlink(path)
        if self._short:
            shutil.rmtree(self._short, ignore_errors=True)
        for log in [*self._logs, self._progress]:
            log.close()

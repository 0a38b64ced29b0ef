"""Hardware virtualization, if it is real: /dev/kvm can open and still never run a guest."""

import json
import os
import subprocess
from dataclasses import dataclass

_PROBE_SECONDS = 5
_TCG_CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"


@dataclass(frozen=True)
class Accel:
    name: str  # "kvm" or "tcg"

    def machine_options(self):
        if self.name == "kvm":
            return ["-machine", "pc,accel=kvm,vmport=off,usb=off", "-cpu", "host"]
        # Not "max": it claims fast string instructions, which TCG runs byte by byte.
        return ["-machine", "pc,accel=tcg,vmport=off,usb=off", "-cpu", _TCG_CPU]


def _kvm_boots(kernel, log_path):
    """Whether a guest under KVM gets as far as a line of the kernel, in a short time."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    # Without a root file system the kernel panics, and QEMU ends with that reboot.
    argv = [
        "qemu-system-x86_64",
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "256"),
        *Accel("kvm").machine_options(),
        *("-kernel", kernel.image, "-append", "console=ttyS0 panic=-1"),
        *("-serial", "stdio"),
    ]
    with open(log_path, "wb") as log:
        try:
            subprocess.run(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_PROBE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            pass
    with open(log_path, "rb") as log:
        return b"Linux version" in log.read()


def detect(build, kernel):
    """LASTWORD_ACCEL=kvm|tcg decides; else what an earlier probe found; else a probe."""
    forced = os.environ.get("LASTWORD_ACCEL")
    if forced:
        if forced not in ("kvm", "tcg"):
            raise ValueError("LASTWORD_ACCEL is kvm or tcg")
        return Accel(forced)
    with open("/proc/sys/kernel/random/boot_id") as file:
        question = {"host_boot": file.read().strip(), "kernel": kernel.release}
    cache = os.path.join(build, "vm", "accel.json")
    try:
        with open(cache) as file:
            answer = json.load(file)
        if answer["question"] == question:
            return Accel(answer["accel"])
    except (OSError, ValueError, KeyError):
        pass
    accel = Accel("kvm" if _kvm_boots(kernel, os.path.join(build, "vm", "probe.log")) else "tcg")
    with open(cache, "w") as file:
        json.dump({"question": question, "accel": accel.name}, file)
    return accel

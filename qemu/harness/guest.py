import os
import selectors
import shlex
import signal
import socket
import threading

from .channel import Channel
from .errors import CommandFailed, GuestLost, WaitTimeout
from .qmp import Qmp


class Background:
    """A command that Guest.spawn() started."""

    def __init__(self, guest, tag, pid, mark):
        self.guest = guest
        self.tag = tag
        self.pid = pid  # in the guest; leads a process group of its own
        self.mark = mark

    def wait(self, timeout):
        """Its exit status; 128 + signal number when a signal ended it."""
        pattern = f"^lastword-guest: exit {re_escape(self.tag)} (\\d+)$"
        return int(self.guest.wait_for(pattern, timeout, since=self.mark).match[1])

    def wait_for(self, pattern, timeout):
        return self.guest.wait_for(pattern, timeout, since=self.mark)

    def kill(self, signal_name="KILL"):
        self.guest.run(f"kill -{signal_name} -{self.pid}")


def re_escape(tag):
    if not tag.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"a tag is a word, not {tag!r}")
    return tag


class Guest:
    """A QEMU process at a time: start(), then wait_ready(); restart() begins a new process.

    Every line the guest prints is in `log`, whichever process of QEMU it came from; waiting
    looks at the lines of the present process unless told otherwise.
    """

    def __init__(self, lab, name, *, memory_mib, cpus=1):
        self.lab = lab
        self.name = name
        self.memory_mib = memory_mib
        self.cpus = cpus
        self.log = lab.open_log(name)
        self.life_mark = 0
        self.qmp = None
        self._process = None
        self._reader = None
        self._sockets = {}
        self._exit_wanted = False
        self._drained = False
        self._frozen = False
        self._channel = Channel(name, self._send_command)

    # What subclasses provide.

    def _initrd(self):
        raise NotImplementedError

    def _kernel_options(self):
        return []

    def _devices(self):
        return []

    def _inherited(self):
        """Open files that _devices() names by number."""
        return []

    # Life and death.

    def start(self):
        if self.is_running():
            raise RuntimeError(f"{self.name} runs already")
        self._channel.guest_restarted()
        self.life_mark = self.log.mark()
        self._exit_wanted = self._drained = self._frozen = False
        theirs = {}
        for name in ("qmp", "console", "command", "out", "qemu"):
            self._sockets[name], theirs[name] = socket.socketpair()
        self._process = self.lab.children.start(
            self._command_line({name: end.fileno() for name, end in theirs.items()}),
            pass_fds=[*(end.fileno() for end in theirs.values()), *self._inherited()],
            stdout=theirs["qemu"],
            stderr=theirs["qemu"],
        )
        for end in theirs.values():
            end.close()
        self._reader = threading.Thread(target=self._read_all, daemon=True, name=self.name)
        self._reader.start()
        try:
            self.qmp = Qmp(self._sockets["qmp"])
        except GuestLost as error:
            raise GuestLost(f"{self.name} does not start: {error}{self._last_words()}") from error
        return self

    def wait_ready(self, timeout=60, since=None):
        """Time at which the guest took commands. Never coming to that is a lost guest."""
        try:
            return self.wait_for(f"lastword-guest: ready {self.name}$", timeout, since).time
        except WaitTimeout as error:
            raise GuestLost(f"{self.name} did not come up: {error}") from error

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """Power cut: nothing is flushed, the nexus is lost."""
        self._exit_wanted = True
        if self._process:
            self.lab.children.kill(self._process)
        self._after_exit()

    def quit(self):
        """End QEMU in order; the guest notices as little as at a power cut."""
        self._exit_wanted = True
        self.qmp.execute("quit")
        self.wait_exit(20)

    def wait_exit(self, timeout):
        """The guest powers itself off."""
        self._exit_wanted = True
        try:
            self._process.wait(timeout)
        except Exception as error:
            raise WaitTimeout(f"{self.name} is still running after {timeout:g} s") from error
        self._after_exit()

    def restart(self, timeout=60):
        """Power cut if need be, and a new QEMU process: a new nexus. Returns when ready."""
        self.kill()
        self.start()
        return self.wait_ready(timeout)

    def reset(self):
        """The reset button: same QEMU, same nexus, memory kept. Follow with wait_ready(since=)."""
        mark = self.log.mark()
        self._channel.guest_restarted()
        self.qmp.execute("system_reset")
        return mark

    def stop(self):
        """Pause the processor. QEMU first completes all disk requests under way."""
        self.qmp.execute("stop")

    def cont(self):
        self.qmp.execute("cont")

    def freeze(self):
        """SIGSTOP for QEMU itself: requests under way stay under way, connections go unserved."""
        self._frozen = True
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self._process.pid, signal.SIGCONT)
        self._frozen = False

    def throttle(self, drive, *, bytes_per_second=0, requests_per_second=0):
        """Slow down a drive of this QEMU; zero is no limit. Blind to SG_IO: see README."""
        zeros = ("bps_rd", "bps_wr", "iops_rd", "iops_wr")
        self.qmp.execute(
            "block_set_io_throttle",
            device=drive,
            bps=bytes_per_second,
            iops=requests_per_second,
            **dict.fromkeys(zeros, 0),
        )

    # Talking to it.

    def wait_for(self, pattern, timeout, since=None):
        """First line matching the regular expression: Found, or WaitTimeout, or GuestLost."""
        mark = self.life_mark if since is None else since
        try:
            return self.log.wait_for(pattern, timeout, mark, self._check_alive)
        except WaitTimeout as error:
            raise WaitTimeout(f"{self.name}: {error}") from None

    def run(self, command, timeout=30):
        """Result(status, output) of a shell command in the guest, stderr included."""
        self.log.add("harness", f"$ {command}")
        result = self._channel.call(command, timeout, self._check_alive)
        for line in result.output.splitlines()[:200]:
            self.log.add("command", line)
        if result.status:
            self.log.add("harness", f"status {result.status}")
        return result

    def check(self, command, timeout=30, status=0):
        """Output of a command that must end with the given status."""
        result = self.run(command, timeout)
        if result.status != status:
            raise CommandFailed(
                f"{self.name}: status {result.status} instead of {status} from: {command}\n"
                f"{result.output.rstrip()}"
            )
        return result.output

    def spawn(self, command, tag):
        """Start a command in the background; its output goes to the log line by line."""
        mark = self.log.mark()
        pid = int(self.check(f"lw-spawn {re_escape(tag)} {shlex.quote(command)}"))
        return Background(self, tag, pid, mark)

    def panic(self, timeout=10):
        """Crash the kernel; returns the console line of the panic, whose time is time zero."""
        mark = self.log.mark()
        self._send_command(b"panic echo c >/proc/sysrq-trigger\n")
        return self.wait_for("Kernel panic - not syncing", timeout, since=mark)

    # Plumbing.

    def _command_line(self, fds):
        kernel_options = [
            "console=ttyS0",
            "loglevel=5",
            # Self-tests and mitigations cost half a second of a boot under emulation.
            "cryptomgr.notests",
            "mitigations=off",
            # A starved host misses the ticks that this check counts, and the kernel panics.
            "no_timer_check",
            f"lastword.node={self.name}",
            *self._kernel_options(),
        ]
        serial = []
        for name, index, io, irq in (
            ("console", 0, 0x3F8, 4),
            ("command", 1, 0x2F8, 3),
            # Its usual interrupt is the console's, and ISA interrupts are not shared well.
            ("out", 2, 0x3E8, 7),
        ):
            serial += ["-chardev", f"socket,id={name},fd={fds[name]}"]
            serial += ["-device", f"isa-serial,index={index},iobase={io},irq={irq},chardev={name}"]
        return [
            "qemu-system-x86_64",
            *("-name", self.name, "-nodefaults", "-no-user-config", "-display", "none"),
            *self.lab.accel.machine_options(),
            *("-m", str(self.memory_mib), "-smp", str(self.cpus)),
            *("-kernel", self.lab.kernel.image, "-initrd", self._initrd()),
            *("-append", " ".join(kernel_options)),
            *("-chardev", f"socket,id=qmp,fd={fds['qmp']}", "-mon", "chardev=qmp,mode=control"),
            *serial,
            *self._devices(),
        ]

    def _send_command(self, data):
        try:
            self._sockets["command"].sendall(data)
        except OSError as error:
            raise GuestLost(f"QEMU of {self.name} is gone{self._last_words()}") from error

    def _check_alive(self):
        if self.is_running() or self._exit_wanted:
            return
        # Its last lines may still be on their way: look at them once before giving up.
        self._reader.join(5)
        if self._drained:
            status = self._process.poll() if self._process else "never started"
            raise GuestLost(
                f"QEMU of {self.name} has ended by itself, status {status}{self._last_words()}"
            )
        self._drained = True

    def _last_words(self):
        self._reader.join(5)
        said = [line.text for line in self.log.lines(self.life_mark) if line.source == "qemu"]
        return f"; it said: {' / '.join(said[-3:])}" if said else ""

    def _after_exit(self):
        if self._reader:
            self._reader.join(5)
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        self._channel.guest_restarted()

    def _read_all(self):
        boot = f"lastword-guest: boot {self.name}"
        pending = {"console": b"", "out": b"", "qemu": b""}
        with selectors.DefaultSelector() as selector:
            for name in ("command", *pending):
                selector.register(self._sockets[name], selectors.EVENT_READ, name)
            while selector.get_map():
                for key, _ in selector.select():
                    try:
                        data = key.fileobj.recv(65536)
                    except OSError:
                        data = b""
                    name = key.data
                    if not data:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                    if name == "command":
                        self._channel.feed(data)
                        continue
                    *lines, pending[name] = (pending[name] + data).split(b"\n")
                    if not data and pending[name]:
                        lines.append(pending[name])
                    for line in lines:
                        text = line.decode(errors="replace").strip("\r")
                        if name == "console" and text.endswith(boot):
                            self._channel.guest_restarted()
                        self.log.add(name, text)

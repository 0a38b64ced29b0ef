"""Commands to a guest over its second serial port. The other end is serve_commands in lib.sh."""

import re
import secrets
import threading
import time
from typing import NamedTuple

from .errors import CommandFailed, WaitTimeout

_HELLO = re.compile(rb"\x1ehello \w+\n")


class Result(NamedTuple):
    status: int
    output: str


class Channel:
    """One command at a time. feed() is called by the reader thread, call() by the scenario."""

    def __init__(self, name, send):
        self._name = name
        self._send = send
        self._buffer = bytearray()
        self._serving = False
        self._changed = threading.Condition()

    def feed(self, data):
        with self._changed:
            self._buffer += data
            if not self._serving and _HELLO.search(self._buffer):
                self._serving = True
            self._changed.notify_all()

    def guest_restarted(self):
        """Nothing listens until the guest says hello again. A command under way has failed."""
        with self._changed:
            self._serving = False
            self._buffer.clear()
            self._changed.notify_all()

    def call(self, command, timeout, check):
        deadline = time.monotonic() + timeout

        def wait(done, trouble):
            while not done():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WaitTimeout(f"{self._name}: {trouble} in {timeout:g} s: {command}")
                self._changed.wait(min(left, 0.1))
                # It may wait for the reader thread, which may wait in feed().
                self._changed.release()
                try:
                    check()
                finally:
                    self._changed.acquire()

        with self._changed:
            wait(lambda: self._serving, "nobody took the command")
            self._buffer.clear()
            token = secrets.token_hex(8)
            escaped = command.replace("\\", "\\\\").replace("\n", "\\n")
            self._send(f"{token} {escaped}\n".encode())
            mark = b"\x1e" + token.encode()
            begin, end = mark + b" begin\n", re.compile(b"\n" + mark + rb" (\d+)\n")
            scanned = 0

            def ended():
                nonlocal scanned
                if not self._serving:
                    raise CommandFailed(f"{self._name} went down during: {command}")
                found = end.search(self._buffer, max(0, scanned - 64))
                scanned = len(self._buffer)
                return found

            wait(ended, "no end")
            # Before it stands what a command given up at its time-out still had to say.
            output, _, rest = bytes(self._buffer).rpartition(begin)[2].partition(b"\n" + mark)
            self._buffer.clear()
            return Result(int(rest.split()[0]), output.decode(errors="replace"))

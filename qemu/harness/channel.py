"""Commands to a guest over its second serial port. The other end is serve_commands in lib.sh."""

import re
import secrets
import threading
import time
from typing import NamedTuple

from .errors import CommandFailed, WaitTimeout

_MARK = b"\x1e"
_HELLO = _MARK + b"hello "


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
            if self._buffer.rfind(_HELLO, max(0, len(self._buffer) - len(data) - 64)) >= 0:
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
                check()

        with self._changed:
            wait(lambda: self._serving, "nobody took the command")
            self._buffer.clear()
            token = secrets.token_hex(8)
            escaped = command.replace("\\", "\\\\").replace("\n", "\\n")
            self._send(f"{token} {escaped}\n".encode())
            end = re.compile(rb"\n\x1e" + token.encode() + rb" (\d+)\n")
            found = None

            def ended():
                nonlocal found
                if not self._serving:
                    raise CommandFailed(f"{self._name} went down during: {command}")
                found = end.search(self._buffer, max(0, len(self._buffer) - 4096 - len(token)))
                return found

            wait(ended, "no end")
            status = int(found[1])  # the match looks into the buffer
            output = bytes(self._buffer[: found.start()])
            # What an earlier command, given up at its time-out, still had to say.
            stale = output.rfind(b"\n" + _MARK)
            if stale >= 0:
                output = output[output.index(b"\n", stale + 1) + 1 :]
            self._buffer.clear()
            return Result(status, output.decode(errors="replace"))

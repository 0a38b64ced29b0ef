"""Lines of all guests, stamped by one clock."""

import os
import re
import threading
import time
from typing import NamedTuple

from .errors import WaitTimeout


class Clock:
    def __init__(self):
        self._epoch = time.monotonic()

    def now(self):
        return self.at(time.monotonic())

    def at(self, monotonic):
        """What now() was then. `monotonic`: CLOCK_MONOTONIC, which all processes share."""
        return monotonic - self._epoch


class Line(NamedTuple):
    time: float  # seconds on the lab's clock, when the end of the line arrived
    source: str  # "console", "out", "qemu" or "harness"
    text: str


class Found(NamedTuple):
    line: Line
    match: re.Match
    index: int  # pass index + 1 as `since` to look for what follows

    @property
    def time(self):
        return self.line.time


class LineLog:
    """Append-only, thread-safe, and teed to a file line by line."""

    def __init__(self, clock, path):
        self.name = os.path.basename(path).removesuffix(".log")
        self._clock = clock
        self._lines = []
        self._changed = threading.Condition()
        self._file = open(path, "w", buffering=1, errors="replace")

    def add(self, source, text):
        with self._changed:
            line = Line(self._clock.now(), source, text)
            self._lines.append(line)
            if not self._file.closed:
                self._file.write(f"{line.time:9.3f} {source:7}| {text}\n")
            self._changed.notify_all()

    def mark(self):
        """A position: what is added from now on lies behind it."""
        with self._changed:
            return len(self._lines)

    def lines(self, since=0):
        with self._changed:
            return self._lines[since:]

    def find(self, pattern, since=0):
        return self._search(re.compile(pattern), since)

    def _search(self, regex, since):
        for index in range(since, len(self._lines)):
            match = regex.search(self._lines[index].text)
            if match:
                return Found(self._lines[index], match, index)
        return None

    def wait_for(self, pattern, timeout, since=0, check=lambda: None):
        """The first match behind `since`.

        `check` is called about ten times a second and raises to give up early.
        """
        regex = re.compile(pattern)
        deadline = time.monotonic() + timeout
        position = since
        while True:
            with self._changed:
                found = self._search(regex, position)
                if found:
                    return found
                position = max(position, len(self._lines))
                left = deadline - time.monotonic()
                if left > 0:
                    self._changed.wait(min(left, 0.1))
                    if len(self._lines) > position:
                        continue
            check()
            if left <= 0:
                last = self._lines[-1].text if self._lines else "nothing at all"
                raise WaitTimeout(f"no line /{pattern}/ in {timeout:g} s; the last was: {last}")

    def close(self):
        with self._changed:
            self._file.close()

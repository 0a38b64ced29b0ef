"""Child processes that never outlive the harness."""

import os
import signal
import subprocess


class Children:
    """All processes of one lab.

    Each gets its own process group, so that Ctrl-C in a terminal reaches the harness alone,
    and dies with the thread that started it (setpriv --pdeathsig): start from the main thread.
    """

    def __init__(self):
        self._running = []

    def start(self, argv, *, pass_fds=(), stdout=None, stderr=None, env=None):
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            process_group=0,
            env=env,
        )
        self._running.append(child)
        return child

    def kill(self, child):
        if child.poll() is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        child.wait()
        if child in self._running:
            self._running.remove(child)

    def kill_all(self):
        for child in list(self._running):
            self.kill(child)

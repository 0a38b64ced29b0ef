"""A cable between the nodes: Ethernet frames through this process, which can cut each way of it."""

import select
import socket
import threading

_LARGEST_FRAME = 65536
_ENDS = ("alpha", "beta")


class Wire:
    """One socket for each end, given to QEMU (-netdev socket,fd=), the other half kept here. It
    outlives the guests: a QEMU that starts again gets the same socket."""

    def __init__(self):
        self._inner, self._outer = {}, {}
        for end in _ENDS:
            self._inner[end], self._outer[end] = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_DGRAM
            )
            self._inner[end].setblocking(False)
        self._cut = set()
        self._stop, self._stopped = socket.socketpair()
        self._carrier = threading.Thread(target=self._carry, daemon=True, name="wire")
        self._carrier.start()

    def fileno(self, end):
        """What QEMU at that end inherits."""
        return self._outer[end].fileno()

    def cut(self, *ends):
        """No frame leaves these ends any more: cut("alpha") leaves a wire of one way."""
        self._cut = set(ends or _ENDS)

    def mend(self):
        self._cut = set()

    def close(self):
        self._stop.close()
        self._carrier.join(5)
        for one in (*self._inner.values(), *self._outer.values(), self._stopped):
            one.close()

    def _carry(self):
        while True:
            ready, _, _ = select.select([*self._inner.values(), self._stopped], [], [])
            if self._stopped in ready:
                return
            for end, other in (_ENDS, _ENDS[::-1]):
                if self._inner[end] in ready:
                    self._carry_one(end, other)

    def _carry_one(self, end, other):
        try:
            frame = self._inner[end].recv(_LARGEST_FRAME)
            if end not in self._cut:
                self._inner[other].send(frame)
        except OSError:
            pass  # nobody reads at the other end, and its socket is full: a cable loses frames

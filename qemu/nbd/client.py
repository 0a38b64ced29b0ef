"""python3 -m qemu.nbd.client --run HEX --log FILE --rate N NODE=PORT NODE=PORT

Writes numbered records (records.py) by NBD to whichever of the nodes answers at 127.0.0.1, in order: a
batch at a time, all of it under way at once, then a FLUSH. When a connection fails, or does not answer in
time, it goes to the other node and writes again all since the last answered FLUSH.

Ends at SIGTERM after the next answered FLUSH. Needs Debian's python3-libnbd, which only Debian's own
Python finds: /usr/bin/python3. Exit status: 0 all that was sent is flushed, 1 not in time, 2 usage.
"""

import argparse
import itertools
import signal
import sys
import time

import nbd

from . import records

_BATCH = 4  # records from one FLUSH to the next
_CONNECT = 1.0  # seconds; a node that is dead may take the connection and say nothing
_ANSWER = 2.0  # seconds without any answer, after which a client asks the other node
_PAUSE = 0.1  # seconds between two attempts
_END = 60.0  # seconds from SIGTERM


class NoAnswer(Exception):
    pass


class Connection:
    """To one server; whatever fails raises NoAnswer or nbd.Error, and it is of no use any more."""

    def __init__(self, port):
        self._handle = nbd.NBD()
        self._handle.aio_connect_tcp("127.0.0.1", str(port))
        self._until(lambda: self._handle.aio_is_ready(), _CONNECT)
        if not self._handle.can_flush():
            raise NoAnswer("the server knows no FLUSH")
        self.slots = self._handle.get_size() // records.SIZE

    def write(self, numbered, when_answered):
        """[(number, record)]; when_answered(number) for each."""
        cookies = {
            self._handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(data)), number * records.SIZE): number
            for number, data in numbered
        }
        while cookies:
            done = [cookie for cookie in cookies if self._handle.aio_command_completed(cookie)]
            for cookie in done:
                when_answered(cookies.pop(cookie))
            if cookies and not done:
                self._wait(_ANSWER)

    def flush(self):
        cookie = self._handle.aio_flush()
        self._until(lambda: self._handle.aio_command_completed(cookie), 2 * _ANSWER)

    def _until(self, done, seconds):
        deadline = time.monotonic() + seconds
        while not done():
            self._wait(deadline - time.monotonic())

    def _wait(self, seconds):
        if seconds <= 0 or self._handle.poll(max(1, int(seconds * 1000))) == 0:
            raise NoAnswer("no answer in time")


class Client:
    def __init__(self, options):
        self._run = bytes.fromhex(options.run)
        self._nodes = itertools.cycle([target.split("=") for target in options.target])
        self._rate = options.rate
        self._log = open(options.log, "w", buffering=1)
        self._flushed = self._sent = 0
        self._end_by = None

    def end(self, *_):
        self._end_by = self._end_by or time.monotonic() + _END

    def _say(self, what, *rest):
        print(what, f"{time.monotonic():.4f}", *rest, file=self._log)

    def run(self):
        while not (self._end_by and self._flushed == self._sent):
            if self._end_by and time.monotonic() > self._end_by:
                return 1
            name, port = next(self._nodes)
            try:
                # No variable: a server that ends waits for its clients to close.
                self._serve(name, Connection(port))
            except (NoAnswer, nbd.Error) as error:
                print(f"{name}: {error}", flush=True)
                time.sleep(_PAUSE)
        return 0

    def _serve(self, name, connection):
        self._say("connected", name)
        while True:
            began = time.monotonic()
            last = self._flushed + _BATCH
            if self._end_by:
                last = self._sent
            if last > connection.slots:
                raise SystemExit("the disk is full")
            # Logged before: what is logged as sent may be on the disk or not.
            self._sent = max(self._sent, last)
            self._say("sent", self._sent)
            numbers = range(self._flushed, last)
            connection.write(
                [(number, records.make(self._run, number)) for number in numbers],
                lambda number: self._say("acknowledged", number, name),
            )
            connection.flush()
            self._flushed = last
            self._say("flushed", self._flushed)
            if self._end_by:
                return
            time.sleep(max(0.0, began + _BATCH / self._rate - time.monotonic()))


def main():
    parser = argparse.ArgumentParser(prog="python3 -m qemu.nbd.client")
    parser.add_argument("--run", required=True, help="16 bytes, hexadecimal")
    parser.add_argument("--log", required=True)
    parser.add_argument("--rate", type=float, default=40, help="records per second at most")
    parser.add_argument("target", nargs="+", metavar="NODE=PORT")
    client = Client(parser.parse_args())
    signal.signal(signal.SIGTERM, client.end)
    return client.run()


if __name__ == "__main__":
    sys.exit(main())

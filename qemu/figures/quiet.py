"""Is anything else at work on this machine? A figure taken beside it is worth nothing."""

import time

CALM = 0.10  # of all processors


def busy_fraction(before, after):
    """Share of the time between two readings of /proc/stat in which processors were at work."""
    spent = [b - a for a, b in zip(before, after)]
    idle = spent[3] + spent[4]  # idle, iowait (proc(5))
    return 1 - idle / max(sum(spent), 1)


def reading():
    """The processors' times so far, for busy_fraction."""
    with open("/proc/stat") as file:
        return [int(number) for number in file.readline().split()[1:9]]


def measure(seconds=2.0):
    before = reading()
    time.sleep(seconds)
    return busy_fraction(before, reading())


def wait(patience, say):
    """Until the machine is calm, for `patience` seconds at most. Returns how busy it still is."""
    deadline = time.monotonic() + patience
    waiting = False
    while True:
        busy = measure()
        if busy <= CALM or time.monotonic() > deadline:
            return busy
        if not waiting:
            say(f"the machine is {busy:.0%} busy with something else; waiting for it to end")
            waiting = True

"""One run of a function in a lab, brought to one of three outcomes."""

import os
import shlex
import signal
import sys
import traceback

from .errors import GuestLost, ScenarioFailed
from .lab import Lab

# Exit statuses. A lost guest says nothing about the code under test (sysexits.h, EX_TEMPFAIL).
PASSED, FAILED, LOST = 0, 1, 75

# Seconds; a guest that does not answer must not keep a failure back.
_DIAGNOSIS = 30

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_HARNESS = os.path.dirname(os.path.abspath(__file__))


def command_line(module, build, *arguments):
    """What to type to run a module again."""
    command = ["python3", "-m", module, "--build", os.path.abspath(build), *arguments]
    return f"cd {shlex.quote(ROOT)} && {shlex.join(command)}"


def _out_of_time(signum, frame):
    raise ScenarioFailed("it took longer than it may")


def _terminated(signum, frame):
    sys.exit(128 + signum)


def end_on_signals():
    """A signal that ends a program ends its guests too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)


def _place(error):
    """The innermost line that is neither the harness's own nor a mere check."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        frame
        for frame in frames
        if not frame.filename.startswith(_HARNESS) and frame.name != "require"
    ] or frames
    return f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}"


def _diagnosed(lab):
    try:
        lab.diagnose()
    except GuestLost as error:
        lab.say(f"GUEST LOST, nothing proven: {error}")
        return LOST
    return FAILED


def run_in_lab(function, *, name, build, timeout, again, keep=False):
    """function(lab) within `timeout` seconds. `again`: the command that repeats it."""
    lab = Lab(build, name, keep=keep)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        lab.say(f"accelerator {lab.accel.name}, kernel {lab.kernel.release}")
        function(lab)
        outcome = PASSED
        lab.say("passed")
    except GuestLost as error:
        outcome = LOST
        lab.say(f"GUEST LOST, nothing proven: {error}")
    except Exception as error:  # a mistake in the scenario itself is a failure, too
        if not isinstance(error, ScenarioFailed):
            traceback.print_exc()
        lab.say(f"FAILED at {_place(error)}: {error}")
        signal.setitimer(signal.ITIMER_REAL, _DIAGNOSIS)
        outcome = _diagnosed(lab)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        lab.close()
    if outcome != PASSED:
        lab.tell_of_the_end()
        print(f"  logs:  {lab.folder}\n  again: {again}", flush=True)
    return outcome

"""python3 -m qemu.run [--build DIR] [--keep] SCENARIO...

Exit status: 0 all passed, 1 one failed, 75 none failed but a guest was lost, 2 usage.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import traceback

from .harness import GuestLost, Lab, ScenarioFailed
from .harness.registry import load_all

PASSED, FAILED, LOST = 0, 1, 75
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _parse(argv):
    parser = argparse.ArgumentParser(prog="python3 -m qemu.run")
    parser.add_argument("--build", default=os.path.join(_ROOT, "build"), help="build directory")
    parser.add_argument("--keep", action="store_true", help="leave disk images where they are")
    parser.add_argument(
        "--retry-lost", action="store_true", help="run a scenario that lost a guest once more"
    )
    parser.add_argument("--list", action="store_true", help="print the scenarios and stop")
    parser.add_argument("--list-names", action="store_true", help="only their names")
    parser.add_argument("scenario", nargs="*")
    return parser.parse_args(argv)


def _out_of_time(signum, frame):
    raise ScenarioFailed("the scenario took longer than it may")


def _terminated(signum, frame):
    sys.exit(128 + signum)


def _rerun_command(build, name):
    command = ["python3", "-m", "qemu.run", "--build", os.path.abspath(build), "--keep", name]
    return f"cd {shlex.quote(_ROOT)} && {shlex.join(command)}"


def _run_one(scenario, build, keep):
    lab = Lab(build, scenario.name, keep=keep)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, scenario.timeout)
    try:
        lab.say(f"accelerator {lab.accel.name}, kernel {lab.kernel.release}")
        scenario.function(lab)
        outcome = PASSED
        lab.say("passed")
    except GuestLost as error:
        outcome = LOST
        lab.say(f"GUEST LOST, nothing proven: {error}")
    except Exception as error:  # a mistake in the scenario itself is a failure, too
        outcome = FAILED
        if not isinstance(error, ScenarioFailed):
            traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in place if "scenarios" in frame.filename] or place
        where = f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}"
        lab.say(f"FAILED at {where}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        lab.close()
    if outcome != PASSED:
        print(f"  logs:  {lab.folder}\n  again: {_rerun_command(build, scenario.name)}", flush=True)
    return outcome


def _run(scenario, options):
    outcome = _run_one(scenario, options.build, options.keep)
    if outcome == LOST and options.retry_lost:
        folder = os.path.join(options.build, "vm", scenario.name)
        shutil.rmtree(f"{folder}.lost", ignore_errors=True)
        os.rename(folder, f"{folder}.lost")
        print(f"{scenario.name}: once more; logs of the lost guest: {folder}.lost", flush=True)
        outcome = _run_one(scenario, options.build, options.keep)
        if outcome == LOST:
            print(f"{scenario.name}: NOT TESTED, a guest was lost twice", flush=True)
    return outcome


def main(argv=None):
    options = _parse(argv)
    scenarios = load_all()
    if options.list_names:
        print("\n".join(scenarios))
        return PASSED
    if options.list:
        for entry in scenarios.values():
            print(f"{entry.name:32} {entry.summary}")
        return PASSED
    unknown = [name for name in options.scenario if name not in scenarios]
    if unknown or not options.scenario:
        print(f"unknown: {' '.join(unknown)}" if unknown else "name a scenario", file=sys.stderr)
        print(f"known: {' '.join(scenarios)}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    outcomes = [_run(scenarios[name], options) for name in options.scenario]
    if FAILED in outcomes:
        return FAILED
    return LOST if LOST in outcomes else PASSED


if __name__ == "__main__":
    sys.exit(main())

"""python3 -m qemu.run [--build DIR] [--keep] [--retry-lost] SCENARIO...

Exit status: 0 all passed, 1 one failed, 75 none failed but a guest was lost, 2 usage.
"""

import argparse
import os
import shutil
import sys

from .harness.registry import load_all
from .harness.runner import FAILED, LOST, PASSED, ROOT, command_line, end_on_signals, run_in_lab


def _parse(argv):
    parser = argparse.ArgumentParser(prog="python3 -m qemu.run")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="build directory")
    parser.add_argument("--keep", action="store_true", help="leave disk images where they are")
    parser.add_argument(
        "--retry-lost", action="store_true", help="run a scenario that lost a guest once more"
    )
    parser.add_argument("--list", action="store_true", help="print the scenarios and stop")
    parser.add_argument("--list-names", action="store_true", help="only their names")
    parser.add_argument("--list-long", action="store_true", help="names of the long ones")
    parser.add_argument("scenario", nargs="*")
    return parser.parse_args(argv)


def _run_once(scenario, options):
    return run_in_lab(
        scenario.function,
        name=scenario.name,
        build=options.build,
        timeout=scenario.timeout,
        keep=options.keep,
        again=command_line("qemu.run", options.build, "--keep", scenario.name),
    )


def _run(scenario, options):
    outcome = _run_once(scenario, options)
    if outcome == LOST and options.retry_lost:
        folder = os.path.join(options.build, "vm", scenario.name)
        shutil.rmtree(f"{folder}.lost", ignore_errors=True)
        os.rename(folder, f"{folder}.lost")
        print(f"{scenario.name}: once more; logs of the lost guest: {folder}.lost", flush=True)
        outcome = _run_once(scenario, options)
        if outcome == LOST:
            print(f"{scenario.name}: NOT TESTED, a guest was lost twice", flush=True)
    return outcome


def main(argv=None):
    options = _parse(argv)
    scenarios = load_all()
    if options.list_names:
        print("\n".join(scenarios))
        return PASSED
    if options.list_long:
        print("\n".join(entry.name for entry in scenarios.values() if entry.long))
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
    end_on_signals()
    outcomes = [_run(scenarios[name], options) for name in options.scenario]
    if FAILED in outcomes:
        return FAILED
    return LOST if LOST in outcomes else PASSED


if __name__ == "__main__":
    sys.exit(main())

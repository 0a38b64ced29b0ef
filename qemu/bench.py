"""python3 -m qemu.bench --build DIR [NAME...]

The figures of the README: BUILD/bench/report.json and a Markdown table. Names: takeover_8,
takeover_64, dump_to_image, dump_1g, dump_4g, recover, capture, panic_to_service_taken,
silence_to_service_taken, client_gaps, idle_agent, simulation; without one, all.
dump_1g, dump_4g and recover need what `make vmcore` makes.

Exit status: 0 measured, 1 something failed, 2 usage, 75 a guest was lost. A goal that is missed is
told in report and table; it is no failure of the measurement.
"""

import argparse
import functools
import json
import os
import subprocess
import sys

from . import vmcore
from .figures import (
    capture, dump, filter, idle, panic, quiet, recover, result, service, simulation, takeover,
)  # fmt: skip
from .harness.runner import FAILED, PASSED, ROOT, command_line, end_on_signals, run_in_lab

NAMES = (
    "takeover_8", "takeover_64", "dump_to_image", "dump_1g", "dump_4g", "recover", "capture",
    "panic_to_service_taken", "silence_to_service_taken", "client_gaps", "idle_agent",
    "simulation",
)  # fmt: skip
_TIMEOUT = 900  # seconds for one lab


class Bench:
    def __init__(self, build, runs, patience):
        self._build, self._runs, self._patience = build, runs, patience
        self.outcome = PASSED
        self.busiest = 0.0

    def in_lab(self, name, function):
        """What function(lab) returns, or None when it failed or lost a guest."""
        if self.outcome != PASSED:
            return None
        self._wait_for_quiet()
        got = []
        self.outcome = run_in_lab(
            lambda lab: got.append(function(lab)),
            name=f"bench-{name}",
            build=self._build,
            timeout=_TIMEOUT,
            again=command_line("qemu.bench", self._build, name),
        )
        return got[0] if got else None

    def _in_labs(self, name, function, runs):
        """Of each run, in a lab of its own; None when one failed."""
        got = [self.in_lab(name, function) for _ in range(runs)]
        return None if None in got else got

    def on_this_machine(self, function):
        """What function() returns, or None when it or something before it failed."""
        if self.outcome != PASSED:
            return None
        self._wait_for_quiet()
        try:
            return function()
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            print(f"FAILED: {error}", flush=True)
            self.outcome = FAILED
            return None

    def _wait_for_quiet(self):
        busy = quiet.wait(self._patience, lambda text: print(text, flush=True))
        self.busiest = max(self.busiest, busy)

    def results(self, names):
        found, taken = [], {}
        for count in takeover.COUNTS:
            name = f"takeover_{count}"
            if name in names:
                measure = functools.partial(takeover.measure, count=count, runs=self._runs)
                taken[count] = self.in_lab(name, measure)
        if taken and None not in taken.values():
            found += takeover.results(taken)
        if "dump_to_image" in names:
            rates = self.in_lab("dump_to_image", lambda lab: dump.measure(lab, self._runs))
            found += dump.results(rates) if rates else []
        for core in filter.VMCORES:
            if f"dump_{core}" in names:
                measure = functools.partial(filter.measure, name=core, runs=self._runs)
                works = self.in_lab(f"dump_{core}", measure)
                found += filter.results(core, works) if works else []
        if "recover" in names:
            source = vmcore.path_of(self._build, recover.VMCORE)
            seconds = self.in_lab("recover", lambda lab: recover.measure(lab, self._runs, source))
            found += recover.results(seconds) if seconds else []
        if "capture" in names:
            crashes = self.in_lab("capture", lambda lab: capture.measure(lab, self._runs))
            found += capture.results(crashes) if crashes else []
        if "panic_to_service_taken" in names:
            crashes = self._in_labs("panic_to_service_taken", panic.measure, self._runs)
            found += panic.results(crashes) if crashes else []
        if "silence_to_service_taken" in names:
            runs = max(self._runs, service.RUNS_OF_SILENCE)
            seconds = self._in_labs("silence_to_service_taken", service.measure_silence, runs)
            found += service.results_of_silence(seconds) if seconds else []
        if "client_gaps" in names:
            gaps = self._in_labs("client_gaps", service.measure_gaps, self._runs)
            found += service.results_of_gaps(gaps) if gaps else []
        if "idle_agent" in names:
            agents = self.on_this_machine(lambda: idle.measure(self._build, self._runs))
            found += idle.results(agents) if agents else []
        if "simulation" in names:
            rates = self.on_this_machine(lambda: simulation.measure(self._build, self._runs))
            found += simulation.results(rates) if rates else []
        return found


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python3 -m qemu.bench")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="build directory")
    parser.add_argument("--runs", type=int, default=5, help="of each; medians count (default 5)")
    parser.add_argument(
        "--patience", type=float, default=60, metavar="SECONDS",
        help="how long to wait for other work on this machine to end (default 60)",
    )  # fmt: skip
    parser.add_argument("name", nargs="*", help=" ".join(NAMES))
    options = parser.parse_args(argv)
    unknown = [name for name in options.name if name not in NAMES]
    if unknown or options.runs < 1:
        parser.error(f"unknown: {' '.join(unknown)}" if unknown else "at least one run")
    end_on_signals()
    bench = Bench(options.build, options.runs, options.patience)
    results = bench.results(options.name or NAMES)
    folder = os.path.join(os.path.abspath(options.build), "bench")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump({"results": [one.as_json() for one in results]}, file, indent=2)
        file.write("\n")
    print(f"\n{result.table(results)}\n\nMedians of {options.runs} runs.", end=" ")
    print(f"Before each measurement the machine was at most {bench.busiest:.0%} busy.")
    if bench.busiest > quiet.CALM:
        print("THAT IS TOO MUCH: other work ran meanwhile, these figures are not to be published.")
    return bench.outcome


if __name__ == "__main__":
    sys.exit(main())

"""What an agent costs that has nothing to do: on this machine, with image files (tests/bench)."""

import json
import os
import subprocess

from . import result

DISKS = 64  # of the goal
SURVEYS = (8, 16, 32, 64, 128, 256)
_GOAL_PERCENT = 0.5
_SECONDS = 45  # nine surveys
_BRIEF = 5  # where only the surveys count


def measure(build, runs):
    """By number of disks, what each run of build/bin/idle-agent printed."""
    return {
        count: [_run(build, count, _SECONDS if count == DISKS else _BRIEF) for _ in range(runs)]
        for count in SURVEYS
    }


def _run(build, disks, seconds):
    build = os.path.abspath(build)
    command = [
        os.path.join(build, "bin", "idle-agent"), "--disks", str(disks), "--seconds", str(seconds),
        "--directory", os.path.join(build, "bench", "idle-agent"),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def results(found):
    def all_of(disks, name):
        return [one[name] for one in found[disks]]

    rows = [
        result.less_is_better(
            f"idle_agent_{DISKS}", "%", all_of(DISKS, "percent"), _GOAL_PERCENT,
            peer_name="the goal", goal=1,
            what=f"processor time of an idle agent, {DISKS} disks, of one processor",
        ),
        result.more_is_better(
            "idle_agent_messages", "/s", all_of(DISKS, "messages_per_second"),
            what="its messages on each path",
        ),
    ]  # fmt: skip
    for count in SURVEYS:
        rows.append(
            result.less_is_better(
                f"survey_{count}", "ms", all_of(count, "survey_ms"), what=f"a survey of {count} disks"
            )
        )
    return rows

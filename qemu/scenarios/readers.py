"""What people open a core with, where it is installed: crash and drgn, with the kernel's symbols."""

import os
import re
import shutil
import subprocess

from .pair import PANIC_MESSAGE, require

_DRGN = """
from drgn.helpers.linux.printk import get_dmesg
print(prog.crashed_thread().stack_trace())
print(get_dmesg(prog).decode())
"""


def _symbols(release):
    """Of Debian's linux-image-RELEASE-dbg; None without it."""
    path = f"/usr/lib/debug/boot/vmlinux-{release}"
    return path if os.path.exists(path) else None


def _run(lab, argv, **options):
    # crash asks a terminal that it does not have.
    environment = {**os.environ, "TERM": "dumb"}
    done = subprocess.run(
        argv, capture_output=True, text=True, errors="replace", env=environment, **options
    )
    with open(lab.path("readers.log"), "a") as log:
        log.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}\n")
    return done


def debug(lab, core, *, processors):
    """A backtrace of every processor by crash, one of the thread that panicked by drgn, the log."""
    symbols = _symbols(lab.kernel.release)
    if not symbols or not shutil.which("crash"):
        lab.say("crash was not tried: no crash, or no linux-image-dbg of the guests' kernel")
    else:
        done = _run(lab, ["crash", "-s", symbols, core], input="bt -a\nlog\nquit\n", timeout=120)
        stacks = re.split(r"^PID: ", done.stdout, flags=re.MULTILINE)[1:]
        require(len(stacks) == processors, f"crash shows {len(stacks)} backtraces:\n{done.stderr}")
        require(all(re.search(r"^ #\d+ \[", one, re.MULTILINE) for one in stacks), "a backtrace is empty")
        require(PANIC_MESSAGE in done.stdout, "crash does not find the panic message")
        lab.say(f"crash shows {len(stacks)} backtraces and the log")
    if not symbols or not shutil.which("drgn"):
        lab.say("drgn was not tried: no drgn, or no linux-image-dbg of the guests' kernel")
        return
    script = lab.path("stack.py")
    with open(script, "w") as file:
        file.write(_DRGN)
    done = _run(lab, ["drgn", "-q", "-c", core, "-s", symbols, script], timeout=120)
    require(
        "sysrq" in done.stdout and PANIC_MESSAGE in done.stdout,
        f"drgn does not find the stack or the log: {done.stderr[-500:]}",
    )
    lab.say("drgn shows the stack that panicked and the log")

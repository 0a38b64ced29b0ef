"""Two nodes and a shelf as virtual machines. See qemu/README.md."""

from . import blocks, image, kdump, pattern, records
from .errors import CommandFailed, GuestLost, ScenarioFailed, WaitTimeout
from .lab import Lab, lun_table
from .registry import scenario

__all__ = [
    "CommandFailed",
    "GuestLost",
    "Lab",
    "ScenarioFailed",
    "WaitTimeout",
    "blocks",
    "image",
    "kdump",
    "lun_table",
    "pattern",
    "records",
    "scenario",
]

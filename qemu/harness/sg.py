"""sg3-utils in a guest: the peer that lastword is held against, and the harness's own proof."""

import re

ALPHA_KEY = "0xa1"
BETA_KEY = "0xb1"
TYPE = "--prout-type=5"  # Write Exclusive - Registrants Only

# sg3-utils' exit status for the SCSI status RESERVATION CONFLICT.
RESERVATION_CONFLICT = 24


def write_block(device, count=1):
    return f"dd if=/dev/zero of={device} bs=4096 count={count} oflag=direct conv=notrunc"


def keys(node, device):
    settle(node, device)
    return re.findall(r"^\s+(0x[0-9a-f]+)$", node.check(f"sg_persist -ik {device}"), re.M)


def settle(node, device):
    """Take the unit attentions that wait for this node: each fails one command."""
    node.check(f"for i in 1 2 3 4; do sg_turs {device} && exit 0; done; exit 1")


def reserve(node, device, key):
    settle(node, device)
    node.check(f"sg_persist --out --register-ignore --param-sark={key} {device}")
    node.check(f"sg_persist --out --reserve --param-rk={key} {TYPE} {device}")


def measure_bandwidth(lab, node):
    mib = 256
    began = lab.clock.now()
    node.check(
        f"dd if=/dev/zero of={node.disk('dump0')} bs=1M count={mib} oflag=direct", timeout=60
    )
    lab.measure("write_bandwidth", mib / (lab.clock.now() - began), "MiB/s")

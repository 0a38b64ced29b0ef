import re

from qemu.harness import ScenarioFailed, lun_table, scenario

ALPHA_KEY = "0xa1"
BETA_KEY = "0xb1"
TYPE = "--prout-type=5"  # Write Exclusive - Registrants Only

# sg3-utils' exit status for the SCSI status RESERVATION CONFLICT.
_RESERVATION_CONFLICT = 24


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


@scenario("harness_pr", timeout=90)
def harness_pr(lab):
    """Reservations go from node to node on the LIO shelf, and the loser cannot write."""
    shelf, alpha, beta = lab.cluster(lun_table(service=1, dump=1))
    disk = alpha.disk("service0")

    reserve(alpha, disk, ALPHA_KEY)
    alpha.check(write_block(disk))
    if beta.run(write_block(disk)).status == 0:
        raise ScenarioFailed("beta writes to a disk that alpha has reserved")

    beta.check(f"sg_persist --out --register-ignore --param-sark={BETA_KEY} {disk}")
    beta.check(
        f"sg_persist --out --preempt-abort --param-rk={BETA_KEY} --param-sark={ALPHA_KEY}"
        f" {TYPE} {disk}"
    )
    if keys(beta, disk) != [BETA_KEY]:
        raise ScenarioFailed(f"registered after the preempt: {keys(beta, disk)}")
    beta.check(write_block(disk))
    if alpha.run(write_block(disk)).status == 0:
        raise ScenarioFailed("alpha writes after it was preempted")
    settle(alpha, disk)
    conflict = alpha.run(f"sg_persist --out --reserve --param-rk={ALPHA_KEY} {TYPE} {disk}")
    if conflict.status != _RESERVATION_CONFLICT:
        raise ScenarioFailed(f"alpha's reserve ended with status {conflict.status}")
    if BETA_KEY not in beta.check(f"sg_persist -ir {disk}"):
        raise ScenarioFailed("beta does not hold the reservation")

    serial = alpha.check(f"sg_inq --page=sn {alpha.disk('dump0')}")
    if shelf.luns["dump0"].serial not in serial:
        raise ScenarioFailed(f"dump0 has another serial number: {serial}")
    measure_bandwidth(lab, alpha)


def measure_bandwidth(lab, node):
    mib = 256
    began = lab.clock.now()
    node.check(
        f"dd if=/dev/zero of={node.disk('dump0')} bs=1M count={mib} oflag=direct", timeout=60
    )
    lab.measure("write_bandwidth", mib / (lab.clock.now() - began), "MiB/s")


@scenario("harness_tgt", timeout=60)
def harness_tgt(lab):
    """The tgt shelf reserves and preempts, but refuses PREEMPT AND ABORT."""
    _, alpha, beta = lab.cluster(lun_table(service=1, dump=1), shelf="tgt")
    disk = alpha.disk("service0")
    reserve(alpha, disk, ALPHA_KEY)
    beta.check(f"sg_persist --out --register-ignore --param-sark={BETA_KEY} {disk}")
    preempt = f"--param-rk={BETA_KEY} --param-sark={ALPHA_KEY} {TYPE} {disk}"
    if beta.run(f"sg_persist --out --preempt-abort {preempt}").status == 0:
        raise ScenarioFailed("this tgt knows PREEMPT AND ABORT")
    beta.check(f"sg_persist --out --preempt {preempt}")
    beta.check(write_block(disk))
    if alpha.run(write_block(disk)).status == 0:
        raise ScenarioFailed("alpha writes after it was preempted")
    measure_bandwidth(lab, alpha)

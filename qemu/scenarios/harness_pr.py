from qemu.harness import ScenarioFailed, lun_table, scenario
from qemu.harness.sg import (
    ALPHA_KEY,
    BETA_KEY,
    RESERVATION_CONFLICT,
    TYPE,
    keys,
    measure_bandwidth,
    reserve,
    settle,
    write_block,
)


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
    if conflict.status != RESERVATION_CONFLICT:
        raise ScenarioFailed(f"alpha's reserve ended with status {conflict.status}")
    if BETA_KEY not in beta.check(f"sg_persist -ir {disk}"):
        raise ScenarioFailed("beta does not hold the reservation")

    serial = alpha.check(f"sg_inq --page=sn {alpha.disk('dump0')}")
    if shelf.luns["dump0"].serial not in serial:
        raise ScenarioFailed(f"dump0 has another serial number: {serial}")
    measure_bandwidth(lab, alpha)

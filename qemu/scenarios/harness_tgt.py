from qemu.harness import ScenarioFailed, lun_table, scenario
from qemu.harness.sg import ALPHA_KEY, BETA_KEY, TYPE, measure_bandwidth, reserve, write_block


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

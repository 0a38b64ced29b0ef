import os

from qemu.harness import GuestLost, ScenarioFailed, WaitTimeout, blocks, lun_table, scenario
from qemu.harness.sg import ALPHA_KEY, BETA_KEY, TYPE, keys, reserve, settle, write_block


def stays_silent(guest, background, seconds):
    """It falls silent for that long. What it had said before may still come in."""
    for _ in range(10):
        try:
            guest.wait_for(".", seconds, since=guest.log.mark())
        except WaitTimeout:
            return
    raise ScenarioFailed(f"{background.tag} goes on")


def start_blocks(node, lun, count=1_000_000):
    writer = node.spawn(f"lw-blocks {node.disk(lun)} 0 {count}", f"blocks-{lun}")
    writer.wait_for("block 50 written", 20)
    return writer


@scenario("harness_faults", timeout=180)
def harness_faults(lab):
    """Every fault the harness can inject is felt where it should be, and nowhere else."""
    shelf, alpha, beta = lab.cluster(lun_table(service=4, sizes_mib={"service": 1024}))
    paused_node(lab, shelf, alpha, beta)
    slow_disk(lab, shelf, alpha)
    failing_disk(shelf, alpha)
    vanished_disk(shelf, alpha)
    reset_keeps_nexus(alpha)
    power_cut(lab, alpha, beta)
    frozen_qemu(alpha)
    lost_guest_is_told(alpha)


def paused_node(lab, shelf, alpha, beta):
    writer = start_blocks(alpha, "service0")
    alpha.stop()
    stays_silent(alpha, writer, 1)
    before = blocks.last_block(shelf, "service0", 0)
    disk = beta.disk("service0")
    reserve(beta, disk, BETA_KEY)
    alpha.cont()
    failed = writer.wait_for(r"block (\d+) failed: errno (\w+)", 10)
    if writer.wait(5) != 3:
        raise ScenarioFailed("lw-blocks does not tell the failed write by its status")
    after = blocks.last_block(shelf, "service0", 0)
    lab.say(f"{failed.line.text}; the shelf holds {before.number} before, {after.number} after")
    if after != before or failed.match[2] != "EBADE":
        raise ScenarioFailed("writes of the resumed node have reached the shelf")
    beta.check(f"sg_persist --out --clear --param-rk={BETA_KEY} {disk}")


def slow_disk(lab, shelf, alpha):
    disk = alpha.disk("service1")

    def seconds():
        began = lab.clock.now()
        alpha.check(f"dd if=/dev/zero of={disk} bs=64k count=64 oflag=direct", timeout=60)
        return lab.clock.now() - began

    plain = seconds()
    alpha.throttle("service1", bytes_per_second=1 << 20)
    at_node = seconds()
    alpha.throttle("service1")
    shelf.throttle("service1", bytes_per_second=1 << 20)
    at_shelf = seconds()
    shelf.throttle("service1")
    lab.say(f"4 MiB: {plain:.2f} s, throttled at the node {at_node:.2f}, at the shelf {at_shelf:.2f}")
    # 4 MiB at 1 MiB/s: less than that no host can make of it, but more.
    if at_shelf < 2:
        raise ScenarioFailed("throttling does nothing")


def failing_disk(shelf, alpha):
    disk = alpha.disk("service2")
    shelf.fail_io("service2")
    if alpha.run(write_block(disk)).status == 0:
        raise ScenarioFailed("a failing disk takes writes")
    alpha.check(f"sg_persist -ik {disk}")
    shelf.heal_io("service2")
    alpha.check(write_block(disk))


def vanished_disk(shelf, alpha):
    disk = alpha.disk("service3")
    shelf.remove_lun("service3")
    if alpha.run(write_block(disk)).status == 0:
        raise ScenarioFailed("a removed LUN takes writes")
    alpha.check(write_block(alpha.disk("service2")))
    shelf.restore_lun("service3")
    settle(alpha, disk)
    alpha.check(write_block(disk))


def reset_keeps_nexus(alpha):
    disk = alpha.disk("service1")
    reserve(alpha, disk, ALPHA_KEY)
    alpha.check("echo kept >/var/state; sync")
    alpha.wait_ready(since=alpha.reset())
    if keys(alpha, disk) != [ALPHA_KEY]:
        raise ScenarioFailed("the registration is gone after a reset")
    alpha.check(write_block(disk))
    if alpha.check("cat /var/state") != "kept\n":
        raise ScenarioFailed("/var is not kept over a reset")


def power_cut(lab, alpha, beta):
    disk = alpha.disk("service1")
    began = lab.clock.now()
    alpha.restart()
    lab.measure("restart", lab.clock.now() - began, "s")
    if keys(beta, disk) != [ALPHA_KEY]:
        raise ScenarioFailed("the registration went with the nexus")
    if alpha.run(write_block(disk)).status == 0:
        raise ScenarioFailed("a new nexus writes by the registration of the old one")
    with open(os.path.join(alpha.extract("/var"), "state")) as file:
        if file.read() != "kept\n":
            raise ScenarioFailed("/var is not kept over a power cut")
    reserve_again = f"sg_persist --out --reserve --param-rk={ALPHA_KEY} {TYPE} {disk}"
    if alpha.run(reserve_again).status == 0:
        raise ScenarioFailed("the new nexus is registered")


def frozen_qemu(alpha):
    writer = start_blocks(alpha, "service2")
    alpha.freeze()
    stays_silent(alpha, writer, 1)
    alpha.thaw()
    alpha.wait_for("block .* written", 10, since=alpha.log.mark())
    writer.kill()


def lost_guest_is_told(alpha):
    alpha.lab.children.kill(alpha._process)
    try:
        alpha.run("true")
    except GuestLost:
        return
    raise ScenarioFailed("the end of QEMU went unnoticed")

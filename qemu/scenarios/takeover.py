"""beta's takeover when it can not go the straight way."""

from qemu.harness import scenario

from .pair import FEW, LARGE_PATTERN, SLOW, Pair, require

# Reads the disk without end, each time under a shared turn as lastword would (storage/block/disk_turn.h). 4 MiB
# are many SCSI commands, and take less than kPatienceAlone.
_READ_FOR_EVER = """
disk=$(readlink -f {0})
turn=/run/lastword-turns/$(cat /sys/class/block/${{disk#/dev/}}/dev)
flock -s $turn dd if=$disk of=/dev/null bs=4M count=1 iflag=direct && echo reads $disk
while flock -s $turn dd if=$disk of=/dev/null bs=4M count=1 iflag=direct; do :; done
"""


@scenario("capture_kernel_never_starts", timeout=400)
def capture_kernel_never_starts(lab):
    """No dump ever begins: service at once, armed spares when none can begin any more."""
    grace = 6
    pair = Pair(
        lab,
        luns={**FEW, "spare": 3},
        timing={"io_timeout": "2s", "grace": f"{grace}s", "dump_limit": "20s"},
    )
    pair.ready(agent=False)
    armed = pair.armed()
    require(len(armed) == 3, f"armed are {armed}")
    pair.alpha.check("kexec -p -u")
    pair.alpha.panic()
    takeover = pair.take_over()
    require(takeover.wait(90) == 0, "the takeover did not end well")
    pair.require_all_taken()

    began = takeover.wait_for('"event":"takeover-started"', 1).time
    service = takeover.wait_for('"event":"service-taken"', 1).time
    taken = pair.times_of("disk-taken")
    lab.measure("service_taken", service - began, "s")
    lab.measure("last_armed_taken", max(taken[name] for name in armed) - began, "s")
    for name in armed:
        require(taken[name] - began >= grace, f"{name} was taken while a dump could still begin")
        require(
            pair.header(pair.beta, name)["attribute"] == "INACTIVE", f"{name} is still armed"
        )
    at_once = set(pair.names("service|spare|dump")) - set(armed)
    require(
        max(taken[name] for name in at_once) < min(taken[name] for name in armed),
        "disks that no dump could go to were made to wait",
    )
    require(service < min(taken[name] for name in armed), "service waited for the grace time")


@scenario("takeover_killed_and_restarted", timeout=400)
def takeover_killed_and_restarted(lab):
    """Killed at three moments and run again, the takeover finishes from what the disks say."""
    pair = Pair(lab, luns=FEW)
    pair.ready(agent=False)
    dump_disk = pair.armed()[0]
    # Dump and recovery must still be under way when an agent is killed.
    pair.shelf.throttle(dump_disk, bytes_per_second=SLOW)

    def agent_killed_at(event, tag, then="true"):
        agent = pair.beta.spawn("lastword agent --once", tag)
        if tag == "first":
            agent.wait_for('"event":"watching"', 30)
            pair.alpha.panic()
        agent.wait_for(f'"event":"{event}"', 60)
        pair.beta.check(then)
        agent.kill()
        require(agent.wait(10) == 137, f"the {tag} agent was not killed but ended")

    agent_killed_at("takeover-started", "first")
    agent_killed_at("service-taken", "second")
    require(
        pair.header(pair.beta, dump_disk)["attribute"] == "IN_PROGRESS",
        "the dump was over before its time",
    )
    recovering = "until ls /var/crash/alpha/*.partial/vmcore; do usleep 20000; done"
    agent_killed_at("dump-disk-claimed", "third", then=recovering)
    require(
        pair.beta.check("ls /var/crash/alpha").endswith(".partial\n"),
        "the recovery was over before its time",
    )
    pair.shelf.throttle(dump_disk)
    last = pair.take_over()
    require(last.wait(120) == 0, "the last takeover did not end well")

    pair.require_all_taken()
    require(pair.header(pair.beta, dump_disk)["attribute"] == "SAVED", "the dump is not saved")
    left = pair.beta.check("ls /var/crash/alpha")
    require(".partial" not in left, f"a killed recovery has left something behind: {left}")
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("shelf_without_preempt_and_abort", timeout=400)
def shelf_without_preempt_and_abort(lab):
    """tgt has no PREEMPT AND ABORT: PREEMPT and a reset of the unit instead, and it is said."""
    pair = Pair(lab, luns=FEW, shelf="tgt")
    pair.ready()
    dump_disk = pair.armed()[0]
    pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    pair.wait_event(pair.beta, "dump-saved", 120)
    require(pair.agent.wait(60) == 0, "the agent did not end well")
    told = set(pair.times_of("no-preempt-and-abort"))
    require(
        told == set(pair.names("service|spare|dump")),
        f"the reset in place of the abort was told of {sorted(told)} only",
    )
    pair.require_all_taken()
    require(pair.header(pair.beta, dump_disk)["attribute"] == "SAVED", "the dump is not saved")
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("disks_that_come_late", timeout=400)
def disks_that_come_late(lab):
    """Unreadable when the takeover begins: a service disk is taken when it heals, a spare at the end."""
    times = {"io_timeout": "2s", "grace": "6s"}
    pair = Pair(lab, luns=FEW, dump={"codec": "none"}, timing=times)
    pair.ready(pattern_mib=LARGE_PATTERN, agent=False)
    dump_disk, _, late_spare = pair.armed()
    late = {name: pair.label_of(pair.beta, name)["disk_uuid"] for name in ("service1", late_spare)}
    for name in late:
        pair.shelf.fail_io(name)
    pair.start_agent()
    pair.shelf.throttle(dump_disk, bytes_per_second=SLOW)
    pair.alpha.panic()
    first = pair.beta.wait_for('"event":"service-taken"', 60)
    for name in late:
        pair.shelf.heal_io(name)
    pair.beta.wait_for('"event":"service-taken"', 60, since=first.index + 1)
    # Longer than the grace time: who forgot the dump on the other disk would take the spare by now.
    pair.alpha.wait_for(r"lastword-dump: .*\(durable (1[5-9]|[2-9]\d)\d MiB\)", 60)
    pair.shelf.throttle(dump_disk)
    require(pair.agent.wait(120) == 0, "the agent did not end well")
    pair.require_all_taken()

    told = [(event.name, event.disk_uuid) for event in pair.events()]
    order = [
        told.index(("disk-taken", late["service1"])),
        told.index(("dump-completed", pair.label_of(pair.beta, dump_disk)["disk_uuid"])),
        told.index(("take-started", late[late_spare])),
    ]
    require(order == sorted(order), f"not one after the other: {order} of {told}")
    pair.prove_core(pair.core_folder(pair.beta))


@scenario("commands_beside_a_takeover", timeout=400)
def commands_beside_a_takeover(lab):
    """PREEMPT AND ABORT waits for what this node reads of the disk (storage/block/disk_turn.h).

    LIO 6.1 otherwise keeps the whole session waiting until the initiator gives it up."""
    pair = Pair(lab, beta={"cpus": 2})
    pair.ready()
    readers = []
    for name in pair.names("service"):
        reads = _READ_FOR_EVER.format(pair.beta.disk(name))
        readers.append(pair.beta.spawn(reads, f"reads_{name}"))
    for reader in readers:
        reader.wait_for("reads /dev/sd", 60)
    pair.alpha.panic()
    pair.wait_event(pair.beta, "service-taken", 60)
    for reader in readers:
        pair.beta.check(f"kill -0 -{reader.pid}")
        reader.kill()
    pair.wait_event(pair.beta, "dump-saved", 120)
    require(pair.agent.wait(30) == 0, "the agent did not end well")
    pair.require_all_taken()
    given_up = [line.text for line in pair.beta.log.lines() if "NOP timeout" in line.text]
    require(not given_up, f"beta gave up sessions to the shelf: {given_up}")

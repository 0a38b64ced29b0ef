"""A service whose hook mounts by the names that a real udev makes."""

from qemu.harness import ScenarioFailed, scenario

from .by_hand import Returns
from .pair import Pair, require

_DISKS = 4
_TAKEOVERS = 20

_HOOK = """#!/bin/sh
[ -z "$LASTWORD_MISSING_DISKS" ] || exit 0
for label in $(cat /root/labels); do
    mkdir -p /mnt/$label
    mount -t ext4 /dev/disk/by-label/$label /mnt/$label || {
        echo "hook: $label cannot be mounted; there are: $(ls /dev/disk/by-label /dev/sd*)"
        failed=1
    }
done
exit ${failed:-0}
"""


@scenario("hook_mounts_all_disks", timeout=800, long=True)
def hook_mounts_all_disks(lab):
    """With a real udev on beta no mount of the hook fails, over 20 takeovers; in every other one beta
    knew too few partitions, and reads each disk's table again."""
    pair = Pair(
        lab,
        luns=dict(service=_DISKS, mailbox=1),
        beta={"udev": True, "files": {"/root/hook": (_HOOK, 0o755)}},
        hooks={"service_taken": "/root/hook"},
    )
    alpha, beta = pair.alpha, pair.beta
    returns = Returns(pair)
    names = pair.names("service")
    beta.check(f"echo {' '.join(names)} >/root/labels")
    for number in range(_TAKEOVERS):
        returns.alpha_holds_all()
        if number == 0:
            for name in names:
                alpha.check(f"mke2fs -L {name} $(readlink -f {alpha.disk(name)})2", timeout=60)
            # As beta's `blockdev --rereadpt` once the disks are labelled.
            returns.each(beta, "partprobe $dev", "service")
        if number % 2:
            returns.each(beta, "delpart $dev 2", "service")
        beta.check("udevadm settle")
        result = beta.run("lastword takeover", timeout=60)
        if result.status != 0:
            raise ScenarioFailed(f"takeover {number + 1}: status {result.status}\n{result.output}")
        require("udev-busy" not in result.output, f"udev was not at rest:\n{result.output}")
        mounted = beta.check("grep -c ' /mnt/' /proc/mounts").strip()
        require(mounted == str(_DISKS), f"takeover {number + 1}: {mounted} disks are mounted")
        beta.check("umount /mnt/*")
        returns.beta_lets_go()
    lab.say(f"{_TAKEOVERS} takeovers, {_TAKEOVERS * _DISKS} mounts")

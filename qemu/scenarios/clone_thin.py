"""Clones of thin volumes of LVM: one guest, two pools on two disks of its own."""

import json
import re

from qemu.harness import scenario

from .pair import EXIT_REFUSED, require

EXIT_IO = 3
# The other host is this guest: HOST is dropped, and the line is run as a login shell would.
SSH = '#!/bin/sh\nshift 2\nexec sh -c "$*"\n'

BLOCK = 64 << 10
MIB = 1 << 20


class ThinPools:
    """Pools va/pool and vb/pool."""

    def __init__(self, lab, *, mib=(384, 384), chunk=("64K", "64K")):
        files = {"/usr/bin/ssh": (SSH, 0o755)}
        self.node = lab.node("alpha", None, drives={"one": 512, "two": 512}, files=files)
        lab.start(self.node)
        for index, (group, disk) in enumerate((("va", "/dev/vdb"), ("vb", "/dev/vdc"))):
            self.node.check(f"pvcreate -q {disk} && vgcreate -q {group} {disk}")
            self.node.check(
                f"lvcreate -q -L {mib[index]}M -c {chunk[index]} --thinpool pool {group}"
            )

    def create(self, name, mib=32, group="va"):
        self.node.check(f"lvcreate -q -V {mib}M --thinpool pool -n {name} {group}")

    def clone(self, origin, name):
        """As an administrator does it."""
        self.node.check(f"lvcreate -q -s -kn -ay -n {name} va/{origin}", timeout=60)

    def write(self, name, at_kib, kib):
        """Something that is nowhere else."""
        self.node.check(
            f"dd if=/dev/urandom of=/dev/va/{name} bs=4k seek={at_kib // 4} count={kib // 4} "
            "conv=notrunc,fsync 2>&1"
        )

    def device_of(self, group):
        """UUID of the pool's device."""
        said = self.node.check(f"lvs --noheadings --separator '' -o vg_uuid,lv_uuid {group}/pool")
        return f"LVM-{said.strip().replace('-', '').replace(' ', '')}-tpool"

    def used_blocks(self, group):
        words = self.node.check(f"dmsetup status -u {self.device_of(group)}").split()
        return int(words[5].split("/")[0])

    def held(self, group):
        """Root of a metadata snapshot that somebody has reserved, or "-"."""
        return self.node.check(f"dmsetup status -u {self.device_of(group)}").split()[6]

    def list(self, group):
        return json.loads(self.node.check(f"lastword clone list lvm:{group}/pool --json", timeout=60))

    def snapshot(self):
        # LVM warns on standard error that it keeps no backup here.
        return self.node.check("lastword clone snapshot lvm:va/pool 2>/dev/null", timeout=120).strip()

    def send(self, *options):
        """What send and receive say, from va to vb."""
        words = " ".join(options)
        said = self.node.check(
            f"lastword clone send lvm:va/pool {words} | lastword clone receive lvm:vb/pool --json",
            timeout=300,
        )
        return json.loads(said[said.index("{") : said.rindex("}") + 1])

    def members(self, group, uuid):
        """Names of the logical volumes of a snapshot, in its order."""
        said = self.node.check(f"lvs --noheadings -o lv_name {group}").split()
        wanted = [name for name in said if name.startswith(f"lastword-{uuid}-")]
        numbers = [name.rsplit("-", 1)[1] for name in wanted]
        return [f"lastword-{uuid}-{number}" for number in sorted(filter(str.isdigit, numbers), key=int)]

    def digests(self, group, uuid):
        """Of what the volumes of a snapshot hold."""
        names = self.members(group, uuid)
        paths = " ".join(f"{group}/{name}" for name in names)
        self.node.check(f"lvchange -ay -K {paths}", timeout=60)
        digests = [self.digest(f"/dev/{group}/{name}") for name in names]
        self.node.check(f"lvchange -an {paths}", timeout=60)
        return digests

    def digest(self, device):
        return self.node.check(f"dd if={device} bs=1M iflag=direct 2>/dev/null | sha256sum").split()[0]

    def make_tree(self):
        """A golden image that was overwritten, clones, clones of clones, and orphans."""
        self.create("golden")
        self.write("golden", 0, 16 * 1024)
        self.clone("golden", "c1")
        self.write("c1", 1024, 2048)
        self.clone("golden", "c2")
        self.write("c2", 8192, 512)
        self.clone("c1", "c1a")
        self.write("c1a", 2048, 256)
        self.clone("c1", "c1b")
        self.write("c1b", 20 * 1024, 1024)
        self.write("golden", 0, 12 * 1024)
        self.create("gone")
        self.write("gone", 4096, 8192)
        self.clone("gone", "orphan1")
        self.write("orphan1", 4096, 64)
        self.clone("gone", "orphan2")
        self.write("orphan2", 30 * 1024, 128)
        self.node.check("lvremove -q -f va/gone")
        return ["golden", "c1", "c2", "c1a", "c1b", "orphan1", "orphan2"]


def require_all_counted(pools, group):
    listed = pools.list(group)
    used = pools.used_blocks(group) * BLOCK
    require(
        listed["distinct_bytes"] == used == listed["pool_used_bytes"],
        f"{listed['distinct_bytes']} bytes in the list, {used} in the pool",
    )
    return {one["path"]: one for one in listed["volumes"]}


@scenario("clone_tree_thin", timeout=850)
def clone_tree_thin(lab):
    """Thin volumes, their clones and orphans are listed, and arrive in another pool as they share here."""
    pools = ThinPools(lab)
    node = pools.node
    names = pools.make_tree()

    listed = require_all_counted(pools, "va")
    require(set(listed) == {f"va/{name}" for name in names}, f"listed: {sorted(listed)}")
    parents = {path: one["parent"] for path, one in listed.items()}
    require(parents["va/c1a"] == "va/c1" and parents["va/c1b"] == "va/c1", f"parents: {parents}")
    require(parents["va/orphan2"] == "va/orphan1", f"parents: {parents}")
    require(pools.held("va") == "-", "a metadata snapshot stayed")

    node.check(f"dmsetup message -u {pools.device_of('va')} 0 reserve_metadata_snap")
    theirs = pools.held("va")
    said = node.check("lastword clone list lvm:va/pool", status=EXIT_REFUSED)
    require("somebody else" in said, f"it says {said}")
    require(pools.held("va") == theirs, "a metadata snapshot that is not ours was touched")
    node.check(f"dmsetup message -u {pools.device_of('va')} 0 release_metadata_snap")

    # All at one moment, though a program writes all the time.
    writer = node.spawn(
        "while :; do for v in c1 c2; do dd if=/dev/urandom of=/dev/va/$v bs=4k seek=6000 count=1 "
        "conv=notrunc,fsync 2>/dev/null; done; done",
        "writer",
    )
    first = pools.snapshot()
    writer.kill()
    require(pools.held("va") == "-", "a metadata snapshot stayed")
    node.check("! dmsetup info -c --noheadings -o suspended | grep -q Suspended")
    require_all_counted(pools, "va")

    before = pools.used_blocks("vb")
    figures = pools.send()
    require(figures["snapshot_uuid"] == first, f"sent: {figures}")
    require(int(figures["unshared_bytes"]) == 0, f"copied: {figures}")
    sent, received = pools.digests("va", first), pools.digests("vb", first)
    require(len(sent) == len(names) and sent == received, f"sent {sent}, received {received}")
    listed = require_all_counted(pools, "vb")
    staged = [path for path, one in listed.items() if one["kind"] not in ("snapshot", "record")]
    require(not staged, f"left: {staged}")
    there = {path.rsplit("/")[1]: one for path, one in listed.items() if one["kind"] == "snapshot"}
    here = {path.rsplit("/")[1]: one for path, one in require_all_counted(pools, "va").items()}
    for name, one in there.items():
        require(one["mapped"] == here[name]["mapped"], f"{name} has {one['mapped']} bytes there")
    # What the snapshot of va shares among its volumes, it shares in vb.
    exact = int(figures["data_bytes"]) // BLOCK
    taken = pools.used_blocks("vb") - before
    lab.measure("blocks_sent", exact, "blocks")
    lab.measure("blocks_taken", taken, "blocks")
    lab.measure("blocks_of_all_volumes", sum(one["mapped"] for one in there.values()) / BLOCK, "blocks")
    require(exact <= taken <= exact + 4, f"{taken} blocks for {exact} sent")
    node.check("lastword clone verify lvm:vb/pool", timeout=60)

    # A day later: changes, a new clone, a volume that is gone.
    pools.write("c1a", 0, 192)
    pools.write("golden", 30 * 1024, 64)
    pools.clone("c2", "c2a")
    pools.write("c2a", 512, 128)
    node.check("blkdiscard -o 1048576 -l 1048576 /dev/va/c1b && lvremove -q -f va/orphan1")
    second = pools.snapshot()
    before = pools.used_blocks("vb")
    pushed = node.check("lastword clone push there:lvm:vb/pool lvm:va/pool", timeout=300)
    figures = {key: int(re.search(rf"(\d+) {key}", pushed)[1]) for key in ("as data", "shared")}
    # 3 + 1 + 2 blocks, and those that the writer wrote after the first snapshot.
    require(6 * BLOCK <= figures["as data"] <= 9 * BLOCK, f"pushed: {pushed}")
    sent, received = pools.digests("va", second), pools.digests("vb", second)
    require(len(sent) == 7 and sent == received, f"sent {sent}, received {received}")
    taken = pools.used_blocks("vb") - before
    lab.measure("blocks_of_increment", figures["as data"] / BLOCK, "blocks")
    lab.measure("blocks_taken_by_increment", taken, "blocks")
    require(taken <= figures["as data"] // BLOCK + 2, f"the increment took {taken} blocks")
    require_all_counted(pools, "vb")
    again = node.check("lastword clone push there:lvm:vb/pool lvm:va/pool", timeout=120)
    require(f"has the newest snapshot, {second}" in again, f"the second push says {again}")

    pruned = node.check("lastword clone prune --keep 1 lvm:vb/pool", timeout=60)
    require(f"removed {first}" in pruned, f"prune says {pruned}")
    require(not pools.members("vb", first), "volumes of a snapshot that was removed are left")
    require(pools.digests("vb", second) == received, "a snapshot changed as another was removed")
    require_all_counted(pools, "vb")


@scenario("clone_thin_large_blocks", timeout=600, long=True)
def clone_thin_large_blocks(lab):
    """Pools with blocks of 512 KiB, which is what LVM makes of a terabyte, share them as a whole."""
    pools = ThinPools(lab, chunk=("512K", "256K"))
    pools.create("golden")
    pools.write("golden", 0, 6 * 1024)
    pools.clone("golden", "clone")
    pools.write("clone", 100, 8)
    pools.write("golden", 4096, 512)
    uuid = pools.snapshot()
    figures = pools.send()
    require(int(figures["data_bytes"]) == 14 * (512 << 10), f"sent: {figures}")
    require(int(figures["unshared_bytes"]) == 0, f"copied: {figures}")
    require(pools.digests("va", uuid) == pools.digests("vb", uuid), "what arrived differs")
    # Of 256 KiB each, and one for the record.
    used = pools.used_blocks("vb")
    require(28 <= used <= 29, f"{used} blocks in use")


@scenario("clone_thin_refusals", timeout=850, long=True)
def clone_thin_refusals(lab):
    """A pool that is too small, has other blocks, or whose base was changed: refused, and as it was before."""
    pools = ThinPools(lab, mib=(256, 64), chunk=("64K", "128K"))
    node = pools.node
    pools.create("one", 128)
    pools.write("one", 0, 24 * 1024)
    pools.clone("one", "two")
    first = pools.snapshot()

    def state():
        return pools.used_blocks("vb"), node.check("lvs --noheadings -o lv_name,lv_tags vb")

    def refused(words, *, says, status=EXIT_REFUSED, send=""):
        before = state()
        said = node.run(
            f"lastword clone send lvm:va/pool {send} 2>/dev/null | lastword clone receive "
            f"lvm:vb/pool {words}",
            timeout=120,
        )
        require(said.status == status and says in said.output, f"status {said.status}: {said.output}")
        require(state() == before, "the pool is not what it was")

    # Blocks of 64 KiB do not come into blocks of 128 KiB as they are.
    refused("", says="--allow-unshared")
    # Twice 24 MiB, each block in one of 128 KiB: more than the pool has.
    refused("--allow-unshared", says="are needed", status=EXIT_IO)
    node.check("lvextend -q -L 192M vb/pool", timeout=60)
    said = node.check(
        "lastword clone send lvm:va/pool | lastword clone receive --allow-unshared lvm:vb/pool",
        timeout=300,
    )
    require("cannot share as the sender does" in said, f"it says {said}")
    require(pools.digests("va", first) == pools.digests("vb", first), "the copies differ")

    # Into a pool of the same blocks.
    node.check("lvremove -q -f vb/pool && lvcreate -q -L 64M -c 64K --thinpool pool vb", timeout=60)
    node.check(f"dmsetup message -u {pools.device_of('vb')} 0 reserve_metadata_snap")
    refused("", says="somebody else")
    node.check(f"dmsetup message -u {pools.device_of('vb')} 0 release_metadata_snap")
    pools.send()
    require(pools.digests("va", first) == pools.digests("vb", first), "what arrived differs")
    refused("", says="is here already")

    pools.write("two", 0, 48 * 1024)
    second = pools.snapshot()
    # 48 MiB do not fit beside 24 in 64.
    refused("", says="are needed", status=EXIT_IO, send=f"--from {first}")
    node.check("lvextend -q -L 160M vb/pool", timeout=60)

    # Killed in the middle: the next one removes what is left, and so does abort.
    receiver = node.spawn(
        f"lastword clone send lvm:va/pool --from {first} | lastword clone receive lvm:vb/pool",
        "killed",
    )
    node.check("until lvs --noheadings -o lv_name vb | grep -q staged; do usleep 100000; done")
    receiver.kill()
    # What LVM had begun it ends.
    node.check("sleep 3; while pidof lvcreate lvremove; do sleep 1; done")
    require("staged" in node.check("lvs --noheadings -o lv_name vb"), "it was not killed in time")
    node.check("lastword clone abort lvm:vb/pool", timeout=60)
    require("staged" not in node.check("lvs --noheadings -o lv_name vb"), "abort left something")
    node.check("until lastword clone list lvm:va/pool; do sleep 1; done", timeout=60)

    # A base that somebody wrote to, and made read-only again.
    base = pools.members("vb", first)[0]
    node.check(
        f"lvchange -q -prw vb/{base} && lvchange -ay -K vb/{base} && "
        f"dd if=/dev/urandom of=/dev/vb/{base} bs=4k count=1 conv=notrunc,fsync 2>&1 && "
        f"lvchange -an vb/{base} && lvchange -q -pr vb/{base}",
        timeout=60,
    )
    refused("", says="was modified", send=f"--from {first}")
    require(second != first, "one snapshot, twice")

"""alpha gets its disks back, again and again within one boot. No scenario in here."""

import json

# Where `lastword label` puts the records of a disk (docs/disk-format.md), in blocks of 4 KiB.
_RECORDS, _RECORD_BLOCKS = 256, 64

# sh each.sh 'COMMAND with $dev' DEVICE...: names every device for which it fails, twice tried.
_EACH = r"""
command=$1
shift
for dev; do
    eval "$command" >/dev/null 2>&1 || eval "$command" >/dev/null || { echo "$dev"; bad=1; }
done
exit ${bad:-0}
"""


class Returns:
    """After a takeover lastword gives nothing back by itself. So the records that alpha had written
    are put back, on disks whose reservations were cleared by hand."""

    def __init__(self, pair):
        self.pair = pair
        for node in (pair.alpha, pair.beta):
            node.check(f"cat >/root/each.sh <<'END'\n{_EACH}\nEND")
        self._held_before = False

    def disks(self, node, *roles):
        return " ".join(node.disk(name) for role in roles for name in self.pair.names(role))

    def each(self, node, command, *roles):
        """`command` for each disk of the roles, as $dev."""
        node.check(f"sh /root/each.sh '{command}' {self.disks(node, *roles)}", timeout=180)

    def clear(self, node, key, *roles):
        """Every registration and the reservation; `key` is registered there by `node`."""
        self.each(node, f"sg_turs $dev; sg_persist -n -o -C -K {key} -d $dev", *roles)

    def beta_lets_go(self):
        key = json.loads(self.pair.beta.check("cat /run/lastword/node.json"))["key"]
        self.clear(self.pair.beta, key, "service", "mailbox")

    def alpha_holds_all(self):
        """As after `lastword label` and `lastword start`."""
        pair = self.pair
        copy = "if=$dev of=/tmp/${dev##*/} skip"
        if self._held_before:
            copy = "if=/tmp/${dev##*/} of=$dev oflag=direct conv=notrunc seek"
            self.each(pair.alpha, f"dd bs=4k count={_RECORD_BLOCKS} {copy}={_RECORDS}", "service")
        else:
            pair.label()
        for node in (pair.alpha, pair.beta):
            # As after a reboot: a life that lost its registrations does not join anew.
            node.check("rm -f /run/lastword/node.json")
        pair.begin()
        if not self._held_before:
            self.each(pair.alpha, f"dd bs=4k count={_RECORD_BLOCKS} {copy}={_RECORDS}", "service")
            self._held_before = True

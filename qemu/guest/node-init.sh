#!/usr/bin/busybox sh
. /etc/lastword-guest/lib.sh
mount_basics
node=$(kernel_option lastword.node)
hostname "$node"
say "boot $node"

echo 1 >/proc/sys/kernel/panic_on_oops
echo 1 >/proc/sys/kernel/sysrq
# A page that was migrated would no longer be at the physical address lw-pattern has seen.
echo 0 >/proc/sys/vm/compact_unevictable_allowed

load_modules
for module in $(kernel_option lastword.modules | tr , ' '); do
    modprobe "$module" || say "cannot load $module"
done
ip link set lo up
mount -t ext4 /dev/vda /var || say "no /var"
mkdir -p /var/crash /var/lib
# A panic may come before ext4 commits by itself.
sync
# Only in the image of a node that has network cards.
[ ! -e /etc/lastword-guest/network.sh ] || . /etc/lastword-guest/network.sh

want=$(kernel_option lastword.disks)
tries=0
while [ "$(lw-disks)" -lt "${want:-0}" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 500 ]; then
        say "only $(lw-disks) of $want disks came up"
        break
    fi
    usleep 20000
done
# Only in the image of a node that was asked for with udev.
if [ -e /usr/lib/systemd/systemd-udevd ]; then
    /usr/lib/systemd/systemd-udevd --daemon
    udevadm trigger --action=add --subsystem-match=block
    udevadm settle --timeout=30 || say "udev does not come to rest"
fi
say "ready $node"
serve_forever "$node"

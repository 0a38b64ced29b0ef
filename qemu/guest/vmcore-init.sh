#!/usr/bin/busybox sh
# What the capture kernel starts in scenario harness_kdump: copies the core to the node's own
# disk, as kdump does.
. /etc/lastword-guest/lib.sh
mount_basics
[ -e /proc/vmcore ] || say "capture sees no vmcore"
say "capture sees vmcore"
load_modules
mount -t ext4 /dev/vda /var
dd if=/proc/vmcore of=/var/crash/vmcore bs=1M
sync
say "capture saved vmcore"
poweroff -f

#!/usr/bin/busybox sh
# What the capture kernel starts in the harness's own kdumps: copies the core to the node's own
# disk, as kdump does, or with lastword.vmcore=DEVICE in its command line to that device as it is, or
# with lastword.makedumpfile=LEVEL by that program to a file system on LUN lastword.disk=NAME.
. /etc/lastword-guest/lib.sh

# Direct writes: this kernel's own memory is small. /proc/vmcore is a whole number of pages.
copy_raw() {
    chunk=256
    bytes=$(stat -c %s /proc/vmcore)
    say "capture copies $bytes bytes"
    done_mib=0
    while [ $((done_mib << 20)) -lt "$bytes" ]; do
        dd if=/proc/vmcore of="$1" bs=1M skip=$done_mib seek=$done_mib count=$chunk \
            iflag=fullblock oflag=direct conv=notrunc status=none || { say "capture cannot copy"; poweroff -f; }
        done_mib=$((done_mib + chunk))
        say "capture copied $done_mib MiB"
    done
}

mount_basics
[ -e /proc/vmcore ] || say "capture sees no vmcore"
say "capture sees vmcore"
load_modules
dump=/usr/lib/lastword/lastword-dump
if [ -x $dump ]; then
    $dump --vmcore /proc/vmcore --count-classes >/tmp/counts || say "capture cannot count"
    while read -r line; do
        say "count $line"
    done </tmp/counts
fi
device=$(kernel_option lastword.vmcore)
level=$(kernel_option lastword.makedumpfile)
if [ -n "$device" ]; then
    copy_raw "$device"
elif [ -n "$level" ]; then
    until [ "$(lw-disks)" -ge "$(kernel_option lastword.disks)" ]; do usleep 20000; done
    mount -t ext4 "/dev/disk/by-id/lw-$(kernel_option lastword.disk)" /var
    makedumpfile -l -d "$level" --message-level 1 /proc/vmcore /var/vmcore || {
        say "makedumpfile failed"
        poweroff -f
    }
    umount /var
else
    mount -t ext4 /dev/vda /var
    dd if=/proc/vmcore of=/var/crash/vmcore bs=1M
fi
sync
say "capture saved vmcore"
poweroff -f

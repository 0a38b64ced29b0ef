#!/usr/bin/busybox sh
# The second life of a guest in scenario harness_kdump: what the capture kernel starts.
mount -t proc proc /proc
mount -t devtmpfs dev /dev
if [ -e /proc/vmcore ]; then
    echo "<1>lastword-guest: capture sees vmcore of $(wc -c </proc/vmcore | tr -d ' ') bytes" >/dev/kmsg
else
    echo "<1>lastword-guest: capture sees no vmcore" >/dev/kmsg
fi
poweroff -f

# Sourced by node-init.sh in the image of a node that has network cards. busybox sh.
# Each address of lastword.addresses is that of one card, in the order of QEMU's command line.
while read -r module; do
    insmod "/lib/modules/$(uname -r)/$module" || say "cannot load $module"
done </etc/lastword-guest/network-modules
card=0
for address in $(kernel_option lastword.addresses | tr , ' '); do
    ip link set eth$card up && ip addr add "$address" dev eth$card || say "no network card $card"
    card=$((card + 1))
done

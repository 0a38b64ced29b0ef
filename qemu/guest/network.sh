# Sourced by node-init.sh in the image of a node that has a network card. busybox sh.
# QEMU's own network (-netdev user): the host reaches this address by the ports it forwards.
while read -r module; do
    insmod "/lib/modules/$(uname -r)/$module" || say "cannot load $module"
done </etc/lastword-guest/network-modules
ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 || say "no network"

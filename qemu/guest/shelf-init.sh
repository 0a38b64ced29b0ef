#!/usr/bin/busybox sh
. /etc/lastword-guest/lib.sh
mount_basics
hostname shelf
say "boot shelf"
load_modules
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up

mount -t configfs configfs /sys/kernel/config
mkdir -p /etc/target/pr /var/target/pr

target=/sys/kernel/config/target
iqn=$(kernel_option lastword.iqn)
core=$target/core/iblock_0
tpg=$target/iscsi/$iqn/tpgt_1

# luns: lines of NUMBER NAME SERIAL; disk NUMBER of this guest's SCSI host backs it.
create_luns() {
    directories=
    while read -r number name serial; do
        directories="$directories $core/$name $tpg/lun/lun_$number"
    done <"$1"
    mkdir -p $tpg/lun $directories

    tries=0
    while read -r number name serial; do
        until set -- /sys/class/scsi_disk/*:0:"$number":0/device/block/* && [ -e "$1" ]; do
            tries=$((tries + 1))
            [ $tries -gt 500 ] && say "no disk for $name" && return
            usleep 20000
        done
        echo "udev_path=/dev/${1##*/}" >$core/$name/control
        echo 1 >$core/$name/enable
        echo "$serial" >$core/$name/wwn/vpd_unit_serial
        # Registrations that survived a power loss: before the LUN is exported, a line each.
        if [ -e "/etc/lastword-guest/pr/$name" ]; then
            while read -r registration; do
                echo "$registration" >$core/$name/pr/res_aptpl_metadata || say "no registration on $name"
            done <"/etc/lastword-guest/pr/$name"
        fi
        ln -s $core/$name $tpg/lun/lun_$number/$name
    done <"$1"
}

create_luns /etc/lastword-guest/luns

# Any initiator may log in, and its node ACL outlives its sessions: without the cache LIO would
# drop a node's registrations together with its last connection.
cd $tpg/attrib
echo 0 >authentication
echo 1 >generate_node_acls
echo 1 >cache_dynamic_acls
echo 0 >demo_mode_write_protect
cd /
mkdir $tpg/np/10.0.2.15:3260
echo 1 >$tpg/enable
say "ready shelf"
serve_forever shelf

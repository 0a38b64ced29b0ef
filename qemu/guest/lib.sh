# Sourced by the init scripts of shelf and node. busybox sh.

export PATH=/usr/sbin:/usr/bin HOME=/root TERM=dumb

# A line through the kernel log is whole: kernel messages cannot fall into its middle.
# Level 1 passes every console log level a guest is started with.
say() {
    echo "<1>lastword-guest: $*" >/dev/kmsg
}

kernel_option() {
    for word in $(cat /proc/cmdline); do
        case $word in
        "$1="*) echo "${word#*=}" ;;
        esac
    done
}

mount_basics() {
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    [ -c /dev/kmsg ] || mount -t devtmpfs dev /dev
    # The kernel found no console in the image to give to init.
    exec </dev/console >/dev/console 2>&1
    mkdir -p /dev/pts /dev/shm /run /tmp
    mount -t devpts devpts /dev/pts
    mount -t tmpfs tmpfs /dev/shm
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /tmp
    ln -sf /proc/self/fd /dev/fd
    echo on >/proc/sys/kernel/printk_devkmsg
}

load_modules() {
    while read -r module; do
        insmod "/lib/modules/$(uname -r)/$module" || say "cannot load $module"
    done </etc/lastword-guest/modules
}

# The harness writes "TOKEN COMMAND\n" to ttyS1, the command escaped for printf %b.
# Answer: "<RS>TOKEN begin\n", whatever the command prints, "\n<RS>TOKEN STATUS\n"; RS is octal
# 036. Not for process 1: the end of an orphan interrupts its read, which forgets half a line.
serve_commands() {
    stty -F /dev/ttyS1 raw -echo
    stty -F /dev/ttyS2 raw -echo
    # The last close of a serial port waits for it to drain: this shell keeps both open.
    exec 3<>/dev/ttyS1 4>/dev/ttyS2
    printf '\n\036hello %s\n' "$1" >&3
    while :; do
        IFS=' ' read -r token escaped <&3 || continue
        printf '\036%s begin\n' "$token" >&3
        (eval "$(printf '%b' "$escaped")") </dev/null >&3 2>&1 3>&- 4>&-
        printf '\n\036%s %d\n' "$token" $? >&3
    done
}

# The last step of an init script.
serve_forever() {
    serve_commands "$1" &
    while :; do
        wait
        sleep 1
    done
}

#!/usr/bin/busybox sh
# lw-spawn TAG COMMAND: run COMMAND in the background in a session of its own, its output on
# ttyS2, and print its process id, which is its process group as well.
echo "$(
    (
        setsid sh -c "$2" </dev/null >/dev/ttyS2 2>&1 &
        echo $!
        # Ends the command substitution, which waits for the last writer.
        exec >/dev/null
        wait $!
        echo "lastword-guest: exit $1 $?" >/dev/ttyS2
    ) &
)"

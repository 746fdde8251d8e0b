# vtysh finds no daemon, whatever it is asked.
program=/usr/bin/vtysh

inject() {
    ! mountpoint -q "$program" || return 0
    cat >"$dir/vtysh" <<'END' && chmod 755 "$dir/vtysh" && mount --bind "$dir/vtysh" "$program"
#!/bin/sh
echo "Exiting: failed to connect to any daemons." >&2
exit 1
END
}

undo() {
    ! mountpoint -q "$program" || umount -l "$program"
    rm -f "$dir/vtysh"
}

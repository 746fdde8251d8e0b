# What deployments write to has no room left. A node's root lies on the machine's own disk, which can't be filled: so
# these directories move to a file system that is as large as what is in them, and back. /tmp has one of its own.
places='/etc /usr/local /var/lib/fabricctl'
disk=$dir/disk
root=$dir/root

used() { df -k --output=used "$1" | tail -n 1 | tr -d ' '; }

# One of size 0 would have no limit.
full() {
    kilobytes=$(used "$1") && mount -o "remount,size=$((kilobytes > 4 ? kilobytes : 4))k" "$1"
}

inject() {
    ! mountpoint -q "$disk" || return 0
    mkdir -p "$disk" "$root" && mount --bind / "$root" && mount -t tmpfs -o mode=755 tmpfs "$disk" || return
    for place in $places; do
        mkdir -p "$place" "$disk$place" && cp -a "$place/." "$disk$place/" && mount --bind "$disk$place" "$place" || return
    done
    full "$disk" && full /tmp
}

undo() {
    mountpoint -q "$disk" || return 0
    mount -o remount,size=50% "$disk" && mount -o remount,size=50% /tmp || return
    for place in $places; do
        find "$root$place" -mindepth 1 -delete && cp -a "$disk$place/." "$root$place/" && umount -l "$place" || return
    done
    umount -l "$disk" "$root" && rmdir "$disk" "$root"
    rmdir /var/lib/fabricctl 2>/dev/null || :
}

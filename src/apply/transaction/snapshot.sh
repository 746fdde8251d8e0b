# Runs on the device before a run changes anything there: saves what the run will touch, and starts the guard.
umask 077
runs=$state/runs
dir=$runs/$run
. "$work/config"

give_up() {
    # What an unfinished snapshot would undo was never done.
    rm -rf "$dir"
    rmdir "$runs" "$state" 2>/dev/null
    printf '%s\n' "$*" >&2
    exit 1
}

# Closed runs that are too many or too large, and what those left that were cut short before they changed anything.
prune() {
    for old in "$runs"/*/; do
        old=${old%/}
        [ -e "$old/armed" ] || [ -e "$old/outcome" ] || [ "$old" = "$dir" ] || rm -rf "$old"
    done
    # Not the open ones; the names begin with the time.
    ls -d "$runs"/*/outcome 2>/dev/null | head -n -"$keep" | while read -r old; do
        forget_run "${old%/outcome}"
    done
    ls -d "$runs"/*/outcome 2>/dev/null | while read -r old; do
        [ "$(du -sk "$runs" | cut -f 1)" -gt "$room" ] || break
        forget_run "${old%/outcome}"
    done
}

# Whoever goes back to before a run must know whether something that came after it is unknown here.
forget_run() { echo "${1##*/}" >"$runs/.forgotten" && rm -rf "$1"; }

# fits: whether there is room for the old files, twice: once here, once more where they go back to.
fits() {
    needed=$(tr '\n' '\0' <"$work/present" | du -Lckx --files0-from=- 2>/dev/null | awk 'END { print $1 }')
    reserve=$((${needed:-0} + 256))
    needed=$((2 * reserve))
    free=$(df -Pk "$dir" | awk 'END { print $4 }')
    [ "$free" -ge "$needed" ] ||
        fail "No space left on device for it: $needed kB are needed in $state, $free kB are free"
}

save_files() {
    while IFS= read -r path; do
        if [ -e "$path" ] || [ -h "$path" ]; then printf '%s\n' "$path"; fi
        # Directories that will be made.
        parent=${path%/*}
        while [ -n "$parent" ] && [ ! -d "$parent" ]; do
            printf '%s\n' "$parent" >>"$work/directories"
            parent=${parent%/*}
        done
    done <"$work/paths" >"$work/present"
    : >>"$work/directories"
    fits && signatures <"$work/paths" >"$dir/files.list" || return
    sort -u "$work/directories" >"$dir/directories" || return
    mkdir "$dir/files" || return
    # From the root: coreutils 9.1 looks for the parents of absolute paths below where it is.
    cd / && { [ ! -s "$work/present" ] || tr '\n' '\0' <"$work/present" | xargs -0 cp -a --parents -t "$dir/files" --; }
}

# Room for the way back, given free when it begins: by then the disk may be full.
reserve() {
    fallocate -l "${reserve}KiB" "$dir/reserve" 2>/dev/null || head -c "${reserve}K" /dev/zero >"$dir/reserve"
}

save_services() {
    for name in $services; do
        was=stopped boots=no
        if runs "$name"; then was=running; fi
        if enabled "$name"; then boots=yes; fi
        echo "$name $was $boots"
    done >"$dir/services"
}

save_settings() {
    for file in "$work"/sysctl* $sysctl_files; do
        [ ! -r "$file" ] || named_settings "$file"
    done | sort -u >"$dir/settings.paths"
    settings_now >"$dir/settings"
    ports_now >"$dir/ports"
}

save_routing() {
    for router in frr quagga; do
        grep -qx "$router running .*" "$dir/services" || continue
        mkdir "$dir/routing" && routing_now >"$dir/routing/frr.conf" || return
        cp "/etc/$router/vtysh.conf" "$dir/routing" 2>/dev/null
    done
    return 0
}

# Of the containers and networks of the fabric both what brings them back and all that the engine knows.
save_objects() {
    grep -qx 'docker running .*' "$dir/services" || return 0
    containers_now >"$dir/containers" && networks_now >"$dir/networks" || return
    objects=$(cut -d ' ' -f 1 "$dir/containers" "$dir/networks")
    # Unquoted: one word an object.
    [ -z "$objects" ] || docker inspect $objects >"$dir/docker.json"
}

save() {
    cp "$work/restore" "$work/config" "$work/meta.json" "$work/activations" "$work/by" "$work/confirm" "$work/seconds" "$dir" &&
        save_files && reserve && save_services && save_settings && save_routing && save_objects &&
        (cd "$dir" && find files -type f -exec sha256sum {} + >sums)
}

exec 9>/run/lock/fabricctl
! has flock || flock -w 60 9 || give_up "another fabricctl works on the device"
[ "$(sed -n 2p "$volatile/lock")" = "$run" ] || give_up "the run lost its lock on the device"
boundary open
said=$({ mkdir -p "$runs" && chmod 755 "$state" && mkdir "$dir"; } 2>&1) || give_up "the snapshot can't be made: $said"
said=$(save 2>&1) || give_up "the snapshot can't be made: $said"
prune
boundary saved
said=$(sh "$dir/restore" arm 2>&1) || give_up "the guard can't be started: $said"
boundary armed

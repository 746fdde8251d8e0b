# What only the way back to before a run does.

remove_file() { rm -f "$1"; }

# set_settings FILE: lines of a path, a colon and a value.
set_settings() {
    failed=
    while IFS= read -r line; do
        printf '%s\n' "${line#*:}" >"${line%%:*}" || failed="$failed ${line%%:*}"
    done <"$work/$1"
    [ -z "$failed" ] || fail "these can't be set:$failed"
}

# set_ports FILE: lines as ports_now writes them; what they don't say goes.
set_ports() {
    ports=$(cut -d ' ' -f 1 "$work/$1" | sort -u | tr '\n' ' ')
    ports_now >"$work/ports"
    grep -vxFf "$work/$1" "$work/ports" >"$work/surplus"
    while read -r name what value; do
        [ "$what" != address ] || ip addr del "$value" dev "$name" || return
    done <"$work/surplus"
    ports_now >"$work/ports"
    grep -vxFf "$work/ports" "$work/$1" >"$work/missing"
    while read -r name what value mtu promiscuous; do
        if [ "$what" = address ]; then
            ip addr add "$value" dev "$name" || return
        else
            ip link set dev "$name" mtu "$mtu" promisc "$promiscuous" "$value" || return
        fi
    done <"$work/missing"
}

set_boot() { # SERVICE yes|no
    if [ "$2" = yes ]; then enable "$1"; else disable "$1"; fi
}

stop_container() { touches docker && docker stop -t 1 "$1"; }

# restore_records MANIFEST [SOURCE PATH MODE OWNER GROUP]...: an empty source stands for what is to be gone. Directories
# that nobody will know of any more go too.
restore_records() {
    list=${1:+$work/$1}
    shift
    while [ $# -gt 0 ]; do
        if [ -z "$1" ]; then
            rm -f "$2" || return
        else
            mkdir -p "${2%/*}" && install -o "$4" -g "$5" -m "$3" "$work/$1" "$2" || return
        fi
        shift 5
    done
    find "$state/original" -depth -type d -empty -delete 2>/dev/null
    grep -s '^directory created ' "$manifest" | grep -vxFf "${list:-/dev/null}" | sort -r |
        while read -r _ _ path; do
            [ "$path" = "$state" ] || rmdir "$path" 2>/dev/null
        done
    if [ -n "$list" ]; then
        install -m 644 "$list" "$manifest.new" && mv -f "$manifest.new" "$manifest"
    else
        rm -f "$manifest"
    fi
}

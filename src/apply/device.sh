# What all scripts that change a device have in common.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
state=/var/lib/fabricctl
# What a restart of the device ends: the lock, process ids, deadlines.
volatile=/run/fabricctl

fail() {
    printf '%s\n' "$*"
    return 1
}

# boundary WORD...: between two deeds. A program that root has put there is told, and the run goes on when it ends: so a
# test, or a person who looks for a fault, stops a run at an exact place. A device that nobody has prepared has none.
boundary() { [ ! -x "$volatile/hook" ] || "$volatile/hook" "$@" </dev/null >/dev/null 2>&1 9>&-; }

has() { command -v "$1" >/dev/null 2>&1; }
systemd() { [ -d /run/systemd/system ]; }

runs() {
    if systemd; then systemctl -q is-active "$1"; else service "$1" status >/dev/null 2>&1; fi
}

control() {
    if systemd; then systemctl "$1" "$2"; else service "$2" "$1"; fi
}

# A service starts at boot, or doesn't. Without systemd by its links alone: update-rc.d takes its time.
enable() {
    if systemd; then
        systemctl daemon-reload && systemctl -q enable "$1"
    elif [ -x "/etc/init.d/$1" ]; then
        for level in 2 3 4 5; do
            [ ! -d "/etc/rc$level.d" ] || ln -sf "../init.d/$1" "/etc/rc$level.d/S01$1" || return
        done
    fi
}
disable() {
    if systemd; then systemctl -q disable "$1"; else rm -f "/etc/rc"[2-5]".d/S"[0-9][0-9]"$1"; fi
}
enabled() {
    if systemd; then systemctl -q is-enabled "$1" 2>/dev/null; else ls "/etc/rc2.d/S"[0-9][0-9]"$1" >/dev/null 2>&1; fi
}

# clear_after SERVICE: what a service that doesn't come back leaves behind. The daemon keeps its routes over a restart.
clear_after() {
    [ "$1" = rdnbrd ] || return 0
    if systemd; then
        systemctl stop rdnbrd-flush 2>/dev/null
        /usr/local/sbin/rdnbrd --flush
    else
        service rdnbrd purge
    fi
}

# bgp_passwords FILE: passwords that change or go. The reload script would name the old ones on a command line, which
# everybody on the device can read.
bgp_passwords() {
    vtysh -c 'show running-config' >"$work/running" 2>/dev/null || return 0
    awk '
        /^router bgp / { router = $0 }
        !/^ neighbor [^ ]+ password / { next }
        FNR == NR { wanted[router, $2] = $0; next }
        !((router, $2) in wanted) { print router; print " no neighbor " $2 " password"; next }
        wanted[router, $2] != $0 { print router; print wanted[router, $2] }
    ' "$1" "$work/running" >"$work/passwords"
    [ ! -s "$work/passwords" ] || vtysh -f "$work/passwords" >/dev/null
}

# other_passwords FILE: the same for all other lines that end in a secret, wherever they stand; those that are to be
# come back with the reload. What FRR won't take away in this way is left to the reload script.
other_passwords() {
    awk '
        # The line with the contexts it stands in, by indentation.
        function whole(depth) {
            match($0, /[^ ]/)
            while (top && at[top] >= RSTART) top--
            contexts = ""
            for (depth = 1; depth <= top; depth++) contexts = contexts text[depth] "\n"
            at[++top] = RSTART
            text[top] = $0
            return contexts $0
        }
        FNR == 1 { top = 0 }
        /^ *(!|#|$)/ { next }
        { line = whole() }
        FNR == NR { wanted[line]; next }
        /^ neighbor [^ ]+ password / || line in wanted { next }
        /^(enable )?password / { sub(/password .*/, "password"); print "no " $0; next }
        / (password|md5|key-string|authentication-key|authentication string) [^ ]/ {
            sub(/^ */, "&no ")
            print contexts $0
        }
    ' "$1" "$work/running" >"$work/passwords"
    [ ! -s "$work/passwords" ] || vtysh -f "$work/passwords" >/dev/null 2>&1 || :
}

# router_reload PROGRAM FILE [DIRECTORY]
#
# Its exit status tells little, its words tell more: FRRouting's init script even hides both. A file that isn't the
# configuration of its directory would become that of /etc.
router_reload() {
    [ -x "$1" ] || fail "$1 isn't there: install frr-pythontools" || return
    bgp_passwords "$2" || return
    [ ! -s "$work/running" ] || other_passwords "$2"
    # What it adds it writes down in a file of its own below /run first.
    (umask 077 && exec "$1" --reload --stdout ${3:+--confdir "$3"} "$2") >"$work/reload" 2>&1 &&
        ! grep -q ERROR "$work/reload" && return
    # Among much else it repeats what the daemons said, the second time numbered in another way.
    grep -E '^(%|line [0-9]|.* (ERROR|CRITICAL))' "$work/reload" | awk '!seen[$0]++' | head -n 10 | grep . ||
        tail -n 10 "$work/reload"
    fail "FRR refused a part of $2"
}

# As sysctl(8) reads keys: the first separator is the one that counts.
sysctl_path() {
    case ${1#"${1%%[./]*}"} in
    /*) printf '/proc/sys/%s' "$1" ;;
    *) printf '/proc/sys/%s' "$(printf '%s' "$1" | tr ./ /.)" ;;
    esac
}

create_network() { # NAME SUBNET GATEWAY PARENT LABEL LABEL LABEL [LABEL]
    docker network create -d macvlan --subnet "$2" --gateway "$3" -o "parent=$4" --label "$5" --label "$6" \
        --label "$7" ${8:+--label "$8"} "$1"
}

# The paths of the kernel settings that a file of sysctl.conf(5) names, as far as the device has them.
named_settings() {
    sed -n 's/^[[:space:]]*-\{0,1\}\([a-z][^=[:space:]]*\)[[:space:]]*=.*/\1/p' "$1" | while read -r key; do
        # Unquoted: a key may be a pattern.
        for path in $(sysctl_path "$key"); do
            [ ! -r "$path" ] || printf '%s\n' "$path"
        done
    done
}

# announce CONTAINER: speaks to its leaf in its name. One that never speaks itself would wait for the leaf's next sweep;
# that is also what happens where this can't be done, so nobody waits for it.
announce() {
    {
        pid=$(docker inspect -f '{{.State.Pid}}' "$1") &&
            gateway=$(nsenter -t "$pid" -n ip -4 route show default | awk '{ print $3; exit }') &&
            [ -n "$gateway" ] && nsenter -t "$pid" -n ping -c 1 -W 1 "$gateway"
    } >/dev/null 2>&1 &
}


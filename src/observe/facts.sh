# begin NAME COMMAND…: starts a part that takes its time, beside the others.
begin() {
    name=$1
    shift
    ("$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null; echo $? >"$work/$name.rc") &
}

# end NAME: its answer, then how it ended and what it complained of.
end() {
    mark "$1"; cat "$work/$1.out"
    mark "$1.end"; cat "$work/$1.rc"; head -c 2000 "$work/$1.err"
}

# part NAME COMMAND…: the same at once; the answer may be large.
part() {
    name=$1
    shift
    mark "$name"
    "$@" 2>"$work/$name.err"
    echo $? >"$work/$name.rc"
    mark "$name.end"; cat "$work/$name.rc"; head -c 2000 "$work/$name.err"
}

# router COMMAND: vtysh writes down in the user's home what it was asked.
router() { shell -c "$1"; }

# shell ARG…: a daemon that hangs keeps vtysh waiting for ever; once is enough to know.
patience=60
shell() {
    if [ ! -e "$work/hangs" ]; then
        HOME=$work timeout -k 1 "$patience" vtysh "$@"
        ended=$?
        [ "$ended" = 124 ] || return "$ended"
        : >"$work/hangs"
    fi
    echo "a daemon hangs: no answer within $patience s" >&2
    return 124
}

# paths PREFIX…: what BGP knows of each.
paths() {
    wanted=$#
    for prefix; do set -- "$@" -c "show bgp ipv4 unicast $prefix json"; done
    shift "$wanted"
    [ $# = 0 ] || shell "$@"
}

# The settings without which a router doesn't forward.
settings() {
    grep -s '' /dev/null /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding \
        /proc/sys/net/ipv4/conf/*/proxy_arp /proc/sys/net/ipv4/conf/*/rp_filter
    true
}

# inside CONTAINER…: the network of each that runs, from within.
inside() {
    has nsenter || { echo "nsenter: not found" >&2; return 127; }
    for container; do
        id=$(docker inspect -f '{{.State.Pid}}' "$container" 2>/dev/null) || continue
        [ "${id:-0}" -gt 0 ] || continue
        nsenter --net="/proc/$id/ns/net" sh -c '
            echo "$1 links $(ip -j addr show)"
            echo "$1 routes $(ip -j -4 route show)"
            echo "$1 neighbors $(ip -j -4 neigh show)"
            cd /proc/sys/net/ipv4/conf
            grep -s "" */arp_ignore | sed "s,^,$1 ignore ,; s,/arp_ignore:, ,"' sh "$container"
    done
    true
}

# services NAME…: NAME running|stopped enabled|disabled|unknown [DEAD-DAEMON…]
services() {
    for service; do
        # Whoever asks came by it.
        running=stopped
        { [ "$service" = ssh ] || runs "$service"; } && running=running
        echo "$service $running $(enabled "$service") $(dead "$service")"
    done
}

enabled() {
    if has systemctl && [ -d /run/systemd/system ]; then
        case $1 in ssh) units="ssh sshd ssh.socket" ;; *) units=$1 ;; esac
        for unit in $units; do
            systemctl -q is-enabled "$unit" 2>/dev/null && { echo enabled; return; }
        done
        echo disabled
        return
    fi
    [ -e "/etc/init.d/$1" ] || { echo unknown; return; }
    for link in /etc/rc[2345].d/S[0-9][0-9]"$1"; do
        [ -e "$link" ] && { echo enabled; return; }
    done
    echo disabled
}

# The daemons of a router that are switched on and don't live.
dead() {
    case $1 in
    frr) folder=/run/frr settings=/etc/frr/daemons ;;
    quagga) folder=/run/quagga settings=/etc/quagga/daemons ;;
    *) return ;;
    esac
    for daemon in zebra $(sed -n 's/^\([a-z0-9]*d\)=yes.*/\1/p' "$settings" 2>/dev/null); do
        lives "$folder/$daemon.pid" || printf '%s ' "$daemon"
    done
}

# rouse PORT [ADDRESS]: everybody on the cable speaks, so that the kernel knows their addresses.
rouse() {
    has ping || return 0
    ping -6 -L -n -q -c 2 -i 0.1 -W 1 "ff02::1%$1" >/dev/null 2>&1 &
    [ -z "${2-}" ] || ping -n -q -c 1 -W 1 -I "$1" "$2" >/dev/null 2>&1
    wait
}

# cables PORT=ADDRESS…: then the tables.
cables() {
    for cable; do rouse "${cable%%=*}" "${cable#*=}" & done
    wait
    ip -j neigh show
}

lldp() { ! has lldpcli || lldpcli show neighbors -f keyvalue; }

engine() {
    objects=$(docker ps -aq --no-trunc && docker network ls -q --no-trunc && docker image ls -aq --no-trunc) || return
    [ -z "$objects" ] || docker inspect $(printf '%s\n' $objects | sort -u)
}

release() {
    cat /etc/os-release
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' frr quagga docker.io docker-ce 2>/dev/null
    true
}

# open_runs: RUN SECONDS auto|manual WHO of each run that is neither confirmed nor undone.
open_runs() {
    for open in /var/lib/fabricctl/runs/*/armed; do
        open=${open%/armed}
        { [ -e "$open/armed" ] && [ ! -e "$open/outcome" ]; } || continue
        ends= up=
        { read -r ends <"/run/fabricctl/${open##*/}.deadline"; } 2>/dev/null
        read -r up _ </proc/uptime
        echo "${open##*/} $((${ends:-0} - ${up%.*})) $(cat "$open/confirm") $(sed -n 1p "$open/by")"
    done
}

# logs CONTAINER…: of each the first line in which it says that its leaf knows it.
logs() {
    for container; do
        echo "$container $(timeout 5 docker logs "$container" 2>&1 | grep -m 1 -F 'is known to its leaf')"
    done
}

# probe NAME…: what those containers reach. The plan's other lines came with this script.
probe() {
    has python3 || { echo "python3: not found" >&2; return 127; }
    docker inspect -f '{{slice .Name 1}} {{.State.Pid}} {{.State.Status}}' "$@" >"$work/pids" 2>/dev/null
    python3 -I -S "$work/probe.py" "$work/plan" "$work/pids"
}

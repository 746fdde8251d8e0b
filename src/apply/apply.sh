# Runs on the device. Every step is one call of `step`; the first that fails ends the run. What a step
# replaces is kept, and written down in the manifest before it is replaced.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
state=/var/lib/fabricctl
manifest=$state/manifest

# What is put together beside its target doesn't stay when the time is over.
new=
trap 'rm -f "$new"; exit 143' TERM INT HUP

# step NUMBER FUNCTION ARGUMENT...: says when it begins and how it ended.
step() {
    number=$1
    shift
    printf '@begin %s\n' "$number"
    # Into a file, not a pipe: a daemon that a step starts may keep its output open.
    # Nor does it get the lock, which would stay taken for as long as it runs.
    if "$@" >"$work/output" 2>&1 </dev/null 9>&-; then
        printf '@ok %s\n' "$number"
    else
        printf '@failed %s %s\n' "$number" $?
        tail -c 4000 "$work/output"
        exit 1
    fi
}

fail() {
    printf '%s\n' "$*"
    return 1
}

has() { command -v "$1" >/dev/null 2>&1; }
systemd() { [ -d /run/systemd/system ]; }

# The manifest's lines, each between line feeds, once they were read: steps ask for them all the time.
notes=
feed='
'
noted() {
    [ -n "$notes" ] || notes=$feed$(cat "$manifest" 2>/dev/null)$feed
    case $notes in *"$feed$1$feed"*) ;; *) return 1 ;; esac
}
note() { noted "$1" || { printf '%s\n' "$1" >>"$manifest" && notes=$notes$1$feed; }; }
unnote() {
    notes=
    grep -vxF -- "$1" "$manifest" >"$manifest.new"
    # 1 is an empty rest; more is one that could not be written.
    [ $? -le 1 ] && mv -f "$manifest.new" "$manifest"
}

# make_directory PATH: with its parents; those that didn't exist are noted.
make_directory() {
    [ -d "${1:-/}" ] && return
    make_directory "${1%/*}" && mkdir "$1" && note "directory created $1"
}

remember_file() {
    noted "file created $1" || noted "file saved $1" && return
    if [ -e "$1" ]; then
        mkdir -p "$state/original${1%/*}" && cp -a "$1" "$state/original$1" && note "file saved $1"
    else
        note "file created $1"
    fi
}

# put_file SOURCE PATH MODE OWNER GROUP CHECK
put_file() {
    path=$2 new=$2.fabricctl-new
    make_directory "${path%/*}" || return
    install -o "$4" -g "$5" -m "$3" "$work/$1" "$new" || {
        rm -f "$new"
        return 1
    }
    if [ -n "$6" ] && ! eval "$6"; then
        rm -f "$new"
        fail "the check of the new $path failed, the old file stays"
        return
    fi
    remember_file "$path" && mv -f "$new" "$path" && return
    rm -f "$new"
    return 1
}

restore_file() {
    if noted "file saved $1"; then
        cp -a "$state/original$1" "$1.fabricctl-new" && mv -f "$1.fabricctl-new" "$1" || {
            rm -f "$1.fabricctl-new"
            return 1
        }
        rm -f "$state/original$1"
        unnote "file saved $1"
    else
        rm -f "$1" && unnote "file created $1"
    fi
}

runs() {
    if systemd; then systemctl -q is-active "$1"; else service "$1" status >/dev/null 2>&1; fi
}

remember_service() {
    noted "service running $1" || noted "service stopped $1" && return
    if runs "$1"; then note "service running $1"; else note "service stopped $1"; fi
}

control() {
    if systemd; then systemctl "$1" "$2"; else service "$2" "$1"; fi
}

# A service that its own script calls started can still have died of its configuration.
require_running() {
    runs "$1" || fail "$1 was started and doesn't run; see its log on the device"
}

start_service() {
    remember_service "$1" || return
    if systemd; then systemctl daemon-reload && systemctl -q enable "$1"; fi
    control start "$1" && require_running "$1"
}

stop_service() {
    control stop "$1" || return
    if systemd; then systemctl -q disable "$1"; fi
    # The daemon keeps its routes over a restart; here nothing comes back to care for them.
    if [ "$1" != rdnbrd ]; then
        return
    elif systemd; then
        systemctl stop rdnbrd-flush 2>/dev/null
        /usr/local/sbin/rdnbrd --flush
    else
        service rdnbrd purge
    fi
}

restart_service() {
    remember_service "$1" || return
    if systemd; then systemctl daemon-reload; fi
    control restart "$1" && require_running "$1"
}

# reload_service NAME PATH
reload_service() {
    case $1 in
    interfaces) ifreload -a ;;
    sysctl) apply_sysctls "$2" ;;
    systemd) ! systemd || systemctl daemon-reload ;;
    frr) router_reload /usr/lib/frr/frr-reload.py "$2" ;;
    quagga) router_reload /usr/lib/quagga/quagga-reload.py "$2" ;;
    *) control reload "$1" && require_running "$1" ;;
    esac
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

# Its exit status tells little, its words tell more: FRRouting's init script even hides both.
router_reload() {
    [ -x "$1" ] || fail "$1 isn't there: install frr-pythontools" || return
    bgp_passwords "$2" || return
    "$1" --reload --stdout "$2" >"$work/reload" 2>&1 && ! grep -q ERROR "$work/reload" && return
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

# The values from before are noted, so that a teardown can put them back.
apply_sysctls() {
    sed -n 's/^[[:space:]]*-\{0,1\}\([a-z][^=[:space:]]*\)[[:space:]]*=.*/\1/p' "$1" | while read -r key; do
        # Unquoted: a key may be a pattern.
        for path in $(sysctl_path "$key"); do
            [ -r "$path" ] || continue
            grep -qF -- "sysctl $path " "$manifest" 2>/dev/null || note "sysctl $path $(cat "$path")"
        done
    done
    # Keys that a device lacks are not an error here: those that must hold are looked at after the deployment.
    sysctl -q -e -p "$1"
}

create_network() { # NAME SUBNET GATEWAY PARENT LABEL LABEL
    docker network create -d macvlan --subnet "$2" --gateway "$3" -o "parent=$4" --label "$5" --label "$6" "$1"
}

# Commands that a container of an image with busybox has by their own names; all others are there as `busybox NAME`.
applets="sh awk cat cp date env grep head hostname httpd id ip kill ls nc nslookup ping ps sleep tail telnet top
    traceroute vi wget"

# build_image TAG DIRECTORY LABEL LABEL
#
# The classic builder is on every engine; the other one is a plugin that may be missing. It makes a layer of every
# instruction, and one of every --label: hence a single LABEL.
build_image() {
    context=$work/context
    rm -rf "$context"
    cp -R "$2" "$context" && mkdir -p "$context/root/bin" || return
    busybox=$(command -v busybox) || fail "busybox isn't there: install busybox-static" || return
    cp -L "$busybox" "$context/root/bin/busybox" || return
    for applet in $applets; do
        [ -e "$context/root/bin/$applet" ] || ln -s busybox "$context/root/bin/$applet" || return
    done
    printf '\nLABEL %s %s\n' "$3" "$4" >>"$context/Dockerfile" || return
    DOCKER_BUILDKIT=0 docker build -q -t "$1" "$context"
}

load_image() { # TAG ARCHIVE LABEL LABEL
    loaded=$(docker load -q -i "$work/$2") || fail "$loaded" || return
    from=${loaded##*: }
    printf 'FROM %s\nLABEL %s %s\n' "${from#sha256:}" "$3" "$4" | DOCKER_BUILDKIT=0 docker build -q -t "$1" -
}

pull_image() { docker pull -q "$1"; }

remove_image() { docker image rm "$1"; }
remove_network() { docker network rm "$1"; }
remove_container() { docker rm -f "$1"; }

# announce CONTAINER: speaks to its leaf in its name. One that never speaks itself would wait for the leaf's next sweep;
# that is also what happens where this can't be done, so it never fails.
announce() {
    pid=$(docker inspect -f '{{.State.Pid}}' "$1") || return 0
    gateway=$(nsenter -t "$pid" -n ip -4 route show default | awk '{ print $3; exit }')
    [ -z "$gateway" ] || nsenter -t "$pid" -n ping -c 1 -W 1 "$gateway" >/dev/null 2>&1 &
}

start_container() { docker start "$1" && announce "$1"; }
# run_container SECRETS --name NAME OPTION...: SECRETS is a file of variables, if there are any.
run_container() {
    secrets=$1
    shift
    docker run -d --restart unless-stopped ${secrets:+--env-file "$work/$secrets"} "$@" && announce "$2"
}

# What is noted beyond files goes back in reverse, then the notes go.
forget() {
    if [ -f "$manifest" ]; then
        grep '^sysctl ' "$manifest" | while read -r _ path value; do
            [ -w "$path" ] && printf '%s\n' "$value" >"$path"
        done
        grep '^directory created ' "$manifest" | sort -r | while read -r _ _ path; do
            [ "$path" = "$state" ] || rmdir "$path" 2>/dev/null
        done
    fi
    rm -rf "$state"
}

# One run at a time; what an interrupted one has begun comes to its end before the next begins.
if has flock; then
    exec 9>/run/lock/fabricctl
    flock -w 60 9 || {
        echo "another fabricctl works on the device" >&2
        exit 75
    }
fi
mkdir -p "$state"

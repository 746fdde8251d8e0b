# Runs on the device. Every step is one call of `step`; the first that fails ends the run. What a step
# replaces is kept, and written down in the manifest before it is replaced.
umask 022
manifest=$state/manifest
# The snapshot that this run can be undone from, if it has one.
saved=${guarded:+$state/runs/$run}

# What is put together beside its target doesn't stay when the time is over.
new=
trap 'rm -f "$new"; exit 143' TERM INT HUP

# step NUMBER FUNCTION ARGUMENT...: says when it begins and how it ended.
step() {
    number=$1
    shift
    boundary step "$@"
    # A run that was interrupted ends between two steps.
    if [ -e "$volatile/$run.stop" ]; then
        printf '@stopped\n'
        exit 0
    fi
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

# What was put here, for whoever asks later what differs from it: a copy of every file with its owner and mode, what
# containers and networks were made from, which services are to run. The snapshot holds it as it holds all else that
# a run touches, so that it goes back with the rest.
record=$state/deployed

# recorded SOURCE NAME: whole or not at all.
recorded() {
    place=$record/$2
    [ -d "${place%/*}" ] || (umask 077 && mkdir -p "${place%/*}") || return
    cp -a "$1" "$place.fabricctl-new" && mv -f "$place.fabricctl-new" "$place" && return
    rm -f "$place.fabricctl-new"
    return 1
}
# recorded_lines NAME LINE...
recorded_lines() {
    place=$1
    shift
    (umask 077 && printf '%s\n' "$@" >"$work/lines") && recorded "$work/lines" "$place"
}
unrecorded() { [ ! -e "$record/$1" ] || rm -f "$record/$1"; }

remember_file() {
    noted "file created $1" || noted "file saved $1" && return
    if [ -e "$1" ]; then
        (umask 077 && mkdir -p "$state/original${1%/*}") && cp -a "$1" "$state/original$1" && note "file saved $1"
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
    remember_file "$path" && recorded "$new" "files$path" && unrecorded "gone$path" && mv -f "$new" "$path" && return
    rm -f "$new"
    return 1
}

restore_file() {
    unrecorded "files$1" || return
    if noted "file saved $1"; then
        cp -a "$state/original$1" "$1.fabricctl-new" && mv -f "$1.fabricctl-new" "$1" || {
            rm -f "$1.fabricctl-new"
            return 1
        }
        rm -f "$state/original$1"
        unnote "file saved $1"
    else
        rm -f "$1" && unnote "file created $1" && recorded_lines "gone$1" "$run"
    fi
}

remember_service() {
    noted "service running $1" || noted "service stopped $1" && return
    if runs "$1"; then note "service running $1"; else note "service stopped $1"; fi
}

# A service that its own script calls started can still have died of its configuration.
require_running() {
    runs "$1" || fail "$1 was started and doesn't run; see its log on the device"
}

# What is about to be done, for whoever undoes it.
touches() { [ -z "$saved" ] || printf '%s\n' "$*" >>"$saved/touched"; }

start_service() {
    remember_service "$1" && touches start "$1" && recorded_lines "services/$1" "$run" && enable "$1" || return
    control start "$1" && require_running "$1"
}

stop_service() {
    # What was put aside only the engine can take away: with containers aside it stops when the run is confirmed.
    if [ "$1" = docker ] && [ -n "$saved" ] && grep -qsx aside "$saved/touched"; then
        touches end docker && unrecorded services/docker && disable docker
        return
    fi
    touches stop "$1" && unrecorded "services/$1" && control stop "$1" || return
    disable "$1"
    clear_after "$1"
}

restart_service() {
    remember_service "$1" && touches restart "$1" && recorded_lines "services/$1" "$run" || return
    if systemd; then systemctl daemon-reload; fi
    control restart "$1" && require_running "$1"
}

# reload_service NAME PATH
reload_service() {
    touches reload "$1" || return
    case $1 in
    interfaces | sysctl | systemd) ;;
    *) recorded_lines "services/$1" "$run" || return ;;
    esac
    case $1 in
    interfaces) ifreload -a ;;
    sysctl) apply_sysctls "$2" ;;
    systemd) ! systemd || systemctl daemon-reload ;;
    frr) router_reload /usr/lib/frr/frr-reload.py "$2" ;;
    quagga) router_reload /usr/lib/quagga/quagga-reload.py "$2" ;;
    *) control reload "$1" && require_running "$1" ;;
    esac
}

# The values from before are noted, so that a teardown can put them back.
apply_sysctls() {
    named_settings "$1" | while read -r path; do
        grep -qF -- "sysctl $path " "$manifest" 2>/dev/null || note "sysctl $path $(cat "$path")"
    done
    # Keys that a device lacks are not an error here: those that must hold are looked at after the deployment.
    sysctl -q -e -p "$1"
}

# Commands that a container of an image with busybox has by their own names; all others are there as `busybox NAME`.
applets="sh awk cat cp date env grep head hostname httpd id ip kill ls nc nslookup ping ps sleep tail telnet top
    traceroute vi wget"

# build_image TAG DIRECTORY LABEL LABEL
#
# The classic builder is on every engine; the other one is a plugin that may be missing. It makes a layer of every
# instruction, and one of every --label: hence a single LABEL.
build_image() {
    new_image "$1" || return
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
    new_image "$1" || return
    loaded=$(docker load -q -i "$work/$2") || fail "$loaded" || return
    from=${loaded##*: }
    printf 'FROM %s\nLABEL %s %s\n' "${from#sha256:}" "$3" "$4" | DOCKER_BUILDKIT=0 docker build -q -t "$1" -
}

pull_image() { new_image "$1" && docker pull -q "$1"; }

# What a run with a snapshot takes away is only put aside, under another name, until the run is confirmed.
put_image_aside() {
    [ -n "$saved" ] || return 0
    aside=$kept_image:$run-$number
    touches docker && printf '%s %s\n' "$aside" "$1" >>"$saved/images-aside" && docker tag "$1" "$aside"
}

# A tag that is about to be given; another image may have it.
new_image() {
    if [ -n "$saved" ] && [ -n "$(docker image ls -q "$1")" ]; then put_image_aside "$1" || return; fi
    touches image "$1"
}

remove_image() { put_image_aside "$1" && docker image rm "$1"; }

remove_network() { touches docker && docker network rm "$1" && unrecorded "networks/$1"; }

# remove_container NAME [NEXT]...: those that are removed next stop together with it, as each takes its time to end.
#
# One that was stopped by hand stays so, whatever its restart policy, unless that is `always`; ours never is.
stopped=
remove_container() {
    if [ -n "$saved" ]; then
        touches docker && touches aside || return
        case " $stopped " in
        *" $1 "*) ;;
        *) docker stop -t 1 "$@" && stopped=$* || docker stop -t 1 "$1" || return ;;
        esac
        docker rename "$1" "$1$kept$run"
    else
        docker rm -f "$1"
    fi && unrecorded "containers/$1"
}

# definition ARGUMENT...: the one among these labels that holds a specification.
definition() {
    for word; do
        case $word in "$definition_label="*) printf '%s' "${word#*=}" ;; esac
    done
}

new_network() {
    touches docker && create_network "$@" ${saved:+"$run_label=$run"} &&
        recorded_lines "networks/$1" "$(definition "$@")"
}
start_container() { touches docker && docker start "$1" && announce "$1"; }

# run_container SECRETS --name NAME OPTION...: SECRETS is a file of variables, if there are any.
run_container() {
    secrets=$1
    shift
    touches docker && id=$(docker run -d --restart unless-stopped ${saved:+--label "$run_label=$run"} \
        ${secrets:+--env-file "$work/$secrets"} "$@") || return
    recorded_lines "containers/$2" "$id" "$(definition "$@")" && announce "$2"
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

# Ends the script unless the device is still this run's: the lock can be lost with the connection that held it, and
# the guard may have put everything back already.
still_ours() {
    if [ "$(sed -n 2p "$volatile/lock" 2>/dev/null)" != "$run" ]; then
        echo "the run lost its lock on the device" >&2
    elif [ -n "$saved" ] && { [ ! -e "$saved/armed" ] || [ -e "$saved/restoring" ] || [ -e "$saved/outcome" ]; }; then
        echo "the guard has put back what was there before: it heard nothing from this run for too long" >&2
    else
        return 0
    fi
    exit 75
}

# One script at a time; what an interrupted run has begun comes to its end before the next begins.
if has flock; then
    exec 9>/run/lock/fabricctl
    flock -w 60 9 || {
        echo "another fabricctl works on the device" >&2
        exit 75
    }
fi
still_ours
# For the guard, which ends what still works when its time has come.
read -r _ _ _ _ group _ <"/proc/$$/stat" && echo "$$ $group" >"$volatile/$run.stage"
mkdir -p "$state"
# Who it was. A stage that can't write this down can't write down what it does either, and ends there.
[ -z "$saved" ] || cmp -s "$saved/meta.json" "$record/run.json" || recorded "$saved/meta.json" run.json

# Lies on the device beside the snapshot of a run, and is all that it takes to end that run one way or the other:
#
#   arm             begins: from here on the device helps itself
#   start           starts the guard unless it lives
#   guard           waits until nothing was heard of the run for too long, then puts everything back
#   back BY         puts everything back; again, if it was cut short
#   close HOW BY    keeps what was changed, and removes what was put aside for the way back
#   finish BY       does what an end that was cut short has left to do
#
# Lines that begin with @ are for whoever started it.
umask 022
dir=${0%/*}
run=${dir##*/}
runs=${dir%/*}
work=$dir/work
. "$dir/config"
hook=/etc/init.d/fabricctl-guard
unit=/etc/systemd/system/fabricctl-guard.service
services_lock=/run/lock/fabricctl

is_open() { [ -e "$dir/armed" ] && [ ! -e "$dir/outcome" ]; }
put() { printf '@put %s\n' "$*"; }
trouble() { printf '@trouble %s\n' "$*" | tee -a "$work/troubles"; }

# Does something without its words, unless it fails. What it starts doesn't get the lock.
quietly() {
    "$@" >"$work/output" 2>&1 </dev/null 9>&- && return
    trouble "$* failed: $(tail -n 3 "$work/output" | tr '\n' ' ')"
    return 1
}

# Seconds until the deadline; none are left after a restart.
left() {
    ends= up=
    # It is written in place, and empty for a moment.
    for _ in 1 2 3; do
        read -r ends 2>/dev/null <"$volatile/$run.deadline" && break
        sleep 0.1
    done
    read -r up _ </proc/uptime
    echo $((${ends:-0} - ${up%.*}))
}

# One script at a time; a restore doesn't wait for ever for one that hangs.
exclusive() {
    mkdir -p "$volatile" "$work"
    exec 9>"$services_lock"
    ! has flock || flock -w 60 9 || trouble "another fabricctl still works on the device"
}

# --- the way back

# Ends the run itself where it still works, and its hold on the device.
end_run() {
    if [ "$1" != controller ] && [ "$(sed -n 2p "$volatile/lock" 2>/dev/null)" = "$run" ]; then
        read -r pid <"$volatile/lock"
        [ "$(readlink "/proc/$pid/fd/8")" != "$volatile/lock" ] || kill -9 "$pid"
    fi
    read -r pid group 2>/dev/null <"$volatile/$run.stage" || return 0
    for signal in TERM TERM TERM KILL; do
        [ "$(readlink "/proc/$pid/fd/9")" = "$services_lock" ] || return 0
        kill -s "$signal" -- "-$group" 2>/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            [ -d "/proc/$pid" ] || return 0
            sleep 0.1
        done
    done
}

touched() { grep -qsx "$*" "$dir/touched"; }

# Whether a file of the snapshot is what it was when it was saved.
intact() {
    [ ! -h "$dir/$1" ] || return 0
    sum=$(sha256sum <"$dir/$1") && grep -qxF "${sum%% *}  $1" "$dir/sums"
}

# Services that the run started: while their files are still there.
stop_new_services() {
    while read -r name was boots; do
        if [ "$boots" = no ] && enabled "$name"; then quietly disable "$name"; fi
        # An engine is still needed to take away what it runs.
        [ "$name" != docker ] && [ "$was" = stopped ] || continue
        if runs "$name"; then quietly control stop "$name" && put "stopped $name"; fi
        if [ "$name" = rdnbrd ] && [ -x /usr/local/sbin/rdnbrd ]; then quietly clear_after "$name"; fi
    done <"$dir/services"
}

# The engine, where the run used it.
engine() { grep -qsE '^(docker|image )' "$dir/touched"; }

remove_new_objects() {
    engine || return 0
    runs docker || quietly control start docker || return
    for id in $(docker ps -aq --filter "label=$run_label=$run"); do
        name=$(docker inspect -f '{{.Name}}' "$id")
        quietly docker rm -f "$id" && put "removed container ${name#/}"
    done
    for id in $(docker network ls -q --filter "label=$run_label=$run"); do
        name=$(docker network inspect -f '{{.Name}}' "$id")
        quietly docker network rm "$id" && put "removed network $name"
    done
    sed -n 's/^image //p' "$dir/touched" | while read -r tag; do
        if [ -n "$(docker image ls -q "$tag")" ]; then quietly docker image rm "$tag" && put "removed image $tag"; fi
    done
}

# The files that are not as they were, each as its line of the list.
wrong_files() {
    cut -d ' ' -f 6- "$dir/files.list" | signatures >"$work/files"
    grep -vxFf "$work/files" "$dir/files.list"
}

put_back() { # PATH
    mkdir -p "${1%/*}"
    cp -a "$dir/files$1" "$1.fabricctl-new" && mv -f "$1.fabricctl-new" "$1" && return
    # Where there is no room for both, the new one has to go first.
    rm -f "$1.fabricctl-new" "$1"
    cp -a "$dir/files$1" "$1"
}

# This tool's own records are nobody's news.
put_file() {
    case $1 in *" $state/manifest" | *" $state/original/"* | *" $state/deployed/"*) ;; *) put "$1" ;; esac
}

restore_files() {
    cut -d ' ' -f 6- "$dir/files.list" | sed 's/$/.fabricctl-new/' | tr '\n' '\0' | xargs -0 rm -f --
    wrong_files | while IFS= read -r line; do
        path=${line#*  }
        case $line in
        '- '*) quietly rm -f "$path" && put_file "removed $path" ;;
        other*) trouble "$path was neither a file nor a link and isn't restored" ;;
        *)
            if intact "files$path"; then
                quietly put_back "$path" && put_file "restored $path"
            else
                trouble "the saved $path is damaged and isn't restored"
            fi
            ;;
        esac
    done
    sort -r "$dir/directories" | while IFS= read -r path; do
        [ "$path" = "$state" ] || rmdir "$path" 2>/dev/null
    done
    find "$state/original" "$state/deployed" -depth -type d -empty -delete 2>/dev/null
}

restore_settings() {
    settings_now >"$work/settings"
    grep -vxFf "$work/settings" "$dir/settings" | while IFS= read -r line; do
        printf '%s\n' "${line#*:}" >"${line%%:*}" || trouble "$line can't be set"
    done
}

restore_ports() {
    if touched reload interfaces; then quietly ifreload -a && put "reloaded interfaces"; fi
    ports_now >"$work/ports"
    grep -vxFf "$dir/ports" "$work/ports" | while read -r name what value; do
        [ "$what" != address ] || quietly ip addr del "$value" dev "$name"
    done
    ports_now >"$work/ports"
    grep -vxFf "$work/ports" "$dir/ports" | while read -r name what value mtu promiscuous; do
        if [ "$what" = address ]; then
            quietly ip addr add "$value" dev "$name"
        else
            quietly ip link set dev "$name" mtu "$mtu" promisc "$promiscuous" "$value"
        fi
        put "set $name as it was"
    done
}

# Services that ran: only what the run had them take up do they take up again.
bring_back_services() {
    if systemd; then systemctl daemon-reload; fi
    while read -r name was boots; do
        if [ "$was" = stopped ]; then
            # The engine, which was needed until now.
            if runs "$name"; then quietly control stop "$name" && put "stopped $name"; fi
            continue
        fi
        if [ "$boots" = yes ] && ! enabled "$name"; then quietly enable "$name"; fi
        if ! runs "$name"; then
            quietly control start "$name" && put "started $name"
        elif touched restart "$name"; then
            quietly control restart "$name" && put "restarted $name"
        elif [ "$name" = rdnbrd ] && touched reload "$name"; then
            quietly control reload "$name" && put "reloaded $name"
        fi
    done <"$dir/services"
}

same_routing() { routing_now | cmp -s - "$dir/routing/frr.conf"; }

restore_routing() {
    [ -s "$dir/routing/frr.conf" ] || return 0
    # After a start its daemons come one by one.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        same_routing && return
        program=/usr/lib/frr/frr-reload.py
        [ -x "$program" ] || program=/usr/lib/quagga/quagga-reload.py
        router_reload "$program" "$dir/routing/frr.conf" "$dir/routing" >"$work/output" 2>&1 9>&- && break
        sleep 0.3
    done
    if same_routing || routing_now | sort | cmp -s - "$work/routing"; then
        put "reloaded FRR's configuration"
    fi
}

reconnect() { # ID NETWORK ADDRESS
    docker network disconnect -f "$2" "$1"
    docker network connect ${3:+--ip "$3"} "$2" "$1"
}

bring_back_objects() {
    engine && [ -e "$dir/containers" ] || return 0
    networks_now | cut -d ' ' -f 2- >"$work/networks"
    cut -d ' ' -f 2- "$dir/networks" | grep -vxFf "$work/networks" | while read -r name subnet gateway parent spec definition; do
        quietly create_network "$name" "$subnet" "$gateway" "$parent" "$fabric_label=$fabric" "$spec_label=$spec" \
            "$definition_label=$definition" &&
            put "made network $name again"
    done
    [ ! -e "$dir/images-aside" ] || while read -r aside tag; do
        [ -n "$(docker image ls -q "$aside")" ] || continue
        quietly docker tag "$aside" "$tag" && quietly docker image rm "$aside" && put "restored image $tag"
    done <"$dir/images-aside"
    containers_now >"$work/containers"
    grep -vxFf "$work/containers" "$dir/containers" | while read -r id running name network address; do
        bring_back_container
    done
}

bring_back_container() {
    now=$(docker inspect -f '{{.Name}} {{.State.Running}}' "$id" 2>/dev/null) || {
        trouble "container ${name#/} is gone"
        return
    }
    if [ "${now% *}" != "$name" ]; then quietly docker rename "$id" "${name#/}"; fi
    if [ "$running" = true ]; then
        # A network that was made again is another one to those that were on the old one.
        docker start "$id" >"$work/output" 2>&1 ||
            { [ -n "$network" ] && reconnect "$id" "$network" "$address" && docker start "$id"; } >"$work/output" 2>&1 ||
            trouble "container ${name#/} doesn't start: $(tail -n 3 "$work/output")"
        announce "$id" 9>&-
    elif [ "${now#* }" = true ]; then
        quietly docker stop -t 1 "$id"
    fi
    put "restored container ${name#/}"
}

# What is not as it was after all.
differences() {
    wrong_files | while IFS= read -r line; do echo "file ${line#*  }"; done
    settings_now >"$work/settings"
    grep -vxFf "$work/settings" "$dir/settings" | sed 's/^/setting /'
    ports_now | sort >"$work/ports"
    sort "$dir/ports" | comm -3 - "$work/ports" | awk '{ print "port", $1 }' | sort -u
    while read -r name was boots; do
        if runs "$name"; then is=running; else is=stopped; fi
        [ "$is" = "$was" ] || echo "service $name is $is"
    done <"$dir/services"
    if [ -s "$dir/routing/frr.conf" ]; then
        # Lines of one level may come in another order.
        routing_now | sort | cmp -s - "$work/routing" || echo "FRR's running configuration"
    fi
    if engine && [ -e "$dir/containers" ]; then
        containers_now | sort >"$work/containers"
        sort "$dir/containers" | comm -3 - "$work/containers" | awk '{ print "container", $3 }' | sort -u
        networks_now | cut -d ' ' -f 2- | sort >"$work/networks"
        cut -d ' ' -f 2- "$dir/networks" | sort | comm -3 - "$work/networks" | awk '{ print "network", $1 }' | sort -u
    fi
}

back() { # BY
    is_open || {
        how=$(sed -n 1p "$dir/outcome" 2>/dev/null)
        finish "$1"
        echo "@closed $how"
        return
    }
    rm -f "$dir/reserve"
    mkdir -p "$volatile" "$work"
    end_run "$1"
    exclusive
    # Somebody else may have done it meanwhile.
    is_open || {
        echo "@closed $(sed -n 1p "$dir/outcome")"
        return
    }
    # No step of the run begins any more.
    : >"$dir/restoring"
    : >"$work/troubles"
    [ ! -s "$dir/routing/frr.conf" ] || sort "$dir/routing/frr.conf" >"$work/routing"
    stop_new_services
    remove_new_objects
    restore_files
    restore_settings
    restore_ports
    bring_back_services
    restore_routing
    bring_back_objects
    differences >"$work/differences"
    sed 's/^/@differs /' "$work/differences"
    # What couldn't be done now may be possible when the guard's time is over.
    if [ "$1" = controller ] && [ -s "$work/differences" ] && guard_lives; then
        echo "@again"
        return
    fi
    outcome restored "$1"
    if [ ! -s "$work/differences" ]; then rm -rf "$dir/files" "$dir/routing" "$dir/docker.json"; fi
    tidy "$1"
    echo "@restored"
}

# --- the end

# The moment in which a run ends, one way or the other.
outcome() { # HOW BY
    {
        printf '%s\n' "$1" "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
        [ ! -e "$work/differences" ] || cat "$work/differences"
    } >"$dir/outcome.new"
    # On a full disk at least that it ended.
    mv "$dir/outcome.new" "$dir/outcome"
}

# What is left to do once the end is written down; again, if that was cut short. The sign of it goes last.
tidy() { # BY
    how=$(sed -n 1p "$dir/outcome")
    if [ "$how" != restored ] && engine && { runs docker || quietly control start docker; }; then
        # All at once: each start of a client takes its time.
        docker ps -aq --filter "name=$kept$run\$" | xargs -r docker rm -f >/dev/null 2>&1
        [ ! -e "$dir/images-aside" ] || cut -d ' ' -f 1 "$dir/images-aside" | xargs -r docker image rm >/dev/null 2>&1
        if touched end docker; then control stop docker >/dev/null 2>&1 9>&-; fi
    fi
    rm -rf "$dir/restoring" "$dir/reserve" "$work"
    remove_hook
    if [ "$1" != guard ] && guard_lives; then
        if systemd && has systemd-run; then
            systemctl stop "fabricctl-guard-$run" 2>/dev/null
        else
            # With what it sleeps in.
            kill -s KILL -- "-$pid"
        fi
    fi
    rm -f "$volatile/$run".* "$dir/armed"
    # A run that changed nothing needs no remembering.
    if [ "$how" = abandoned ]; then
        rm -rf "$dir"
        rmdir "$runs" "$state" 2>/dev/null
    fi
}

# A run that has ended, though not tidied up: the device lost its power in between.
finish() { # BY
    [ -e "$dir/armed" ] || return 0
    exclusive
    [ ! -e "$dir/armed" ] || [ ! -e "$dir/outcome" ] || tidy "$1"
}

close() { # HOW BY
    is_open || {
        how=$(sed -n 1p "$dir/outcome" 2>/dev/null)
        finish "$2"
        echo "@closed $how"
        return
    }
    boundary close
    exclusive
    is_open || {
        echo "@closed $(sed -n 1p "$dir/outcome")"
        return
    }
    # What a restore has begun, only a restore can end.
    if [ -e "$dir/restoring" ]; then
        echo "@restoring"
        return
    fi
    rm -f "$work/differences"
    outcome "$1" "$2"
    boundary closing
    tidy "$2"
    boundary closed
    echo "@done"
}

mode=$1
shift
"$mode" "$@"

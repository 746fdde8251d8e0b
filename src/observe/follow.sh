# Asks the same questions again and again, and says only what differs from the last answer. Nothing on the device changes.
# Ends with its input, which beats every few seconds for as long as somebody listens.

export work
work=$(mktemp -d /tmp/fabricctl.XXXXXXXX) || exit 125
# Should this be killed, the next script there takes the directory away.
echo $$ >"$work/pid"
patience=4
# So many hundredths of a second without a sign of life, and nobody listens any more.
deaf=6000
# What hardly ever changes, or tells of its changes by itself, is asked once in so many rounds.
seldom=15
helpers=
events=

leave() {
    trap - EXIT TERM INT HUP PIPE
    kill $helpers $events 2>/dev/null
    rm -rf "$work"
    exit 0
}

# What doesn't answer must not keep the others from doing so.
docker() { timeout -k 1 "$patience" docker "$@"; }

# Without what changes all the time.
steady() {
    sed -E 's/"(uptime|bgpTimer[A-Za-z]*|[A-Za-z]*Msecs?|[A-Za-z]*(Sent|Recv|Inq|Outq|Timer)|[a-z]+_life_time)": ?("[^"]*"|-?[0-9]+)//g'
}

# part NAME COMMAND…: its answer, if it isn't the one of the last time.
part() {
    name=$1
    shift
    "$@" >"$work/$name.out" 2>"$work/$name.err"
    echo $? >"$work/$name.rc"
    { cat "$work/$name.rc" "$work/$name.err"; steady <"$work/$name.out"; } >"$work/$name.new"
    cmp -s "$work/$name.new" "$work/$name.said" && return
    news=yes
    mv "$work/$name.new" "$work/$name.said"
    end "$name"
}

# now: hundredths of a second since the device was started, in $now.
now() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}

# What comes in is told once until somebody has looked; the first line of a device that is busy counts for all.
gather() {
    while read -r line; do
        case $line in
        "docker exec_"*) continue ;;
        docker*) : >"$work/docker.due"; : >"$work/whole" ;;
        half) ;;
        *) : >"$work/whole" ;;
        esac
        [ -e "$work/due" ] || { : >"$work/due"; echo; }
    done
}

# Docker's own account of what it does; it ends with its engine.
engine_events() {
    [ "$docker" = yes ] || return
    [ -z "$events" ] || ! kill -0 "$events" 2>/dev/null || return
    : >"$work/docker.due"
    command docker events --filter type=container --filter type=network --filter type=image \
        --format 'docker {{.Action}}' >&8 2>/dev/null 9>&- &
    events=$!
}

follow() {
    trap leave EXIT TERM INT HUP PIPE
    main=$$
    exec 3<&0 </dev/null
    (while read -r _; do : >"$work/heard"; done; kill "$main") <&3 >/dev/null &
    helpers=$!
    exec 3<&-
    mkfifo "$work/told" "$work/wake"
    exec 9<>"$work/wake" 8<>"$work/told"
    gather <&8 >&9 &
    helpers="$helpers $!"
    ip monitor link route >&8 2>/dev/null 9>&- &
    helpers="$helpers $!"
    (while sleep "$half"; do echo half; sleep "$half"; echo tick; done) >&8 2>/dev/null 9>&- &
    helpers="$helpers $!"
    now; heard=$now rounds=0
    echo fabricctl-follows
    while :; do
        rm -f "$work/due" "$work/hangs"
        now; began=$now
        news=
        if [ "$rounds" = 0 ] || [ -e "$work/whole" ]; then
            rm -f "$work/whole"
            engine_events
            [ $((rounds % seldom)) != 0 ] || : >"$work/docker.due"
            round
            rounds=$((rounds + 1))
            news=yes
        else
            # Of these nobody tells, and it costs little to ask.
            between
        fi
        [ -z "$news" ] || mark done
        now
        if [ -e "$work/heard" ]; then rm -f "$work/heard"; heard=$now; fi
        [ $((now - heard)) -lt "$deaf" ] || leave
        # A device has other things to do: it asks itself for no more than a third of its time.
        rest=$(((now - began) * 2))
        [ "$rest" -ge 10 ] || rest=10
        [ "$rest" -le 3000 ] || rest=3000
        sleep "$((rest / 100)).$((rest % 100 / 10))"
        read -r _ <&9
    done
}

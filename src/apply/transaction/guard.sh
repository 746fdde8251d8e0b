# What makes a device help itself: a process that waits, and a start at boot that takes its place after a restart.

install_hook() {
    if systemd; then
        cat >"$unit" <<END
[Unit]
Description=puts back what an unconfirmed run of fabricctl changed before this restart
After=network.target docker.service frr.service rdnbrd.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for run in $runs/*/armed; do [ ! -e "\$\$run" ] || sh "\$\${run%%/armed}/restore" back boot; done'

[Install]
WantedBy=multi-user.target
END
        systemctl daemon-reload && systemctl -q enable "${unit##*/}"
        return
    fi
    cat >"$hook" <<END && chmod 755 "$hook"
#!/bin/sh
### BEGIN INIT INFO
# Provides:          fabricctl-guard
# Required-Start:    \$all
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: puts back what an unconfirmed run of fabricctl changed before this restart
### END INIT INFO
[ "\$1" = start ] || exit 0
for run in $runs/*/armed; do
    [ ! -e "\$run" ] || sh "\${run%/armed}/restore" back boot
done
END
    for level in 2 3 4 5; do
        [ ! -d "/etc/rc$level.d" ] || ln -sf "../init.d/${hook##*/}" "/etc/rc$level.d/S99${hook##*/}" || return
    done
}

remove_hook() {
    for other in "$runs"/*/armed; do
        [ ! -e "$other" ] || [ -e "${other%armed}outcome" ] || return 0
    done
    if systemd && [ -e "$unit" ]; then
        systemctl -q disable "${unit##*/}"
        rm -f "$unit"
        systemctl daemon-reload
    fi
    rm -f "$hook" /etc/rc[2-5].d/S99"${hook##*/}"
}

arm() {
    install_hook || return
    read -r up _ </proc/uptime
    read -r seconds <"$dir/seconds"
    echo $((${up%.*} + seconds)) >"$volatile/$run.deadline"
    # What the disk doesn't have yet would be lost with the power.
    sync -f "$dir" && : >"$dir/armed" && start && return
    rm -f "$dir/armed"
    remove_hook
    return 1
}

guard_lives() {
    read -r pid 2>/dev/null <"$volatile/$run.guard" || return
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$dir/restore guard"
}

start() {
    guard_lives && return
    rm -f "$volatile/$run.guard"
    if systemd && has systemd-run; then
        systemd-run --quiet --collect --unit "fabricctl-guard-$run" sh "$dir/restore" guard
    else
        # No descriptor of whoever started it, so that neither a connection nor a lock lives on with it.
        setsid sh "$dir/restore" guard </dev/null >>"$dir/log" 2>&1 8>&- 9>&- &
    fi
    tries=0
    until [ -s "$volatile/$run.guard" ] || [ "$tries" -eq 200 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    [ -s "$volatile/$run.guard" ] || fail "the guard doesn't start"
}

guard() {
    cd / && echo $$ >"$volatile/$run.guard"
    while is_open; do
        seconds=$(left)
        [ "$seconds" -gt 0 ] || {
            back guard
            return
        }
        sleep "$seconds"
    done
}


# Runs on the device and changes nothing there. Each answer stands between marks that hold a word
# drawn for this run, so that no file's content can look like one.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# mark NAME: begins the next answer.
mark() { printf '\n@@%s %s\n' "$word" "$1"; }

has() { command -v "$1" >/dev/null 2>&1; }

runs() {
    if [ -d /run/systemd/system ]; then
        systemctl -q is-active "$1"
        return
    fi
    case $1 in
    # Its own status asks every daemon in turn; the supervisor's pid file tells the same, sooner.
    frr) pid=/run/frr/watchfrr.pid ;;
    docker) pid=/run/docker.pid ;;
    rdnbrd) pid=/run/rdnbrd.pid ;;
    *) service "$1" status >/dev/null 2>&1; return ;;
    esac
    id=
    # Without a newline at its end `read` fails and reads it all the same.
    [ -s "$pid" ] && { read -r id <"$pid" || [ -n "$id" ]; } && kill -0 "$id" 2>/dev/null
}

# One grep for all of them: the kernel gives its settings whole or not at all, and the shell reads octet by octet.
settings() {
    cd /proc/sys && eval "grep -s '' -- $sysctls /dev/null"
}

# What another run has begun comes to its end first: a state halfway makes no plan.
settled() {
    [ ! -e /run/lock/fabricctl ] || ! has flock || flock -s -w 60 /run/lock/fabricctl true
}

running_config() {
    # vtysh writes down in the user's home what it was asked.
    has vtysh && { runs frr || runs quagga; } && HOME=$work vtysh -c 'show running-config' 2>/dev/null
}

docker_objects() {
    objects=$(docker ps -aq --no-trunc; docker network ls -q --no-trunc; docker image ls -aq --no-trunc)
    [ -z "$objects" ] || docker inspect $(printf '%s\n' $objects | sort -u)
}

main() {
    settled || exit 75
    mark os; cat /etc/os-release 2>/dev/null
    mark arch; uname -m
    mark packages
    dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' \
        frr quagga docker.io docker-ce ifupdown2 2>/dev/null
    mark tools
    { [ -x /usr/lib/frr/frr-reload.py ] || [ -x /usr/lib/quagga/quagga-reload.py ]; } && echo router-reload
    has busybox && echo busybox
    mark systemd; [ -d /run/systemd/system ] && echo yes
    mark vrf; { [ -d /sys/module/vrf ] || modprobe -nq vrf 2>/dev/null; } && echo yes
    mark manifest; cat /var/lib/fabricctl/manifest 2>/dev/null
    [ ! -d /var/lib/fabricctl/runs ] || echo runs
    mark services
    eval "set -- $services"
    for service; do runs "$service" && echo "$service"; done
    mark addresses; ip -j addr show
    mark sysctls; (settings)
    mark files; [ -n "$files" ] && eval "tar -chf - -- $files" 2>/dev/null
    mark hashes; [ -n "$hashed" ] && eval "stat -Lc '%a %U %G %n' -- $hashed; sha256sum -- $hashed" 2>/dev/null
    mark routing
    [ "$routing" = yes ] && running_config
    mark docker
    if [ "$docker" = yes ] && has docker && runs docker; then docker_objects; fi
    mark end
}

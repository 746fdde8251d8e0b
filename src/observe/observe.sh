# One grep for all of them: the kernel gives its settings whole or not at all, and the shell reads octet by octet.
settings() {
    cd /proc/sys && eval "grep -s '' -- $sysctls /dev/null"
}

# What another run has begun comes to its end first: a state halfway makes no plan.
settled() {
    [ ! -e /run/lock/fabricctl ] || ! has flock || flock -s -w "$patience" /run/lock/fabricctl true
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

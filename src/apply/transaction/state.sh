# What there is on the device, in lines that can be compared: the snapshot of a run is made of them, and a restored
# device is measured by them.

# signatures <PATHS: mode, owner, group, hash, two spaces and the path of each; dashes for what doesn't exist.
signatures() {
    set --
    while IFS= read -r path; do
        if [ -h "$path" ]; then
            printf 'link - - %s  %s\n' "$(readlink "$path" | sha256sum | cut -c 1-64)" "$path"
        elif [ -f "$path" ]; then
            set -- "$@" "$path"
        elif [ -e "$path" ]; then
            printf 'other - - -  %s\n' "$path"
        else
            printf '%s\n' "- - - -  $path"
        fi
    done
    [ $# -gt 0 ] || return 0
    stat -c '%a %u %g' -- "$@" >"$work/modes" && sha256sum -- "$@" | paste -d ' ' "$work/modes" -
}

# One grep for all: the kernel gives its settings whole or not at all, and the shell reads octet by octet.
settings_now() {
    [ ! -s "$dir/settings.paths" ] || grep -s '' $(cat "$dir/settings.paths") /dev/null
}

# Of each port whether it is up, its MTU, whether it is promiscuous, and a line for each address.
ports_now() {
    { ip -o link show && ip -o -4 addr show; } | awk -v ports=" $ports " '
        { name = $2; sub(/[:@].*/, "", name) }
        !index(ports, " " name " ") { next }
        $3 == "inet" { print name, "address", $4; next }
        {
            for (i = 4; i < NF && $i != "mtu"; i++) {}
            print name, "link", ($3 ~ /[<,]UP[,>]/ ? "up" : "down"), $(i + 1), ($3 ~ /PROMISC/ ? "on" : "off")
        }'
}

routing_now() { vtysh -c 'show running-config' | sed '1,/^Current configuration/d'; }

# The containers of the fabric: id, whether it runs, name, and each of its networks with its address there.
containers_now() {
    ids=$(docker ps -aq --no-trunc --filter "label=$fabric_label=$fabric") || return
    [ -z "$ids" ] || docker inspect -f '{{.Id}} {{.State.Running}} {{.Name}}{{range $name, $end := .NetworkSettings.Networks}} {{$name}} {{with $end.IPAMConfig}}{{.IPv4Address}}{{end}}{{end}}' $ids
}

# The networks of the fabric: id, name, subnet, gateway, parent, its mark and its definition.
networks_now() {
    ids=$(docker network ls -q --no-trunc --filter "label=$fabric_label=$fabric") || return
    [ -z "$ids" ] || docker network inspect -f "{{.Id}} {{.Name}}{{range .IPAM.Config}} {{.Subnet}} {{.Gateway}}{{end}} {{.Options.parent}} {{index .Labels \"$spec_label\"}} {{index .Labels \"$definition_label\"}}" $ids
}

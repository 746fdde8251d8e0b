# Asks what was put on the device, and what of it is there; by the functions of observe.sh. Changes nothing.
record=/var/lib/fabricctl/deployed

# below FOLDER [TEST...]: the recorded paths of a kind, from the root as `.`, each ended by a zero octet.
below() {
    cd "$record/$1" 2>/dev/null || return
    shift
    find . -type f ! -name '*.fabricctl-new' "$@" -print0
}

# there TEST...: those of the paths on stdin that are files, or links to files, on the device.
there() { (cd / && xargs -0r sh -c "exec find -L \"\$@\" -maxdepth 0 -type f $* -print0" sh 2>/dev/null); }

# Signatures <PATHS, as observe.sh has them.
signed() { tee "$work/paths" | xargs -0r stat -Lc '%a %U %G %n' && xargs -0r sha256sum <"$work/paths"; }

recorded_services() {
    for place in "$record"/services/*; do
        name=${place##*/}
        [ ! -e "$place" ] || { runs "$name" && echo "$name yes" || echo "$name no"; }
    done
}

# As sysctl(8) says them; a pattern may fit nothing.
asked_settings() {
    sed -n 's/^[[:space:]]*\([a-z][^=[:space:]]*\)[[:space:]]*=.*/\1/p' \
        "$record"/files/etc/sysctl.conf "$record"/files/etc/sysctl.d/* 2>/dev/null |
        grep -v '[*?[]' | sort -u | xargs -r sysctl -e 2>/dev/null
}

# The recorded file, not the one that is there now. Python takes its time, and the kernel is asked for the same: whoever
# has no time to wait does without.
ifupdown_check() {
    [ "$patience" != 0 ] && [ -e "$record/files/etc/network/interfaces" ] && has ifquery &&
        ifquery -i "$record/files/etc/network/interfaces" --check -a -o json 2>/dev/null
}

drift() {
    settled || exit 75
    mark manifest
    [ ! -e /var/lib/fabricctl/manifest ] || echo yes
    mark record
    [ ! -d "$record" ] || echo yes
    mark run; cat "$record/run.json" 2>/dev/null
    mark outcome
    run=$(sed -n 's/.*"run": *"\([A-Za-z0-9-]*\)".*/\1/p' "$record/run.json" 2>/dev/null)
    [ ! -e "/var/lib/fabricctl/runs/$run/outcome" ] || sed -n 1p "/var/lib/fabricctl/runs/$run/outcome"
    mark kept-hashes; (below files | (cd "$record/files" 2>/dev/null && signed))
    mark kept; (below files -size -129 | (cd "$record/files" 2>/dev/null && tar --null -T - -cf -))
    mark found-hashes; (below files | there | (cd / && signed))
    mark found; (below files | there -size -129 | (cd / && tar --null -T - -chf - 2>/dev/null))
    mark back; (below gone | (cd / && xargs -0r sh -c 'for path; do [ ! -e "$path" ] || echo "$path"; done' sh))
    mark services; recorded_services
    mark settings; asked_settings
    mark addresses; ip -j addr show
    mark ifupdown; ifupdown_check
    mark routing
    [ "$routing" = yes ] && running_config
    mark containers; (below containers | (cd "$record/containers" 2>/dev/null && tar --null -T - -cf -))
    mark networks; (below networks | (cd "$record/networks" 2>/dev/null && tar --null -T - -cf -))
    mark engine
    if [ "$docker" = yes ] && has docker && runs docker; then
        echo yes
        mark docker; docker_objects
    fi
    mark end
}

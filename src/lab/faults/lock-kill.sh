# The process that holds the device's lock for a run is killed; what it wrote of itself stays. Where there is none the
# record of one is left that never lived.
lock=/run/fabricctl/lock

inject() {
    mkdir -p "${lock%/*}"
    if read -r pid 2>/dev/null <"$lock"; then kill -KILL "$pid" 2>/dev/null || :; return 0; fi
    date=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    printf '%s\n' "$(sh -c 'echo $$')" 20000101T000000Z-0000 nobody@nowhere 192.0.2.1 "$date" >"$lock"
}
undo() { :; }

# Runs on the device for as long as a run has it: takes the lock, says so, and keeps it until its input ends or is
# silent for too long. Every end of a run shows here as one of the two, so that no lock outlives its run.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
run=$1 who=$2 from=${3%% *} take_over=$4
volatile=/run/fabricctl
file=$volatile/lock
runs=/var/lib/fabricctl/runs

# After whatever the login shell had to say.
printf '\n@begun\n'
{ mkdir -p "$volatile" && : >>"$file"; } 2>&1 || exit 73
exec 8<>"$file"

# Reads who has the lock; fails unless that process has the file open as a holder does.
holder() {
    read -r pid <"$file" || return
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    [ "$(readlink "/proc/$pid/fd/8")" = "$file" ]
}

# take SECONDS: a run that has just ended may still be letting go.
if command -v flock >/dev/null; then
    take() { flock -w "$1" 8; }
else
    take() {
        ! holder || return
        echo $$ >"$file"
        sleep 0.2
        holder && [ "$pid" = $$ ]
    }
fi

# A killed holder is certain to be gone; whatever waits for its input goes when that ends.
seize() { [ "$take_over" = yes ] && holder && kill -9 "$pid" && take 5; }

if ! take 1 && ! seize; then
    echo @held
    sed -n 2,5p "$file"
    exit 75
fi
printf '%s\n' $$ "$run" "$who" "$from" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$file"
# What an open run left there its guard needs.
trap ': >"$file"; [ -e "$runs/$run/armed" ] || rm -f "$volatile/$run".*' EXIT
trap 'exit 0' TERM INT HUP

# While the run is alive its guard has nothing to do.
extend() {
    [ -e "$runs/$run/armed" ] && read -r seconds <"$runs/$run/seconds" && read -r up _ </proc/uptime || return
    echo $((${up%.*} + seconds)) >"$volatile/$run.deadline"
}

for open in "$runs"/*/armed; do
    open=${open%/armed}
    [ -e "$open/armed" ] || continue
    if [ -e "$open/outcome" ]; then
        sh "$open/restore" finish next 8>&- >/dev/null
        continue
    fi
    # Whoever killed its guard didn't end it.
    sh "$open/restore" start 8>&-
    ends= up=
    read -r ends <"$volatile/${open##*/}.deadline"
    read -r up _ </proc/uptime
    echo "@open ${open##*/} $((${ends:-0} - ${up%.*})) $(cat "$open/confirm") $(sed -n 1p "$open/by")"
done
echo @locked

# A beat comes every five seconds, and ssh gives a connection up that is silent for twenty. The lock is this process's
# alone: no child inherits it.
while [ "$(timeout 30 head -c 1 8>&-)" = . ]; do
    extend
done

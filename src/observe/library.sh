# Runs on the device and changes nothing there. Each answer stands between marks that hold a word
# drawn for this run, so that no file's content can look like one.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# mark NAME: begins the next answer.
mark() { printf '\n@@%s %s\n' "$word" "$1"; }

has() { command -v "$1" >/dev/null 2>&1; }

# lives PIDFILE: without a newline at its end `read` fails and reads it all the same.
lives() {
    id=
    [ -s "$1" ] && { read -r id <"$1" || [ -n "$id" ]; } && kill -0 "$id" 2>/dev/null
}

runs() {
    if [ -d /run/systemd/system ]; then
        systemctl -q is-active "$1"
        return
    fi
    case $1 in
    # Its own status asks every daemon in turn; the supervisor's pid file tells the same, sooner.
    frr) lives /run/frr/watchfrr.pid ;;
    docker) lives /run/docker.pid ;;
    rdnbrd) lives /run/rdnbrd.pid ;;
    *) service "$1" status >/dev/null 2>&1 ;;
    esac
}


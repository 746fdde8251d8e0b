# Runs in a node, as root: the word says which of a fault's two functions, arguments follow.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
dir=/run/lab-fault
mkdir -p "$dir"
fail() {
    printf '%s\n' "$*" >&2
    return 1
}

# The engine is stopped, and its containers with it.
inject() {
    service docker status >/dev/null 2>&1 || fail "no Docker Engine runs there" || return
    service docker stop
}
undo() { service docker start; }

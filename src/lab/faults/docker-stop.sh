# The engine is stopped; its containers run on.
inject() {
    service docker status >/dev/null 2>&1 || fail "no Docker Engine runs there" || return
    service docker stop
}
undo() { service docker start; }

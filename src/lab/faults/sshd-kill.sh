# sshd and every session of it is killed; arguments for its next start follow the word.
inject() { pkill -KILL '^sshd' || [ $? -eq 1 ]; }
undo() { pgrep -x sshd >/dev/null || /usr/sbin/sshd "$@"; }

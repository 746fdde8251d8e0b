# The next reload of FRR takes the first half of the lines that change, and fails; later ones do what they should.
program=/usr/lib/frr/frr-reload.py

inject() {
    ! mountpoint -q "$program" || return 0
    mkdir -p "$dir/reload" && cp -a "$program" "$dir/reload/whole" || return
    cat >"$dir/reload/half" <<'END' && chmod 755 "$dir/reload/half" && mount --bind "$dir/reload/half" "$program"
#!/usr/bin/python3
import difflib, os, subprocess, sys

here = "/run/lab-fault/reload"
whole = here + "/whole"
try:
    os.mkdir(here + "/done")
except FileExistsError:
    os.execv(whole, [whole] + sys.argv[1:])
running = subprocess.run(["vtysh", "-c", "show running-config"], stdout=subprocess.PIPE, universal_newlines=True)
with open(sys.argv[-1]) as wanted:
    lines = list(difflib.ndiff(running.stdout.splitlines()[4:], wanted.read().splitlines()))
changes = sum(line[0] in "+-" for line in lines)
half, seen, mixed = (changes + 1) // 2, 0, []
for line in lines:
    if line[0] == "?":
        continue
    changed = line[0] in "+-"
    taken = seen < half
    seen += changed
    if not changed or taken == (line[0] == "+"):
        mixed.append(line[2:] + "\n")
with open(here + "/frr.conf", "w") as out:
    out.writelines(mixed)
subprocess.run([whole, "--reload", "--stdout", "--confdir", here, here + "/frr.conf"])
print("ERROR: the reload ended half-way")
sys.exit(1)
END
}

undo() {
    ! mountpoint -q "$program" || umount -l "$program"
    rm -rf "$dir/reload"
}

//! A node of a lab, seen from the machine: no fault of its network or its sshd is in the way.

use super::support::Ran;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Where the hook keeps what it is told and what it tells, in the node.
const PLACE: &str = "run/boundary";
/// Counts the boundaries of a run, and stops it at one of them until it is let go on.
const HOOK: &str = r#"#!/bin/sh
cd /run/boundary || exit
printf '%s\n' "${1-} ${2-} ${3-} ${4-} ${5-}" >>passed
[ "$(wc -l <passed)" = "$(cat stop)" ] || exit 0
: >reached
read -r _ <go
"#;

/// What a device is: its files, ports, settings, services, running configuration and containers. Ports by what they were
/// told to be: a pulled cable is no difference.
const FINGERPRINT: &str = r#"
find /etc /usr/local /var/lib/fabricctl \( -path /var/lib/fabricctl/runs -o -path /var/lib/fabricctl/deployed -o -name '*.sav' -o -path /etc/docker/key.json \) -prune -o \
    -type f -print0 | sort -z | xargs -0 sh -c 'sha256sum "$@" && stat -c "%A %U %G %n" "$@"' sh
find /etc /usr/local -type l -printf '%p %l\n' | sort
ip -o -4 addr show | awk '{ print $2, $4 }' | sort
ip -o link show | grep -v docker | sed 's/@[^:]*//' |
    awk '{ print $2, ($3 ~ /[<,]UP[,>]/ ? "up" : "down"), ($3 ~ /PROMISC/ ? "promiscuous" : ""), $4, $5 }' | sort
grep -s '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/fib_multipath_hash_policy /proc/sys/net/ipv4/conf/*/proxy_arp \
    /proc/sys/net/ipv6/conf/*/dad_transmits
for service in frr rdnbrd docker; do
    [ -e /etc/init.d/$service ] && { service $service status >/dev/null 2>&1 && echo $service runs || echo $service is off; }
done
ls /etc/rc2.d
! service frr status >/dev/null 2>&1 || vtysh -c 'show running-config'
if service docker status >/dev/null 2>&1; then
    docker ps -a --no-trunc --format 'container {{.Names}} {{.State}} {{.Image}} {{.ID}}' | sort
    docker ps -aq | xargs -r docker inspect -f '{{.Name}} {{.State.Running}} {{.Config.Env}}' | sort
    docker network ls --format '{{.Name}} {{.Driver}}' | sort
    docker image ls --format '{{.Repository}}:{{.Tag}}' | sort
fi
"#;

/// What a run leaves on a device besides that, which must be nothing.
const REMAINS: &str = "ls -d /tmp/fabricctl.* /etc/init.d/fabricctl-guard /etc/rc2.d/*fabricctl* /run/fabricctl/*.* \
    /var/lib/fabricctl/runs/*/armed /etc/*.fabricctl-new /etc/*/*.fabricctl-new /etc/*/*/*.fabricctl-new 2>/dev/null; \
    cat /run/fabricctl/lock 2>/dev/null; pgrep -af '[r]estore guard'; \
    docker ps -a --format '{{.Names}}' 2>/dev/null | grep fabricctl; true";

/// First processes of nodes that were found before.
static FOUND: Mutex<BTreeMap<String, i32>> = Mutex::new(BTreeMap::new());

pub struct Node<'a> {
    lab: &'a Path,
    pub name: &'static str,
}

impl<'a> Node<'a> {
    pub fn new(lab: &'a Path, name: &'static str) -> Self {
        Self { lab, name }
    }

    /// The node's first process; none while it restarts.
    fn init(&self) -> Option<i32> {
        let key = format!("\0lab-node\0{}\0{}\0", self.lab.display(), self.name);
        let is_it = |pid: &i32| {
            let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let first = |status: String| {
                status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
            };
            read("cmdline").contains(&key) && first(read("status"))
        };
        let known = FOUND.lock().unwrap().get(&key).copied();
        let pid = known.filter(is_it).or_else(|| {
            let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(is_it)
        })?;
        FOUND.lock().unwrap().insert(key, pid);
        Some(pid)
    }

    /// A path of the node, as this machine sees it.
    pub fn path(&self, path: &str) -> Option<PathBuf> {
        Some(Path::new("/proc").join(self.init()?.to_string()).join("root").join(path))
    }

    /// Runs a shell script in the node.
    pub fn run(&self, script: &str) -> Ran {
        let Some(init) = self.init() else {
            return Ran { code: -1, stdout: String::new(), stderr: "the node is down".to_owned() };
        };
        let output = Command::new("nsenter")
            .args([
                "-t",
                &init.to_string(),
                "-m",
                "-u",
                "-i",
                "-n",
                "-p",
                "-C",
                "-r",
                "-w",
                "--",
                "env",
                "-i",
            ])
            .args(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"])
            .args(["sh", "-c", script])
            .output()
            .unwrap();
        Ran::of(&output)
    }

    pub fn fingerprint(&self) -> String {
        self.run(FINGERPRINT).stdout
    }

    pub fn remains(&self) -> String {
        self.run(REMAINS).stdout
    }

    /// Whether a run is neither confirmed nor undone on it; one that is down can't be asked, and so may have one.
    pub fn has_open_run(&self) -> bool {
        let Some(runs) = self.path("var/lib/fabricctl/runs") else { return true };
        let runs = fs::read_dir(runs).into_iter().flatten().filter_map(Result::ok);
        runs.into_iter().any(|run| run.path().join("armed").exists())
    }

    /// Has the next run stop at its boundary of that number, counted from 1; at none if that is 0.
    pub fn prepare(&self, boundary: usize) {
        let place = self.path(PLACE).unwrap();
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("stop"), boundary.to_string()).unwrap();
        nix::unistd::mkfifo(&place.join("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let hook = self.path("run/fabricctl/hook").unwrap();
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The boundaries that the run has passed, or stands at.
    pub fn passed(&self) -> Vec<String> {
        let path = self.path(PLACE).map(|place| place.join("passed"));
        let text = path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().map(super::table::name).collect()
    }

    pub fn is_at_boundary(&self) -> bool {
        self.path(PLACE).is_some_and(|place| place.join("reached").exists())
    }

    /// Lets the run go on. What is returned must live until it has.
    pub fn let_go(&self) -> Option<File> {
        // For both: neither does opening wait for a reader, nor is the word lost before there is one.
        let fifo = self.path(PLACE)?.join("go");
        let mut fifo = OpenOptions::new().read(true).write(true).open(fifo).ok()?;
        fifo.write_all(b"go\n").ok()?;
        Some(fifo)
    }

    /// What the hook was is gone.
    pub fn tidy(&self) {
        self.run("rm -rf /run/boundary /run/fabricctl/hook");
    }
}

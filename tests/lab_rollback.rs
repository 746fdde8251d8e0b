//! Devices go back to the state before a run: proven on real parts, by hashes of files, running configurations, services,
//! ports, settings and containers. One test walks the whole story in order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a panic is how a test fails; tests start processes, write and read files, and tell how long things took"
)]

mod support;

use std::process::Stdio;
use std::time::Instant;
use support::{
    Answers, CHANGED, FRR, Held, Lab, Ran, Template, assert_nothing_remains, assert_same, eventually,
    everywhere,
};

/// Secrets of two runs: nothing of them may be told.
const TOKENS: [&str; 2] = ["first-tok3n-of-web43", "second-tok3n-of-web43"];

#[test]
fn devices_go_back_to_before_a_run() {
    let lab = Lab::up("rollback", "bookworm");
    nothing_to_undo(&lab);
    // Somebody else's, which must live through all of this.
    lab.ssh("leaf01", "echo mine >/etc/sysctl.d/foreign.conf");
    let bare = fingerprints(&lab);
    run(&lab, &["deploy", "--yes"]).exits(0).says("all 12 container /32s");
    let first = newest(&lab);
    let reference = fingerprints(&lab);

    let changed = a_change_and_back(&lab, &reference);
    back_over_several_runs(&lab, &first, &bare, &reference);
    drop(changed);
    a_killed_controller(&lab, &reference);
    what_is_forgotten(&lab, &first);
}

/// What a device is, with containers by what they were made from.
const FINGERPRINT: &str = r#"
places() { find /etc /usr/local /var/lib/fabricctl \( -path /var/lib/fabricctl/runs -o -path /var/lib/fabricctl/deployed -o -name '*.sav' -o -path '/etc/*-' -o -path /etc/docker/key.json \) -prune -o "$@" | sort -z; }
places -type f -print0 | xargs -0r sha256sum
places \( -type f -o -type l \) -printf '%M %u %g %p %l\0' | tr '\0' '\n'
ip -o -4 addr show | awk '{ print $2, $4 }' | sort
ip -o link show | grep -v docker | sed 's/^[0-9]*: //; s/@[^:]*//' | awk '{ print $1, $2, $3, $4, $5 }' | sort
grep -s '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/proxy_arp /proc/sys/net/ipv6/conf/*/dad_transmits | sort
for service in frr rdnbrd docker; do
    [ -e /etc/init.d/$service ] && { service $service status >/dev/null 2>&1 && echo $service runs || echo $service is off; }
done
ls /etc/rc2.d
service frr status >/dev/null 2>&1 && vtysh -c 'show running-config'
if service docker status >/dev/null 2>&1; then
    docker ps -aq | xargs -r docker inspect -f '{{.Name}} {{.State.Running}} {{.Config.Image}} {{.Config.Env}} {{.Config.Cmd}} {{index .Config.Labels "fabricctl.spec"}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' | sort
    docker network ls --format '{{.Name}} {{.Driver}}' | sort
    docker image ls --format '{{.Repository}}:{{.Tag}}' | sort
else
    ls /var/lib/docker/containers 2>/dev/null
fi
true
"#;

fn fingerprints(lab: &Lab) -> Answers {
    everywhere(lab, FINGERPRINT)
}

/// Every device is as it was, but for those named, and nothing of a run is left on any.
#[track_caller]
fn assert_as(lab: &Lab, before: &Answers, but: &[&str]) {
    assert_same(before, &fingerprints(lab), but);
    assert_nothing_remains(lab);
}

/// Runs a verb against the lab; no secret may come out.
#[track_caller]
fn run(lab: &Lab, args: &[&str]) -> Ran {
    let devices: &[&str] = if args[0] == "history" { &[] } else { &["--lab", &lab.name] };
    let ran = Ran::of(&lab.command(&[args, devices].concat()).output().unwrap());
    for token in TOKENS {
        assert!(
            !ran.stdout.contains(token) && !ran.stderr.contains(token),
            "{args:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
    ran
}

fn newest(lab: &Lab) -> String {
    let runs = run(lab, &["history", "-o", "json"]).exits(0).json();
    runs[0]["run"].as_str().unwrap().to_owned()
}

fn nothing_to_undo(lab: &Lab) {
    run(lab, &["rollback", "--yes"]).exits(2).says("has no run that changed this fabric");
    run(lab, &["rollback", "3fa9", "--yes"])
        .exits(2)
        .says("has no run \"3fa9\"")
        .says("no run is recorded there");
}

/// Another address, another secret, a new image and file, and other routing; the inventory stays changed.
fn a_change_and_back(lab: &Lab, reference: &Answers) -> [Template; 3] {
    let web43 = "address: 172.16.1.43, image: identify";
    lab.edit("172.16.1.12,", "172.16.1.15,");
    lab.edit("  web33: { server: server03, address: 172.16.1.33, image: identify }\n", "");
    lab.edit(web43, &format!("{web43}, environment: {{ TOKEN: {{ secret: {} }} }}", TOKENS[0]));
    let image =
        std::fs::read_to_string("templates/debian/var/lib/fabricctl/images/identify/Dockerfile.j2").unwrap();
    let templates = [
        Template::edited(lab, FRR, &[CHANGED]),
        Template::new(
            lab,
            "etc/sysctl.d/91-more.conf.j2",
            "{#- fabricctl: roles=leaf activates=sysctl:reload -#}\nnet.ipv4.ip_default_ttl = 77\n",
        ),
        Template::new(
            lab,
            "var/lib/fabricctl/images/identify/Dockerfile.j2",
            &image.replace("ENTRYPOINT", "ENV NEW=1\nENTRYPOINT"),
        ),
    ];
    run(lab, &["deploy", "--yes"]).exits(0).says("all 11 container /32s");
    let with_first = fingerprints(lab);
    assert!(with_first["server04"].contains(TOKENS[0]));
    assert_eq!(lab.ssh("leaf01", "cat /proc/sys/net/ipv4/ip_default_ttl").trim(), "77");
    // Only a secret differs.
    lab.edit(TOKENS[0], TOKENS[1]);
    run(lab, &["deploy", "--yes"]).exits(0).says("11 container /32s");
    let before_plan = fingerprints(lab);
    let dry = run(lab, &["rollback", "--dry-run"]).exits(0).says("run container web43");
    assert!(!dry.stdout.contains("web12"), "{}", dry.stdout);
    assert_as(lab, &before_plan, &[]);
    run(lab, &["rollback", "--yes", "-v"]).exits(0).says("rolled back to before run");
    assert_as(lab, &with_first, &[]);
    // Once more, and it is done again.
    run(lab, &["rollback", "--yes"]).exits(0);
    assert_as(lab, &before_plan, &[]);

    let runs = run(lab, &["history", "-o", "json"]).exits(0).json();
    let change = runs[3]["run"].as_str().unwrap().to_owned();
    assert_eq!((&runs[1]["verb"], &runs[1]["of"]), (&"rollback".into(), &runs[2]["run"]));
    assert_eq!((&runs[0]["of"], &runs[0]["outcome"]), (&runs[1]["run"], &"done".into()));
    run(lab, &["history"]).exits(0).says("rollback of");
    // Over four runs; and a plan as a program reads it, which is one that can be confirmed by hand.
    let began = Instant::now();
    let ran = run(lab, &["rollback", &change, "--yes", "-o", "json", "--confirm", "manual"]).exits(0).json();
    println!("back over four runs: {:.1} s", began.elapsed().as_secs_f32());
    assert_eq!((ran["of"].as_str(), ran["done"].as_bool()), (Some(&*change), Some(true)));
    assert!(ran["confirm_before"].is_string() && ran["rest"] == serde_json::json!([]), "{ran}");
    run(lab, &["confirm"]).exits(0).says("is confirmed on");
    assert_as(lab, reference, &[]);
    run(lab, &["rollback", &change, "--yes"]).exits(0).says("nothing left to undo");
    let journal = lab.inventory.path().join(".fabricctl/runs");
    for file in std::fs::read_dir(journal).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(TOKENS.iter().all(|token| !text.contains(token)), "{text}");
    }
    templates
}

/// To before the first deployment, with a device that can't be reached at first.
fn back_over_several_runs(lab: &Lab, first: &str, bare: &Answers, reference: &Answers) {
    let began = Instant::now();
    {
        let _gone = Held::on(lab, "leaf03", "kill $(cat /run/sshd.pid)", "/usr/sbin/sshd -p 22");
        run(lab, &["rollback", first, "--yes"])
            .exits(4)
            .says("error: leaf03: connect")
            .says("not rolled back: leaf03")
            .says(&format!("finish it later: fabricctl rollback {first}"));
    }
    println!("a full deployment and all after it undone: {:.1} s", began.elapsed().as_secs_f32());
    eventually("sshd is back", || lab.try_ssh("leaf03", "true").code == 0);
    assert_as(lab, bare, &["leaf03"]);
    let rest = newest(lab);
    let ran = run(lab, &["rollback", first, "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(ran["plan"]["summary"]["nodes"], 1, "{ran}");
    assert_as(lab, bare, &[]);
    // All of it again: both rollbacks undone.
    run(lab, &["rollback", &rest, "--yes"]).exits(0);
    assert_as(lab, reference, &[]);
}

/// A run whose controller is killed is put back at once, without waiting for the guards.
fn a_killed_controller(lab: &Lab, reference: &Answers) {
    let original = std::fs::read_to_string("inventory/reference/fabric.yml").unwrap();
    std::fs::write(lab.fabric_file(), original).unwrap();
    let frr = Template::edited(lab, FRR, &[CHANGED]);
    let slow = Template::new(
        lab,
        "etc/slow.j2",
        "{#- fabricctl: roles=server check=\"sleep 5; test -s {}\" -#}\nslow\n",
    );
    let mut child = lab
        .command(&["deploy", "--yes", "--lab", &lab.name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the slow step begins", || {
        lab.try_ssh("server01", "test -e /etc/slow.fabricctl-new").code == 0
    });
    child.kill().unwrap();
    child.wait().unwrap();
    drop((frr, slow));
    let killed = newest(lab);
    run(lab, &["history"]).exits(0).says("interrupted");
    // The locks go with the connections, whose ends the devices may see a moment later.
    let mut ran = run(lab, &["rollback", "--yes"]);
    eventually("no device is held any more", || {
        if ran.code != 0 {
            assert!(ran.stderr.contains("is working on the device"), "{}", ran.stderr);
            ran = run(lab, &["rollback", "--yes"]);
        }
        ran.code == 0
    });
    ran.says(&format!("put back what was there before run {killed}"));
    assert_as(lab, reference, &[]);
    run(lab, &["rollback", &killed, "--yes"]).exits(0).says("nothing left to undo");
    run(lab, &["deploy"]).exits(0).says("nothing changed");
}

fn what_is_forgotten(lab: &Lab, first: &str) {
    lab.ssh("leaf02", &format!("rm -r /var/lib/fabricctl/runs/{first}"));
    let ran = run(lab, &["rollback", first, "--dry-run", "--limit", "leaf02,spine01"]).exits(1);
    let ran = ran.says(&format!("leaf02: remember: it no longer remembers run {first}"));
    assert!(ran.stdout.contains("\n  spine01\n") && !ran.stdout.contains("\n  leaf02\n"), "{}", ran.stdout);
    run(lab, &["rollback", first, "--yes", "--limit", "nobody"]).exits(2);
    run(lab, &["teardown", "--yes"]).exits(0);
    run(lab, &["rollback", "--yes"]).exits(2).says("was a teardown");
    run(lab, &["rollback", first, "--yes"]).exits(1).says("a teardown, took away what it remembered");
}

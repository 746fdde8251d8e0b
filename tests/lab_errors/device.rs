//! Devices that lack something, or hold what others made.

use crate::connect::Altered;
use crate::support::Lab;
use crate::{Errors, NODES};

const BY_HAND: &str = "echo '# by hand' >>/etc/frr/frr.conf";

/// Puts a small file system over /etc/frr, with its files in it, and fills it to the brim.
fn fill_etc_frr(lab: &Lab, node: &str) {
    lab.ssh(
        node,
        "cp -a /etc/frr /root/frr && \
         mount -t tmpfs -o size=32k,mode=750,uid=$(id -u frr),gid=$(id -g frr) tmpfs /etc/frr && \
         cp -a /root/frr/daemons /root/frr/frr.conf /root/frr/vtysh.conf /etc/frr && rm -r /root/frr",
    );
    lab.ssh(node, &format!("{BY_HAND}; cat /dev/zero >/etc/frr/fill 2>/dev/null; df /etc/frr | grep 100%"));
}

pub fn a_full_disk(lab: &Lab) {
    let full = "No space left on device";
    fill_etc_frr(lab, "leaf03");
    lab.ssh("leaf04", BY_HAND);
    let files = || lab.ssh("leaf03", "sha256sum /etc/frr/*; pidof bgpd");
    let before = files();
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes", "--on-failure", "keep"]);
    errors.say("leaf03", "write /etc/frr/frr.conf", full, "df -h shows where it is full");
    errors.only(&["leaf03"]);
    errors.add("2 of 4 steps were done, 1 were not begun; all is done on leaf04");
    assert_eq!(before, files());
    assert_eq!(lab.try_ssh("leaf04", "grep 'by hand' /etc/frr/frr.conf").code, 1, "leaf04 was done");
    lab.ssh("leaf03", "umount /etc/frr");

    // Where the script's own files go: no room at all, then too little for what is to be sent.
    lab.ssh("leaf03", "mount -t tmpfs -o size=64k tmpfs /tmp; cat /dev/zero >/tmp/fill 2>/dev/null; true");
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes"]);
    errors.say("leaf03", "observe", "the device's disk is full: ", "free some space in /tmp");
    errors.add("nothing was changed; nothing is wrong with leaf01, leaf02, leaf04, server01");
    lab.ssh("leaf03", "rm /tmp/fill; mv /usr/local/sbin/rdnbrd /root");
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes", "--limit", "leaf03"]);
    errors.say("leaf03", "snapshot", full, "free some space in /tmp");
    assert_eq!(lab.ssh("leaf03", "ls -A /tmp"), "", "what was begun is cleared away");
    lab.ssh("leaf03", "umount /tmp; mv /root/rdnbrd /usr/local/sbin; mount -t tmpfs -o ro tmpfs /tmp");
    Errors::of(1, |args| lab.on(args), &["plan", "--limit", "leaf03"]).say(
        "leaf03",
        "observe",
        "the device takes no files",
        "read-only",
    );
    lab.ssh("leaf03", "umount /tmp");

    // Where the records of what was there before go.
    lab.ssh("spine02", "mount -t tmpfs -o size=64k tmpfs /var/lib/fabricctl");
    lab.ssh("spine02", "cat /dev/zero >/var/lib/fabricctl/fill 2>/dev/null; true");
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes", "--limit", "spine02"]);
    errors.say("spine02", "snapshot", full, "/var/lib/fabricctl on the device");
    lab.ssh("spine02", "umount /var/lib/fabricctl");
    lab.on(&["plan", "--exit-code"]).exits(0);
}

pub fn a_missing_package(lab: &Lab) {
    let check = |node: &str, now: &str, later: &str, message: &str, hint: &str| {
        lab.ssh(node, now);
        let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes"]);
        lab.ssh(node, later);
        errors.say(node, "check", message, hint);
        errors.only(&[node]);
        errors.add("nothing was changed; nothing is wrong with ");
    };
    for (node, what, package) in [
        ("leaf03", "ifupdown2", "ifupdown2"),
        ("spine01", "FRR", "frr"),
        ("server02", "Docker Engine", "docker.io"),
    ] {
        let remove = format!(
            "cp /var/lib/dpkg/status /root/status && sed -i '/^Package: {package}$/,/^$/\
             s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status"
        );
        let message = format!("{what} isn't installed");
        check(
            node,
            &remove,
            "mv /root/status /var/lib/dpkg/status",
            &message,
            &format!("apt-get install {package}"),
        );
    }
    let away = |path: &str| (format!("mv {path} {path}.away"), format!("mv {path}.away {path}"));
    let (now, later) = away("/usr/lib/frr/frr-reload.py");
    check("leaf03", &now, &later, "FRR's reload script isn't installed", "apt-get install frr-pythontools");
    let (now, later) = away("/usr/bin/busybox");
    check("server02", &now, &later, "BusyBox", "apt-get install busybox-static");

    // One that is installed and broken shows when it is used.
    let (now, later) = away("/usr/sbin/ifreload");
    lab.ssh("leaf03", &format!("{now}; ip addr del 172.16.1.1/24 dev swp1"));
    let errors = Errors::of(5, |args| lab.on(args), &["deploy", "--yes"]);
    lab.ssh("leaf03", &later);
    errors.say("leaf03", "reload interfaces", "ifreload: not found", "apt-get install ifupdown2");
    lab.on(&["deploy", "--yes"]).exits(0);
    // Without what scripts themselves need, nothing begins.
    let (now, later) = away("/usr/bin/tar");
    lab.ssh("leaf03", &now);
    let errors = Errors::of(1, |args| lab.on(args), &["plan", "--limit", "leaf03"]);
    lab.ssh("leaf03", &later);
    errors.say("leaf03", "observe", "the device can't run scripts: sh: 1: tar: not found", "coreutils, tar");
}

pub fn a_port_that_does_not_exist(lab: &Lab) {
    lab.edit("[server04:eth2, leaf04:swp2]", "[server04:eth9, leaf04:swp2]");
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes"]);
    lab.edit("[server04:eth9, leaf04:swp2]", "[server04:eth2, leaf04:swp2]");
    errors.say("server04", "check", "port eth9 doesn't exist on the device", "check the cabling of eth9");
    errors.only(&["server04"]);
}

pub fn what_others_made_is_in_the_way(lab: &Lab) {
    lab.ssh(
        "server01",
        "docker rm -f web11 && \
         docker run -d --name web11 --network none $(docker image ls -q | head -n 1) /busybox sleep 100000",
    );
    lab.ssh(
        "server02",
        "docker rm -f web21 web22 web23 && docker network rm containers && \
         docker network create -d macvlan -o parent=eth2 --subnet 172.16.1.0/24 containers",
    );
    let foreign = || {
        lab.ssh("server01", "docker inspect -f '{{.Id}} {{.State.StartedAt}}' web11")
            + &lab.ssh("server02", "docker network inspect -f '{{.Id}}' containers")
    };
    let before = foreign();
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes"]);
    let container = "there is a container named web11 that fabricctl didn't make";
    errors.say("server01", "check", container, "docker rm -f web11");
    let network = "there is a network named containers that fabricctl didn't make";
    errors.say("server02", "check", network, "docker network rm containers");
    errors.only(&["server01", "server02"]);
    assert_eq!(before, foreign());

    // One of another name with the same subnet is found by the engine itself; the other server gets its due.
    lab.ssh("server01", "docker rm -f web11");
    lab.ssh(
        "server02",
        "docker network rm containers && \
         docker network create -d macvlan -o parent=eth2 --subnet 172.16.1.0/24 other",
    );
    let errors = Errors::of(1, |args| lab.on(args), &["deploy", "--yes", "--on-failure", "keep"]);
    errors.say("server02", "create network containers on eth2", "Pool overlaps", "docker network ls");
    errors.only(&["server02"]);
    errors.add("1 of 5 steps were done, 3 were not begun; all is done on server01");
    lab.ssh("server02", "docker network rm other");
    lab.on(&["deploy", "--yes"]).exits(0).says("all 12 container /32s");
}

pub fn teardown_goes_on_past_errors(lab: &Lab) {
    fill_etc_frr(lab, "leaf04");
    let altered = Altered::node(lab, "leaf03", "Port 2222");
    let ran = altered.run(lab, &["teardown", "--yes", "-o", "json"]);
    let errors = Errors::read(&ran, 4);
    errors.say("leaf03", "connect", "Connection refused", "leaf03 true");
    errors.say("leaf04", "restore /etc/frr/daemons", "No space left on device", "df -h");
    errors.only(&["leaf03", "leaf04"]);
    for node in NODES {
        let kept = node == "leaf03" || node == "leaf04";
        let code = lab.try_ssh(node, "test -e /var/lib/fabricctl/manifest").code;
        assert_eq!(code, i32::from(!kept), "{node}");
    }
    // The engine didn't run before the first deployment and was stopped again.
    assert_eq!(lab.ssh("server01", "ls /var/lib/docker/containers"), "");
    lab.ssh("leaf04", "umount /etc/frr");
    lab.on(&["teardown", "--yes"]).exits(0).says("torn down");
    altered
        .run(lab, &["teardown", "--yes"])
        .exits(4)
        .says("nothing to do: there is nothing of this fabric on leaf01, leaf02, leaf04, server01");
    lab.on(&["teardown", "--yes"]).exits(0).says("nothing to do");
}

//! The daemon as a service: what it tells, what it gives up, how it starts and ends.

use crate::rack::{Rack, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(6);

/// What comes back when something is sent to the daemon's socket.
fn exchange(rack: &Rack, question: &str) -> String {
    let mut stream = UnixStream::connect(rack.file("socket")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn status_shows_ports_hosts_and_counters() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host is there", SOON, || rack.routes().len() == 1);
    let status = rack.status();
    assert_eq!((&status["schema"], &status["pid"]), (&1.into(), &rack.pid().into()));
    assert_eq!(
        (&status["table"], &status["protocol"], &status["degraded"]),
        (&254.into(), &76.into(), &false.into())
    );
    let ports: Vec<_> = status["ports"].as_array().unwrap().iter().map(|port| &port["name"]).collect();
    assert_eq!(ports, ["swp1", "swp2"]);
    assert_eq!((&status["ports"][0]["up"], &status["ports"][0]["hosts"]), (&true.into(), &1.into()));
    assert_eq!(status["ports"][0]["prefixes"], serde_json::json!(["172.16.1.1/24"]));
    let host = &status["hosts"][0];
    assert_eq!((&host["address"], &host["port"]), (&"172.16.1.11".into(), &"swp1".into()));
    assert_eq!((&host["mac"], &host["state"]), (&"02:42:00:00:00:01".into(), &"live".into()));
    assert!(host["last_answer_s"].as_f64().is_some_and(|age| age < 60.0), "{host}");
    assert!(status["counters"]["packets_received"].as_u64() > Some(0));
    assert_eq!(status["counters"]["packets_dropped"], 0);
    let shown = rack.run(&["status"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains(": 1 route in table main with protocol 76\n"), "{text}");
    assert!(text.contains("\n172.16.1.11  swp1  02:42:00:00:00:01  live "), "{text}");
    rack.stop();
    let silence = rack.run(&["status"]);
    assert_eq!(silence.status.code(), Some(1));
    let error = String::from_utf8(silence.stderr).unwrap();
    assert!(error.starts_with(&format!("rdnbrd: no daemon answers at {}: ", rack.file("socket"))), "{error}");
}

#[test]
fn metrics_are_for_prometheus_by_line_and_by_http() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host is there", SOON, || rack.routes().len() == 1);
    let sample = "rdnbrd_hosts{port=\"swp1\",state=\"live\"} 1\n";
    let metrics = || String::from_utf8(rack.run(&["metrics"]).stdout).unwrap();
    wait_until("it is live", SOON, || metrics().contains(sample));
    let answer = exchange(&rack, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert!(
        body.contains("# TYPE rdnbrd_packets_received_total counter\nrdnbrd_packets_received_total "),
        "{body}"
    );
    assert!(exchange(&rack, "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert_eq!(exchange(&rack, "routes\n"), "{\"error\":\"ask for status or metrics\"}\n");
    rack.stop();
}

#[test]
fn who_asks_too_long_or_reads_nothing_is_dropped_and_holds_nobody_up() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    let connect = || UnixStream::connect(rack.file("socket")).unwrap();
    let mut idle: Vec<UnixStream> = (0..16).map(|_| connect()).collect();
    wait_until("the host is found all the same", SOON, || rack.routes().len() == 1);
    // One more finds no place.
    let mut turned_away = connect();
    turned_away.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(turned_away.read(&mut [0]).unwrap_or(0), 0);
    // A question without end finds an end.
    let endless = &mut idle[0];
    while endless.write_all(&[b'x'; 1024]).is_ok() {}
    for stream in &mut idle {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "dropped");
    }
    assert_eq!(rack.status()["hosts"].as_array().unwrap().len(), 1);
    rack.stop();
}

#[test]
fn the_socket_is_for_its_owner_and_group_and_a_dead_one_is_replaced() {
    let mut rack = Rack::new("");
    rack.start();
    let socket = rack.file("socket");
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o660);
    rack.kill();
    assert!(fs::exists(&socket).unwrap());
    rack.start();
    assert_eq!(rack.status()["pid"], rack.pid());
    // Somewhere else, in a folder that isn't there yet.
    let elsewhere = rack.file("run/rdnbrd/socket");
    rack.configure(&format!("socket = {elsewhere}"));
    rack.reload();
    wait_until("it answers there", SOON, || fs::exists(&elsewhere).unwrap());
    wait_until("and no more where it was", SOON, || !fs::exists(&socket).unwrap());
    assert_eq!(rack.status()["pid"], rack.pid());
    rack.configure("socket = off");
    rack.reload();
    wait_until("it answers nowhere", SOON, || !fs::exists(&elsewhere).unwrap());
    rack.stop();
}

/// One line of `/proc/PID/status`.
fn process(rack: &Rack, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", rack.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{key}:"))).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `CAP_NET_ADMIN` and `CAP_NET_RAW`.
const TWO: &str = "0000000000003000";
const NONE: &str = "0000000000000000";

#[test]
fn it_becomes_its_user_with_two_capabilities_and_still_does_everything() {
    let mut rack = Rack::new("user = nobody");
    // As in /run: made by root, not for others to write in.
    fs::set_permissions(rack.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let own = rack.file("own/socket");
    rack.configure(&format!("user = nobody\nsocket = {own}"));
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    assert_eq!(
        (process(&rack, "Uid"), process(&rack, "Gid")),
        ("65534 65534 65534 65534".into(), "65534 65534 65534 65534".into())
    );
    assert_eq!(process(&rack, "Groups"), "");
    for (set, left) in [("CapEff", TWO), ("CapPrm", TWO), ("CapBnd", TWO), ("CapInh", NONE), ("CapAmb", NONE)]
    {
        assert_eq!(process(&rack, set), left, "{set}");
    }
    assert_eq!(process(&rack, "NoNewPrivs"), "1");
    wait_until("the host is found", SOON, || rack.routes().len() == 1);
    rack.add_port("swp3");
    rack.leaf_ip("address add 172.16.1.1/24 dev swp3");
    let late = rack.container(3, "172.16.1.31");
    late.speak();
    wait_until("that of a port that came later too", SOON, || rack.routes().len() == 2);
    rack.configure(&format!("user = nobody\nsocket = {own}\ninterfaces = swp3"));
    rack.reload();
    wait_until("its file is read again", SOON, || rack.routes() == ["172.16.1.31 dev swp3 table main"]);
    assert_eq!(rack.status()["pid"], rack.pid());
    rack.signal(Signal::SIGTERM);
    assert!(rack.wait().success());
    assert!(!fs::exists(&own).unwrap(), "the socket is its own");
    assert_eq!(fs::read_to_string(rack.file("pid")).unwrap(), "", "what it can't remove it empties");
    // And once more, with what is left of the one before.
    rack.start();
    rack.signal(Signal::SIGTERM);
    assert!(rack.wait().success());
}

#[test]
fn where_its_user_is_missing_it_stays_root_with_two_capabilities() {
    let mut rack = Rack::new("user = no-such-user");
    rack.start();
    assert_eq!((process(&rack, "Uid"), process(&rack, "CapEff")), ("0 0 0 0".into(), TWO.into()));
    assert_eq!(rack.log().matches("event=user user=root reason=\"no user no-such-user\"").count(), 1);
    rack.stop();
}

#[test]
fn a_file_that_its_user_cannot_read_is_warned_of_at_once() {
    let mut rack = Rack::new("user = nobody");
    fs::set_permissions(rack.file("rdnbrd.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    rack.start();
    wait_until("it is said", SOON, || rack.log().contains("event=unreadable"));
    rack.reload();
    wait_until("and again", SOON, || rack.log().contains("event=reload-refused"));
    rack.signal(Signal::SIGTERM);
    assert!(rack.wait().success());
}

#[test]
fn the_service_manager_is_told_how_it_goes() {
    let mut rack = Rack::new("");
    let manager = UnixDatagram::bind(rack.file("notify")).unwrap();
    let abstract_name = format!("rdnbrd-test-{}", std::process::id());
    let hidden = SocketAddr::from_abstract_name(&abstract_name).unwrap();
    // Such names are known in one network namespace only.
    let other = rack.in_leaf(|| UnixDatagram::bind_addr(&hidden).unwrap());
    for (socket, name) in [(&manager, rack.file("notify")), (&other, format!("@{abstract_name}"))] {
        socket.set_read_timeout(Some(SOON)).unwrap();
        let next = || {
            let mut buffer = [0; 256];
            let length = socket.recv(&mut buffer).expect("it says something in time");
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        let next_but_alive = || std::iter::repeat_with(next).find(|text| text != "WATCHDOG=1").unwrap();
        rack.start_with(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "200000")]);
        assert_eq!(next_but_alive(), "READY=1");
        for _ in 0..5 {
            assert_eq!(next(), "WATCHDOG=1");
        }
        rack.reload();
        assert!(next_but_alive().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(next_but_alive(), "READY=1");
        rack.stop();
        assert_eq!(next_but_alive(), "STOPPING=1");
    }
    // A watchdog that is meant for another process.
    let file = rack.file("notify");
    rack.start_with(&[("NOTIFY_SOCKET", &file), ("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")]);
    let mut buffer = [0; 256];
    assert_eq!(manager.recv(&mut buffer).unwrap(), "READY=1".len());
    manager.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(manager.recv(&mut buffer).is_err());
    rack.stop();
}

#[test]
fn a_crash_loop_keeps_no_ghost() {
    let mut rack = Rack::new("sweep = 86400");
    let _live = rack.container(1, "172.16.1.11");
    let dead = rack.container(2, "172.16.1.21");
    rack.start();
    wait_until("both have routes", SOON, || rack.routes().len() == 2);
    rack.kill();
    drop(dead);
    // Each time it dies before it can have found out.
    for _ in 0..10 {
        rack.start();
        rack.kill();
    }
    assert!(!rack.routes().iter().any(|route| route.contains("172.16.1.21")), "{:?}", rack.routes());
    assert!(rack.log().contains("event=unproven-starts"));
    rack.start();
    wait_until("the living is there", SOON, || rack.routes() == ["172.16.1.11 dev swp1 table main"]);
    // Having lived long enough, it is trusted again.
    wait_until("the count begins anew", SOON, || {
        fs::read_to_string(rack.file("pid.starts")).unwrap() == "0\n"
    });
    let heard = rack.monitor();
    rack.kill();
    rack.start();
    std::thread::sleep(Duration::from_millis(2600));
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec![]));
    rack.stop();
}

#[test]
fn the_routes_of_a_daemon_that_stays_dead_are_removed_in_the_end() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    rack.start();
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let said = |rack: &Rack| String::from_utf8(rack.run(&["--flush-after", "0.3"]).stdout).unwrap();
    assert_eq!(said(&rack), "a daemon runs: its routes stay\n");
    rack.kill();
    assert_eq!(rack.routes().len(), 1);
    assert_eq!(said(&rack), "1 routes removed\n");
    assert_eq!(rack.routes(), [] as [&str; 0]);
    assert_eq!(said(&rack), "0 routes removed\n");
}

#[test]
fn a_guard_starts_the_daemon_again_and_goes_with_it() {
    let mut rack = Rack::new("");
    let _web = rack.container(1, "172.16.1.11");
    let daemon = |rack: &Rack| fs::read_to_string(rack.file("pid")).ok()?.trim().parse::<i32>().ok();
    let signal = |pid: i32, signal| kill(Pid::from_raw(pid), signal).unwrap();
    rack.start_words(&["--guard"]);
    wait_until("the host has a route", SOON, || rack.routes().len() == 1);
    let heard = rack.monitor();
    let first = daemon(&rack).unwrap();
    assert_ne!(first.cast_unsigned(), rack.pid());
    signal(first, Signal::SIGKILL);
    wait_until("there is another one", SOON, || {
        rack.log().matches("event=started").count() == 2 && daemon(&rack).is_some_and(|pid| pid != first)
    });
    assert!(rack.log().contains("event=died"));
    // Longer than an adopted route has to be proven.
    std::thread::sleep(Duration::from_millis(2600));
    assert_eq!((heard.added(), heard.deleted()), (vec![], vec![]));
    // As an init script stops it: by the number in the file.
    signal(daemon(&rack).unwrap(), Signal::SIGTERM);
    assert!(rack.wait().success(), "the guard ends with it");
    assert!(!fs::exists(rack.file("pid")).unwrap());
    // By the guard's own number.
    rack.start_words(&["--guard"]);
    let last = daemon(&rack).unwrap();
    rack.stop();
    assert!(!fs::exists(format!("/proc/{last}")).unwrap());
    // A file that is wrong stays wrong.
    rack.configure("keepalif = 1");
    assert_eq!(rack.run(&["--guard"]).status.code(), Some(2));
}

#[test]
fn a_guard_can_be_stopped_between_two_lives() {
    let mut rack = Rack::new("");
    rack.start_words(&["--guard"]);
    let read = |rack: &Rack| fs::read_to_string(rack.file("pid")).unwrap_or_default().trim().to_owned();
    let guard = rack.pid().to_string();
    let mut lives = 0;
    // The pauses get longer: there is a moment for it.
    wait_until("the file leads to the guard", Duration::from_secs(20), || {
        let pid = read(&rack);
        if pid == guard {
            return true;
        }
        if let Ok(daemon) = pid.parse() {
            lives += u32::from(kill(Pid::from_raw(daemon), Signal::SIGKILL).is_ok());
        }
        false
    });
    assert!(lives > 0);
    rack.stop();
    assert!(rack.log().contains("event=guard-stopped signal=SIGTERM"));
}

use super::*;
use crate::neighbor::SweepEvery;
use std::time::Duration;

fn errors(text: &str) -> Vec<String> {
    Config::parse("rdnbrd.conf", text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(Config::parse("f", "\n# nothing\n").unwrap(), Config::default());
}

#[test]
fn a_file_of_cumulus_linux_is_understood() {
    let text = "[main]\n# ERROR, WARNING, INFO\nloglevel = INFO\nkeepalive = 1\nholdtime = 3\nroute_table = 10\n\
                unicast_arp_requests = True\n;debug_arp = swp1 swp2\n";
    let config = Config::parse("f", text).unwrap();
    assert_eq!(config.route_table, 10);
    assert_eq!(config.settings.detection_time(), Duration::from_secs(3));
    assert!(config.settings.unicast && config.debug_arp.is_empty());
}

#[test]
fn every_key_is_taken() {
    let text = "keepalive=2\nretry_interval=0.1 # quick\nretries=5\nunicast_arp_requests=no\nsweep=off\n\
                settle=5\nallow=172.16.1.0/24, 2001:db8::/64\ndeny=172.16.1.7\nmax_hosts=100\n\
                max_hosts_per_port=50\nprobe_rate=500\ninterfaces=swp1, swp5*\nroute_table=main\nprotocol=77\n\
                on_exit=flush\nsocket=off\nuser=nobody\nloglevel=debug\ndebug_arp=swp1\n";
    // All but the one that can't stand beside `retries`.
    let written = |key: &&Key| text.contains(&format!("{}=", key.name));
    let missing: Vec<&str> = Config::keys().iter().filter(|key| !written(key)).map(|key| key.name).collect();
    assert_eq!(missing, ["holdtime"]);
    let config = Config::parse("f", text).unwrap();
    let settings = Settings {
        keepalive: Duration::from_secs(2),
        retry_interval: Duration::from_millis(100),
        retries: 5,
        holdtime: None,
        unicast: false,
        sweep: SweepEvery::Off,
        settle: Some(Duration::from_secs(5)),
        allow: vec!["172.16.1.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()],
        deny: vec!["172.16.1.7/32".parse().unwrap()],
        max_hosts: 100,
        max_hosts_per_port: 50,
        probe_rate: 500,
    };
    assert_eq!(config.settings, settings);
    assert_eq!((config.route_table, config.protocol, config.on_exit), (254, 77, OnExit::Flush));
    assert_eq!(config.loglevel, Level::Debug);
    assert!(config.manages("swp1") && config.manages("swp51") && !config.manages("swp2"));
    assert_eq!(config.debug_arp, [Pattern::new("swp1").unwrap()]);
    assert!(!Config::parse("f", "interfaces = *").unwrap().manages("lo"));
}

#[test]
fn the_documented_table_lists_every_key_with_the_default_it_has() {
    let documented: Vec<&str> =
        include_str!("config.rs").lines().filter_map(|line| line.strip_prefix("//! | `")).collect();
    let listed = Config::keys().iter().map(|key| {
        let default = match key.default {
            "" => "–".to_owned(),
            pattern if pattern.contains('*') => format!("`{pattern}`"),
            plain => plain.to_owned(),
        };
        format!("{}` | {default} | {} |", key.name, key.meaning)
    });
    assert_eq!(documented, listed.collect::<Vec<_>>());
    for key in Config::keys().iter().filter(|key| !key.default.is_empty()) {
        let config = Config::parse("f", &format!("{} = {}", key.name, key.default)).unwrap();
        assert_eq!(config, Config::default(), "{}", key.name);
    }
}

#[test]
fn routes_settle_in_the_main_table_only() {
    let settle = |text: &str| Config::parse("f", text).unwrap().settings.settle;
    assert_eq!(settle(""), Some(Duration::from_secs(10)));
    assert_eq!(settle("settle = off"), None);
    assert_eq!((settle("route_table = 10"), settle("route_table = 10\nsettle = off")), (None, None));
    assert_eq!(
        errors("settle = 5\nroute_table = 10"),
        [
            "rdnbrd.conf:1: settle works in the main table only, here route_table is 10; leave it out, or set it to off"
        ]
    );
}

#[test]
fn prefixes_are_of_both_families_and_an_address_is_a_prefix() {
    let config = Config::parse("f", "deny = 10.0.0.7, 2001:db8::1/64 192.0.2.0/24").unwrap();
    let expected = ["10.0.0.7/32", "2001:db8::/64", "192.0.2.0/24"].map(|text| text.parse().unwrap());
    assert_eq!(config.settings.deny, expected);
    assert_eq!(errors("allow = 10.0.0.0/33").len(), 1);
}

#[test]
fn all_faults_come_at_once_with_place_and_what_is_allowed() {
    let text = "kepalive = 1\n[other]\nnonsense\nprotocol = 186\nroute_table = 255\nsweep = often\nsweep = 3\n\
                holdtime = 1\ninterfaces =\nzzz = 1\nretries = many\nloglevel = loud\n";
    assert_eq!(
        errors(text),
        [
            "rdnbrd.conf:1: unknown key \"kepalive\", did you mean keepalive?",
            "rdnbrd.conf:2: unknown section [other], only [main] is allowed, or none",
            "rdnbrd.conf:3: not of the form key = value: \"nonsense\"",
            "rdnbrd.conf:4: protocol is \"186\", allowed: a number up to 255 that no routing daemon has: \
             not 0-18, 42, 84, 99, 186-199",
            "rdnbrd.conf:5: route_table is \"255\", allowed: 1 to 252 (FRR imports no other), or 254 for the \
             main table",
            "rdnbrd.conf:6: sweep is \"often\", allowed: off, slow, fast, or seconds from 1 to 86400",
            "rdnbrd.conf:7: sweep is given again, first in line 6",
            "rdnbrd.conf:8: holdtime and retries both say when a host is given up, keep one of them (retries is \
             in line 11)",
            "rdnbrd.conf:8: holdtime is \"1\", allowed: at least 3 × keepalive, here 3",
            "rdnbrd.conf:9: interfaces is \"\", allowed: interface names or patterns such as swp1 or swp*, with \
             spaces or commas between",
            "rdnbrd.conf:10: unknown key \"zzz\"",
            "rdnbrd.conf:11: retries is \"many\", allowed: a whole number from 1 to 100",
            "rdnbrd.conf:12: loglevel is \"loud\", allowed: CRITICAL, ERROR, WARNING, INFO, DEBUG",
        ]
    );
}

#[test]
fn what_is_shown_of_a_file_drives_no_terminal() {
    let text = "[\u{1b}[2J]\n\u{1b}[1m\n\u{7} = 1\nsweep = \u{1b}c\n";
    let errors = errors(text);
    assert_eq!(errors.len(), 4);
    assert!(errors.iter().all(|error| !error.contains(char::is_control)), "{errors:?}");
    assert_eq!(errors[0], "rdnbrd.conf:1: unknown section [\\u{1b}[2J], only [main] is allowed, or none");
}

#[test]
fn numbers_that_are_none_are_refused() {
    for value in ["nan", "inf", "-1", "1e99", "", "0"] {
        assert_eq!(errors(&format!("keepalive = {value}")).len(), 1, "{value}");
    }
}

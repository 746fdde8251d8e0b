use super::*;

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
                max_hosts=100\ninterfaces=swp1, swp5*\nroute_table=main\nprotocol=77\non_exit=flush\n\
                loglevel=debug\ndebug_arp=swp1\n";
    let config = Config::parse("f", text).unwrap();
    let settings = Settings {
        keepalive: Duration::from_secs(2),
        retry_interval: Duration::from_millis(100),
        retries: 5,
        holdtime: None,
        unicast: false,
        sweep: SweepEvery::Off,
        max_hosts: 100,
    };
    assert_eq!(config.settings, settings);
    assert_eq!((config.route_table, config.protocol, config.on_exit), (254, 77, OnExit::Flush));
    assert_eq!(config.loglevel, Level::Debug);
    assert!(config.manages("swp1") && config.manages("swp51") && !config.manages("swp2"));
    assert_eq!(config.debug_arp, [Pattern::new("swp1").unwrap()]);
    assert!(!Config::parse("f", "interfaces = *").unwrap().manages("lo"));
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

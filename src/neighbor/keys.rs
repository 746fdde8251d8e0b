//! The keys of the configuration: name, default, meaning, and what takes their value.

use super::Level;
use super::config::{Config, OnExit};
use super::values::{
    INTERFACES, boolean, number, one_of, patterns, prefixes, protocol, seconds, settle, socket, sweep, table,
    user,
};

/// One key.
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// As it would be written, empty for none.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    pub(super) take: fn(&mut Config, &str) -> Result<(), String>,
}

/// All of them, in the order of the documentation.
pub(super) const KEYS: [Key; 20] = [
    Key {
        name: "keepalive",
        default: "1",
        meaning: "seconds between two probes of a host that answers",
        take: |config, value| {
            config.settings.keepalive = seconds(value, 0.1, 3600.0)?;
            Ok(())
        },
    },
    Key {
        name: "retry_interval",
        default: "0.2",
        meaning: "seconds a probe has for its answer",
        take: |config, value| {
            config.settings.retry_interval = seconds(value, 0.01, 60.0)?;
            Ok(())
        },
    },
    Key {
        name: "retries",
        default: "3",
        meaning: "probes that follow a missed one, the last by broadcast; then the host is withdrawn",
        take: |config, value| {
            config.settings.retries = number(value, 1, 100)?;
            Ok(())
        },
    },
    Key {
        name: "holdtime",
        default: "",
        meaning: "seconds of silence until a host is withdrawn; instead of `retries`, at least 3 × keepalive",
        take: |config, value| {
            config.settings.holdtime = Some(seconds(value, 0.3, 36_000.0)?);
            Ok(())
        },
    },
    Key {
        name: "unicast_arp_requests",
        default: "True",
        meaning: "ask known hosts by unicast",
        take: |config, value| {
            config.settings.unicast = boolean(value)?;
            Ok(())
        },
    },
    Key {
        name: "sweep",
        default: "slow",
        meaning: "`off`, `slow` (60 s), `fast` (10 s) or seconds between searches for silent hosts",
        take: |config, value| {
            config.settings.sweep = sweep(value)?;
            Ok(())
        },
    },
    Key {
        name: "settle",
        default: "10",
        meaning: "seconds until a host's route gets its settled metric, or `off`; always off where `route_table` isn't main",
        take: |config, value| {
            config.settings.settle = settle(value)?;
            Ok(())
        },
    },
    Key {
        name: "allow",
        default: "",
        meaning: "prefixes and addresses that may be hosts; none means all of the interface's prefixes",
        take: |config, value| {
            config.settings.allow = prefixes(value)?;
            Ok(())
        },
    },
    Key {
        name: "deny",
        default: "",
        meaning: "prefixes and addresses that may not",
        take: |config, value| {
            config.settings.deny = prefixes(value)?;
            Ok(())
        },
    },
    Key {
        name: "max_hosts",
        default: "16384",
        meaning: "hosts with routes at most",
        take: |config, value| {
            config.settings.max_hosts = number::<usize>(value, 1, 1_000_000)?;
            Ok(())
        },
    },
    Key {
        name: "max_hosts_per_port",
        default: "4096",
        meaning: "hosts with routes behind one interface at most",
        take: |config, value| {
            config.settings.max_hosts_per_port = number::<usize>(value, 1, 1_000_000)?;
            Ok(())
        },
    },
    Key {
        name: "probe_rate",
        default: "20000",
        meaning: "packets sent in a second at most, of all kinds; when that is too few, keepalives stretch evenly",
        take: |config, value| {
            config.settings.probe_rate = number(value, 10, 1_000_000)?;
            Ok(())
        },
    },
    Key {
        name: "interfaces",
        default: "swp*",
        meaning: "names and patterns of the interfaces with hosts",
        take: |config, value| {
            config.interfaces = patterns(value)?;
            if config.interfaces.is_empty() {
                return Err(INTERFACES.to_owned());
            }
            Ok(())
        },
    },
    Key {
        name: "route_table",
        default: "254",
        meaning: "table of the routes: 254 is main; Cumulus Linux uses 10 and imports it into FRR",
        take: |config, value| {
            config.route_table = table(value)?;
            Ok(())
        },
    },
    Key {
        name: "protocol",
        default: "76",
        meaning: "protocol number that marks the routes as ours",
        take: |config, value| {
            config.protocol = protocol(value)?;
            Ok(())
        },
    },
    Key {
        name: "on_exit",
        default: "keep",
        meaning: "`keep` or `flush` the routes when stopped",
        take: |config, value| {
            config.on_exit = one_of(value, &[("keep", OnExit::Keep), ("flush", OnExit::Flush)])?;
            Ok(())
        },
    },
    Key {
        name: "socket",
        default: "/run/rdnbrd/rdnbrd.sock",
        meaning: "where `rdnbrd status` asks; `off` for none",
        take: |config, value| {
            config.socket = socket(value)?;
            Ok(())
        },
    },
    Key {
        name: "user",
        default: "rdnbrd",
        meaning: "whom it becomes after it opened its sockets, where that user exists; `root` stays root",
        take: |config, value| {
            config.user = user(value)?;
            Ok(())
        },
    },
    Key {
        name: "loglevel",
        default: "INFO",
        meaning: "CRITICAL, ERROR, WARNING, INFO, DEBUG",
        take: |config, value| {
            config.loglevel = one_of(&value.to_ascii_uppercase(), &LEVELS)?;
            Ok(())
        },
    },
    Key {
        name: "debug_arp",
        default: "",
        meaning: "interfaces whose ARP and ND packets are logged",
        take: |config, value| {
            config.debug_arp = patterns(value)?;
            Ok(())
        },
    },
];

const LEVELS: [(&str, Level); 5] = [
    ("CRITICAL", Level::Error),
    ("ERROR", Level::Error),
    ("WARNING", Level::Warning),
    ("INFO", Level::Info),
    ("DEBUG", Level::Debug),
];

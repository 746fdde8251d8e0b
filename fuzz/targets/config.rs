//! The daemon's configuration file.
#![no_main]

use fabricctl::neighbor::{Config, ConfigError};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|octets: &[u8]| -> Corpus {
    // The daemon refuses what is no text before it looks at it.
    let Ok(text) = std::str::from_utf8(octets) else { return Corpus::Reject };
    let read = Config::parse("rdnbrd.conf", text);
    assert_eq!(read, Config::parse("rdnbrd.conf", text), "the same text means the same");
    let below = Config::parse("rdnbrd.conf", &format!("# one line more\n{text}"));
    match (&read, &below) {
        (Ok(config), Ok(same)) => {
            assert_eq!(config, same);
            assert!(!config.manages("lo"), "no host lives behind the loopback");
            for word in text.split_whitespace() {
                let _ = config.manages(word);
            }
        }
        (Err(faults), Err(below)) => {
            judge(faults, text);
            let lines = |faults: &[ConfigError], by: usize| -> Vec<usize> {
                faults.iter().map(|fault| fault.line + by).collect()
            };
            assert_eq!(lines(faults, 1), lines(below, 0), "a comment moves what is wrong by one line");
        }
        _ => panic!("a comment changes whether the file is right"),
    }
    Corpus::Keep
});

/// Faults are in lines that exist, in their order, and can be shown.
fn judge(faults: &[ConfigError], text: &str) {
    assert!(!faults.is_empty());
    assert!(faults.is_sorted_by_key(|fault| fault.line));
    for fault in faults {
        assert!((1..=text.lines().count()).contains(&fault.line), "{fault}");
        assert!(!fault.to_string().contains(char::is_control), "{fault:?}");
    }
}

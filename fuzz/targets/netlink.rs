//! Datagrams as they come from the kernel.
#![no_main]

use fabricctl::netlink::{Announcement, announcement, messages};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let whole = read(octets);
    assert_eq!(whole, read(octets), "the same datagram says the same");
    for length in [octets.len().saturating_sub(1), octets.len() / 2] {
        assert!(
            whole.starts_with(&read(&octets[..length])),
            "a part of a datagram says no more than the whole"
        );
    }
});

/// As the daemon reads what its monitor received.
fn read(octets: &[u8]) -> Vec<Announcement> {
    messages(octets).filter_map(|message| announcement(&message)).collect()
}

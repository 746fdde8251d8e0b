//! Tables of routes, which are read while they arrive: however they are cut, they say the same.
#![no_main]

use fabricctl::parse::{KernelRoutesReader, RibReader, frr_routes, ip_routes};
use libfuzzer_sys::fuzz_target;

// The first octet says how large the pieces are.
fuzz_target!(|octets: &[u8]| {
    let Some((size, octets)) = octets.split_first() else { return };
    let size = usize::from(*size).max(1);
    let (mut rib, mut fib) = (RibReader::default(), KernelRoutesReader::default());
    for piece in octets.chunks(size) {
        rib.push(piece);
        fib.push(piece);
    }
    let (rib, fib) = (rib.end(), fib.end());
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match (rib, frr_routes(text)) {
        (Ok(pieces), Ok(whole)) => assert_eq!(pieces, whole),
        (Err(pieces), Err(whole)) => told(&pieces, &whole),
        (pieces, whole) => panic!("{pieces:?} in pieces, {whole:?} as a whole"),
    }
    match (fib, ip_routes(text)) {
        (Ok(pieces), Ok(whole)) => assert_eq!(pieces, whole),
        (Err(pieces), Err(whole)) => told(&pieces, &whole),
        (pieces, whole) => panic!("{pieces:?} in pieces, {whole:?} as a whole"),
    }
});

/// What can't be read is told in one line that names the command, and fails at the same place.
fn told(pieces: &impl ToString, whole: &impl ToString) {
    for said in [pieces.to_string(), whole.to_string()] {
        assert!(!said.contains(char::is_control), "{said:?}");
        assert!(said.contains("`show ip route json`") || said.contains("`ip -j route show`"), "{said}");
    }
}

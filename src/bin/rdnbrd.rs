//! `rdnbrd`: the doorway.

fn main() {}

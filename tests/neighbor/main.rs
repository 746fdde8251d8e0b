//! What holds for the neighbour machine whatever happens, and what it does with very many hosts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail loudly"
)]

mod bucket;
mod deeds;
mod flood;
mod judge;
mod rack;
mod scale;
mod world;

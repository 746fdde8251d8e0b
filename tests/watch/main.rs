//! `status` and `watch` without devices: what changes from round to round, the screens, and the documents.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; every test file uses a part of common"
)]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod screens;
mod status;
mod world;

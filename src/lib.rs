//! Takes a leaf/spine/server fabric from an inventory to a working, proven state, and back.
//!
//! Floors, from the bottom; imports run strictly downward, never sideways (`tests/floors.rs`):
//!
//! | floor | modules |
//! |---|---|
//! | 0 words | [`fabric`], [`action`] |
//! | 3 doors | [`netlink`], [`process`] |
//! | 4 deeds | [`lab`] |
//! | 5 face | [`cli`], [`output`] |
//! | 6 verbs | [`commands`] |

pub mod action;
pub mod cli;
pub mod commands;
pub mod fabric;
pub mod lab;
pub mod netlink;
pub mod output;
pub mod process;

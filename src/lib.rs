//! Takes a leaf/spine/server fabric from an inventory to a working, proven state, and back.
//!
//! Floors, from the bottom; imports run strictly downward, never sideways (`tests/floors.rs`):
//!
//! | floor | modules |
//! |---|---|
//! | 0 words | [`fabric`], [`action`] |
//! | 2 decisions | [`neighbor`] |
//! | 3 doors | [`netlink`] |
//! | 4 deeds | [`daemon`] |
//! | 5 face | [`cli`], [`output`] |
//! | 6 verbs | [`commands`] |

pub mod action;
pub mod cli;
pub mod commands;
pub mod daemon;
pub mod fabric;
pub mod neighbor;
pub mod netlink;
pub mod output;

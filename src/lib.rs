//! Takes a leaf/spine/server fabric from an inventory to a working, proven state, and back.
//!
//! Floors, from the bottom; imports run strictly downward, never sideways (`tests/floors.rs`):
//!
//! | floor | modules |
//! |---|---|
//! | 0 words | [`fabric`], [`action`] |
//! | 1 text to words and back | [`render`] |
//! | 3 doors | [`netlink`], [`store`] |
//! | 5 face | [`cli`], [`output`] |
//! | 6 verbs | [`commands`] |

pub mod action;
pub mod cli;
pub mod commands;
pub mod fabric;
pub mod netlink;
pub mod output;
pub mod render;
pub mod store;

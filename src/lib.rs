//! Takes a leaf/spine/server fabric from an inventory to a working, proven state, and back.
//!
//! Floors, from the bottom; imports run strictly downward, never sideways (`tests/floors.rs`):
//!
//! | floor | modules |
//! |---|---|
//! | 0 words | [`fabric`], [`action`] |
//! | 1 text ⇄ words | [`inventory`], [`render`], [`parse`], [`state`] |
//! | 2 decisions | [`planner`], [`verify`], [`picture`], [`neighbor`] |
//! | 3 doors | [`remote`], [`process`], [`netlink`], [`store`] |
//! | 4 deeds | [`observe`], [`apply`], [`lab`], [`daemon`] |
//! | 5 face | [`cli`], [`output`] |
//! | 6 verbs | [`commands`] |

pub mod action;
pub mod apply;
pub mod cli;
pub mod commands;
pub mod daemon;
pub mod fabric;
pub mod inventory;
pub mod lab;
pub mod neighbor;
pub mod netlink;
pub mod observe;
pub mod output;
pub mod parse;
pub mod picture;
pub mod planner;
pub mod process;
pub mod remote;
pub mod render;
pub mod state;
pub mod store;
pub mod verify;

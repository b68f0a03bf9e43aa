//! Kairan: one incident filed once, every partner bank told, every stamp back, provable years later.
//!
//! The floors, top to bottom. Imports only ever run downhill; `tests/it/floors.rs` refuses the rest.

// 5: composition and the command line
pub mod cli;
pub mod server;

// 4: neighbours that never import each other
pub mod dispatch;
pub mod log;
pub mod web;

// 3: what the hub can do, one verb a file
pub mod actions;

// 2: the only room that knows the database
pub mod storage;

// 1: settings, time, texts, keys
pub mod clock;
pub mod config;
pub mod templates;
pub mod vault;

// 0: values and rules; no I/O, no clock, no async
pub mod domain;
pub mod merkle;

//! Floor 2: the only room that knows diesel and the two databases. Rows, conversions and queries; no policy.

mod durability;
mod error;
mod migrations;
#[cfg(test)]
mod plans;
mod postgres;
mod prepared;
mod schema;
mod sqlite;
mod store;
mod tx;

pub mod approval;
pub mod audit;
pub mod bank;
pub mod bank_key;
pub mod bare;
pub mod chase;
pub mod closing;
pub mod deferral;
pub mod delivery;
pub mod delivery_log;
pub mod draft;
pub mod due;
pub mod duty;
pub mod endpoint_proof;
pub mod evidence;
pub mod exercise;
pub mod facts;
pub mod figures;
pub mod idempotency;
pub mod incident;
pub mod lapse;
pub mod late_joiner;
pub mod log;
pub mod mail_report;
pub mod notice;
pub mod operator_clock;
pub mod out_of_band;
pub mod payload;
pub mod people;
pub mod phone_task;
pub mod reachability;
pub mod reading;
pub mod report;
pub mod roster;
pub mod service_level;
pub mod session;
pub mod tree;

pub use durability::{free_bytes, takes_writes};
use prepared::insert_all;

pub use error::Error;
pub use store::{Bounds, Lane, Location, Store};
pub use tx::Tx;

/// Rows of one statement: keeps below both databases' bound on parameters.
pub(in crate::storage) const ROWS_AT_ONCE: usize = 500;

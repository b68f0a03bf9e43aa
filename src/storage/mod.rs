//! Floor 2: the only room that knows diesel and the two databases. Rows, conversions and queries; no policy.

mod durability;
mod error;
mod migrations;
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

pub use durability::free_bytes;
pub use error::Error;
pub use store::{Bounds, Lane, Location, Store};
pub use tx::Tx;

/// Rows of one statement: keeps below both databases' bound on parameters.
pub(in crate::storage) const ROWS_AT_ONCE: usize = 500;

/// Inserts all rows. PostgreSQL takes many in one statement, which saves round trips; SQLite takes them one
/// by one, because a statement of one row is prepared once for all and needs no journal of its own.
macro_rules! insert_all {
    ($tx:expr, $table:expr, $rows:expr) => {{
        match &mut $tx.conn {
            $crate::storage::tx::Conn::Sqlite(conn) => {
                for row in $rows.iter() {
                    $crate::storage::prepared::Inserting(row).execute(*conn)?;
                }
            }
            $crate::storage::tx::Conn::Postgres(conn) => {
                for part in $rows.chunks($crate::storage::ROWS_AT_ONCE) {
                    diesel::insert_into($table).values(part).execute(*conn)?;
                }
            }
        }
        Ok::<(), $crate::storage::Error>(())
    }};
}
pub(in crate::storage) use insert_all;

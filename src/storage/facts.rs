//! How log entries bind rows: a salted commitment to all columns of a fact, the same on both databases. A row
//! that no other entry speaks of gets an entry of its own where it is inserted. What comes of comparing the two
//! is in `facts/check.rs`.

pub mod check;
mod entries;
mod levels;
mod tables;
mod trees;

use super::error::Error;
use super::log;
use super::prepared::{FixedInsert, insert_all};
use super::tx::Tx;
use crate::domain::entry::{Entry, FactRecorded};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::merkle::{self, Hash};
use crate::vault;
use std::borrow::Cow;

/// The entry of a row that no other entry speaks of.
const RECORDED: &str = "fact.recorded";

/// A row of a fact table.
pub trait Fact {
    fn table(&self) -> &'static str;
    /// What of a row is part of its name.
    fn part(&self) -> &str {
        ""
    }
    /// As its entry calls it: its table; of a role, the table and the role with a dot between.
    fn name(&self) -> Cow<'static, str> {
        match self.part() {
            "" => self.table().into(),
            part => format!("{}.{part}", self.table()).into(),
        }
    }
    /// Whom or what it is about; its entries are found by this.
    fn subject(&self) -> Uid;
    /// Its number among the rows of that name about that subject; 0 = it is the only one.
    fn n(&self) -> i64;
    /// Appends all its columns, so that no two rows give the same bytes.
    fn encode(&self, out: &mut Vec<u8>);
}

/// One column's value in bytes that do not depend on the database.
pub(in crate::storage) trait Canonical {
    fn encode(&self, out: &mut Vec<u8>);
}

impl Canonical for Uid {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Canonical for Instant {
    fn encode(&self, out: &mut Vec<u8>) {
        self.micros().encode(out);
    }
}

impl Canonical for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Canonical for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Canonical for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u64).to_be_bytes());
        out.extend_from_slice(self);
    }
}

impl Canonical for String {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u64).to_be_bytes());
        out.extend_from_slice(self.as_bytes());
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.encode(out);
        }
    }
}

/// What can stand as the subject of an entry.
pub(in crate::storage) trait Subject {
    fn subject(&self) -> Uid;
}

impl Subject for Uid {
    fn subject(&self) -> Uid {
        *self
    }
}

/// A roster version has no id: its number takes the place.
impl Subject for i64 {
    fn subject(&self) -> Uid {
        Uid::from_bytes(i128::from(*self).to_be_bytes())
    }
}

/// Makes a row a fact and gives it its INSERT: what that begins with, the table, the row, the column of its
/// subject, where it needs them that of its number and one that is part of its name, and then all columns.
macro_rules! fact {
    ($verb:literal $table:ident $row:ty, $subject:ident $(, $n:ident $(, $part:ident)?)?: $($field:ident),+ $(,)?) => {
        $crate::storage::prepared::fixed_insert!($verb $table $row: $($field),+);

        impl $crate::storage::facts::Fact for $row {
            fn table(&self) -> &'static str {
                stringify!($table)
            }

            $($(fn part(&self) -> &str {
                &self.$part
            })?)?

            fn subject(&self) -> $crate::domain::id::Uid {
                $crate::storage::facts::Subject::subject(&self.$subject)
            }

            fn n(&self) -> i64 {
                0 $(+ self.$n)?
            }

            fn encode(&self, out: &mut Vec<u8>) {
                // Whole, so that no column is forgotten.
                let Self { $($field),+ } = self;
                $($crate::storage::facts::Canonical::encode($field, out);)+
            }
        }
    };
}
pub(in crate::storage) use fact;

/// The commitment to rows that one entry binds together. `key` is the hub's, for facts.
pub fn commitment(key: &[u8; 32], rows: &[&dyn Fact]) -> Hash {
    let (mut names, mut payload) = (Vec::with_capacity(64), Vec::with_capacity(1_024));
    for row in rows {
        let name = row.name();
        for bytes in [&mut names, &mut payload] {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
        }
        row.subject().encode(&mut names);
        row.n().encode(&mut names);
        row.encode(&mut payload);
    }
    merkle::commit("kairan-fact/v1", &vault::mac(key, &names), &payload)
}

/// The commitment of this hub to rows that one entry binds together.
pub fn bind(tx: &Tx<'_>, rows: &[&dyn Fact]) -> Hash {
    commitment(&tx.vault().keys().facts, rows)
}

/// Stages an entry for each row. Called where the row is inserted, so that none can be without.
pub(in crate::storage) fn record<'r, F: Fact + 'r>(
    tx: &mut Tx<'_>,
    rows: impl IntoIterator<Item = &'r F>,
) -> Result<(), Error> {
    let at = tx.now()?;
    let named: Vec<_> = rows.into_iter().map(|row| (row, row.name())).collect();
    let mut entries = Vec::with_capacity(named.len());
    for (row, name) in &named {
        let entry = FactRecorded {
            at,
            fact: name,
            facts: bind(tx, &[*row]),
            n: row.n(),
            subject: row.subject(),
            t: RECORDED,
            v: 1,
        };
        entries.push((row.subject(), Entry::FactRecorded(entry)));
    }
    log::stage(tx, &entries)?;
    Ok(())
}

/// Inserts rows of a fact table and stages an entry for each.
pub(in crate::storage) fn insert_facts<F: Fact + FixedInsert>(
    tx: &mut Tx<'_>,
    rows: &[F],
) -> Result<(), Error> {
    insert_all(tx, rows)?;
    record(tx, rows)
}

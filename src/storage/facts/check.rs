//! Compares facts with the entries that bind them, both ways, a page at a time: which rows differ from their
//! entry, which have none, and which entries have lost their row. Knows no table by name (`tables.rs`).

use super::Fact;
use super::entries::{Entry, entries_of};
use super::tables::{WALKS, Walk};
use crate::domain::id::Uid;
use crate::merkle::Hash;
use crate::storage::audit::Finding;
use crate::storage::error::Error;
use crate::storage::schema::log_entry;
use crate::storage::store::Store;
use crate::storage::tx::{Tx, on_either};
use diesel::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What must hold of every fact: a stable code and its words, as of the other rules of the self-check.
pub const RULES: [(&str, &str); 3] = [CHANGED, UNRECORDED, MISSING];
pub(super) const CHANGED: Rule = ("fact_changed", "every fact is as its entry says");
pub(super) const UNRECORDED: Rule = ("fact_unrecorded", "every fact has its entry");
pub(super) const MISSING: Rule = ("fact_missing", "every entry has its fact");

type Rule = (&'static str, &'static str);

/// Subjects, or entries, that one page looks at.
pub(super) const PAGE: i64 = 500;

/// What was found, by rule and table.
#[derive(Debug, Default)]
pub struct Tally {
    found: BTreeMap<(Rule, &'static str), i64>,
    /// Rows looked at.
    pub rows: usize,
}

impl Tally {
    pub(super) fn add(&mut self, rule: Rule, table: &'static str, count: i64) {
        *self.found.entry((rule, table)).or_default() += count;
    }

    /// Adds what another found.
    pub fn take_in(&mut self, other: Self) {
        for ((rule, table), count) in other.found {
            self.add(rule, table, count);
        }
        self.rows += other.rows;
    }

    pub fn findings(&self) -> Vec<Finding> {
        let found = self.found.iter();
        found
            .map(|(((code, rule), table), count)| Finding {
                code,
                rule,
                table: Some(table),
                count: *count,
            })
            .collect()
    }
}

/// How far a walk over all facts and entries has come; the default stands before the first.
#[derive(Debug, Clone, Default)]
pub struct Place {
    walk: usize,
    after: Option<Uid>,
    seq: i64,
}

/// Looks at the next page; returns where the one after it begins, `None` after the last.
pub fn step(tx: &mut Tx<'_>, mut place: Place, tally: &mut Tally) -> Result<Option<Place>, Error> {
    let Some(walk) = WALKS.get(place.walk) else {
        return match entries_page(tx, place.seq, tally) {
            Err(Error::Corrupt(fault)) => {
                unreadable(tally, "log_entry", &fault);
                Ok(None)
            }
            other => Ok(other?.map(|seq| Place { seq, ..place })),
        };
    };
    let last = match rows_page(tx, walk, place.after, tally) {
        // What cannot even be read must not end the check in silence.
        Err(Error::Corrupt(fault)) => {
            unreadable(tally, walk.table, &fault);
            None
        }
        other => other?,
    };
    if last.is_none() {
        place.walk += 1;
    }
    place.after = last;
    Ok(Some(place))
}

/// The next page in a read of its own, so that whoever writes meanwhile waits for nothing.
pub async fn look(store: &Store, place: Place) -> Result<(Option<Place>, Tally), Error> {
    let looked = store.read(move |tx| {
        let mut tally = Tally::default();
        step(tx, place.clone(), &mut tally).map(|next| (next, tally))
    });
    looked.await
}

/// Walks over everything at once.
pub fn whole(tx: &mut Tx<'_>) -> Result<Vec<Finding>, Error> {
    let mut tally = Tally::default();
    let mut place = Some(Place::default());
    while let Some(here) = place {
        place = step(tx, here, &mut tally)?;
    }
    Ok(tally.findings())
}

fn unreadable(tally: &mut Tally, table: &'static str, fault: &str) {
    tracing::error!(table, fault, "a fact cannot be read");
    tally.add(CHANGED, table, 1);
}

/// A row, or rows that one entry binds together, as the entry should have it.
#[derive(Debug)]
pub(super) struct Bound {
    pub name: Name,
    pub facts: Hash,
}

/// How an entry names a row: subject, name, number.
pub(super) type Name = (Uid, Cow<'static, str>, i64);

impl Bound {
    /// `row` gives the name.
    pub fn new(row: &impl Fact, facts: Hash) -> Self {
        Self {
            name: (row.subject(), row.name(), row.n()),
            facts,
        }
    }
}

/// Returns the last subject of the page; `None` = there are no more.
fn rows_page(
    tx: &mut Tx<'_>,
    walk: &Walk,
    after: Option<Uid>,
    tally: &mut Tally,
) -> Result<Option<Uid>, Error> {
    let subjects = (walk.subjects)(tx, after, walk.at_once)?;
    let Some(last) = subjects.last() else {
        return Ok(None);
    };
    let rows = (walk.rows)(tx, &subjects)?;
    tally.rows += rows.len();
    let mut said: HashMap<Name, Vec<Hash>> = HashMap::new();
    for entry in entries_of(tx, &subjects)? {
        if let Some(bound) = entry.read().ok().and_then(|said| said.bound()) {
            said.entry(bound.name).or_default().push(bound.facts);
        }
    }
    for row in rows {
        match said.get(&row.name) {
            None => tally.add(UNRECORDED, walk.table, 1),
            // A second entry that says otherwise does not put things right.
            Some(all) if all.iter().any(|facts| *facts != row.facts) => {
                tally.add(CHANGED, walk.table, 1);
            }
            Some(_) => {}
        }
    }
    (walk.more)(tx, &subjects, tally)?;
    Ok(Some(*last))
}

/// Returns the last entry of the page; `None` = there are no more.
fn entries_page(tx: &mut Tx<'_>, after: i64, tally: &mut Tally) -> Result<Option<i64>, Error> {
    let page: Vec<Entry> = on_either!(tx, conn => log_entry::table
        .filter(log_entry::seq.gt(after))
        .order(log_entry::seq)
        .limit(PAGE)
        .select(Entry::as_select())
        .load(conn)?);
    tally.rows += page.len();
    let mut named: HashMap<usize, Vec<Name>> = HashMap::new();
    for entry in &page {
        match entry.read() {
            Ok(said) if entry.is_itself(&said) => {
                let name = said.bound().map(|bound| bound.name);
                let walk = said.walk();
                if let (Some(name), Some(walk)) = (name, walk) {
                    named.entry(walk).or_default().push(name);
                }
            }
            _ => tally.add(CHANGED, "log_entry", 1),
        }
    }
    for (walk, names) in named {
        let walk = &WALKS[walk];
        let subjects: HashSet<Uid> = names.iter().map(|name| name.0).collect();
        let subjects: Vec<Uid> = subjects.into_iter().collect();
        let rows = (walk.rows)(tx, &subjects)?;
        let there: HashSet<&Name> = rows.iter().map(|row| &row.name).collect();
        let gone = names.iter().filter(|name| !there.contains(name)).count();
        if gone > 0 {
            tally.add(MISSING, walk.table, i64::try_from(gone).unwrap_or(i64::MAX));
        }
    }
    Ok(page.last().map(|entry| entry.seq))
}

//! Entries as the check reads them: which row each binds, and whether what stands beside its bytes is what they
//! say.

use super::check::Bound;
use super::tables::WALKS;
use super::{RECORDED, Subject};
use crate::domain::id::Uid;
use crate::domain::level::Level;
use crate::merkle;
use crate::storage::error::Error;
use crate::storage::schema::log_entry;
use crate::storage::tx::{Tx, on_either};
use base64::prelude::*;
use diesel::prelude::*;
use serde::Deserialize;
use std::borrow::Cow;

/// An entry as it was staged.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = log_entry)]
pub(super) struct Entry {
    pub seq: i64,
    pub kind: String,
    pub subject_id: Uid,
    pub body: Vec<u8>,
    pub leaf_hash: Vec<u8>,
}

impl Entry {
    /// Of an entry that binds no row its kind alone is read.
    pub fn read(&self) -> Result<Said<'_>, serde_json::Error> {
        if WALKS.iter().any(|walk| walk.kind == self.kind) {
            return serde_json::from_slice(&self.body);
        }
        let Kind { t } = serde_json::from_slice(&self.body)?;
        Ok(Said {
            t,
            ..Said::default()
        })
    }

    /// Is what stands beside the bytes what the bytes say?
    pub fn is_itself(&self, said: &Said<'_>) -> bool {
        self.kind == said.t
            && said
                .subject()
                .is_none_or(|subject| subject == self.subject_id)
            && self.leaf_hash == merkle::leaf_hash(&self.body)
    }
}

/// The entries about these subjects.
pub(super) fn entries_of(tx: &mut Tx<'_>, subjects: &[Uid]) -> Result<Vec<Entry>, Error> {
    Ok(on_either!(tx, conn => log_entry::table
        .filter(log_entry::subject_id.eq_any(subjects))
        .select(Entry::as_select())
        .load(conn)?))
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
}

/// What the check reads of an entry, whichever row it binds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub t: Cow<'a, str>,
    #[serde(borrow)]
    fact: Option<Cow<'a, str>>,
    #[serde(borrow)]
    facts: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub outcome: Option<Cow<'a, str>>,
    n: Option<i64>,
    seq: Option<i64>,
    version: Option<i64>,
    acknowledgement: Option<Uid>,
    attempt: Option<Uid>,
    deferral: Option<Uid>,
    fanout: Option<Uid>,
    incident: Option<Uid>,
    notice: Option<Uid>,
    proof: Option<Uid>,
    report: Option<Uid>,
    request: Option<Uid>,
    response: Option<Uid>,
    revision: Option<Uid>,
    subject: Option<Uid>,
}

impl Said<'_> {
    fn subject(&self) -> Option<Uid> {
        match &*self.t {
            "roster.version" => self.version.map(|version| version.subject()),
            "incident.registered" => self.revision,
            "notice.fanout" => self.fanout,
            "notice.attempt" => self.attempt,
            "notice.acknowledged" => self.acknowledgement,
            "notice.accessed" | "notice.chased" | "notice.closed" => self.notice,
            "incident.closed" => self.incident,
            "bank.report" | "mail.report" => self.report,
            "bank.response" => self.response,
            "deferral" => self.deferral,
            "approval" => self.request,
            "endpoint.proven" => self.proof,
            RECORDED => self.subject,
            _ => None,
        }
    }

    /// What it binds, and the name of it; `None` = nothing.
    pub fn bound(&self) -> Option<Bound> {
        let walk = &WALKS[self.walk()?];
        let (name, n) = match &*self.t {
            RECORDED => (self.fact.clone()?.into_owned().into(), self.n?),
            "notice.attempt" => (walk.table.into(), self.seq?),
            "notice.chased" => (walk.table.into(), self.n?),
            "notice.accessed" => (walk.table.into(), Level::Accessed.number()),
            _ => (walk.table.into(), 0),
        };
        let facts = BASE64_STANDARD.decode(self.facts.as_deref()?).ok()?;
        Some(Bound {
            name: (self.subject()?, name, n),
            facts: facts.try_into().ok()?,
        })
    }

    /// The walk over the rows that it binds.
    pub fn walk(&self) -> Option<usize> {
        let table = self.fact.as_deref().map(|fact| fact.split('.').next());
        WALKS.iter().position(|walk| {
            walk.kind == self.t && (walk.kind != RECORDED || table == Some(Some(walk.table)))
        })
    }
}

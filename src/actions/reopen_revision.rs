//! A revision as the filing that said it, for whoever writes the next one. The shared body only counts the banks that it
//! means; by name they rest in the erasable store, under the id of the revision itself.

use super::Error;
use super::issue::damaged;
use crate::domain::incident::{
    Affected, BankCount, BankServices, Filing, IncidentBody, Known, OperatorContact,
};
use crate::storage::incident::RevisionRow;
use crate::storage::{Tx, payload, reading};
use serde::{Deserialize, Serialize};

/// The banks that a revision names.
#[derive(Default, Serialize, Deserialize)]
struct Names {
    #[serde(default)]
    affected: Vec<String>,
    #[serde(default)]
    services: Vec<BankServices>,
}

/// What a revision said.
pub struct Reopened {
    pub filing: Filing,
    /// Fields of the filing that named banks whose names are not on record: what is there in their place is empty.
    pub unnamed: Vec<&'static str>,
}

/// Keeps which banks a revision names; where it names none there is nothing to keep.
pub(super) fn keep_names(
    tx: &mut Tx<'_>,
    revision: &RevisionRow,
    affected: &Affected,
    services: &[BankServices],
) -> Result<(), Error> {
    let names = Names {
        affected: match affected {
            Affected::Banks(codes) => codes.clone(),
            Affected::Unknown => Vec::new(),
        },
        services: services.to_vec(),
    };
    if names.affected.is_empty() && names.services.is_empty() {
        return Ok(());
    }
    let names = serde_json::to_vec(&names).map_err(|_| damaged("bank"))?;
    payload::seal_as(tx, revision.id, revision.incident_id, &names)?;
    Ok(())
}

/// The filing of a revision; `None` = it is a withdrawal, after which nothing is filed.
pub fn reopen(tx: &mut Tx<'_>, revision: &RevisionRow) -> Result<Option<Reopened>, Error> {
    if revision.phase == "withdrawal" {
        return Ok(None);
    }
    let body = IncidentBody::read(&revision.body).map_err(|_| damaged("body"))?;
    let names = match payload::open(tx, revision.id)? {
        Some(names) => serde_json::from_slice(&names).map_err(|_| damaged("bank"))?,
        None => told_that_they_are_hit(tx, revision, &body)?,
    };
    let mut unnamed = Vec::new();
    let affected = match body.affected_banks {
        Known::Unknown => Known::Unknown,
        Known::Value(_) => Known::Value(names.affected),
    };
    if affected.value().is_some_and(Vec::is_empty) {
        unnamed.push("affected_banks");
    }
    if names.services.is_empty() && !body.services.is_empty() {
        unnamed.push("services");
    }
    let contacts = contacts(tx, revision)?;
    Ok(Some(Reopened {
        filing: body.into_filing(affected, names.services, contacts),
        unnamed,
    }))
}

/// Of a revision that kept no names: the banks whose notice says that it concerns them, if those are all.
fn told_that_they_are_hit(
    tx: &mut Tx<'_>,
    revision: &RevisionRow,
    body: &IncidentBody,
) -> Result<Names, Error> {
    let Known::Value(BankCount { count }) = body.affected_banks else {
        return Ok(Names::default());
    };
    let board = reading::board(tx, revision.id)?;
    let hit = board.into_iter().filter(|cell| cell.concerns_you);
    let mut affected: Vec<String> = hit.map(|cell| cell.bank).collect();
    if u32::try_from(affected.len()) != Ok(count) {
        affected.clear();
    }
    Ok(Names {
        affected,
        services: Vec::new(),
    })
}

/// The operator's people that a revision names; none where they were erased.
fn contacts(tx: &mut Tx<'_>, revision: &RevisionRow) -> Result<Vec<OperatorContact>, Error> {
    let sealed = match revision.contacts_id {
        Some(id) => payload::open(tx, id)?,
        None => None,
    };
    match sealed {
        Some(people) => serde_json::from_slice(&people).map_err(|_| damaged("contact")),
        None => Ok(Vec::new()),
    }
}

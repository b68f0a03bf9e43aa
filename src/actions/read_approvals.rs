//! Requests for a second person in words that this person understands: what each is about, and what would be
//! different afterwards. Opens what is sealed; knows nothing of who may read which.

use super::invite::PersonPayload;
use super::tell_out_of_band::{self, ContactPayload};
use super::{
    Error, change_roles, close_notice, defer, end_partnership, on_behalf, recover, withdraw,
};
use crate::domain::id::Uid;
use crate::domain::incident::{Withdrawal, Words};
use crate::domain::instant::Instant;
use crate::storage::approval::RequestRow;
use crate::storage::{self, Tx, bank, incident, notice, out_of_band, payload, people};
use serde::Deserialize;

/// What a request is about.
#[derive(Debug, Clone)]
pub enum About {
    Incident {
        reference: String,
        title: Option<Words>,
        /// `actual`, `exercise` or `test`.
        kind: String,
    },
    /// A revision of an incident that has no reference yet.
    Filing {
        title: Option<Words>,
        kind: String,
    },
    Bank {
        code: String,
        name: Words,
    },
    /// Without a name once erased.
    Person {
        id: Uid,
        name: Option<String>,
    },
}

/// What would be different afterwards.
#[derive(Debug, Clone)]
pub enum Change {
    /// The roles that the person would have, all of them.
    Roles(Vec<String>),
    Withdrawal {
        reason: &'static str,
        /// What every bank would read.
        text: Words,
        /// The incident to read instead.
        replaces: Option<String>,
    },
    /// The bank whose notice it would close.
    NoticeClosing {
        bank: String,
        number: i64,
    },
    /// What would be held back, as every bank would read it.
    Deferral {
        basis: &'static str,
        until: Instant,
        description: Words,
        advice: Words,
    },
    /// URLs are `None` where they were erased.
    AddEndpoint {
        url: Option<String>,
    },
    ReplaceEndpoint {
        old: Option<String>,
        url: Option<String>,
    },
    EndEndpoint {
        old: Option<String>,
    },
    RevokeKey {
        label: String,
    },
    EndPartnership,
    Recovery,
    /// A bank counts as told, though weaker.
    OutOfBand(Box<Contact>),
}

/// A contact beside the channels, as whoever signs it off reads it.
#[derive(Debug, Clone)]
pub struct Contact {
    pub bank: String,
    pub number: i64,
    pub channel: String,
    pub told_at: Instant,
    /// `None` once erased.
    pub said: Option<ContactPayload>,
}

/// What the request is about; `None` if its subject is not there any more.
pub fn about(tx: &mut Tx<'_>, row: &RequestRow) -> Result<Option<About>, Error> {
    match row.act.as_str() {
        withdraw::ACT => of_incident(tx, row.subject_id),
        tell_out_of_band::ACT => {
            let contact = out_of_band::by_id(tx, row.subject_id)?.ok_or(Error::NotFound)?;
            match notice::by_id(tx, contact.notice_id)? {
                Some(known) => of_incident(tx, known.incident_id),
                None => Ok(None),
            }
        }
        close_notice::ACT => {
            let (notice, _) = close_notice::about(tx, row)?;
            of_incident(tx, notice.incident_id)
        }
        defer::ACT => match defer::incident_of(&row.details)? {
            Some(incident) => of_incident(tx, incident),
            None => {
                let asked = defer::asked(tx, &row.details)?;
                Ok(Some(About::Filing {
                    title: asked.title,
                    kind: asked.kind.code().into(),
                }))
            }
        },
        change_roles::ACT | recover::ACT => of_person(tx, row.subject_id),
        _ => of_bank(tx, row.subject_id),
    }
}

#[derive(Deserialize)]
struct Titled {
    title: Option<Words>,
}

fn of_incident(tx: &mut Tx<'_>, id: Uid) -> Result<Option<About>, Error> {
    let Some(row) = incident::by_id(tx, id)? else {
        return Ok(None);
    };
    // The newest revision may be the withdrawal itself, which has no title.
    let newest = incident::revisions(tx, id)?
        .into_iter()
        .rfind(|row| row.phase != "withdrawal");
    let kind = newest.as_ref().map(|row| row.kind.clone());
    let title = newest.and_then(|row| serde_json::from_slice::<Titled>(&row.body).ok());
    Ok(Some(About::Incident {
        reference: row.reference,
        title: title.and_then(|body| body.title),
        kind: kind.unwrap_or_default(),
    }))
}

fn of_person(tx: &mut Tx<'_>, id: Uid) -> Result<Option<About>, Error> {
    let Some(row) = people::person(tx, id)? else {
        return Ok(None);
    };
    let name = match payload::open(tx, row.payload_id)? {
        Some(sealed) => serde_json::from_slice::<PersonPayload>(&sealed)
            .map(|known| Some(known.name))
            .map_err(|_| storage::Error::Corrupt("the particulars of a person".into()))?,
        None => None,
    };
    Ok(Some(About::Person { id, name }))
}

fn of_bank(tx: &mut Tx<'_>, id: Uid) -> Result<Option<About>, Error> {
    let (Some(row), Some(profile)) = (bank::by_id(tx, id)?, bank::profile(tx, id)?) else {
        return Ok(None);
    };
    Ok(Some(About::Bank {
        code: row.code,
        name: Words {
            ja: Some(profile.name_ja),
            en: Some(profile.name_en),
        },
    }))
}

/// What would be different, or was made so.
pub fn change(tx: &mut Tx<'_>, row: &RequestRow) -> Result<Change, Error> {
    Ok(match row.act.as_str() {
        withdraw::ACT => {
            let asked = Withdrawal::from_json(&row.details)?;
            Change::Withdrawal {
                reason: asked.reason.code(),
                text: asked.text,
                replaces: asked.replaces.map(|other| other.to_string()),
            }
        }
        close_notice::ACT => {
            let (notice, bank) = close_notice::about(tx, row)?;
            Change::NoticeClosing {
                bank,
                number: notice.number,
            }
        }
        defer::ACT => {
            let asked = defer::asked(tx, &row.details)?;
            Change::Deferral {
                basis: asked.basis.code(),
                until: asked.until,
                description: asked.description,
                advice: asked.advice.unwrap_or_default(),
            }
        }
        change_roles::ACT => Change::Roles(change_roles::wanted(&row.details)?),
        end_partnership::ACT => Change::EndPartnership,
        recover::ACT => Change::Recovery,
        on_behalf::ACT => on_behalf::change(tx, &row.details)?,
        tell_out_of_band::ACT => contact(tx, row.subject_id)?,
        _ => return Err(super::issue::damaged("act")),
    })
}

fn contact(tx: &mut Tx<'_>, id: Uid) -> Result<Change, Error> {
    let row = out_of_band::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let known = bank::by_id(tx, row.bank_id)?.ok_or(Error::NotFound)?;
    let said = tell_out_of_band::opened(tx, &row)?;
    Ok(Change::OutOfBand(Box::new(Contact {
        bank: known.code,
        number: row.read_back,
        channel: row.channel,
        told_at: row.told_at,
        said,
    })))
}

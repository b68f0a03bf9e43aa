//! The mail of a notice from its parts: what all banks share, and one bank's own copy. Knows nothing of where
//! the parts come from: they were stored, or would be.

use super::mails::{
    BankName, MailLink, Measure, NoticeMail, OperatorContact, Recipients, When, Withdrawal,
};
use crate::domain::chase::LATE;
use crate::domain::digest::Digest;
use crate::domain::incident::{IncidentBody, WithdrawalBody, Words};
use crate::domain::instant::{Entered, Instant};
use crate::domain::vocabulary::{Language, Phase};
use bytes::Bytes;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// What all notices of one revision share.
pub struct RevisionParts {
    pub reference: String,
    /// When the incident was registered.
    pub opened_at: Instant,
    pub number: i64,
    pub phase: String,
    pub kind: String,
    pub tlp: String,
    pub urgency: String,
    /// A withdrawal has that of what it takes back.
    pub title: Words,
    /// Canonical, as stored.
    pub body: Bytes,
    pub digest: Digest,
    pub recipients: i64,
    pub roster_version: i64,
    /// The observers among them: code, and name ja and en.
    pub observers: Vec<(String, String, String)>,
    /// Empty once erased.
    pub contacts: Vec<crate::domain::incident::OperatorContact>,
}

impl RevisionParts {
    pub fn observer_codes(&self) -> Vec<String> {
        self.observers.iter().map(|one| one.0.clone()).collect()
    }
}

/// What is one bank's own.
pub struct NoticeCopy<'a> {
    pub bank: BankName,
    pub number: u64,
    pub issued_at: Instant,
    /// Why the bank is told: partner, affected, observer, former, late_joiner.
    pub reason: &'a str,
    /// The notice object as stored.
    pub object: &'a [u8],
    pub digest: String,
    pub link: Option<MailLink>,
    /// Where it is read in the portal.
    pub page: String,
}

/// The flags of a notice, read back from its object.
#[derive(Deserialize)]
struct ObjectFlags {
    acknowledge_by: Entered,
    concerns_you: bool,
    exposed: bool,
}

/// What the hub stamped on a body.
#[derive(Deserialize)]
struct Stamped {
    #[serde(default)]
    unverified: bool,
}

/// The inputs of the mail, in one language. Fails where a stored part cannot be read.
pub fn notice_mail(
    operator: String,
    zone: &TimeZone,
    copy: NoticeCopy<'_>,
    revision: &RevisionParts,
    lang: &str,
) -> Result<NoticeMail, serde_json::Error> {
    let flags: ObjectFlags = serde_json::from_slice(copy.object)?;
    let when = |at: Instant| When::of(at, zone);
    let observers = revision.observers.iter().map(|(_, ja, en)| match lang {
        "ja" => ja.clone(),
        _ => en.clone(),
    });
    let stamped: Stamped = serde_json::from_slice(&revision.body)?;
    let mut mail = NoticeMail {
        operator,
        bank: copy.bank,
        number: copy.number,
        incident_ref: revision.reference.clone(),
        revision: u32::try_from(revision.number).unwrap_or(u32::MAX),
        phase: revision.phase.clone(),
        kind: revision.kind.clone(),
        tlp: revision.tlp.clone(),
        urgency: revision.urgency.clone(),
        issued_at: when(copy.issued_at),
        acknowledge_by: when(flags.acknowledge_by.at),
        title: None,
        description: None,
        change_summary: None,
        typology: Vec::new(),
        auth_exploited: Vec::new(),
        countermeasures: Vec::new(),
        advice: None,
        related: Vec::new(),
        exposed: flags.exposed,
        unverified: false,
        concerns_you: flags.concerns_you,
        annex: false,
        link: copy.link,
        page: copy.page,
        digest: copy.digest,
        incident_digest: revision.digest.to_string(),
        recipients: Recipients {
            count: u32::try_from(revision.recipients).unwrap_or(u32::MAX),
            roster_version: revision.roster_version.unsigned_abs(),
            observers: observers.collect(),
        },
        contacts: revision.contacts.iter().map(contact).collect(),
        withdrawn: None,
        reminder: None,
        overtaken: None,
        reason: copy.reason.to_owned(),
        joined_late: (copy.reason == LATE).then(|| when(revision.opened_at)),
    };
    let language = Language::parse(lang).unwrap_or(Language::En);
    if revision.phase == Phase::Withdrawal.code() {
        let body = WithdrawalBody::read(&revision.body)?;
        mail.withdrawn = Some(Withdrawal {
            reason: body.reason.code().into(),
            text: words(&body.text, language),
            replaces: body.replaces.map(|other| other.to_string()),
        });
        mail.title = words(&revision.title, language);
    } else {
        let body = IncidentBody::read(&revision.body)?;
        mail.unverified = stamped.unverified;
        tell(&mut mail, &body, language, &when);
    }
    Ok(mail)
}

fn words(words: &Words, language: Language) -> Option<String> {
    Some(words.best(language).to_owned()).filter(|text| !text.is_empty())
}

fn contact(person: &crate::domain::incident::OperatorContact) -> OperatorContact {
    OperatorContact {
        name: person.name.clone(),
        role: person.role.clone(),
        phone: person.phone.clone(),
        email: person.email.clone(),
    }
}

/// Fills in what the shared body says, in one language.
fn tell(
    mail: &mut NoticeMail,
    body: &IncidentBody,
    language: Language,
    when: &dyn Fn(Instant) -> When,
) {
    mail.title = words(&body.title, language);
    mail.description = words(&body.description, language);
    mail.change_summary = body
        .change_summary
        .as_ref()
        .and_then(|text| words(text, language));
    mail.typology = body
        .typology
        .iter()
        .map(|code| code.code().into())
        .collect();
    mail.auth_exploited = body
        .auth_exploited
        .iter()
        .map(|code| code.code().into())
        .collect();
    mail.related = body
        .related_incidents
        .iter()
        .map(ToString::to_string)
        .collect();
    mail.advice = body.advice.as_ref().and_then(|text| words(text, language));
    mail.countermeasures = body
        .countermeasures
        .iter()
        .map(|measure| Measure {
            code: measure.code.code().into(),
            scope: measure.scope.code().into(),
            taken_at: measure.taken_at.map(|entered| when(entered.at)),
            planned_for: measure.planned_for.map(|entered| when(entered.at)),
            note: measure.note.clone(),
        })
        .collect();
}

//! Putting messages together from their stored parts, the same bytes on every retry. Knows nothing of
//! sending; what is signed is signed elsewhere, afresh for each attempt.

use super::sources::{Addressee, RevisionParts};
use crate::actions::Rules;
use crate::actions::break_channel::ChannelAlert;
use crate::actions::claim::Claimed;
use crate::actions::mail_link::LinkNote;
use crate::actions::recover;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::incident::{IncidentBody, WithdrawalBody, Words};
use crate::domain::instant::{Entered, Instant};
use crate::domain::mail_id;
use crate::domain::vocabulary::{Language, Phase};
use crate::storage::delivery::DueNotice;
use crate::templates::mails::{
    Alert, AlertMail, BankName, LinkAcknowledgedMail, MailLink, MailTexts, Measure, NoticeMail,
    OperatorContact, PartnershipEndingMail, Recipients, RecoveredMail, TestMail, When, Withdrawal,
};
use crate::templates::{TemplateFault, Templates};
use bytes::Bytes;
use sha2::Sha256;
use std::fmt::Write;

/// Why a message could not be put together. The hub's own fault, shown as such and tried again.
#[derive(Debug, thiserror::Error)]
pub enum NotAssembled {
    #[error("a part of the message was erased or is missing: {0}")]
    Missing(&'static str),
    #[error("a stored part cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Template(#[from] TemplateFault),
}

/// `webhook-id`: stable for a message and an endpoint, whatever is retried or resent.
pub fn webhook_id(message: Uid, endpoint: Uid) -> String {
    use sha2::Digest as _;
    let hash = Sha256::new()
        .chain_update(message.as_bytes())
        .chain_update(endpoint.as_bytes())
        .finalize();
    format!("msg_{}", hex::encode(&hash[..16]))
}

/// The webhook's body. Notice object and incident body are spliced in as their stored bytes, so that nobody
/// needs a canonicaliser to check the digests.
pub fn webhook_body(
    rules: &Rules,
    claimed: &Claimed,
    revision: Option<&RevisionParts>,
) -> Result<Bytes, NotAssembled> {
    let due = &claimed.due;
    let Some(notice) = &due.notice else {
        return Ok(Bytes::from(format!(
            r#"{{"type":"{}","timestamp":"{}","data":{{"message":"{}"}}}}"#,
            due.kind, due.message_created_at, due.message_id
        )));
    };
    let revision = revision.ok_or(NotAssembled::Missing("the revision"))?;
    let mut body = Vec::with_capacity(1_024 + notice.object.len() + revision.body.len());
    let digest = Digest::from_slice(&notice.digest).ok_or(NotAssembled::Missing("the digest"))?;
    let mut head = String::with_capacity(128);
    // A String never refuses a write.
    let _ = write!(
        head,
        r#"{{"type":"{}","timestamp":"{}","data":{{"notice":"#,
        due.kind, notice.issued_at
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&notice.object);
    let mut middle = String::with_capacity(128);
    let _ = write!(middle, r#","digest":"{digest}","incident":"#);
    body.extend_from_slice(middle.as_bytes());
    body.extend_from_slice(&revision.body);
    let mut tail = String::with_capacity(384);
    let _ = write!(
        tail,
        concat!(
            r#","acknowledge":{{"api":"{base}/api/v1/notices/{id}/acknowledgement","page":"{base}/inbox/{id}"}}"#,
            r#","recipients":{{"count":{count},"roster_version":{version}}},"log":null}}}}"#
        ),
        base = rules.public_url,
        id = notice.id,
        count = revision.recipients,
        version = revision.roster_version,
    );
    body.extend_from_slice(tail.as_bytes());
    Ok(Bytes::from(body))
}

fn words(words: &Words, language: Language) -> Option<String> {
    Some(words.best(language).to_owned()).filter(|text| !text.is_empty())
}

/// The texts of a mail, in the addressee's language.
pub fn mail_texts(
    rules: &Rules,
    templates: &Templates,
    mail_key: &[u8],
    claimed: &Claimed,
    to: &Addressee,
    revision: Option<&RevisionParts>,
    named_bank: Option<(String, String)>,
) -> Result<MailTexts, NotAssembled> {
    let due = &claimed.due;
    let lang = to.language.as_str();
    let bank = to
        .bank
        .clone()
        .or(named_bank)
        .map(|(code, name)| BankName { code, name });
    let needs_bank = || bank.clone().ok_or(NotAssembled::Missing("the bank"));
    let inputs = || {
        claimed
            .inputs
            .as_ref()
            .ok_or(NotAssembled::Missing("the message's inputs"))
    };
    let when = |at: Instant| When::of(at, &rules.zone);
    let operator = rules.operator_name.clone();
    match due.kind.as_str() {
        "notice.issued" | "notice.withdrawn" => {
            let notice = due
                .notice
                .as_ref()
                .ok_or(NotAssembled::Missing("the notice"))?;
            let revision = revision.ok_or(NotAssembled::Missing("the revision"))?;
            let link = MailLink {
                url: format!(
                    "{}/n/{}",
                    rules.public_url,
                    mail_id::link_token(mail_key, &due.id)
                ),
                code: mail_id::printed_code(mail_key, &due.id),
            };
            Ok(
                notice_mail(rules, notice, revision, needs_bank()?, link, lang)?
                    .mail(templates, lang)?,
            )
        }
        "notice.test" => Ok(TestMail {
            operator,
            bank: needs_bank()?,
            sent_at: when(due.message_created_at),
        }
        .mail(templates, lang)?),
        "link.acknowledged" => {
            let note: LinkNote = serde_json::from_slice(inputs()?)?;
            Ok(LinkAcknowledgedMail {
                operator,
                bank: needs_bank()?,
                number: note.number.unsigned_abs(),
                incident_ref: note.incident_ref,
                revision: u32::try_from(note.revision).unwrap_or(u32::MAX),
                digest: note.digest,
                name: note.name,
                role: note.role,
                at: when(due.message_created_at),
            }
            .mail(templates, lang)?)
        }
        "partnership.ending" => {
            let note: EndingInputs = serde_json::from_slice(inputs()?)?;
            Ok(PartnershipEndingMail {
                operator,
                bank: needs_bank()?,
                recorded_at: when(due.message_created_at),
                ends_at: when(note.ends_at.at),
            }
            .mail(templates, lang)?)
        }
        recover::TOLD => Ok(RecoveredMail {
            operator,
            name: to.name.clone(),
            at: when(due.message_created_at),
        }
        .mail(templates, lang)?),
        "operator.alert" => {
            let note: ChannelAlert = serde_json::from_slice(inputs()?)?;
            Ok(AlertMail {
                operator,
                alert: Alert::ChannelBroken,
                bank,
                incident_ref: None,
                detail: Some(note.channel),
                at: when(due.message_created_at),
            }
            .mail(templates, lang)?)
        }
        _ => Err(NotAssembled::Missing("a text for this kind of message")),
    }
}

/// The inputs of `partnership.ending`.
#[derive(serde::Deserialize)]
struct EndingInputs {
    ends_at: Entered,
}

/// The flags of a notice, read back from its object.
#[derive(serde::Deserialize)]
struct ObjectFlags {
    acknowledge_by: Entered,
    concerns_you: bool,
    exposed: bool,
}

fn notice_mail(
    rules: &Rules,
    notice: &DueNotice,
    revision: &RevisionParts,
    bank: BankName,
    link: MailLink,
    lang: &str,
) -> Result<NoticeMail, NotAssembled> {
    let flags: ObjectFlags = serde_json::from_slice(&notice.object)?;
    let when = |at: Instant| When::of(at, &rules.zone);
    let mut mail = NoticeMail {
        operator: rules.operator_name.clone(),
        bank,
        number: notice.number.unsigned_abs(),
        incident_ref: revision.reference.clone(),
        revision: u32::try_from(revision.number).unwrap_or(u32::MAX),
        phase: revision.phase.clone(),
        kind: revision.kind.clone(),
        tlp: revision.tlp.clone(),
        urgency: revision.urgency.clone(),
        issued_at: when(notice.issued_at),
        acknowledge_by: when(flags.acknowledge_by.at),
        title: None,
        description: None,
        change_summary: None,
        typology: Vec::new(),
        auth_exploited: Vec::new(),
        countermeasures: Vec::new(),
        advice: None,
        exposed: flags.exposed,
        concerns_you: flags.concerns_you,
        annex: false,
        link: Some(link),
        page: format!("{}/inbox/{}", rules.public_url, notice.id),
        digest: Digest::from_slice(&notice.digest)
            .ok_or(NotAssembled::Missing("the digest"))?
            .to_string(),
        incident_digest: revision.digest.to_string(),
        recipients: Recipients {
            count: u32::try_from(revision.recipients).unwrap_or(u32::MAX),
            roster_version: revision.roster_version.unsigned_abs(),
        },
        contacts: revision.contacts.iter().map(contact).collect(),
        withdrawn: None,
    };
    let language = Language::parse(lang).unwrap_or(Language::En);
    if revision.phase == Phase::Withdrawal.code() {
        let body = WithdrawalBody::read(&revision.body)?;
        mail.withdrawn = Some(Withdrawal {
            reason: body.reason.code().into(),
            text: words(&body.text, language),
        });
    } else {
        tell(
            &mut mail,
            &IncidentBody::read(&revision.body)?,
            language,
            &when,
        );
    }
    Ok(mail)
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

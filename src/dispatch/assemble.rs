//! Putting messages together from their stored parts, the same bytes on every retry. Knows nothing of
//! sending; what is signed is signed elsewhere, afresh for each attempt.

use super::sources::{Issued, MailSource};
use crate::actions::Rules;
use crate::actions::alert::{self, Joined, OperatorAlert};
use crate::actions::answer_report::{self, AnswerNote};
use crate::actions::answer_response::{self, ResponseAnswerNote};
use crate::actions::claim::Claimed;
use crate::actions::mail_link::LinkNote;
use crate::actions::{chase, end_partnership, recover, share_responses};
use crate::domain::challenge;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::{Entered, Instant};
use crate::domain::mail_id;
use crate::domain::notice::{WebhookParts, acknowledge_url, page_url};
use crate::domain::proof::notice::NoticeProof;
use crate::domain::vocabulary::Kind;
use crate::storage::delivery::{DueNotice, DueRow};
use crate::templates::mails::{
    Alert, AlertMail, LinkAcknowledgedMail, MailLink, MailTexts, Newcomer, PartnershipEndingMail,
    RecoveredMail, ReportAnsweredMail, ResponseAnsweredMail, TestMail, When,
};
use crate::templates::notice_mail::{NoticeCopy, RevisionParts, notice_mail};
use crate::templates::{TemplateFault, Templates};
use bytes::Bytes;
use sha2::Sha256;

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

/// The webhook's body. A notice that was claimed sealed carries its proof, at every try.
pub fn webhook_body(
    rules: &Rules,
    claimed: &Claimed,
    issued: Option<&Issued>,
) -> Result<Bytes, NotAssembled> {
    let due = &claimed.due;
    let Some(notice) = &due.notice else {
        if TOLD_IN_FULL.contains(&due.kind.as_str())
            && let Some(inputs) = &claimed.inputs
        {
            return told_in_full(due, inputs);
        }
        return Ok(Bytes::from(format!(
            r#"{{"type":"{}","timestamp":"{}","data":{{"message":"{}"}}}}"#,
            due.kind, due.message_created_at, due.message_id
        )));
    };
    let issued = issued.ok_or(NotAssembled::Missing("the revision"))?;
    let revision = &issued.parts;
    // What was claimed unsealed stays so at every try.
    let proof = (!due.unsealed)
        .then(|| issued.proof_json_of(notice))
        .flatten();
    let acknowledge = acknowledge_url(&rules.public_url, &notice.id.to_string());
    let parts = WebhookParts {
        kind: &due.kind,
        // A reminder is a message of its own; the notice that it brings again is the same, byte for byte.
        sent_at: if due.kind == chase::REMINDER {
            due.message_created_at
        } else {
            notice.issued_at
        },
        object: &notice.object,
        digest: digest_of(notice)?,
        body: &revision.body,
        acknowledge: &acknowledge,
        page: &page_url(&rules.public_url, &notice.id.to_string()),
        recipients: revision.recipients,
        roster_version: revision.roster_version,
        observers: &revision.observer_codes(),
        log: proof.as_deref(),
    };
    Ok(Bytes::from(parts.to_bytes()))
}

/// Messages whose webhook says all that was frozen for them.
const TOLD_IN_FULL: [&str; 5] = [
    end_partnership::ENDING,
    answer_report::ANSWERED,
    answer_response::ANSWERED,
    share_responses::SHARED,
    challenge::KIND,
];

fn told_in_full(due: &DueRow, inputs: &[u8]) -> Result<Bytes, NotAssembled> {
    let mut body = format!(
        r#"{{"type":"{}","timestamp":"{}","data":"#,
        due.kind, due.message_created_at
    )
    .into_bytes();
    // Stored as JSON, and sent as it was stored: the same bytes at every try.
    body.extend_from_slice(inputs);
    body.push(b'}');
    Ok(Bytes::from(body))
}

/// The proof that goes with a claimed notice; `None` = it goes out unsealed, or its salt was erased.
fn proof_of(claimed: &Claimed, issued: &Issued) -> Option<NoticeProof> {
    let notice = claimed.due.notice.as_ref()?;
    (!claimed.due.unsealed).then(|| issued.proof_of(notice))?
}

/// The proof as the file that a mail carries.
pub fn proof_file(
    claimed: &Claimed,
    issued: Option<&Issued>,
) -> Result<Option<String>, NotAssembled> {
    let (Some(issued), Some(notice)) = (issued, &claimed.due.notice) else {
        return Ok(None);
    };
    match proof_of(claimed, issued) {
        Some(proof) => proof
            .to_tlog_proof(&notice.object)
            .map(Some)
            .map_err(|_| NotAssembled::Missing("the proof")),
        None => Ok(None),
    }
}

fn digest_of(notice: &DueNotice) -> Result<Digest, NotAssembled> {
    Digest::from_slice(&notice.digest).ok_or(NotAssembled::Missing("the digest"))
}

/// The texts of a mail, in the addressee's language.
pub fn mail_texts(
    rules: &Rules,
    templates: &Templates,
    mail_key: &[u8],
    claimed: &Claimed,
    source: &MailSource,
    revision: Option<&RevisionParts>,
) -> Result<MailTexts, NotAssembled> {
    let (due, to) = (&claimed.due, &source.to);
    let lang = to.language.as_str();
    let bank = to.bank.clone().or_else(|| source.named_bank.clone());
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
        "notice.issued" | "notice.withdrawn" | chase::REMINDER => {
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
            let copy = NoticeCopy {
                bank: needs_bank()?,
                number: notice.number.unsigned_abs(),
                issued_at: notice.issued_at,
                reason: &notice.reason,
                object: &notice.object,
                digest: digest_of(notice)?.to_string(),
                link: Some(link),
                page: page_url(&rules.public_url, &notice.id.to_string()),
            };
            let mut mail = notice_mail(operator, &rules.zone, copy, revision, lang)?;
            if due.kind == chase::REMINDER {
                mail.reminder = Some(when(due.message_created_at));
                let frozen = claimed.inputs.as_ref();
                mail.overtaken = frozen
                    .map(|inputs| serde_json::from_slice(inputs))
                    .transpose()?;
            }
            Ok(mail.mail(templates, lang)?)
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
                kind: kind_or_actual(note.kind),
                revision: u32::try_from(note.revision).unwrap_or(u32::MAX),
                digest: note.digest,
                contact: note.contact,
                name: note.name,
                role: note.role,
                at: when(due.message_created_at),
            }
            .mail(templates, lang)?)
        }
        end_partnership::ENDING => {
            let note: EndingInputs = serde_json::from_slice(inputs()?)?;
            Ok(PartnershipEndingMail {
                operator,
                bank: needs_bank()?,
                recorded_at: when(due.message_created_at),
                ends_at: when(note.ends_at.at),
                // By its own date, which is the same at every try: it may be written long after the announcement, to
                // an address that was entered later.
                is_over: note.ends_at.at <= due.created_at,
                page: format!("{}/inbox", rules.public_url),
            }
            .mail(templates, lang)?)
        }
        answer_report::ANSWERED => {
            let note: AnswerNote = serde_json::from_slice(inputs()?)?;
            Ok(ReportAnsweredMail {
                operator,
                bank: needs_bank()?,
                report: note.report.to_string(),
                reported_at: when(note.reported_at.at),
                reason: note.reason,
                page: report_url(&rules.public_url, note.report),
                at: when(due.message_created_at),
            }
            .mail(templates, lang)?)
        }
        answer_response::ANSWERED => {
            let note: ResponseAnswerNote = serde_json::from_slice(inputs()?)?;
            Ok(ResponseAnsweredMail {
                operator,
                bank: needs_bank()?,
                number: note.number.unsigned_abs(),
                incident_ref: note.incident,
                kind: kind_or_actual(note.kind),
                tlp: source
                    .tlp
                    .clone()
                    .ok_or(NotAssembled::Missing("the marking"))?,
                text: Some(note.text),
                page: page_url(&rules.public_url, &note.notice.to_string()),
                at: when(due.message_created_at),
            }
            .mail(templates, lang)?)
        }
        recover::TOLD => Ok(RecoveredMail {
            operator,
            name: to.name.clone(),
            at: when(due.message_created_at),
        }
        .mail(templates, lang)?),
        alert::KIND => {
            let note: OperatorAlert = serde_json::from_slice(inputs()?)?;
            Ok(AlertMail {
                operator,
                alert: Alert::from_code(&note.alert)
                    .ok_or(NotAssembled::Missing("a text for this alert"))?,
                bank,
                page: alert_url(&rules.public_url, &note),
                banks: note.banks,
                incident_ref: note.incident,
                kind: kind_or_actual(note.kind),
                owed: note.owed,
                due_at: note.due_at.map(|due| when(due.at)),
                channel: note.channel,
                bounced: note.bounced,
                mail_status: note.mail_status,
                refusal: note.refusal,
                last_exercise: note.last_exercise,
                detail: note.detail,
                joined: note.joined.map(newcomer),
                at: when(due.message_created_at),
            }
            .mail(templates, lang)?)
        }
        _ => Err(NotAssembled::Missing("a text for this kind of message")),
    }
}

fn newcomer(joined: Joined) -> Newcomer {
    Newcomer {
        name: joined.name,
        roles: joined.roles,
        invited_by: joined.invited_by,
    }
}

/// The incident in whose thread a mail stands: that of its notice, or of the notice that an answer is about.
pub fn incident_of(
    claimed: &Claimed,
    revision: Option<&RevisionParts>,
) -> Result<Option<String>, NotAssembled> {
    match (claimed.due.kind.as_str(), &claimed.inputs) {
        (answer_response::ANSWERED, Some(inputs)) => {
            let note: ResponseAnswerNote = serde_json::from_slice(inputs)?;
            Ok(Some(note.incident))
        }
        _ => Ok(revision.map(|revision| revision.reference.clone())),
    }
}

/// What was frozen before kinds were, or is about no incident, is no exercise.
fn kind_or_actual(kind: Option<String>) -> String {
    kind.unwrap_or_else(|| Kind::Actual.code().to_owned())
}

/// Where the operator's people read what an alert is about.
fn alert_url(public_url: &str, note: &OperatorAlert) -> Option<String> {
    let incident = note.incident.as_ref();
    let incident = incident.map(|reference| format!("{public_url}/incidents/{reference}"));
    let draft = note.draft.map(|id| format!("{public_url}/drafts/{id}"));
    let report = note
        .report
        .map(|id| format!("{public_url}/bank-reports/{id}"));
    incident.or(draft).or(report)
}

/// Where a bank reads its report.
fn report_url(public_url: &str, report: Uid) -> String {
    format!("{public_url}/reports/{report}")
}

/// The inputs of `partnership.ending`.
#[derive(serde::Deserialize)]
struct EndingInputs {
    ends_at: Entered,
}

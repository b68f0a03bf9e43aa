//! The body of a notice's webhook, as a bank saved it. Whoever saved it may have laid it out anew: the notice
//! object and the incident's body are brought back to their canonical bytes (RFC 8785), which are the ones
//! that were sent.

use super::super::log_keys::LogKeys;
use super::super::{Finding, Unreadable, hold};
use super::{NoticeChecked, NoticeProof, Object};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::json;
use serde::Deserialize;
use serde_json::Value;

/// A webhook's body, taken apart.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// `notice.issued`, `notice.withdrawn` or `notice.reminder`.
    pub kind: String,
    /// The notice object's bytes.
    pub object: Vec<u8>,
    /// The shared body's bytes.
    pub incident: Vec<u8>,
    /// `None` = it went out unsealed, before the log had signed.
    pub log: Option<NoticeProof>,
    digest: Digest,
    recipients: Recipients,
}

/// What holds of a webhook's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookChecked {
    pub notice: Uid,
    /// The bank's code, as the object says.
    pub bank: String,
    pub number: String,
    pub incident: String,
    /// Code: actual, exercise, test; as the object says.
    pub notice_kind: String,
    pub revision: String,
    pub digest: Digest,
    /// `None` for one without a proof.
    pub proven: Option<NoticeChecked>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

/// Of `data`; what stands beside is not needed.
#[derive(Deserialize)]
struct Data {
    notice: Value,
    digest: Digest,
    incident: Value,
    recipients: Recipients,
    /// Null where there is none, and never left out: a proof must not get lost by a misspelt name.
    #[serde(deserialize_with = "Option::deserialize")]
    log: Option<NoticeProof>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Recipients {
    count: i64,
    roster_version: i64,
}

impl Webhook {
    /// Reads a body; one of another type than a notice's is unreadable.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let body: Body = json::parse(bytes)?;
        if !matches!(
            body.kind.as_str(),
            "notice.issued" | "notice.withdrawn" | "notice.reminder"
        ) {
            let kind = body.kind;
            return Err(Unreadable(format!(
                "a webhook of the type {kind:?} carries no notice"
            )));
        }
        let data: Data = json::read(&body.data)?;
        Ok(Self {
            kind: body.kind,
            object: json::canonical(&data.notice),
            incident: json::canonical(&data.incident),
            log: data.log,
            digest: data.digest,
            recipients: data.recipients,
        })
    }

    /// Checks both digests, and the proof if there is one. Codes: those of [`NoticeProof::check`], and
    /// `digest`, `incident_digest`, `recipients`.
    pub fn check(&self, keys: impl Into<LogKeys>) -> Result<WebhookChecked, Finding> {
        let object =
            Object::parse(&self.object).map_err(|why| Finding::new("object_form", why.0))?;
        let digest = Digest::of(&self.object);
        hold(digest == self.digest, "digest", || {
            format!(
                "the notice object was changed: its digest is {digest}, and {} is told",
                self.digest
            )
        })?;
        let incident = Digest::of(&self.incident);
        hold(
            incident == object.incident_digest,
            "incident_digest",
            || {
                let told = object.incident_digest;
                format!(
                    "the incident's body was changed: its digest is {incident}, and the notice says {told}"
                )
            },
        )?;
        let proven = match &self.log {
            Some(proof) => Some(proof.check(&self.object, keys)?),
            None => None,
        };
        if let Some(proven) = &proven {
            self.check_recipients(proven)?;
        }
        Ok(WebhookChecked {
            notice: object.id,
            bank: object.bank,
            number: object.number,
            incident: object.incident,
            notice_kind: object.kind,
            revision: object.revision,
            digest,
            proven,
        })
    }

    /// What the body tells of the fan-out is what the log holds of it. `count` is that of the roster.
    fn check_recipients(&self, proven: &NoticeChecked) -> Result<(), Finding> {
        let Recipients {
            count,
            roster_version,
        } = self.recipients;
        let agrees = match proven.fanout_kind.as_str() {
            "roster" => roster_version == proven.roster_version && count == proven.n,
            // Who joined later was not yet on the roster that it was issued to.
            "late_joiner" => roster_version < proven.roster_version,
            _ => roster_version == proven.roster_version,
        };
        hold(agrees, "recipients", || {
            format!(
                "the body tells of {count} recipients under roster version {roster_version}, the log of {} under {}",
                proven.n, proven.roster_version
            )
        })
    }
}

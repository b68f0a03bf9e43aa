//! What a bank says to one webhook, given what it knows: believed, come before, not for it, or not to be
//! believed. Pure: the same for every receiver, whatever it stores and however it is reached.

use super::heads::{self, Heads, Relation};
use crate::domain::challenge::{self, Challenge};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::proof::Finding;
use crate::domain::proof::heads::SignedHead;
use crate::domain::proof::log_keys::LogKeys;
use crate::domain::proof::notice::{NoticeProof, Webhook, WebhookChecked};
use crate::domain::signature::{self, Received, SymmetricSecret, TOLERANCE};
use crate::merkle::tlog_proof::TlogProof;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// What the bank was handed over, and pins.
pub struct Trust {
    /// The bank's code.
    pub bank: String,
    /// Two during a rotation.
    pub secrets: Vec<SymmetricSecret>,
    /// The hub's key of `v1a` signatures; where there is one, both must hold.
    pub webhook_key: Option<VerifyingKey>,
    /// Its own address, as the hub shows it: challenges are answered for no other.
    pub endpoint: String,
    /// Of the hub's log, and of its successors.
    pub log_keys: LogKeys,
}

/// One notice as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The `webhook-id` that it came under.
    pub webhook: String,
    pub notice: Uid,
    pub number: i64,
    pub digest: Digest,
    /// The head that its proof came with, and no other later; `None` = it came unsealed.
    pub head: Option<SignedHead>,
    /// Its proof holds, whenever it came.
    pub is_proven: bool,
    pub is_acknowledged: bool,
}

/// What the bank knows.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// `webhook-id`s.
    pub seen: HashSet<String>,
    pub notices: BTreeMap<i64, Kept>,
    pub heads: Heads,
    /// How the log's key was handed on.
    pub handovers: Vec<String>,
}

impl Known {
    /// Numbers below the highest that no notice has come with. The hub leaves none out.
    pub fn holes(&self) -> Vec<i64> {
        let mut expected = 1;
        let mut holes = Vec::new();
        for number in self.notices.keys() {
            holes.extend(expected..*number);
            expected = number + 1;
        }
        holes
    }
}

/// Why a webhook is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub finding: Finding,
    /// The hub's signature holds: what it sent is evidence.
    pub is_authentic: bool,
}

/// A notice that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// `notice.issued`, `notice.withdrawn` or `notice.reminder`.
    pub kind: String,
    /// Code: actual, exercise, test.
    pub notice_kind: String,
    pub incident: String,
    pub revision: String,
    /// It came before, under another `webhook-id`.
    pub is_known: bool,
    pub kept: Kept,
    /// How the log's key was handed on, as far as that is new here.
    pub handovers: Vec<String>,
    /// How its head stands to the remembered ones.
    pub relation: Option<Relation>,
    /// Numbers between the highest known one and this one, that have not come.
    pub skipped: Vec<i64>,
}

/// The answer to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    Refused(Refused),
    /// Its `webhook-id` came before.
    Again,
    /// It asks for the secret to be shown, as often as it comes: the body to answer with.
    Challenge(String),
    /// It carries no notice; its type.
    Other(String),
    Notice(Box<Believed>),
}

/// Signature and time first; then that this id is new; then all that the body claims. Codes: `signature`,
/// `body`, `handover`, `other_bank`, `contradiction`, and those of [`Webhook::check`].
pub fn judge(trust: &Trust, known: &Known, received: &Received<'_>, now: Instant) -> Judgement {
    if let Err(finding) = check_signature(trust, received, now) {
        return Judgement::Refused(Refused {
            finding,
            is_authentic: false,
        });
    }
    match read(trust, known, received, now) {
        Ok(judgement) => judgement,
        Err(finding) => Judgement::Refused(Refused {
            finding,
            is_authentic: true,
        }),
    }
}

fn check_signature(trust: &Trust, received: &Received<'_>, now: Instant) -> Result<(), Finding> {
    let refused = |why: signature::NotVerified| Finding::new("signature", why.to_string());
    // Ids name files.
    if !received
        .id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    {
        return Err(refused(signature::NotVerified::Id));
    }
    signature::verify(received, &trust.secrets, now, TOLERANCE).map_err(refused)?;
    if let Some(key) = &trust.webhook_key {
        signature::verify_v1a(received, std::slice::from_ref(key), now, TOLERANCE)
            .map_err(refused)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

fn read(
    trust: &Trust,
    known: &Known,
    received: &Received<'_>,
    now: Instant,
) -> Result<Judgement, Finding> {
    let (id, body) = (received.id, received.body);
    if known.seen.contains(id) {
        return Ok(Judgement::Again);
    }
    let typed: Typed =
        serde_json::from_slice(body).map_err(|why| Finding::new("body", why.to_string()))?;
    if typed.kind == challenge::KIND {
        return answer(trust, received, now);
    }
    if !matches!(
        typed.kind.as_str(),
        "notice.issued" | "notice.withdrawn" | "notice.reminder"
    ) {
        return Ok(Judgement::Other(typed.kind));
    }
    let webhook = Webhook::parse(body).map_err(|why| Finding::new("body", why.0))?;
    let told = webhook
        .log
        .as_ref()
        .map_or(&[][..], |proof| &proof.handovers);
    let (keys, handovers) = learn(trust, known, told)?;
    let checked = webhook.check(&keys)?;
    if checked.bank != trust.bank {
        let told = format!(
            "it is for the bank {}, and this is {}",
            checked.bank, trust.bank
        );
        return Err(Finding::new("other_bank", told));
    }
    let kept = keep(id, &webhook, &checked, &keys)?;
    let is_known = has_come(known, &kept)?;
    let highest = known.notices.keys().next_back().copied().unwrap_or(0);
    Ok(Judgement::Notice(Box::new(Believed {
        kind: webhook.kind.clone(),
        notice_kind: checked.notice_kind,
        incident: checked.incident,
        revision: checked.revision,
        is_known,
        handovers,
        relation: kept
            .head
            .as_ref()
            .map(|head| known.heads.relate(&head.checkpoint)),
        skipped: (highest + 1..kept.number).collect(),
        kept,
    })))
}

#[derive(Deserialize)]
struct Asked {
    data: Challenge,
}

/// The answer to a challenge, for its own address and under the secret that signed it. Code: `body`.
fn answer(trust: &Trust, received: &Received<'_>, now: Instant) -> Result<Judgement, Finding> {
    let asked: Asked = serde_json::from_slice(received.body)
        .map_err(|why| Finding::new("body", why.to_string()))?;
    let signed = trust.secrets.iter().find(|secret| {
        signature::verify(received, std::slice::from_ref(secret), now, TOLERANCE).is_ok()
    });
    let secret = signed.ok_or_else(|| Finding::new("signature", "no secret fits"))?;
    Ok(Judgement::Challenge(
        asked.data.answer(&trust.endpoint, secret),
    ))
}

/// The keys that are believed once these handovers were seen, and which of them are new. Code: `handover`.
pub fn learn(
    trust: &Trust,
    known: &Known,
    told: &[String],
) -> Result<(LogKeys, Vec<String>), Finding> {
    let mut fresh = told.to_vec();
    fresh.retain(|one| !known.handovers.contains(one));
    let keys = trust.log_keys.with(&known.handovers)?.with(&fresh)?;
    Ok((keys, fresh))
}

/// The signed checkpoint that a proof carries.
pub fn head_of(proof: &NoticeProof, keys: &LogKeys) -> Option<SignedHead> {
    let proof = TlogProof::parse(&proof.proof).ok()?;
    heads::open(&proof.checkpoint, keys)
}

fn keep(
    id: &str,
    webhook: &Webhook,
    checked: &WebhookChecked,
    keys: &LogKeys,
) -> Result<Kept, Finding> {
    let number = checked.number.parse().ok().filter(|number| *number > 0);
    let Some(number) = number else {
        return Err(Finding::new(
            "object_number",
            "the notice's number is no positive decimal number",
        ));
    };
    Ok(Kept {
        webhook: id.to_owned(),
        notice: checked.notice,
        number,
        digest: checked.digest,
        head: webhook.log.as_ref().and_then(|proof| head_of(proof, keys)),
        is_proven: checked.proven.is_some(),
        is_acknowledged: false,
    })
}

/// One number is one notice, and one notice one object: else the hub contradicts itself.
fn has_come(known: &Known, kept: &Kept) -> Result<bool, Finding> {
    let same = |one: &&Kept| one.notice == kept.notice || one.number == kept.number;
    let Some(one) = known.notices.values().find(same) else {
        return Ok(false);
    };
    if (one.notice, one.number, one.digest) == (kept.notice, kept.number, kept.digest) {
        return Ok(true);
    }
    let told = format!(
        "number {} is the notice {} of {} here, and it came as {} of {}",
        one.number, one.notice, one.digest, kept.notice, kept.digest
    );
    Err(Finding::new("contradiction", told))
}

#[cfg(test)]
mod tests;

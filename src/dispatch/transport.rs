//! The two ways out. Each turns a claimed delivery into bytes, sends them, and says what came of it.

use super::assemble::{self, NotAssembled};
use super::mail::{MailFault, MailParts, Mailer};
use super::sources::{self, EndpointParts, Issued, Sources};
use super::webhook::{WebhookClient, WebhookRequest};
use crate::actions::claim::Claimed;
use crate::actions::{self, Rules};
use crate::clock::Clock;
use crate::domain::challenge::{self, Challenge};
use crate::domain::id::Uid;
use crate::domain::mail_id;
use crate::domain::outcome::{ErrorClass, Outcome};
use crate::domain::signature;
use crate::storage::Error::{Busy, Unavailable};
use crate::storage::{Store, Tx};
use crate::templates::Templates;
use crate::vault::Vault;
use ed25519_dalek::SigningKey;
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What could not be read is read again after so long.
const SHORT_OF_DATABASE: Duration = Duration::from_secs(10);

/// What came of a send, and the hash of what was sent.
pub type Sent = (Outcome, Option<[u8; 32]>);

/// One channel's way out.
#[allow(clippy::large_enum_variant, reason = "a process has one of each")]
pub enum Transport {
    Webhook(WebhookTransport),
    Mail(MailTransport),
}

impl Transport {
    /// The channel's name in the database.
    pub fn channel(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Mail(_) => "email",
        }
    }

    /// Which endpoints must be in memory before these are sent.
    pub fn endpoints(&self, claimed: &[Claimed]) -> HashSet<Uid> {
        match self {
            Self::Webhook(_) => claimed.iter().map(|one| one.due.target_id).collect(),
            Self::Mail(_) => HashSet::new(),
        }
    }

    /// The stored parts of one delivery, taken from memory.
    pub fn parts(&self, sources: &Sources, claimed: &Claimed) -> Parts {
        Parts {
            revision: claimed
                .due
                .notice
                .as_ref()
                .and_then(|notice| sources.revision(notice.revision_id)),
            endpoint: sources.endpoint(claimed.due.target_id),
        }
    }

    /// Sends one delivery, and begins by `until` or not at all. Never fails: what goes wrong is the outcome.
    pub async fn send(&self, claimed: &Claimed, parts: Parts, until: Instant) -> Sent {
        match self {
            Self::Webhook(webhook) => webhook.send(claimed, parts).await,
            Self::Mail(mail) => mail.send(claimed, parts, until).await,
        }
    }
}

/// What a delivery is put together from.
pub struct Parts {
    revision: Option<Arc<Issued>>,
    endpoint: Option<Arc<EndpointParts>>,
}

/// What puts a message together panicked, which the log has told.
#[derive(Debug, thiserror::Error)]
#[error("a defect")]
struct Defect;

/// No byte has left, and the database is short just now: asked again at once, it would be shorter.
fn released() -> Sent {
    let outcome = Outcome {
        retry_after: Some(SHORT_OF_DATABASE),
        ..Outcome::failed(ErrorClass::Released, Duration::ZERO)
    };
    (outcome, None)
}

fn own_fault(claimed: &Claimed, fault: &dyn std::error::Error) -> Sent {
    tracing::error!(delivery = %claimed.due.id, kind = %claimed.due.kind, %fault, "a message could not be put together");
    (Outcome::failed(ErrorClass::Internal, Duration::ZERO), None)
}

/// Signed webhooks.
pub struct WebhookTransport {
    client: Arc<WebhookClient>,
    rules: Arc<Rules>,
    key: SigningKey,
    clock: Clock,
}

impl WebhookTransport {
    pub fn new(client: Arc<WebhookClient>, rules: Arc<Rules>, vault: &Vault, clock: Clock) -> Self {
        let key = SigningKey::from_bytes(&vault.keys().webhook);
        Self {
            client,
            rules,
            key,
            clock,
        }
    }

    async fn send(&self, claimed: &Claimed, parts: Parts) -> Sent {
        let Some(endpoint) = parts.endpoint else {
            return own_fault(claimed, &NotAssembled::Missing("the endpoint"));
        };
        let assembled = || assemble::webhook_body(&self.rules, claimed, parts.revision.as_deref());
        let body = match catch_unwind(AssertUnwindSafe(assembled)) {
            Ok(Ok(body)) => body,
            Ok(Err(fault)) => return own_fault(claimed, &fault),
            Err(_) => return own_fault(claimed, &Defect),
        };
        let body_hash = Sha256::digest(&body).into();
        let id = assemble::webhook_id(claimed.due.message_id, claimed.due.target_id);
        let now = self.clock.now();
        let timestamp_seconds = now.seconds();
        let mut signatures: Vec<String> = endpoint
            .secrets
            .iter()
            .map(|secret| signature::sign_v1(secret, &id, timestamp_seconds, &body))
            .collect();
        if endpoint.ed25519 {
            signatures.push(signature::sign_v1a(
                &self.key,
                &id,
                timestamp_seconds,
                &body,
            ));
        }
        let signature_header = signature::signature_header(&signatures);
        let request = WebhookRequest {
            url: &endpoint.url,
            id: &id,
            timestamp_seconds,
            signature_header,
            body,
        };
        let mut outcome = self.client.send(request, now).await;
        if claimed.due.kind == challenge::KIND
            && outcome.accepted()
            && !is_answered(claimed, &outcome, &endpoint)
        {
            outcome.error = Some(ErrorClass::WrongAnswer);
        }
        outcome.answer_head.truncate(self.client.answer_kept());
        (outcome, Some(body_hash))
    }
}

/// Judged by the head of the answer, of 4 KiB at most.
fn is_answered(claimed: &Claimed, outcome: &Outcome, endpoint: &EndpointParts) -> bool {
    let inputs = claimed.inputs.as_ref();
    let asked = inputs.and_then(|inputs| serde_json::from_slice::<Challenge>(inputs).ok());
    asked.is_some_and(|asked| {
        asked.is_answered_by(&outcome.answer_head, &endpoint.url, &endpoint.secrets)
    })
}

/// Mail through the operator's relay.
pub struct MailTransport {
    mailer: Mailer,
    store: Store,
    rules: Arc<Rules>,
    templates: Arc<Templates>,
    vault: Arc<Vault>,
    /// The domain of Message-IDs and return paths.
    domain: String,
}

/// A mail could not be made.
#[derive(Debug, thiserror::Error)]
enum NoMail {
    #[error(transparent)]
    Stored(#[from] actions::Error),
    #[error(transparent)]
    Text(#[from] NotAssembled),
    #[error(transparent)]
    Mail(#[from] MailFault),
    #[error("the address was erased")]
    Erased,
    #[error(transparent)]
    Defect(Defect),
}

impl MailTransport {
    pub fn new(
        mailer: Mailer,
        store: Store,
        rules: Arc<Rules>,
        templates: Arc<Templates>,
        vault: Arc<Vault>,
        domain: String,
    ) -> Self {
        Self {
            mailer,
            store,
            rules,
            templates,
            vault,
            domain,
        }
    }

    async fn send(&self, claimed: &Claimed, parts: Parts, until: Instant) -> Sent {
        // The database may be away just now, and the lease over when it is back.
        let building = AssertUnwindSafe(self.build(claimed, parts.revision.as_deref()));
        let Ok(built) = tokio::time::timeout_at(until, building.catch_unwind()).await else {
            return released();
        };
        match built.unwrap_or(Err(NoMail::Defect(Defect))) {
            Err(NoMail::Stored(actions::Error::Storage(Busy(_) | Unavailable(_)))) => released(),
            Ok(built) => {
                let hash = built.body_hash;
                (self.mailer.send(&built).await, Some(hash))
            }
            Err(fault) => own_fault(claimed, &fault),
        }
    }

    async fn build(
        &self,
        claimed: &Claimed,
        issued: Option<&Issued>,
    ) -> Result<super::mail::BuiltMail, NoMail> {
        let revision = issued.map(|issued| &issued.parts);
        let due = &claimed.due;
        let (of, inputs) = (due.clone(), claimed.inputs.clone());
        let read = move |tx: &mut Tx<'_>| {
            sources::read_mail(tx, &of, inputs.as_deref().map(Vec::as_slice))
        };
        let source = self.store.read(read).await?.ok_or(NoMail::Erased)?;
        let key = self.vault.keys().mail.as_slice();
        let texts = assemble::mail_texts(
            &self.rules,
            &self.templates,
            key,
            claimed,
            &source,
            revision,
        )?;
        let to = source.to;
        let thread = assemble::incident_of(claimed, revision)?;
        let references = to
            .bank
            .as_ref()
            .zip(thread)
            .map(|(bank, incident)| mail_id::thread_root(&incident, &bank.code, &self.domain));
        Ok(self.mailer.build(MailParts {
            message_id: mail_id::message_id(due.id, &self.domain),
            date: due.created_at,
            boundary: format!("kairan-{}", due.id),
            to: to.email,
            to_name: to.name,
            subject: texts.subject,
            text: texts.text,
            html: texts.html,
            proof: assemble::proof_file(claimed, issued)?,
            references: references.into_iter().collect(),
            return_path: mail_id::return_path(key, &due.id, &self.domain),
        })?)
    }
}

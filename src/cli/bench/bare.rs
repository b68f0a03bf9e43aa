//! The bare limits: the same signed posts by the same client library to the same receivers, and plain durable
//! commits of like size, in plain loops. What the hub is held against; nothing of the hub runs here.

use super::stage::Stage;
use super::{control::Report, machine};
use crate::cli::CliError;
use crate::config::Engine;
use crate::dispatch::places::kept;
use crate::domain::signature::{SymmetricSecret, sign_v1};
use crate::vault;
use bytes::Bytes;
use reqwest::{Client, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::block_in_place;

/// Bytes that an incident stores for each bank: before the answer, and before its first byte leaves.
pub const ISSUE_BYTES: usize = 2_048;
pub const CLAIM_BYTES: usize = 128;

/// Posts to every bank that answers, as the hub would.
#[derive(Clone)]
pub struct Poster {
    client: Client,
    urls: Arc<[Url]>,
    secret: Arc<SymmetricSecret>,
    body: Bytes,
    /// Posts at once.
    at_once: usize,
    next_id: Arc<AtomicU64>,
    run: u64,
}

fn failed(what: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("the bare loop failed: {what}"))
}

impl Poster {
    /// `body_bytes` is the length of the hub's own webhooks. A new one has no connection yet.
    pub fn new(stage: &Stage, body_bytes: usize) -> Result<Self, CliError> {
        let engine = &stage.ground.settings.engine;
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(stage.ground.settings.webhook.connect_timeout)
            .timeout(stage.ground.settings.webhook.timeout)
            .pool_max_idle_per_host(engine.per_bank)
            .user_agent(concat!("kairan/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(failed)?;
        let urls: Result<Vec<Url>, _> = (1..=stage.ground.healthy)
            .map(|bank| stage.bank_url(bank).parse())
            .collect();
        let secret =
            SymmetricSecret::from_bytes(vault::random::<32>()?.to_vec()).map_err(failed)?;
        Ok(Self {
            client,
            urls: urls.map_err(failed)?.into(),
            secret: Arc::new(secret),
            body: filler(body_bytes),
            at_once: at_once(stage.ground.healthy, engine),
            next_id: Arc::default(),
            run: u64::from_be_bytes(vault::random::<8>()?),
        })
    }

    /// `rounds` posts to every bank.
    pub async fn post_all(&self, rounds: usize) -> Result<(), CliError> {
        let posts = self.urls.len() * rounds;
        let next = Arc::new(AtomicUsize::new(0));
        let loops: Vec<_> = (0..self.at_once.min(posts))
            .map(|_| {
                let (poster, next) = (self.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let post = next.fetch_add(1, Ordering::Relaxed);
                        if post >= posts {
                            return Ok::<_, CliError>(());
                        }
                        poster.post(post % poster.urls.len()).await?;
                    }
                })
            })
            .collect();
        for one in loops {
            one.await.map_err(failed)??;
        }
        Ok(())
    }

    async fn post(&self, bank: usize) -> Result<(), CliError> {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        let id = format!("msg_{:016x}{number:016x}", self.run);
        let seconds = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let signature = sign_v1(
            &self.secret,
            &id,
            i64::try_from(seconds).unwrap_or_default(),
            &self.body,
        );
        let answer = self
            .client
            .post(self.urls[bank].clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(self.body.clone())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        answer.bytes().await.map(drop).map_err(failed)
    }
}

/// Sends under way at once, within the hub's own bounds.
pub fn at_once(banks: usize, engine: &Engine) -> usize {
    let kept = kept(engine.in_flight);
    let most = engine.in_flight - kept + banks.min(kept);
    most.min(banks * engine.per_bank)
}

fn filler(length: usize) -> Bytes {
    let (head, tail) = (r#"{"type":"notice.issued","filler":""#, r#""}"#);
    let fill = length.saturating_sub(head.len() + tail.len());
    Bytes::from(format!("{head}{}{tail}", "x".repeat(fill)))
}

/// Posts per second, from the first post to the last arrival.
pub async fn posts_per_second(
    stage: &mut Stage,
    poster: &Poster,
    rounds: usize,
) -> Result<f64, CliError> {
    let posts = stage.ground.healthy * rounds;
    stage.receivers.reset().await?;
    let started = machine::monotonic_nanos();
    poster.post_all(rounds).await?;
    let report = arrived(stage, posts).await?;
    Ok(posts as f64 / since(started, &report).as_secs_f64())
}

/// Commits that one incident cannot do without before its last byte leaves: what it is, and for each wave of
/// sends that they begin.
pub fn commits(banks: usize, engine: &Engine) -> usize {
    1 + banks.div_ceil(engine.in_flight)
}

/// The bare sum of one incident: its commits, then a post to every bank, until the last arrived.
pub async fn one_incident(stage: &mut Stage, poster: &Poster) -> Result<Duration, CliError> {
    let banks = stage.ground.banks;
    stage.receivers.reset().await?;
    let issue = vec![b'x'; banks * ISSUE_BYTES];
    let claim = vec![b'x'; banks.min(stage.ground.settings.engine.in_flight) * CLAIM_BYTES];
    let claims = commits(banks, &stage.ground.settings.engine) - 1;
    let started = machine::monotonic_nanos();
    block_in_place(|| {
        stage.bare.commit(&issue)?;
        (0..claims).try_for_each(|_| stage.bare.commit(&claim))
    })?;
    poster.post_all(1).await?;
    let report = arrived(stage, banks).await?;
    Ok(since(started, &report))
}

async fn arrived(stage: &mut Stage, posts: usize) -> Result<Report, CliError> {
    let report = stage.receivers.wait(posts).await?;
    if report.hits != posts {
        return Err(failed(format_args!(
            "{posts} posts sent, {} arrived",
            report.hits
        )));
    }
    Ok(report)
}

/// From an instant of CLOCK_MONOTONIC to the last arrival.
pub fn since(started_nanos: u64, report: &Report) -> Duration {
    let last = report.last_nanos.unwrap_or(started_nanos);
    Duration::from_nanos(last.saturating_sub(started_nanos).max(1))
}

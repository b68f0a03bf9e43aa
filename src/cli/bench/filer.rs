//! The officer of a bench: files the same incident again and again over kept connections.

use super::ground::bank_code;
use super::machine;
use super::stage::Stage;
use crate::cli::CliError;
use crate::vault;
use bytes::Bytes;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ANSWER_TIME: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(2);

#[derive(Clone)]
pub struct Filer {
    client: Client,
    url: Arc<str>,
    bearer: Arc<str>,
    body: Bytes,
    banks: usize,
    /// Makes idempotency keys that no other run made.
    run: Arc<str>,
    filed: Arc<AtomicUsize>,
    /// Asks again, under the same key, while the hub does not answer.
    persists: bool,
}

#[derive(Deserialize)]
struct Issued {
    notices: usize,
}

fn failed(what: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("an incident could not be filed: {what}"))
}

impl Filer {
    pub fn new(stage: &Stage) -> Result<Self, CliError> {
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .timeout(ANSWER_TIME)
            .build()
            .map_err(failed)?;
        Ok(Self {
            client,
            url: format!("http://{}/api/v1/incidents", stage.hub.address).into(),
            bearer: format!("Bearer {}", stage.ground.key("officer")?).into(),
            body: incident().into(),
            banks: stage.ground.banks,
            run: hex::encode(vault::random::<8>()?).into(),
            filed: Arc::default(),
            persists: false,
        })
    }

    /// The same officer, who asks again while the hub does not answer.
    pub fn persistent(&self) -> Self {
        Self {
            persists: true,
            ..self.clone()
        }
    }

    /// Opens the connection, so that the first filing does not pay for it.
    pub async fn connect(&self) -> Result<(), CliError> {
        let answer = self
            .client
            .get(&*self.url)
            .header("authorization", &*self.bearer)
            .send()
            .await;
        let answer = answer
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        answer.bytes().await.map(drop).map_err(failed)
    }

    /// Files one incident; how long the 201 took. It must be owed to every bank.
    pub async fn file(&self) -> Result<Duration, CliError> {
        let number = self.filed.fetch_add(1, Ordering::Relaxed);
        let key = format!("bench-{}-{number}", self.run);
        let started = Instant::now();
        let (status, body) = loop {
            match self.ask(&key).await {
                Ok(answer) => break answer,
                Err(_) if self.persists && started.elapsed() < ANSWER_TIME => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                Err(fault) => return Err(failed(fault)),
            }
        };
        let took = started.elapsed();
        if status.as_u16() != 201 {
            return Err(failed(format_args!(
                "{status}: {}",
                String::from_utf8_lossy(&body)
            )));
        }
        let issued: Issued = serde_json::from_slice(&body).map_err(failed)?;
        if issued.notices != self.banks {
            return Err(failed(format_args!(
                "{} notices for {} banks",
                issued.notices, self.banks
            )));
        }
        Ok(took)
    }

    async fn ask(&self, key: &str) -> reqwest::Result<(StatusCode, Bytes)> {
        let answer = self
            .client
            .post(&*self.url)
            .header("authorization", &*self.bearer)
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(self.body.clone())
            .send()
            .await?;
        let status = answer.status();
        Ok((status, answer.bytes().await?))
    }

    /// Files so many, `at_once` of them at a time. Returns when the first was sent and what each took.
    pub async fn file_many(
        &self,
        incidents: usize,
        at_once: usize,
    ) -> Result<(u64, Vec<Duration>), CliError> {
        let left = Arc::new(AtomicUsize::new(incidents));
        let started = machine::monotonic_nanos();
        let filers: Vec<_> = (0..at_once)
            .map(|_| {
                let (filer, left) = (self.clone(), Arc::clone(&left));
                tokio::spawn(async move {
                    let take = |n: usize| n.checked_sub(1);
                    let mut took = Vec::new();
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                        .is_ok()
                    {
                        took.push(filer.file().await?);
                    }
                    Ok::<_, CliError>(took)
                })
            })
            .collect();
        let mut all = Vec::with_capacity(incidents);
        for filer in filers {
            all.extend(filer.await.map_err(failed)??);
        }
        Ok((started, all))
    }
}

/// Of the size that real ones have: the case of May 2019.
pub fn incident() -> Vec<u8> {
    let incident = json!({
        "title": { "ja": "口座連携による不正チャージの疑い", "en": "Suspected theft by account linking" },
        "description": {
            "ja": "二行の口座から、本人の知らない口座連携による不正なチャージを確認した。新規連携を停止し調査中。",
            "en": "Illicit top-ups from accounts at two banks, linked without their owners. New links are suspended."
        },
        "typology": ["impersonated_wallet"],
        "auth_exploited": ["account_no_cash_card_pin"],
        "detected_at": "2019-05-17T11:00:00+09:00",
        "late_reason": "照会した銀行からの回答を待っていた。",
        "affected_banks": [bank_code(1)],
        "operator_contacts": [
            { "name": "佐藤 花子", "role": "不正対策室", "email": "sato@operator.example", "phone": "+81 3-0000-0001" },
            { "name": "鈴木 一郎", "role": "当直", "email": "suzuki@operator.example", "phone": "+81 3-0000-0002" }
        ]
    });
    incident.to_string().into_bytes()
}

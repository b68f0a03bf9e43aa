//! The public API as any client calls it: of the officer, the auditor, and of the banks' machines. Knows
//! no rule of the hub, and nothing of what is asked for.

use crate::cli::CliError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use std::time::Duration;

const TIME: Duration = Duration::from_secs(20);
const TRIES: u64 = 5;

/// A hub on this machine.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, if the answer was yes.
    pub fn good(self, what: &str) -> Result<Vec<u8>, CliError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let said = String::from_utf8_lossy(&self.body);
        Err(CliError::Failed(format!(
            "{what} was answered {}: {said}",
            self.status
        )))
    }
}

impl Api {
    pub fn new(base: &str) -> Result<Self, CliError> {
        let client = Client::builder()
            .user_agent(concat!("kairan-demo/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME)
            .no_proxy()
            .build()
            .map_err(|fault| CliError::Failed(format!("cannot speak HTTP: {fault}")))?;
        Ok(Self {
            client,
            base: base.to_owned(),
        })
    }

    pub async fn get(&self, key: &str, path: &str) -> Result<Vec<u8>, CliError> {
        let answer = self
            .send(|| bearer(self.client.get(self.url(path)), key))
            .await?;
        answer.good(path)
    }

    /// Posts JSON; `once` is the idempotency key.
    pub async fn post(
        &self,
        key: &str,
        path: &str,
        once: Option<&str>,
        body: &Value,
    ) -> Result<Answer, CliError> {
        let text = body.to_string();
        self.send(|| {
            let request = bearer(self.client.post(self.url(path)), key)
                .header(CONTENT_TYPE, "application/json")
                .body(text.clone());
            match once {
                Some(once) => request.header("Idempotency-Key", once),
                None => request,
            }
        })
        .await
    }

    /// Opens a page as a browser does.
    pub async fn page(&self, url: &str) -> Result<Answer, CliError> {
        self.send(|| self.client.get(url)).await
    }

    /// Posts a form as a browser does.
    pub async fn form(&self, url: &str, fields: &[(&str, &str)]) -> Result<Answer, CliError> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(|| {
            let request = self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            request.body(body.clone())
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Tries again where the hub is busy or the answer was lost.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, CliError> {
        let mut attempt = 1;
        loop {
            let last = attempt == TRIES;
            match read(request()).await {
                Ok(answer) if last || !matches!(answer.status, 429 | 503) => return Ok(answer),
                Err(fault) if last => {
                    return Err(CliError::Failed(format!(
                        "no answer from {}: {fault}",
                        self.base
                    )));
                }
                _ => tokio::time::sleep(Duration::from_millis(300 * attempt)).await,
            }
            attempt += 1;
        }
    }
}

fn bearer(request: RequestBuilder, key: &str) -> RequestBuilder {
    request.header(AUTHORIZATION, format!("Bearer {key}"))
}

async fn read(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok(Answer {
        status,
        body: response.bytes().await?.to_vec(),
    })
}

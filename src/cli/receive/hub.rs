//! The hub as a bank's machine calls it: acknowledgements, tiles, proofs, its own key. Knows no rule of either
//! side; what does not come is a sentence.

use crate::cli::CliError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

const TIME: Duration = Duration::from_secs(20);
/// More than any answer that is asked for here.
const ANSWER_LIMIT: usize = 1 << 20;

pub struct Hub {
    client: Client,
    base: Url,
    bearer: HeaderValue,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body of a yes, else what was said instead.
    pub fn good(self) -> Result<Vec<u8>, String> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or("no code");
        let detail = problem["detail"]
            .as_str()
            .or(problem["title"].as_str())
            .unwrap_or_default();
        Err(format!(
            "the hub answered {} ({code}) {detail}",
            self.status
        ))
    }
}

impl Hub {
    /// `base` is the hub's address; the key never travels in the clear, except within this machine.
    pub fn new(base: Url, key: &str) -> Result<Self, CliError> {
        let bearer = Zeroizing::new(format!("Bearer {key}"));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| {
            CliError::Usage("the API key has characters that no key has; check its file".into())
        })?;
        bearer.set_sensitive(true);
        let mut builder = Client::builder()
            .user_agent(concat!("kairan-receive/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME);
        if base.scheme() == "http" {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|fault| {
            CliError::Failed(format!(
                "cannot speak HTTP: {fault}; check the system's root certificates"
            ))
        })?;
        Ok(Self {
            client,
            base,
            bearer,
        })
    }

    /// The hub's public host: the second half of every key's name.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(self.client.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let request = self.client.post(self.url(path));
        let json = request.header(CONTENT_TYPE, "application/json");
        self.send(json.body(body.to_string())).await
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, String> {
        let request = request.header(AUTHORIZATION, self.bearer.clone());
        read(request)
            .await
            .map_err(|fault| format!("no answer from {}: {fault}", self.base))
    }
}

async fn read(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > ANSWER_LIMIT {
            break;
        }
    }
    Ok(Answer { status, body })
}

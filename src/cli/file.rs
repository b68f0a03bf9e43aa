//! `kairan file`: posts one incident, revision or withdrawal to a hub, as any other client of its API
//! would. Every try carries the same idempotency key, so that an answer lost on the way files nothing
//! twice. Decides nothing about what is filed: the hub judges.

mod given;
mod shown;

use super::{CliError, Done, open, say};
use crate::config::Settings;
use crate::vault;
use given::Act;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response};
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};
use zeroize::Zeroizing;

const TRIES: u32 = 6;
const ANSWER_LIMIT: usize = 4 << 20;
/// The longest wish of a hub that is waited for.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
const WAIT_DEFAULT: Duration = Duration::from_secs(2);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(60);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The filing in JSON; - = standard input
    filing: PathBuf,
    /// File it as the next revision of this incident
    #[arg(long, value_name = "REF", conflicts_with = "withdraw")]
    revision_of: Option<String>,
    /// Ask for the withdrawal of this incident; a second person must agree
    #[arg(long, value_name = "REF")]
    withdraw: Option<String>,
    /// Where the hub is; hub.public_url of the settings if not given
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// A file with your API key, readable by you alone; otherwise the environment variable KAIRAN_KEY
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Repeats a filing whose answer was lost, without filing it twice; made up if not given
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Check the filing here and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON, also where the hub refuses
    #[arg(long)]
    json: bool,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    let act = Act::of(&args)?;
    let body = given::read_body(&args.filing)?;
    if args.dry_run {
        let profiles = open::profiles(&settings)?;
        let clocks = (&profiles, &settings.hub.zone);
        return shown::dry_run(clocks, &act, &body, args.json);
    }
    let hub = args.hub.as_deref().unwrap_or(&settings.hub.public_url);
    let url = target(hub, &act.path())?;
    let key = given::api_key(args.key_file.as_deref())?;
    let idempotency_key = match args.idempotency_key {
        Some(given) => given,
        None => hex::encode(vault::random::<16>()?),
    };
    let answer = post(&Posting {
        url,
        key,
        idempotency_key,
        body,
    })
    .await?;
    shown::report(&answer, args.json)
}

struct Posting {
    url: Url,
    key: Zeroizing<String>,
    idempotency_key: String,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The resource at a hub. A key never travels in the clear, except within this machine.
fn target(hub: &str, path: &str) -> Result<Url, CliError> {
    let refuse = |why: &str| {
        CliError::Usage(format!(
            "the hub's address {hub:?} {why}; give --hub like https://kairan.operator.example"
        ))
    };
    let mut url = Url::parse(hub).map_err(|_| refuse("is none"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(refuse("is not https: your key would travel in the clear")),
        _ => return Err(refuse("is neither http nor https")),
    }
    if url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
    {
        return Err(refuse("has more than a host and a port"));
    }
    url.set_path(path);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The hub's answer. Fails only where none came.
async fn post(posting: &Posting) -> Result<Answer, CliError> {
    let client = client(&posting.url)?;
    let mut last = String::new();
    for attempt in 1..=TRIES {
        let wait = match send(&client, posting).await? {
            Ok(response) => {
                let wait = wanted_wait(&response);
                match read(response).await {
                    Ok(answer) if !matches!(answer.status, 429 | 503) || attempt == TRIES => {
                        return Ok(answer);
                    }
                    Ok(answer) => last = format!("the hub answered {}", answer.status),
                    Err(fault) => last = causes(&fault),
                }
                wait
            }
            Err(fault) => {
                last = causes(&fault);
                WAIT_DEFAULT
            }
        };
        if attempt < TRIES {
            say::note(format_args!(
                "{last}; trying again in {} s ({attempt} of {TRIES})",
                wait.as_secs()
            ));
            tokio::time::sleep(wait).await;
        }
    }
    Err(CliError::Failed(format!(
        "no answer from {}: {last}; it may have been filed all the same, so repeat it with --idempotency-key {}",
        posting.url, posting.idempotency_key
    )))
}

fn client(url: &Url) -> Result<Client, CliError> {
    let mut builder = Client::builder()
        .user_agent(concat!("kairan/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(ANSWER_TIME);
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|fault| {
        CliError::Failed(format!(
            "cannot speak HTTP: {}; check the system's root certificates",
            causes(&fault)
        ))
    })
}

/// The outer error is a mistake that no repetition mends.
async fn send(
    client: &Client,
    posting: &Posting,
) -> Result<Result<Response, reqwest::Error>, CliError> {
    let bearer = Zeroizing::new(format!("Bearer {}", *posting.key));
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| {
        CliError::Usage("the API key has characters that no key has; check its file".into())
    })?;
    bearer.set_sensitive(true);
    let idempotency_key = HeaderValue::from_str(&posting.idempotency_key)
        .ok()
        .filter(|value| !value.is_empty() && value.len() <= 255)
        .ok_or_else(|| {
            CliError::Usage("--idempotency-key takes 1 to 255 visible ASCII characters".into())
        })?;
    let request = client
        .post(posting.url.clone())
        .header(AUTHORIZATION, bearer)
        .header(IDEMPOTENCY_KEY, idempotency_key)
        .header(CONTENT_TYPE, "application/json")
        .body(posting.body.clone());
    Ok(request.send().await)
}

fn wanted_wait(response: &Response) -> Duration {
    let wish = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    wish.map_or(WAIT_DEFAULT, Duration::from_secs)
        .clamp(Duration::from_secs(1), WAIT_LIMIT)
}

async fn read(mut response: Response) -> Result<Answer, reqwest::Error> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > ANSWER_LIMIT {
            break;
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, body })
}

/// The error with what caused it: the outermost alone says only that sending failed.
fn causes(fault: &reqwest::Error) -> String {
    let mut words = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(inner) = cause {
        words.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leaves_this_machine_only_encrypted() {
        let path = "/api/v1/incidents";
        assert_eq!(
            target("https://hub.example/", path)
                .expect("https")
                .as_str(),
            "https://hub.example/api/v1/incidents"
        );
        for local in [
            "http://127.0.0.1:8480",
            "http://localhost:8480",
            "http://[::1]:8480",
        ] {
            assert!(target(local, path).is_ok(), "{local}");
        }
        for bad in [
            "http://hub.example",
            "http://127.0.0.1.example",
            "ftp://hub.example",
            "hub.example",
            "https://hub.example/api",
        ] {
            assert!(
                matches!(target(bad, path), Err(CliError::Usage(_))),
                "{bad}"
            );
        }
    }
}

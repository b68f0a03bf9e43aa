//! Scene `pages`: every page of every desk, read by who sits there over a kept connection, beside the hub's plain
//! health answer over the same client. The hub holds some incidents, all delivered.

use super::figures::{Named, Outcome, Series};
use super::filer::Filer;
use super::ground::{Cast, DESKS, Person, bank_code};
use super::shot::{processes, shoot};
use super::stage::Stage;
use super::{Common, Place, Scene};
use crate::cli::CliError;
use crate::vault::totp;
use indicatif::ProgressBar;
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Banks on the register
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    banks: u16,
    /// Incidents on the hub
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    incidents: u32,
    /// How often each page is read in each repetition
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    requests: u16,
    /// Repetitions
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    repeat: u16,
    #[command(flatten)]
    common: Common,
}

/// A page, and whose. `{incident}` is the newest incident, `{notice}` the bank's newest notice, `{now}` the hub's time.
const PAGES: [(&str, &str, &str); 22] = [
    ("officer", "officer_home_ms", "/home"),
    ("officer", "officer_incident_ms", "/incidents/{incident}"),
    ("officer", "officer_file_ms", "/incidents/new"),
    (
        "officer",
        "officer_revise_ms",
        "/incidents/{incident}/revise",
    ),
    ("officer", "officer_drafts_ms", "/drafts"),
    ("officer", "officer_approvals_ms", "/approvals"),
    ("auditor", "auditor_matrix_ms", "/matrix"),
    ("auditor", "auditor_incident_ms", "/incidents/{incident}"),
    ("auditor", "auditor_evidence_ms", "/evidence/{notice}"),
    ("auditor", "auditor_deliveries_ms", "/deliveries"),
    ("auditor", "auditor_as_of_ms", "/as-of?bank={bank}&at={now}"),
    ("auditor", "auditor_figures_ms", "/figures"),
    ("auditor", "auditor_check_ms", "/check"),
    ("administrator", "administrator_register_ms", "/register"),
    ("administrator", "administrator_bank_ms", "/register/{bank}"),
    ("administrator", "administrator_people_ms", "/people"),
    (
        "administrator",
        "administrator_import_ms",
        "/register/import",
    ),
    ("bank_administrator", "bank_inbox_ms", "/inbox"),
    ("bank_administrator", "bank_notice_ms", "/inbox/{notice}"),
    ("bank_administrator", "bank_channels_ms", "/own"),
    (
        "bank_administrator",
        "bank_deliveries_ms",
        "/own/deliveries",
    ),
    ("bank_administrator", "bank_account_ms", "/account"),
];

fn failed(what: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("a page could not be read: {what}"))
}

/// Somebody at a desk.
struct Reader {
    desk: &'static str,
    client: Client,
    base: String,
    cookie: String,
}

impl Reader {
    async fn sign_in(desk: &'static str, person: &Person, base: &str) -> Result<Self, CliError> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build();
        let client = client.map_err(failed)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(failed)?;
        let seconds = i64::try_from(now.as_secs()).map_err(failed)?;
        let code = totp::code_at(&person.secret, seconds).unwrap_or_default();
        let fields = [
            ("email", &person.email),
            ("password", &person.password),
            ("code", &code),
        ];
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let answer = client
            .post(format!("{base}/sign-in"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .map_err(failed)?;
        let cookie = answer.headers().get("set-cookie");
        let cookie = cookie.and_then(|value| value.to_str().ok()?.split(';').next());
        let cookie = cookie.ok_or_else(|| failed(format_args!("{desk} was not signed in")))?;
        Ok(Self {
            desk,
            cookie: cookie.to_owned(),
            client,
            base: base.to_owned(),
        })
    }

    /// Reads a page to its end; its text, and the milliseconds that it took.
    async fn read(&self, path: &str) -> Result<(String, f64), CliError> {
        let request = self.client.get(format!("{}{path}", self.base));
        let started = Instant::now();
        let answer = request
            .header("cookie", &self.cookie)
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let page = answer.text().await.map_err(failed)?;
        let took = started.elapsed().as_secs_f64() * 1e3;
        match status.as_u16() {
            200 => Ok((page, took)),
            status => Err(failed(format_args!("{path} answered {status}"))),
        }
    }

    /// The first address on a page that begins so.
    async fn first(&self, path: &str, start: &str) -> Result<String, CliError> {
        let (page, _) = self.read(path).await?;
        let found = page.split_once(&format!("href=\"{start}"));
        let rest = found.and_then(|(_, rest)| rest.split_once('"'));
        let (end, _) = rest.ok_or_else(|| failed(format_args!("{path} names no {start}")))?;
        Ok(end.to_owned())
    }
}

impl Scene for Args {
    fn place(&self) -> &Place {
        &self.common.place
    }

    fn cast(&self) -> Cast {
        self.common.cast(self.banks)
    }

    fn steps(&self) -> u64 {
        u64::from(self.repeat) * PAGES.len() as u64
    }

    fn parameters(&self, _: &Stage) -> Value {
        json!({ "banks": self.banks, "incidents": self.incidents, "requests": self.requests, "repeat": self.repeat })
    }

    async fn play(
        &self,
        stage: &mut Stage,
        bar: &ProgressBar,
        outcome: &mut Outcome,
    ) -> Result<(), CliError> {
        let filer = Filer::new(stage)?;
        let filled = shoot(stage, &filer, self.incidents as usize, 4).await?;
        outcome.failures.extend(filled.failures);
        let base = format!("http://{}", stage.hub.address);
        let mut readers = Vec::new();
        for (desk, person) in DESKS.into_iter().zip(&stage.ground.desks) {
            readers.push(Reader::sign_in(desk, person, &base).await?);
        }
        let seated = |desk: &str| {
            let found = readers.iter().find(|reader| reader.desk == desk);
            found.ok_or_else(|| failed(format_args!("nobody sits at {desk}")))
        };
        let incident = seated("officer")?.first("/home", "/incidents/INC-").await?;
        let notice = seated("bank_administrator")?
            .first("/inbox", "/inbox/")
            .await?;
        // The people of a hub whose settings name no zone read its clock in Tokyo.
        let now = jiff::Timestamp::now().in_tz("Asia/Tokyo").map_err(failed)?;
        let now = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let place = |path: &str| {
            path.replace("{incident}", &format!("INC-{incident}"))
                .replace("{notice}", &notice)
                .replace("{bank}", &bank_code(1))
                .replace("{now}", &now)
        };
        let mut figures: Vec<Named> = PAGES
            .iter()
            .map(|page| (page.1, Series::default()))
            .collect();
        let before = processes(stage);
        let (mut half, mut nearly_all) = (Series::default(), Series::default());
        let mut bare = Series::default();
        for _ in 0..self.repeat {
            let mut everything = Series::default();
            for ((desk, _, path), (_, figure)) in PAGES.iter().zip(&mut figures) {
                let (reader, path) = (seated(desk)?, place(path));
                let mut times = Series::default();
                for _ in 0..self.requests {
                    let (_, took) = reader.read(&path).await?;
                    times.add(took);
                    everything.add(took);
                }
                figure.add(times.quantile(0.99));
                bar.inc(1);
            }
            half.add(everything.quantile(0.5));
            nearly_all.add(everything.quantile(0.99));
            let mut plain = Series::default();
            for _ in 0..self.requests {
                plain.add(seated("officer")?.read("/health/live").await?.1);
            }
            bare.add(plain.quantile(0.99));
        }
        outcome.used(&processes(stage).since(&before));
        let whole = vec![
            ("p50_ms", half),
            ("p99_ms", nearly_all),
            ("bare_p99_ms", bare),
        ];
        outcome.figures.push(("pages".into(), whole));
        outcome.figures.push(("p99 of each".into(), figures));
        Ok(())
    }
}

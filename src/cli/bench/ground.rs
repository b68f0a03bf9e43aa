//! What a scene stands on: a new folder or database, settings, keys, a register of banks with webhooks only, and
//! people at every desk. All of it is gone with this value; nothing runs on it yet.

use super::Place;
use crate::actions::accept_invitation::accept_invitation;
use crate::actions::bootstrap::bootstrap;
use crate::actions::challenge_endpoint;
use crate::actions::import_banks::import_banks;
use crate::actions::invite::{InvitationInput, invite};
use crate::actions::issue_key::{KeyInput, Owner, issue_key};
use crate::actions::{Error, Rules};
use crate::cli::{CliError, open};
use crate::config::Settings;
use crate::domain::id::Uid;
use crate::storage::bare::{self, Bare};
use crate::storage::session::{self, CredentialRow};
use crate::storage::{Lane, Location, Tx, bank, payload};
use crate::vault::{self, Vault, log_key, password, totp};
use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::block_in_place;
use zeroize::Zeroizing;

/// Rows of one import: below what one file may hold.
const IMPORT_ROWS: usize = 1_000;

/// A new folder, removed with this value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn make(within: &Path) -> Result<Self, CliError> {
        let path = within.join(name()?);
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.mode(0o700).create(&path);
        made.map_err(|fault| CliError::file("make the folder", &path, &fault))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it is only in the way.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A new database on the given server, dropped with this value.
struct Fresh {
    server: String,
    name: String,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = bare::drop_database(&self.server, &self.name);
    }
}

fn name() -> Result<String, CliError> {
    Ok(format!(
        "kairan_bench_{}",
        hex::encode(vault::random::<6>()?)
    ))
}

/// Who plays: how many banks, and how they take what they are sent. The last of them are dead.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cast {
    pub banks: usize,
    /// How long a bank thinks before it answers.
    pub answer_ms: u64,
    /// So many take a notice and never answer, and after them so many are never reached.
    pub silent: usize,
    pub unreached: usize,
}

impl Cast {
    /// The banks that answer: the first of all.
    pub fn healthy(&self) -> usize {
        self.banks.saturating_sub(self.silent + self.unreached)
    }

    fn is_reached(&self, bank: usize) -> bool {
        bank <= self.banks.saturating_sub(self.unreached)
    }
}

/// Where banks receive, and where nobody is let in.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub open: u16,
    pub hole: u16,
}

pub struct Ground {
    pub banks: usize,
    /// The first so many of them answer.
    pub healthy: usize,
    pub settings: Settings,
    /// The same settings, for a process of its own.
    pub file: PathBuf,
    pub officer: Uid,
    /// Who can sign in at the desks, one for each, in the order of `DESKS`.
    pub desks: Vec<Person>,
    // Last: they outlive what lies in them.
    _fresh: Option<Fresh>,
    folder: Folder,
}

impl Ground {
    pub async fn lay(place: &Place, cast: &Cast, ports: Ports) -> Result<Self, CliError> {
        let folder = Folder::make(&place.folder())?;
        let (url, fresh) = database(place.database.as_deref(), &folder.0)?;
        let (settings, file) = settings(&url, &folder.0)?;
        Vault::create_key_file(&settings.keys.file)?;
        log_key::create(&settings.evidence.key_file)?;
        let (officer, desks) = fill(&settings, cast, ports).await?;
        Ok(Self {
            banks: cast.banks,
            healthy: cast.healthy(),
            settings,
            file,
            officer,
            desks,
            _fresh: fresh,
            folder,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// A connection for plain commits: the same server, or a file in the same folder.
    pub fn bare(&self) -> Result<Bare, CliError> {
        let mut bare = match self.location()? {
            Location::Sqlite(_) => Bare::open(&Location::Sqlite(self.folder.0.join("bare.db")))?,
            server => Bare::open(&server)?,
        };
        bare.prepare()?;
        Ok(bare)
    }

    /// The API key of whoever sits at a desk.
    pub fn key(&self, desk: &str) -> Result<&str, CliError> {
        let place = DESKS.iter().position(|known| *known == desk);
        let person = place.and_then(|place| self.desks.get(place));
        let person = person.ok_or_else(|| CliError::Failed(format!("nobody sits at {desk}")))?;
        Ok(&person.key)
    }

    /// A new API key for every bank, in their order; no hub may run meanwhile.
    pub async fn bank_keys(&self) -> Result<Vec<String>, CliError> {
        let (store, _vault) = open::open_store(&self.settings).await?;
        let (rules, banks) = (open::rules(&self.settings)?, self.banks);
        let keys = store.write(Lane::Front, move |tx| {
            let input = KeyInput {
                label: "bench".into(),
                days: None,
            };
            let of = |bank| -> Result<String, Error> {
                let row = bank::by_code(tx, &bank_code(bank))?.ok_or(Error::NotFound)?;
                Ok(issue_key(tx, &rules, Owner::Bank(row.id), &input)?.key)
            };
            (1..=banks).map(of).collect::<Result<Vec<_>, Error>>()
        });
        let keys = keys.await;
        store.close();
        Ok(keys?)
    }

    /// Where the database is.
    pub fn location(&self) -> Result<Location, CliError> {
        Location::parse(&self.settings.database.url).map_err(CliError::Usage)
    }
}

pub fn bank_code(bank: usize) -> String {
    format!("B{bank:05}")
}

pub fn bank_url(bank: usize, port: u16) -> String {
    let (high, low) = (bank >> 8, bank & 0xff);
    format!("http://127.1.{high}.{low}:{port}/{}", bank_code(bank))
}

fn database(server: Option<&str>, folder: &Path) -> Result<(String, Option<Fresh>), CliError> {
    let Some(server) = server else {
        return Ok((
            format!("sqlite:{}", folder.join("kairan.db").display()),
            None,
        ));
    };
    if let Ok(Location::Sqlite(_)) = Location::parse(server) {
        let message = "--database takes a PostgreSQL server; without it the bench makes a SQLite database of its own";
        return Err(CliError::Usage(message.to_owned()));
    }
    let mut url = url::Url::parse(server).map_err(|fault| {
        CliError::Usage(format!(
            "--database takes postgres://USER@HOST/NAME: {fault}"
        ))
    })?;
    let name = name()?;
    block_in_place(|| bare::create_database(server, &name))?;
    url.set_path(&name);
    let fresh = Fresh {
        server: server.to_owned(),
        name,
    };
    Ok((url.into(), Some(fresh)))
}

/// The defaults, but for where things are, how often one officer may file, and how long a stopping hub waits for
/// banks that never answer.
fn settings(database: &str, folder: &Path) -> Result<(Settings, PathBuf), CliError> {
    let file = folder.join("hub.toml");
    // Free a moment ago; whoever takes it meanwhile makes the hub say so.
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
    let address = free.map_err(|fault| CliError::Failed(format!("no free port: {fault}")))?;
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let inside = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "[hub]\npublic_url = \"http://{address}\"\n[listen]\naddress = \"{address}\"\n\
         [database]\nurl = {}\n[keys]\nfile = {}\n\
         [evidence]\nkey_file = {}\njournal = {}\n\
         [limits]\nrequests_per_second = 100000\nburst = 100000\nfree_floor_mib = 0\n\
         [engine]\nstop_s = 2\n[webhook]\nallow_networks = [\"127.0.0.0/8\"]\n[mail]\nrelay_host = \"\"\n",
        quoted(database),
        quoted(&inside("kairan.key")),
        quoted(&inside("kairan-log.pem")),
        quoted(&inside("journal")),
    );
    std::fs::write(&file, &text).map_err(|fault| CliError::file("write", &file, &fault))?;
    let settings = Settings::parse("the bench's settings", &text).map_err(CliError::Settings)?;
    Ok((settings, file))
}

/// The register and the people, before the hub starts. Returns the officer, and who can sign in.
async fn fill(
    settings: &Settings,
    cast: &Cast,
    ports: Ports,
) -> Result<(Uid, Vec<Person>), CliError> {
    let (store, _vault) = open::open_store(settings).await?;
    let rules = Arc::new(open::rules(settings)?);
    let (password, secret) = (hex::encode(vault::random::<16>()?), vault::random()?);
    let hash = password::hash(Zeroizing::new(password.clone())).await;
    let hash = hash.map_err(|fault| CliError::Failed(format!("no password: {fault}")))?;
    let filled = async {
        for first in (1..=cast.banks).step_by(IMPORT_ROWS) {
            let last = cast.banks.min(first + IMPORT_ROWS - 1);
            let (csv, rules) = (csv(first..=last, cast, ports), Arc::clone(&rules));
            store
                .write(Lane::Front, move |tx| {
                    import_banks(tx, &rules, csv.as_bytes(), false).map(drop)
                })
                .await?;
        }
        store.write(Lane::Front, call_back_challenges).await?;
        let rules = Arc::clone(&rules);
        store
            .write(Lane::Front, move |tx| people(tx, &rules, &hash, &secret))
            .await
    };
    let filled: Result<(Uid, Vec<(String, String)>), Error> = filled.await;
    store.close();
    let (officer, people) = filled?;
    let desks = people.into_iter().map(|(email, key)| Person {
        email,
        key,
        password: password.clone(),
        secret,
    });
    Ok((officer, desks.collect()))
}

/// The scenes measure how banks are told: no endpoint is asked whose it is, neither before nor meanwhile.
fn call_back_challenges(tx: &mut Tx<'_>) -> Result<(), Error> {
    for endpoint in bank::endpoints(tx)? {
        challenge_endpoint::withdraw(tx, endpoint.id)?;
    }
    Ok(())
}

fn csv(banks: std::ops::RangeInclusive<usize>, cast: &Cast, ports: Ports) -> String {
    let mut csv = "code,name_ja,name_en,language,linking,endpoint_url\n".to_owned();
    for bank in banks {
        let port = if cast.is_reached(bank) {
            ports.open
        } else {
            ports.hole
        };
        let (code, url) = (bank_code(bank), bank_url(bank, port));
        // A String never refuses a write.
        let _ = writeln!(
            csv,
            "{code},第{bank}銀行,Bank {bank},ja,account_no_cash_card_pin,{url}"
        );
    }
    csv
}

/// Somebody with a desk, and what signing in takes.
pub struct Person {
    pub email: String,
    /// Their first API key.
    pub key: String,
    pub password: String,
    pub secret: [u8; totp::SECRET],
}

/// The desks at which somebody sits.
pub const DESKS: [&str; 4] = ["officer", "auditor", "administrator", "bank_administrator"];

/// The first administrator invites somebody for every desk, as on any hub. Returns the officer,
/// and everybody's address and API key.
fn people(
    tx: &mut Tx<'_>,
    rules: &Rules,
    password_hash: &str,
    secret: &[u8; totp::SECRET],
) -> Result<(Uid, Vec<(String, String)>), Error> {
    let token = |link: &str| link.rsplit('/').next().unwrap_or_default().to_owned();
    let first = bootstrap(tx, rules, "Bench", "bench@operator.example", "en")?;
    let administrator = accept_invitation(tx, rules, &token(&first.link))?.person;
    let (mut officer, mut people) = (administrator, Vec::new());
    for role in DESKS {
        let email = format!("{role}@operator.example");
        let input = InvitationInput {
            name: role.into(),
            email: email.clone(),
            roles: vec![role.into()],
            bank: role.starts_with("bank").then(|| bank_code(1)),
            language: "en".into(),
        };
        let invited = invite(tx, rules, administrator, &input)?;
        let accepted = accept_invitation(tx, rules, &token(&invited.link))?;
        let row = CredentialRow {
            person_id: accepted.person,
            password_hash: password_hash.to_owned(),
            totp_id: payload::seal(tx, accepted.person, secret)?,
            totp_step: 0,
            changed_at: tx.now()?,
        };
        session::set_credential(tx, &row)?;
        if role == "officer" {
            officer = accepted.person;
        }
        people.push((email, accepted.key.key));
    }
    Ok((officer, people))
}

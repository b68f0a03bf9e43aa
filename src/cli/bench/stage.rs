//! What a scene plays on: a folder or database of its own, a register of banks with webhooks only, an
//! officer's key, the receivers, and the hub as its own process. All of it is gone with this value.

use super::control::Receivers;
use super::hub::Hub;
use super::machine::{self, Used};
use crate::actions::accept_invitation::accept_invitation;
use crate::actions::bootstrap::bootstrap;
use crate::actions::import_banks::import_banks;
use crate::actions::invite::{InvitationInput, invite};
use crate::actions::{Error, Rules};
use crate::cli::{CliError, open};
use crate::config::Settings;
use crate::storage::audit::{self, Finding};
use crate::storage::bare::{self, Bare};
use crate::storage::session::{self, CredentialRow};
use crate::storage::{Lane, Location, Tx, payload};
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
struct Folder(PathBuf);

impl Folder {
    fn make(within: &Path) -> Result<Self, CliError> {
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

/// What a scene asks for.
pub struct Wanted<'a> {
    pub banks: usize,
    pub answer_ms: u64,
    pub folder: Option<&'a Path>,
    /// A server's URL; the embedded database if not given.
    pub database: Option<&'a str>,
}

pub struct Stage {
    pub banks: usize,
    pub settings: Settings,
    pub receivers: Receivers,
    pub hub: Hub,
    /// The officer's API key.
    pub key: String,
    /// Who can sign in at the desks, one for each, in the order of `DESKS`.
    pub desks: Vec<Person>,
    /// A connection of the bench's own beside the hub.
    pub beside: Bare,
    /// For plain commits: the same server, or a file in the same folder.
    pub bare: Bare,
    server_process: Option<i32>,
    // Last: they outlive what lies in them.
    _fresh: Option<Fresh>,
    _folder: Folder,
}

impl Stage {
    /// Builds everything; the hub is at work afterwards.
    pub async fn build(wanted: &Wanted<'_>) -> Result<Self, CliError> {
        machine::raise_open_files();
        let temporary = std::env::temp_dir();
        let folder = Folder::make(wanted.folder.unwrap_or(&temporary))?;
        let (url, fresh) = database(wanted.database, &folder.0)?;
        let receivers = Receivers::start(wanted.answer_ms).await?;
        let (settings, file) = settings(&url, &folder.0)?;
        Vault::create_key_file(&settings.keys.file)?;
        log_key::create(&settings.evidence.key_file)?;
        let (key, desks) = fill(&settings, wanted.banks, receivers.port).await?;
        let hub = Hub::start(&file, settings.listen.address, &folder.0).await?;
        let location = Location::parse(&url).map_err(CliError::Usage)?;
        let (beside, bare, server_process) = block_in_place(|| connections(&location, &folder.0))?;
        Ok(Self {
            banks: wanted.banks,
            settings,
            receivers,
            hub,
            key,
            desks,
            beside,
            bare,
            server_process,
            _fresh: fresh,
            _folder: folder,
        })
    }

    pub fn server_used(&self) -> Option<Used> {
        self.server_process.and_then(machine::server_used)
    }

    /// The address at which a bank receives. Each has one of its own, as banks have.
    pub fn bank_url(&self, bank: usize) -> String {
        bank_url(bank, self.receivers.port)
    }

    /// Stops the hub in good order, then tries every rule of the self-check.
    pub async fn close(mut self) -> Result<Vec<Finding>, CliError> {
        self.hub.stop().await?;
        let (store, _vault) = open::open_store(&self.settings).await?;
        let findings = store.read(audit::findings).await;
        store.close();
        self.receivers.stop().await;
        Ok(findings?)
    }
}

pub fn bank_code(bank: usize) -> String {
    format!("B{bank:05}")
}

fn bank_url(bank: usize, port: u16) -> String {
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

fn connections(location: &Location, folder: &Path) -> Result<(Bare, Bare, Option<i32>), CliError> {
    let mut beside = Bare::open(location)?;
    let mut bare = match location {
        Location::Sqlite(_) => Bare::open(&Location::Sqlite(folder.join("bare.db")))?,
        Location::Postgres(_) => Bare::open(location)?,
    };
    bare.prepare()?;
    let server_process = beside.server_process()?;
    Ok((beside, bare, server_process))
}

/// The defaults, but for where things are and how often one officer may file.
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
         [webhook]\nallow_networks = [\"127.0.0.0/8\"]\n[mail]\nrelay_host = \"\"\n",
        quoted(database),
        quoted(&inside("kairan.key")),
        quoted(&inside("kairan-log.pem")),
        quoted(&inside("journal")),
    );
    std::fs::write(&file, &text).map_err(|fault| CliError::file("write", &file, &fault))?;
    let settings = Settings::parse("the bench's settings", &text).map_err(CliError::Settings)?;
    Ok((settings, file))
}

/// The register and the people, before the hub starts. Returns the officer's API key, and who can sign in.
async fn fill(
    settings: &Settings,
    banks: usize,
    port: u16,
) -> Result<(String, Vec<Person>), CliError> {
    let (store, _vault) = open::open_store(settings).await?;
    let rules = Arc::new(open::rules(settings));
    let (password, secret) = (hex::encode(vault::random::<16>()?), vault::random()?);
    let hash = password::hash(Zeroizing::new(password.clone())).await;
    let hash = hash.map_err(|fault| CliError::Failed(format!("no password: {fault}")))?;
    let filled = async {
        for first in (1..=banks).step_by(IMPORT_ROWS) {
            let last = banks.min(first + IMPORT_ROWS - 1);
            let (csv, rules) = (csv(first..=last, port), Arc::clone(&rules));
            store
                .write(Lane::Front, move |tx| {
                    import_banks(tx, &rules, csv.as_bytes(), false).map(drop)
                })
                .await?;
        }
        let rules = Arc::clone(&rules);
        store
            .write(Lane::Front, move |tx| people(tx, &rules, &hash, &secret))
            .await
    };
    let filled: Result<(String, Vec<String>), Error> = filled.await;
    store.close();
    let (key, emails) = filled?;
    let desks = emails.into_iter().map(|email| Person {
        email,
        password: password.clone(),
        secret,
    });
    Ok((key, desks.collect()))
}

fn csv(banks: std::ops::RangeInclusive<usize>, port: u16) -> String {
    let mut csv = "code,name_ja,name_en,language,linking,endpoint_url\n".to_owned();
    for bank in banks {
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
    pub password: String,
    pub secret: [u8; totp::SECRET],
}

/// The desks at which somebody sits.
pub const DESKS: [&str; 4] = ["officer", "auditor", "administrator", "bank_administrator"];

/// The first administrator invites somebody for every desk, as on any hub. Returns the officer's API key, and
/// everybody's address.
fn people(
    tx: &mut Tx<'_>,
    rules: &Rules,
    password_hash: &str,
    secret: &[u8; totp::SECRET],
) -> Result<(String, Vec<String>), Error> {
    let token = |link: &str| link.rsplit('/').next().unwrap_or_default().to_owned();
    let first = bootstrap(tx, rules, "Bench", "bench@operator.example", "en")?;
    let administrator = accept_invitation(tx, rules, &token(&first.link))?.person;
    let (mut key, mut emails) = (String::new(), Vec::new());
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
            key = accepted.key.key;
        }
        emails.push(email);
    }
    Ok((key, emails))
}

//! Where a demo lives: a new folder with key files, a settings file, a database, the mails, what the banks keep,
//! and the program's log.
//! Everything stays after the end, and `kairan --config FOLDER/kairan.toml …` works on it.

use super::cast;
use crate::cli::CliError;
use crate::config::Settings;
use crate::log::keys::LogKey;
use crate::vault::{Vault, log_key};
use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;

/// Demos that are kept in one temporary folder.
const MOST: u32 = 100_000;

pub struct Ground {
    pub folder: PathBuf,
}

impl Ground {
    /// Makes the folder; a named one must be new or empty.
    pub fn make(named: Option<&Path>) -> Result<Self, CliError> {
        let folder = match named {
            Some(folder) => make_named(folder)?,
            None => make_next(&std::env::temp_dir())?,
        };
        let ground = Self { folder };
        for part in [ground.mails(), ground.banks()] {
            make_folder(&part).map_err(|fault| CliError::file("make the folder", &part, &fault))?;
        }
        Ok(ground)
    }

    pub fn mails(&self) -> PathBuf {
        self.folder.join("mail")
    }

    /// What the banks keep, each in a folder of its own.
    pub fn banks(&self) -> PathBuf {
        self.folder.join("banks")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("kairan.log")
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join("kairan.db")
    }

    pub fn settings_file(&self) -> PathBuf {
        self.folder.join("kairan.toml")
    }

    /// The program's own log lines go to a file, for the terminal is taken.
    pub fn start_log(&self) -> Result<File, CliError> {
        let path = self.log();
        let failed = |fault: std::io::Error| CliError::file("write", &path, &fault);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        let own = file.try_clone().map_err(failed)?;
        let lines = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("warn,kairan=info"))
            .with_ansi(false)
            .with_writer(std::sync::Mutex::new(own));
        // Whoever started one before keeps it.
        let _ = lines.try_init();
        Ok(file)
    }

    /// Writes key and settings, and reads the settings back as any command would.
    pub fn settle(&self, port: Option<u16>, relay: SocketAddr) -> Result<Settings, CliError> {
        let key = self.folder.join("kairan.key");
        Vault::create_key_file(&key)?;
        log_key::create(&self.folder.join("kairan-log.pem"))?;
        let port = free_port(port)?;
        let text = settings_text(port, relay, &self.folder, &self.database())?;
        let path = self.settings_file();
        std::fs::write(&path, text).map_err(|fault| CliError::file("write", &path, &fault))?;
        Settings::load(Some(&path)).map_err(CliError::Settings)
    }
}

/// The vkey of the hub's log, which the banks pin.
pub fn log_key(settings: &Settings) -> Result<String, CliError> {
    let key = LogKey::open(&settings.evidence, &settings.hub.public_host)?;
    Ok(key.signer(1).verifier().to_string())
}

fn settings_text(
    port: u16,
    relay: SocketAddr,
    folder: &Path,
    database: &Path,
) -> Result<String, CliError> {
    let quoted = |path: &Path, before: &str| match path.to_str() {
        Some(text) => Ok(toml::Value::from(format!("{before}{text}")).to_string()),
        None => Err(CliError::Usage(format!(
            "{} is not UTF-8; choose another --dir",
            path.display()
        ))),
    };
    Ok(format!(
        "# Made by `kairan demo`. Loopback is opened for webhooks, and the relay is the demo's own sink.\n\
         [hub]\npublic_url = \"http://127.0.0.1:{port}\"\noperator_name = \"{operator}\"\n\
         [listen]\naddress = \"127.0.0.1:{port}\"\nworkers = 2\n\
         [database]\nurl = {database}\n\
         [keys]\nfile = {key}\n\
         [evidence]\nkey_file = {log_key}\njournal = {journal}\n\
         [webhook]\nallow_networks = [\"127.0.0.0/8\"]\n\
         [mail]\nrelay_host = \"{relay_host}\"\nrelay_port = {relay_port}\ntls = \"loopback_plain\"\n\
         from = \"kairan@{domain}\"\nfrom_name = \"{operator}\"\nreturn_path_domain = \"{domain}\"\n",
        operator = cast::OPERATOR,
        domain = cast::MAIL_DOMAIN,
        database = quoted(database, "sqlite:")?,
        key = quoted(&folder.join("kairan.key"), "")?,
        log_key = quoted(&folder.join("kairan-log.pem"), "")?,
        journal = quoted(&folder.join("journal"), "")?,
        relay_host = relay.ip(),
        relay_port = relay.port(),
    ))
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

fn make_named(folder: &Path) -> Result<PathBuf, CliError> {
    let failed = |fault: std::io::Error| CliError::file("use the folder", folder, &fault);
    let folder = std::path::absolute(folder).map_err(failed)?;
    match make_folder(&folder) {
        Err(fault) if fault.kind() == ErrorKind::AlreadyExists => {
            if std::fs::read_dir(&folder).map_err(failed)?.next().is_some() {
                let sentence = format!(
                    "{} is not empty; name a new folder with --dir",
                    folder.display()
                );
                return Err(CliError::Usage(sentence));
            }
            Ok(folder)
        }
        made => made.map(|()| folder).map_err(failed),
    }
}

fn make_next(parent: &Path) -> Result<PathBuf, CliError> {
    for n in 1..=MOST {
        let folder = parent.join(format!("kairan-demo-{n}"));
        match make_folder(&folder) {
            Ok(()) => return Ok(folder),
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists => {}
            Err(fault) => return Err(CliError::file("make the folder", &folder, &fault)),
        }
    }
    Err(CliError::Failed(format!(
        "{} holds too many demos; remove some, or name one with --dir",
        parent.display()
    )))
}

/// The links in mails and the ids in notices carry the port, so it has to be known before anything starts.
pub fn free_port(wanted: Option<u16>) -> Result<u16, CliError> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted.unwrap_or(0)));
    let bound = TcpListener::bind(wanted).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|fault| {
        CliError::Failed(format!(
            "cannot listen on {wanted}: {fault}; choose another --port"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_demo_hold_and_its_folder_is_used_once() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a \"quoted\" one");
        let ground = Ground::make(Some(&folder)).expect("made");
        let relay = SocketAddr::from((Ipv4Addr::LOCALHOST, 2525));
        let settings = ground.settle(None, relay).expect("good settings");
        assert_eq!(settings.mail.relay_port, 2525);
        assert!(
            settings
                .hub
                .public_url
                .ends_with(&settings.listen.address.port().to_string())
        );
        assert!(matches!(
            Ground::make(Some(&folder)),
            Err(CliError::Usage(_))
        ));
    }
}

//! From settings to the parts that a command or the server works with. Knows the shapes of both sides
//! and nothing of what is done with them.

use super::CliError;
use crate::actions::Rules;
use crate::clock::Clock;
use crate::config::{RelayTls, SettingFault, Settings};
use crate::dispatch::mail::{DkimSettings, MailSettings, MailTls};
use crate::dispatch::webhook::WebhookLimits;
use crate::domain::address::AddressPolicy;
use crate::domain::deadline::holidays::Holidays;
use crate::domain::deadline::{EMBEDDED, HOLIDAYS, Profiles};
use crate::storage::{self, Bounds, Lane, Location, Store};
use crate::vault::Vault;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The same as `open_store` where there is a database already: who only looks, or adds to what is there, founds none.
pub async fn open_founded(settings: &Settings) -> Result<(Store, Arc<Vault>), CliError> {
    Vault::open(&settings.keys.file)?;
    if !location(settings)?.is_founded()? {
        return Err(CliError::Failed(format!(
            "there is no database of a hub at {}; check database.url, or make one with `kairan migrate`",
            settings.database.shown()
        )));
    }
    open_store(settings).await
}

pub fn location(settings: &Settings) -> Result<Location, CliError> {
    Location::parse(&settings.database.url).map_err(CliError::Usage)
}

/// Reads the key file, opens the database (which brings its schema up to date) and unwraps the hub's keys.
pub async fn open_store(settings: &Settings) -> Result<(Store, Arc<Vault>), CliError> {
    let vault = Arc::new(Vault::open(&settings.keys.file)?);
    let location = location(settings)?;
    let store = Store::open(
        &location,
        bounds(settings),
        Clock::new(),
        Arc::clone(&vault),
    )?;
    let keys = store.write(Lane::Front, storage::payload::hub_keys).await;
    match keys {
        Ok(keys) => vault.install(keys),
        Err(error) => {
            store.close();
            return Err(CliError::Storage(error));
        }
    }
    Ok((store, vault))
}

pub fn bounds(settings: &Settings) -> Bounds {
    let database = &settings.database;
    Bounds {
        readers: database.readers,
        writers: database.writers,
        group: database.group,
        queue: database.queue,
    }
}

/// What actions decide by; every mistake in the files of clocks is told.
pub fn rules(settings: &Settings) -> Result<Rules, CliError> {
    let Settings {
        hub,
        register,
        access,
        ..
    } = settings;
    Ok(Rules {
        public_url: hub.public_url.clone(),
        public_host: hub.public_host.clone(),
        operator_name: hub.operator_name.clone(),
        zone: hub.zone.clone(),
        profiles: profiles(settings)?,
        ending_delay: register.ending_delay,
        secret_overlap: register.secret_overlap,
        approval_window: access.approval_window,
        link_window: access.link_window,
        invitation_window: access.invitation_window,
        confirmation_window: access.confirmation_window,
        key_lifetime: access.key_lifetime,
        code_guesses: access.code_guesses,
        addresses: Arc::new(addresses(settings)),
    })
}

/// The deadline profiles and the holidays in force.
pub(super) fn profiles(settings: &Settings) -> Result<Profiles, CliError> {
    let clocks = &settings.clocks;
    let mut faults = Vec::new();
    let text = given(&clocks.file, "clocks.file", EMBEDDED, &mut faults);
    let list = given(
        &clocks.holidays_file,
        "clocks.holidays_file",
        HOLIDAYS,
        &mut faults,
    );
    let shipped = || Holidays::parse(HOLIDAYS).expect("the embedded list is read by a test");
    let holidays = Holidays::parse(&list).unwrap_or_else(|told| {
        faults.extend(
            told.into_iter()
                .map(|message| fault(&clocks.holidays_file, "clocks.holidays_file", message)),
        );
        shipped()
    });
    match Profiles::parse(&text, holidays) {
        Ok(profiles) if faults.is_empty() => Ok(profiles),
        Ok(_) => Err(CliError::Settings(faults)),
        Err(told) => {
            let told = told
                .iter()
                .map(|one| fault(&clocks.file, "clocks.file", one.to_string()));
            faults.extend(told);
            Err(CliError::Settings(faults))
        }
    }
}

/// The text of a file that was named, or else the one that ships.
fn given(
    file: &Option<PathBuf>,
    key: &str,
    shipped: &str,
    faults: &mut Vec<SettingFault>,
) -> String {
    let Some(path) = file else {
        return shipped.to_owned();
    };
    std::fs::read_to_string(path).unwrap_or_else(|cause| {
        let message = format!("cannot be read ({cause}); check the path, and that it is UTF-8");
        faults.push(fault(file, key, message));
        shipped.to_owned()
    })
}

fn fault(file: &Option<PathBuf>, key: &str, message: String) -> SettingFault {
    SettingFault {
        file: file
            .as_ref()
            .map_or_else(String::new, |path| path.display().to_string()),
        key: key.to_owned(),
        message,
    }
}

/// Where webhooks may go: never to the hub itself or to what it leans on.
pub fn addresses(settings: &Settings) -> AddressPolicy {
    let database = url::Url::parse(&settings.database.url).ok();
    let hosts = [
        Some(settings.hub.public_host.as_str()),
        Some(settings.mail.relay_host.as_str()),
        database.as_ref().and_then(url::Url::host_str),
    ];
    let literal = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let listened = Some(settings.listen.address.ip()).filter(|ip| !ip.is_unspecified());
    AddressPolicy {
        allowed: settings.webhook.allow_networks.clone(),
        own: hosts
            .into_iter()
            .flatten()
            .filter_map(literal)
            .chain(listened)
            .collect(),
        own_names: vec![settings.hub.public_host.clone()],
        nat64: settings.webhook.nat64.clone(),
        ..AddressPolicy::default()
    }
}

pub fn webhook_limits(settings: &Settings) -> WebhookLimits {
    let webhook = &settings.webhook;
    WebhookLimits {
        connect_timeout: webhook.connect_timeout,
        total_timeout: webhook.timeout,
        answer_read: webhook.answer_read_bytes,
        answer_kept: webhook.answer_kept_bytes,
        idle_per_host: settings.engine.per_bank,
    }
}

/// What the mailer is made of, with the files it names read; `None` = no mail.
pub fn mail_settings(settings: &Settings) -> Result<Option<MailSettings>, CliError> {
    let mail = &settings.mail;
    if mail.relay_host.is_empty() {
        return Ok(None);
    }
    let credentials = match &mail.sign_in {
        Some((user, file)) => Some((
            user.clone(),
            first_line(&read("read mail.password_file", file)?),
        )),
        None => None,
    };
    let dkim = match &mail.dkim {
        Some(dkim) => Some(DkimSettings {
            domain: dkim.domain.clone(),
            selector: dkim.selector.clone(),
            pem: read("read mail.dkim_key_file", &dkim.key_file)?,
        }),
        None => None,
    };
    let ca_pem = match &mail.ca_file {
        Some(file) => Some(read("read mail.ca_file", file)?.into_bytes()),
        None => None,
    };
    Ok(Some(MailSettings {
        host: mail.relay_host.clone(),
        port: mail.relay_port,
        tls: match mail.tls {
            RelayTls::Required => MailTls::Required,
            RelayTls::LoopbackPlain => MailTls::LoopbackPlain,
        },
        ca_pem,
        credentials,
        from: mail.from.clone(),
        from_name: mail.from_name.clone(),
        return_path_domain: mail.return_path_domain.clone(),
        helo: mail.helo.clone(),
        pool: mail.pool,
        timeout_ms: u64::try_from(mail.timeout.as_millis()).unwrap_or(u64::MAX),
        dkim,
        reports: mail.report_maildir.is_some(),
    }))
}

/// The Maildir of mail servers' reports; `None` = none is set. What the hub could not read later is told now.
pub fn report_maildir(settings: &Settings) -> Result<Option<PathBuf>, CliError> {
    let Some(folder) = &settings.mail.report_maildir else {
        return Ok(None);
    };
    let cause = ["new", "cur"]
        .iter()
        .find_map(|part| unusable(folder, part));
    match cause {
        None => Ok(Some(folder.clone())),
        Some(cause) => {
            let message = format!(
                "{}: {cause}; name a Maildir that the mail server fills, and let the hub read and write it",
                folder.display()
            );
            Err(CliError::Settings(vec![fault(
                &None,
                "mail.report_maildir",
                message,
            )]))
        }
    }
}

/// Why files cannot be read from, or moved within, a part of a Maildir.
fn unusable(folder: &Path, part: &str) -> Option<String> {
    use rustix::fs::{Access, access};
    let folder = folder.join(part);
    if !folder.is_dir() {
        return Some(format!("it has no folder {part}/"));
    }
    let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    let refused = access(&folder, all).err()?;
    Some(format!("{part}/ is closed to the hub ({refused})"))
}

fn read(purpose: &str, path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|fault| CliError::file(purpose, path, &fault))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse("hub.toml", text).expect("good settings")
    }

    #[test]
    fn a_webhook_never_goes_to_the_hub_its_database_or_its_relay() {
        let policy = addresses(&settings(
            "[hub]\npublic_url = \"https://kairan.operator.example\"\n[listen]\naddress = \"198.51.100.7:80\"\n\
             [database]\nurl = \"postgres://hub@198.51.100.8/kairan\"\n\
             [mail]\nrelay_host = \"198.51.100.9\"\ntls = \"required\"\n\
             [webhook]\nallow_networks = [\"198.51.100.0/24\"]",
        ));
        for own in ["198.51.100.7", "198.51.100.8", "198.51.100.9"] {
            assert!(
                policy.check_ip(own.parse().expect("an address")).is_err(),
                "{own}"
            );
        }
        assert!(
            policy
                .check_ip("198.51.100.10".parse().expect("an address"))
                .is_ok()
        );
        let closed = addresses(&settings(
            "[hub]\npublic_url = \"https://kairan.operator.example\"",
        ));
        assert!(
            closed
                .check_url("https://kairan.operator.example/hook")
                .is_err()
        );
    }

    #[test]
    fn without_a_relay_there_is_no_mailer() {
        assert!(
            mail_settings(&settings("[mail]\nrelay_host = \"\""))
                .expect("nothing to read")
                .is_none()
        );
        let defaults = mail_settings(&Settings::defaults())
            .expect("nothing to read")
            .expect("a relay");
        assert_eq!(
            (defaults.host.as_str(), defaults.timeout_ms),
            ("127.0.0.1", 30_000)
        );
    }

    #[test]
    fn a_folder_that_is_no_maildir_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = settings(&format!(
            "[mail]\nreport_maildir = \"{}\"",
            folder.path().display()
        ));
        for part in ["new", "cur"] {
            let Err(CliError::Settings(faults)) = report_maildir(&named) else {
                unreachable!("{part}/ is missing")
            };
            assert_eq!(faults[0].key, "mail.report_maildir");
            let said = &faults[0].message;
            assert!(
                said.contains(&format!("{part}/")) && said.contains("name a Maildir"),
                "{said}"
            );
            std::fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        let found = report_maildir(&named).expect("a Maildir");
        assert_eq!(found.as_deref(), Some(folder.path()));
        assert!(report_maildir(&Settings::defaults()).is_ok_and(|none| none.is_none()));
    }

    #[test]
    fn a_file_that_the_settings_name_and_nobody_has_is_told_by_its_setting() {
        let named = settings("[mail]\nca_file = \"/nowhere/relay.pem\"");
        let fault = mail_settings(&named)
            .err()
            .expect("no such file")
            .to_string();
        assert!(
            fault.contains("mail.ca_file") && fault.contains("/nowhere/relay.pem"),
            "{fault}"
        );
    }
}

//! What a receiver runs on: one small file, whose paths are relative to it, and the secret files that it names.

use super::bank::Person;
use super::judge::Trust;
use crate::cli::CliError;
use crate::domain::proof::log_keys::LogKeys;
use crate::domain::proof::signing_key::key_name;
use crate::domain::signature::parse_public_key;
use crate::merkle::note::{KeyKind, Signer};
use crate::vault::{VaultFault, log_key, private};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::{Host, Url};
use zeroize::Zeroizing;

/// As it is shown by `--help`.
pub const EXAMPLE: &str = r#"The file:
  hub = "https://kairan.operator.example"    # its public address
  bank = "0117"                              # your code at the hub
  api_key_file = "api.key"                   # your machine's key, kairan_…
  secret_file = "webhook.secret"             # whsec_…, one a line: two during a rotation
  log_keys = ["kairan.operator.example/log/1+…"]  # the operator's key for its log, handed over by another way than this hub
  endpoint = "https://hooks.bank.example/kairan"  # your address at the hub: challenges are answered for no other
  # webhook_key = "whpk_…"                   # where v1a signatures are asked for
  key_file = "ack.pem"                       # your acknowledgement key; --enrol makes it
  person = "Duty officer"
  role = "Fraud desk"
  listen = "127.0.0.1:9000"                  # TLS ends in the proxy in front
  state = "state"                            # a folder: what was received, heads, evidence"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    hub: String,
    bank: String,
    api_key_file: PathBuf,
    secret_file: PathBuf,
    log_keys: Vec<String>,
    endpoint: String,
    webhook_key: Option<String>,
    key_file: PathBuf,
    person: String,
    role: String,
    listen: SocketAddr,
    state: PathBuf,
}

/// Read and checked.
pub struct Settings {
    pub hub: Url,
    pub api_key: Zeroizing<String>,
    pub trust: Trust,
    pub person: Person,
    pub key_file: PathBuf,
    pub listen: SocketAddr,
    pub state: PathBuf,
}

impl Settings {
    pub fn load(path: &Path) -> Result<Self, CliError> {
        let text = std::fs::read_to_string(path)
            .map_err(|fault| CliError::file("read the settings", path, &fault))?;
        let wrong = |what: String| CliError::Usage(format!("{}: {what}", path.display()));
        let written: Written = toml::from_str(&text).map_err(|fault| wrong(fault.to_string()))?;
        let beside = |file: &Path| path.parent().unwrap_or(Path::new("")).join(file);
        let secrets = secret(&beside(&written.secret_file))?;
        let lines = secrets.lines().map(str::trim);
        let secrets = lines.filter(|line| !line.is_empty()).map(str::parse);
        let secrets = secrets.collect::<Result<Vec<_>, _>>();
        let log_keys = written.log_keys.iter().map(|key| key.parse());
        let log_keys = log_keys.collect::<Result<LogKeys, _>>();
        let webhook_key = match &written.webhook_key {
            None => None,
            Some(key) => Some(
                parse_public_key(key).ok_or_else(|| wrong("webhook_key is no whpk_…".into()))?,
            ),
        };
        let endpoint = Url::parse(&written.endpoint);
        let endpoint = endpoint.map_err(|fault| wrong(format!("endpoint: {fault}")))?;
        let trust = Trust {
            bank: written.bank,
            secrets: secrets.map_err(|fault| wrong(format!("secret_file: {fault}")))?,
            webhook_key,
            // As the hub writes it.
            endpoint: endpoint.into(),
            log_keys: log_keys.map_err(|fault| wrong(format!("log_keys: {fault}")))?,
        };
        if trust.secrets.is_empty() || written.log_keys.is_empty() {
            return Err(wrong(
                "secret_file and log_keys need one entry at least".into(),
            ));
        }
        let api_key = secret(&beside(&written.api_key_file))?;
        Ok(Self {
            hub: hub(&written.hub).map_err(wrong)?,
            api_key: Zeroizing::new(api_key.trim().to_owned()),
            trust,
            person: Person {
                name: written.person,
                role: written.role,
            },
            key_file: beside(&written.key_file),
            listen: written.listen,
            state: beside(&written.state),
        })
    }

    /// The bank's own key under its name at this hub.
    pub fn signer(&self) -> Result<Signer, CliError> {
        let path = &self.key_file;
        let seed = log_key::open(path).map_err(|fault| match fault {
            VaultFault::MissingLogKey(_) => CliError::Failed(format!(
                "no acknowledgement key at {}; make and enrol one with --enrol",
                path.display()
            )),
            VaultFault::LogKeyForm(_) => CliError::Failed(format!(
                "{} holds no Ed25519 key in PKCS#8 PEM; name another key_file",
                path.display()
            )),
            other => CliError::Vault(other),
        })?;
        let host = self.hub.host_str().unwrap_or_default();
        let name = key_name(&self.trust.bank, host).map_err(|fault| {
            CliError::Usage(format!("bank and hub make no key's name: {fault}"))
        })?;
        Ok(Signer::new(name, KeyKind::Ed25519, &seed))
    }
}

/// A file that nobody else may read.
fn secret(path: &Path) -> Result<Zeroizing<String>, CliError> {
    private::read(path)?.ok_or_else(|| {
        let missing = std::io::ErrorKind::NotFound.into();
        CliError::file("read", path, &missing)
    })
}

/// The API key never travels in the clear, except within this machine.
fn hub(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|fault| format!("hub: {fault}"))?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let is_plain = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    if is_plain && (url.scheme() == "https" || url.scheme() == "http" && is_loopback) {
        Ok(url)
    } else {
        Err(format!(
            "hub: {text:?} is not like https://kairan.operator.example"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const KEY: &str = "hub.example/log/1";

    fn written(folder: &Path, hub: &str) -> PathBuf {
        for (file, text) in [
            ("api.key", "kairan_b_x\n"),
            ("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
        ] {
            std::fs::write(folder.join(file), text).expect("written");
            std::fs::set_permissions(folder.join(file), Permissions::from_mode(0o600))
                .expect("chmod");
        }
        let name = crate::merkle::note::KeyName::parse(KEY).expect("a name");
        let key = Signer::new(name, KeyKind::Ed25519, &[3; 32])
            .verifier()
            .to_string();
        let text = format!(
            "hub = \"{hub}\"\nbank = \"0117\"\napi_key_file = \"api.key\"\nsecret_file = \"secret\"\nlog_keys = [\"{key}\"]\n\
             endpoint = \"HTTPS://Hooks.bank.example:443/kairan\"\nkey_file = \"ack.pem\"\nperson = \"x\"\nrole = \"y\"\nlisten = \"127.0.0.1:9000\"\nstate = \"state\"\n"
        );
        let path = folder.join("receive.toml");
        std::fs::write(&path, text).expect("written");
        path
    }

    #[test]
    fn the_file_is_read_with_what_lies_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings =
            Settings::load(&written(folder.path(), "https://hub.example")).expect("good");
        assert_eq!(settings.api_key.as_str(), "kairan_b_x");
        assert_eq!(settings.state, folder.path().join("state"));
        assert_eq!(
            settings.trust.endpoint, "https://hooks.bank.example/kairan",
            "as the hub writes it"
        );
        assert!(
            settings
                .signer()
                .is_err_and(|fault| fault.to_string().contains("--enrol"))
        );
        log_key::create(&settings.key_file).expect("made");
        let signer = settings.signer().expect("a key");
        assert_eq!(signer.verifier().name().as_str(), "0117.hub.example/ack");
    }

    #[test]
    fn a_secret_that_others_can_read_and_a_hub_in_the_clear_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for hub in [
            "http://hub.example",
            "https://hub.example/api",
            "hub.example",
        ] {
            assert!(
                matches!(
                    Settings::load(&written(folder.path(), hub)),
                    Err(CliError::Usage(_))
                ),
                "{hub}"
            );
        }
        let path = written(folder.path(), "http://127.0.0.1:8080");
        assert!(Settings::load(&path).is_ok());
        std::fs::set_permissions(folder.path().join("secret"), Permissions::from_mode(0o644))
            .expect("chmod");
        assert!(Settings::load(&path).is_err_and(|fault| fault.to_string().contains("chmod 600")));
    }
}

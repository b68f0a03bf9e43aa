//! What the mail channel is told: settings and the parts of a message, and the checks on every text
//! that becomes a header or an address. Knows nothing of SMTP.

use crate::domain::instant::Instant;
use std::net::IpAddr;

/// RFC 5321 §4.5.3.1.3: a path has at most 256 octets, two of them its brackets.
const ADDRESS_LIMIT: usize = 254;
const HEADER_TEXT_LIMIT: usize = 1000;

/// How the relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// STARTTLS with a verified certificate, or nothing is sent.
    Required,
    /// No TLS; taken only while the relay is this machine.
    LoopbackPlain,
}

/// The key that signs mail. RSA in PKCS#1 PEM, or the 32 bytes of an Ed25519 seed in base64.
#[derive(Clone)]
pub struct DkimSettings {
    pub domain: String,
    pub selector: String,
    pub pem: String,
}

/// Where mail goes out and in whose name.
#[derive(Clone)]
pub struct MailSettings {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    /// Trusted besides the system's roots.
    pub ca_pem: Option<Vec<u8>>,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    pub from: String,
    pub from_name: String,
    /// The domain of Message-IDs and return paths.
    pub return_path_domain: String,
    /// The name said in EHLO.
    pub helo: String,
    /// Connections at once.
    pub pool: usize,
    /// For one message from connecting to the last answer.
    pub timeout_ms: u64,
    pub dkim: Option<DkimSettings>,
    /// Somebody reads what mail servers report, and so they are asked to.
    pub reports: bool,
}

/// Why a mailer or a message could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    #[error("mail.host {0:?} is not this machine: set mail.tls = \"required\"")]
    PlainBeyondLoopback(String),
    #[error("{what} is not a usable mail address; write it like name@bank.example")]
    Address { what: &'static str },
    #[error("{what} has a control character, or is longer than {HEADER_TEXT_LIMIT} characters")]
    Header { what: &'static str },
    #[error("the certificate authority of the relay cannot be read: {0}")]
    Certificate(String),
    #[error(
        "the DKIM key cannot be read ({0}); give RSA as PKCS#1 PEM, or an Ed25519 seed in base64"
    )]
    Dkim(String),
    #[error("the message could not be put together: {0}")]
    Message(String),
}

/// What a message is made of. Equal parts make equal bytes.
#[derive(Debug, Clone)]
pub struct MailParts {
    /// With its angle brackets.
    pub message_id: String,
    pub date: Instant,
    /// Letters, digits and hyphens; must not occur in a body, which base64 sees to.
    pub boundary: String,
    pub to: String,
    pub to_name: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// The notice's proof, attached as a file.
    pub proof: Option<String>,
    /// Message-IDs, oldest first; the last is also In-Reply-To.
    pub references: Vec<String>,
    /// The envelope's sender, where reports come back to.
    pub return_path: String,
}

/// Whether a host, as written in the settings, is this machine.
pub(super) fn names_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Plain ASCII addresses with an unquoted local part: whatever else the grammar allows, no bank needs it.
pub(super) fn plain_address(text: &str) -> bool {
    text.len() <= ADDRESS_LIMIT
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte))
}

/// One line of bounded length.
pub(super) fn header_text<'a>(what: &'static str, text: &'a str) -> Result<&'a str, MailFault> {
    let bad = text.chars().count() > HEADER_TEXT_LIMIT
        || text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    if bad {
        Err(MailFault::Header { what })
    } else {
        Ok(text)
    }
}

/// `<left@right>` in visible ASCII without further brackets or spaces.
pub(super) fn id_text<'a>(what: &'static str, text: &'a str) -> Result<&'a str, MailFault> {
    let inner = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    let good = inner.is_some_and(|inner| {
        inner.len() <= ADDRESS_LIMIT
            && inner.matches('@').count() == 1
            && inner
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'))
    });
    if good {
        Ok(text)
    } else {
        Err(MailFault::Header { what })
    }
}

pub(super) fn boundary(text: &str) -> Result<&str, MailFault> {
    let good = (1..=70).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if good {
        Ok(text)
    } else {
        Err(MailFault::Header {
            what: "the boundary",
        })
    }
}

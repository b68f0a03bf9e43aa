//! Mail as it arrived: reads the Maildir behind the real mail server of `scripts/test`, by recipient.
//! Knows nothing of what the hub meant to send.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use mail_parser::{Message, MessageParser};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a mail may take; ample, since only a failing test waits for all of it.
const DEADLINE: Duration = Duration::from_secs(15);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Domains the mail server treats badly; every other one is delivered.
pub const REFUSED_AT_ONCE: &str = "refused.test";
pub const BUSY: &str = "busy.test";
pub const BOUNCED_LATER: &str = "bounce.test";
pub const KEPT_IN_QUEUE: &str = "later.test";

/// One recipient's mail.
pub struct Mailbox {
    address: String,
    folder: PathBuf,
    read: Mutex<BTreeMap<PathBuf, Option<Mail>>>,
}

/// A mail, its bytes as the server stored them.
#[derive(Debug, Clone)]
pub struct Mail {
    raw: Vec<u8>,
}

/// Whoever the mail server writes to at this address: reports at a return path, for example.
pub fn mailbox_of(address: &str) -> Mailbox {
    Mailbox {
        address: address.to_owned(),
        folder: PathBuf::from(from_scripts("KAIRAN_TEST_MAILDIR")).join("new"),
        read: Mutex::default(),
    }
}

/// An empty Maildir of one hub's own, in the folder that `scripts/test` removes at its end.
pub fn report_folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let inbox = PathBuf::from(from_scripts("KAIRAN_TEST_MAILDIR"));
    let top = inbox.ancestors().nth(2).expect("mail/inbox lies in it");
    let folder = top.join(format!("reports-{}-{made}", std::process::id()));
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    folder
}

/// Whether the mail server tells of mails that it has delivered (RFC 3461): Postfix does, its stand-in does not.
pub fn tells_of_success() -> bool {
    std::env::var("KAIRAN_TEST_SMTP_REPORTS").is_ok_and(|tells| tells == "yes")
}

/// The mail server's `host:port`.
pub fn smtp_server() -> String {
    from_scripts("KAIRAN_TEST_SMTP")
}

/// The `host:port` that takes mail only from `hub@mail.test` with the password of this file.
pub fn smtp_server_signed_in() -> (String, PathBuf) {
    (
        from_scripts("KAIRAN_TEST_SMTP_SIGNED_IN"),
        from_scripts("KAIRAN_TEST_SMTP_PASSWORD_FILE").into(),
    )
}

/// The PEM file of the authority that signed the mail server's certificate.
pub fn smtp_authority() -> PathBuf {
    from_scripts("KAIRAN_TEST_SMTP_CA").into()
}

/// An address nobody else uses, beginning with `name`.
pub fn mailbox(name: &str) -> Mailbox {
    mailbox_at(name, "bank.test")
}

/// An address nobody else uses, at one of the badly treated domains, for example.
pub fn mailbox_at(name: &str, domain: &str) -> Mailbox {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    Mailbox {
        address: format!("{name}-{}-{made}@{domain}", std::process::id()),
        folder: PathBuf::from(from_scripts("KAIRAN_TEST_MAILDIR")).join("new"),
        read: Mutex::default(),
    }
}

fn from_scripts(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run scripts/test, or one command by scripts/test --services-only -- cargo test …")
    })
}

impl Mailbox {
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What has arrived so far, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        let mut read = self
            .read
            .lock()
            .expect("no reader panics while it holds the lock");
        // Postfix moves finished files into the folder, so what is listed is whole.
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            read.entry(entry.path()).or_insert_with_key(|path| {
                let mail = Mail {
                    raw: std::fs::read(path).ok()?,
                };
                mail.is_for(&self.address).then_some(mail)
            });
        }
        let mut mine: Vec<(&PathBuf, &Mail)> = read
            .iter()
            .filter_map(|(path, mail)| Some((path, mail.as_ref()?)))
            .collect();
        mine.sort_by_key(|(path, _)| {
            std::fs::metadata(path)
                .and_then(|file| file.modified())
                .ok()
        });
        mine.into_iter().map(|(_, mail)| mail.clone()).collect()
    }

    /// Waits until `count` mails are there. Blocks: for tests without a runtime of their own.
    pub fn wait_for(&self, count: usize) -> Vec<Mail> {
        let started = Instant::now();
        loop {
            if let Some(mails) = self.enough(count, started) {
                return mails;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Waits until `count` mails are there, and lets the runtime go on meanwhile.
    pub async fn arrived(&self, count: usize) -> Vec<Mail> {
        let started = Instant::now();
        loop {
            if let Some(mails) = self.enough(count, started) {
                return mails;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    fn enough(&self, count: usize, started: Instant) -> Option<Vec<Mail>> {
        let mails = self.mails();
        let subjects = || mails.iter().map(Mail::subject).collect::<Vec<_>>();
        assert!(
            mails.len() >= count || started.elapsed() < DEADLINE,
            "{} has {} of {count} mails after {DEADLINE:?}: {:?}",
            self.address,
            mails.len(),
            subjects()
        );
        (mails.len() >= count).then_some(mails)
    }
}

impl Mail {
    /// The bytes, headers of the receiving server included.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The parsed mail, for whatever has no method here.
    pub fn parsed(&self) -> Message<'_> {
        MessageParser::default()
            .parse(&self.raw)
            .expect("the hub sends well-formed mail")
    }

    pub fn subject(&self) -> String {
        self.parsed().subject().unwrap_or_default().to_string()
    }

    /// The plain text part, decoded.
    pub fn text(&self) -> String {
        self.parsed().body_text(0).unwrap_or_default().into_owned()
    }

    /// The HTML part, decoded.
    pub fn html(&self) -> String {
        self.parsed().body_html(0).unwrap_or_default().into_owned()
    }

    /// A header as it was written, unfolded ends trimmed; nothing if absent.
    pub fn header(&self, name: &str) -> Option<String> {
        self.parsed()
            .header_raw(name)
            .map(|value| value.trim().to_string())
    }

    /// Attachments: name and decoded bytes.
    pub fn attachments(&self) -> Vec<(String, Vec<u8>)> {
        use mail_parser::MimeHeaders;
        let parsed = self.parsed();
        let named = |part: &mail_parser::MessagePart<'_>| {
            (
                part.attachment_name().unwrap_or_default().to_string(),
                part.contents().to_vec(),
            )
        };
        parsed.attachments().map(named).collect()
    }

    fn is_for(&self, address: &str) -> bool {
        // The envelope's recipient, written by the receiving server on top; To: is only what the mail says.
        let head = self
            .raw
            .split(|byte| *byte == b'\n')
            .take_while(|line| !line.trim_ascii().is_empty());
        let wanted = format!("delivered-to: {address}").to_ascii_lowercase();
        head.into_iter()
            .any(|line| line.trim_ascii().to_ascii_lowercase() == wanted.as_bytes())
    }
}

#[test]
fn a_mail_is_found_by_the_recipient_it_was_delivered_to() {
    let raw = b"Delivered-To: Bank-1@bank.test\nTo: other@bank.test\nSubject: =?utf-8?b?5Zue6Kan?=\n\nDelivered-To: body@bank.test\n";
    let mail = Mail { raw: raw.to_vec() };
    assert!(mail.is_for("bank-1@bank.test"));
    assert!(!mail.is_for("other@bank.test") && !mail.is_for("body@bank.test"));
    assert_eq!(mail.subject(), "回覧");
    assert_eq!(mail.header("To").as_deref(), Some("other@bank.test"));
}

#[tokio::test]
async fn mail_goes_by_starttls_to_the_one_mailbox_it_is_for() {
    use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
    use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

    let (bank, other) = (mailbox("bank"), mailbox("other"));
    let refused = mailbox_at("bank", REFUSED_AT_ONCE);
    let pem = std::fs::read(smtp_authority()).expect("scripts/test wrote it");
    let authority = Certificate::from_pem(&pem).expect("it is a certificate");
    let server = smtp_server();
    let (host, port) = server.split_once(':').expect("host:port");
    let port = port.parse().expect("a port");
    let tls = TlsParameters::builder(host.to_string()).add_root_certificate(authority);
    let tls = tls.build_rustls().expect("TLS settings");
    let relay = || AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port);
    let (secure, plain) = (relay().tls(Tls::Required(tls)).build(), relay().build());
    let mail = |to: &Mailbox| {
        let to = to.address().parse().expect("an address");
        let mail = lettre::Message::builder().from("hub@mail.test".parse().expect("an address"));
        mail.to(to)
            .subject("回覧")
            .body("受領をご確認ください".to_string())
            .expect("a mail")
    };

    plain
        .send(mail(&bank))
        .await
        .expect_err("without TLS nothing is taken");
    let status = secure
        .send(mail(&refused))
        .await
        .expect_err("this domain is refused")
        .status();
    assert_eq!(status.map(u16::from), Some(550));
    secure.send(mail(&bank)).await.expect("the relay takes it");
    let arrived = bank.arrived(1).await;
    assert_eq!(
        (arrived[0].subject(), arrived[0].text().trim()),
        ("回覧".to_string(), "受領をご確認ください")
    );
    assert!(other.mails().is_empty());
}

//! The mail channel: builds a message whose bytes are fixed by its delivery, and hands it to the
//! operator's relay. Owns connections to the relay and what its answers mean. Knows nothing of texts,
//! deliveries or retries.
//!
//! Connections are kept here and not in lettre's own pool: that pool takes back a connection whose
//! send was cut off by a time limit, and the next mail on it would read the answers of the one before.

mod parts;

pub use parts::{DkimSettings, MailFault, MailParts, MailSettings, MailTls};

use crate::domain::outcome::{ErrorClass, Outcome};
use crate::domain::proof::notice::FILE_NAME;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm,
    DkimSigningKey,
};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter, RcptParameter};
use lettre::transport::smtp::response::{Response, Severity};
use parts::{boundary, header_text, id_text, names_loopback, plain_address};
use sha2::{Digest, Sha256};
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// A connection that waited longer than this is not used again: relays close them unasked.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a relay that refused something may take to let go.
const FAREWELL: Duration = Duration::from_secs(2);
const ANSWER_KEPT: usize = 4096;

/// A message ready to be handed to the relay.
#[derive(Debug, Clone)]
pub struct BuiltMail {
    envelope: Envelope,
    /// What reports call it (RFC 3461 §4.4): its name without the host.
    envelope_id: String,
    message: Message,
    /// SHA-256 of the unsigned bytes: the same on every retry, whatever time a DKIM signature bears.
    pub body_hash: [u8; 32],
}

impl BuiltMail {
    /// The unsigned bytes, equal for equal parts.
    pub fn bytes(&self) -> Vec<u8> {
        self.message.formatted()
    }

    /// The envelope: sender and the one recipient.
    pub fn addresses(&self) -> (Option<&str>, Vec<&str>) {
        (
            self.envelope.from().map(AsRef::as_ref),
            self.envelope.to().iter().map(AsRef::as_ref).collect(),
        )
    }
}

struct Idle {
    line: Line,
    since: std::time::Instant,
}

/// A connection to the relay.
struct Line {
    connection: AsyncSmtpConnection,
    /// The relay can be asked to report what comes of a mail (RFC 3461), and is.
    reports: bool,
}

/// Hands messages to the relay, several at once up to the size of its pool.
pub struct Mailer {
    settings: MailSettings,
    from: Mailbox,
    tls: Option<TlsParameters>,
    dkim: Option<Arc<DkimConfig>>,
    helo: ClientId,
    idle: Mutex<Vec<Idle>>,
    places: Semaphore,
}

impl Mailer {
    /// Checks the settings; nothing is sent and no connection is made.
    pub fn new(settings: MailSettings) -> Result<Self, MailFault> {
        if settings.tls == MailTls::LoopbackPlain && !names_loopback(&settings.host) {
            return Err(MailFault::PlainBeyondLoopback(settings.host));
        }
        let from_name = header_text("mail.from_name", &settings.from_name)?;
        let from = Mailbox::new(
            Some(from_name.to_owned()),
            address("mail.from", &settings.from)?,
        );
        let tls = match settings.tls {
            MailTls::LoopbackPlain => None,
            MailTls::Required => Some(tls_parameters(&settings)?),
        };
        let dkim = settings.dkim.as_ref().map(dkim_config).transpose()?;
        Ok(Self {
            from,
            tls,
            dkim: dkim.map(Arc::new),
            helo: ClientId::Domain(header_text("mail.helo", &settings.helo)?.to_owned()),
            idle: Mutex::new(Vec::new()),
            places: Semaphore::new(settings.pool.max(1)),
            settings,
        })
    }

    /// Puts a message together. Every header comes from checked text, every part is base64: a body can
    /// hold any line without the relay taking it for a command.
    pub fn build(&self, parts: MailParts) -> Result<BuiltMail, MailFault> {
        let to = address("the recipient", &parts.to)?;
        let return_path = address("the return path", &parts.return_path)?;
        let to_name = header_text("the recipient's name", &parts.to_name)?;
        let subject = header_text("the subject", &parts.subject)?;
        let message_id = id_text("the Message-ID", &parts.message_id)?;
        for reference in &parts.references {
            id_text("a reference", reference)?;
        }
        let boundary = boundary(&parts.boundary)?;
        let name = (!to_name.trim().is_empty()).then(|| to_name.to_owned());
        let envelope = Envelope::new(Some(return_path), vec![to.clone()])
            .map_err(|fault| MailFault::Message(fault.to_string()))?;
        let date = std::time::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(parts.date.seconds()).unwrap_or(0));
        let mut message = Message::builder()
            .message_id(Some(message_id.to_owned()))
            .date(date)
            .from(self.from.clone())
            .to(Mailbox::new(name, to))
            // A literal encoded word would be decoded by the reader's program into another subject.
            .subject(subject.replace("=?", "= ?"))
            .raw_header(plain_header("Auto-Submitted", "auto-generated"));
        if let Some(last) = parts.references.last() {
            message = message
                .in_reply_to(last.clone())
                .references(parts.references.join(" "));
        }
        let mut body = MultiPart::alternative()
            .boundary(boundary)
            .singlepart(part(ContentType::TEXT_PLAIN, parts.text)?)
            .singlepart(part(ContentType::TEXT_HTML, parts.html)?);
        if let Some(proof) = parts.proof {
            body = MultiPart::mixed()
                .boundary(format!("{boundary}-mixed"))
                .multipart(body)
                .singlepart(file(FILE_NAME, proof)?);
        }
        let message = message
            .envelope(envelope.clone())
            .multipart(body)
            .map_err(|fault| MailFault::Message(fault.to_string()))?;
        let body_hash = Sha256::digest(message.formatted()).into();
        let name = message_id.trim_matches(['<', '>']);
        Ok(BuiltMail {
            envelope,
            envelope_id: name.split('@').next().unwrap_or(name).to_owned(),
            message,
            body_hash,
        })
    }

    /// The bytes that go out: signed where a key is set. The signature bears the time of signing.
    pub fn signed(&self, built: &BuiltMail) -> Vec<u8> {
        let mut message = built.message.clone();
        if let Some(dkim) = &self.dkim {
            message.sign(dkim);
        }
        message.formatted()
    }

    /// Hands the message to the relay: one SMTP transaction.
    pub async fn send(&self, built: &BuiltMail) -> Outcome {
        let Ok(_place) = self.places.acquire().await else {
            return Outcome::failed(ErrorClass::Internal, Duration::ZERO);
        };
        let started = std::time::Instant::now();
        let limit = Duration::from_millis(self.settings.timeout_ms);
        let bytes = self.signed(built);
        let mut refused = None;
        let sending = self.transaction(built, &bytes, &mut refused);
        let result = tokio::time::timeout(limit, sending).await;
        let duration = started.elapsed();
        if let Some(mut line) = refused {
            // What the relay said counts, however long it takes to take leave.
            let _ = tokio::time::timeout(FAREWELL, line.connection.abort()).await;
        }
        match result {
            Err(_elapsed) => Outcome::failed(ErrorClass::Timeout, duration),
            Ok(Err(failure)) => failure.outcome(duration),
            Ok(Ok(answer)) => answer.outcome(duration),
        }
    }

    /// A connection is given back only after a whole transaction; cut off anywhere, it is dropped, and where the relay
    /// refused something it is left in `refused`.
    async fn transaction(
        &self,
        built: &BuiltMail,
        bytes: &[u8],
        refused: &mut Option<Line>,
    ) -> Result<Answer, Failure> {
        let mut line = match self.take().await {
            Some(line) => line,
            None => self.connect().await?,
        };
        let response = match transact(&mut line, built, bytes).await {
            Ok(response) => response,
            Err(failure) => {
                *refused = failure.status.is_some().then_some(line);
                return Err(failure);
            }
        };
        let answer = Answer {
            code: response.code().into(),
            accepted: response.code().severity == Severity::PositiveCompletion,
            head: head(&response.message().collect::<Vec<_>>().join("\n")),
        };
        if answer.accepted {
            self.idle.lock().await.push(Idle {
                line,
                since: std::time::Instant::now(),
            });
        }
        Ok(answer)
    }

    async fn take(&self) -> Option<Line> {
        loop {
            let mut idle = self.idle.lock().await.pop()?;
            if idle.since.elapsed() >= IDLE_LIMIT {
                continue;
            }
            let asked = idle.line.connection.test_connected();
            if tokio::time::timeout(CONNECT_LIMIT, asked).await == Ok(true) {
                return Some(idle.line);
            }
        }
    }

    async fn connect(&self) -> Result<Line, Failure> {
        let addresses = self.resolve().await?;
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            addresses.as_slice(),
            Some(CONNECT_LIMIT),
            &self.helo,
            None,
            None,
        )
        .await
        .map_err(|error| Failure::of_relay(&error, ErrorClass::Connect))?;
        if let Some(tls) = &self.tls {
            connection
                .starttls(tls.clone(), &self.helo)
                .await
                .map_err(|error| Failure::of_relay(&error, in_starttls(&error)))?;
        }
        let reports = self.settings.reports && self.can_report(&mut connection).await?;
        if let Some((user, password)) = &self.settings.credentials {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await
                .map_err(|error| Failure {
                    class: ErrorClass::Internal,
                    ..Failure::from_smtp(&error, ErrorClass::Internal)
                })?;
        }
        Ok(Line {
            connection,
            reports,
        })
    }

    /// Asked once more, because lettre keeps no extension that it does not use itself.
    async fn can_report(&self, connection: &mut AsyncSmtpConnection) -> Result<bool, Failure> {
        let offered = connection
            .command(Ehlo::new(self.helo.clone()))
            .await
            .map_err(|error| Failure::of_relay(&error, ErrorClass::Broken))?;
        let mut words = offered.message().map(str::trim);
        Ok(words.any(|word| word.eq_ignore_ascii_case("DSN")))
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let failed = |class, text: String| Failure {
            class,
            status: None,
            head: head(&text),
        };
        let addresses: Vec<SocketAddr> =
            tokio::net::lookup_host((self.settings.host.as_str(), self.settings.port))
                .await
                .map_err(|error| failed(ErrorClass::Dns, error.to_string()))?
                .collect();
        // A name that says "this machine" may still resolve to another.
        if self.tls.is_none() && !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(failed(
                ErrorClass::AddressRefused,
                "plain mail stays on this machine".to_owned(),
            ));
        }
        Ok(addresses)
    }
}

/// One transaction. It asks for reports of every kind, with the mail's headers alone, where the relay takes that (RFC 3461
/// §4.1 to 4.4); and for no other extension, because addresses and bytes are ASCII (`parts.rs`, `part`). A connection on
/// which it fails is not used again.
async fn transact(line: &mut Line, built: &BuiltMail, bytes: &[u8]) -> Result<Response, Failure> {
    let asked = |keyword: &str, value: &str| MailParameter::Other {
        keyword: keyword.to_owned(),
        value: Some(value.to_owned()),
    };
    let (mut of_mail, mut of_recipient) = (Vec::new(), Vec::new());
    if line.reports {
        of_mail = vec![asked("RET", "HDRS"), asked("ENVID", &built.envelope_id)];
        of_recipient.push(RcptParameter::Other {
            keyword: "NOTIFY".to_owned(),
            value: Some("SUCCESS,FAILURE,DELAY".to_owned()),
        });
    }
    let connection = &mut line.connection;
    let from = built.envelope.from().cloned();
    let ours = |error| Failure::of_relay(&error, ErrorClass::Broken);
    let theirs = |error| Failure::from_smtp(&error, ErrorClass::Broken);
    let sender = Mail::new(from, of_mail);
    connection.command(sender).await.map_err(ours)?;
    for to in built.envelope.to() {
        let recipient = Rcpt::new(to.clone(), of_recipient.clone());
        connection.command(recipient).await.map_err(theirs)?;
    }
    connection.command(Data).await.map_err(theirs)?;
    connection.message(bytes).await.map_err(theirs)
}

struct Answer {
    code: u16,
    accepted: bool,
    head: Vec<u8>,
}

impl Answer {
    fn outcome(self, duration: Duration) -> Outcome {
        Outcome {
            error: (!self.accepted).then_some(ErrorClass::Broken),
            status: Some(self.code),
            answer_head: self.head,
            ..Outcome::failed(ErrorClass::Broken, duration)
        }
    }
}

struct Failure {
    class: ErrorClass,
    status: Option<u16>,
    head: Vec<u8>,
}

impl Failure {
    /// An answer of the relay speaks for itself; without one, `otherwise` says where it broke.
    fn from_smtp(error: &lettre::transport::smtp::Error, otherwise: ErrorClass) -> Self {
        let class = if error.is_transient() {
            ErrorClass::MailDeferred
        } else if error.is_permanent() {
            ErrorClass::MailRejected
        } else if error.is_tls() {
            ErrorClass::Tls
        } else {
            otherwise
        };
        Self {
            class,
            status: error.status().map(u16::from),
            head: head(&error.to_string()),
        }
    }

    /// The same before any recipient was named: for good, the relay refuses this hub then, and no bank's channel is broken.
    fn of_relay(error: &lettre::transport::smtp::Error, otherwise: ErrorClass) -> Self {
        let failure = Self::from_smtp(error, otherwise);
        match failure.class {
            ErrorClass::MailRejected => Self {
                class: ErrorClass::Internal,
                ..failure
            },
            _ => failure,
        }
    }

    fn outcome(self, duration: Duration) -> Outcome {
        Outcome {
            status: self.status,
            answer_head: self.head,
            ..Outcome::failed(self.class, duration)
        }
    }
}

/// Why a relay's STARTTLS failed, where the relay did not say. One that hangs up before the handshake, or stays away
/// after it, has said nothing about TLS; whoever hangs up on our hello has, as with webhooks.
fn in_starttls(error: &lettre::transport::smtp::Error) -> ErrorClass {
    // Not offered.
    if error.is_client() {
        return ErrorClass::Tls;
    }
    // Of the handshake's failures lettre makes an error within an error.
    let handshake = error
        .source()
        .and_then(|cause| cause.downcast_ref::<lettre::transport::smtp::Error>());
    let Some(handshake) = handshake else {
        return ErrorClass::Connect;
    };
    let fault = handshake
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    match fault.map(io::Error::kind) {
        None | Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => ErrorClass::Tls,
        Some(_) => ErrorClass::Connect,
    }
}

fn head(text: &str) -> Vec<u8> {
    text.bytes().take(ANSWER_KEPT).collect()
}

fn tls_parameters(settings: &MailSettings) -> Result<TlsParameters, MailFault> {
    let fault = |error: lettre::transport::smtp::Error| MailFault::Certificate(error.to_string());
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(fault)?);
    }
    builder.build_rustls().map_err(fault)
}

/// Relaxed for headers too: with "simple", lettre hashes the signature's header unfolded and sends it
/// folded, so that no verifier agrees.
fn dkim_config(settings: &DkimSettings) -> Result<DkimConfig, MailFault> {
    let algorithm = if settings.pem.contains("-----BEGIN") {
        DkimSigningAlgorithm::Rsa
    } else {
        DkimSigningAlgorithm::Ed25519
    };
    let key = DkimSigningKey::new(settings.pem.trim(), algorithm)
        .map_err(|fault| MailFault::Dkim(fault.to_string()))?;
    // Not Content-Type: lettre keeps it with the body and would sign the lack of it, so that no
    // verifier agrees.
    let headers = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Auto-Submitted",
    ];
    Ok(DkimConfig::new(
        header_text("mail.dkim.selector", &settings.selector)?.to_owned(),
        header_text("mail.dkim.domain", &settings.domain)?.to_owned(),
        key,
        headers.map(HeaderName::new_from_ascii_str).to_vec(),
        DkimCanonicalization {
            header: DkimCanonicalizationType::Relaxed,
            body: DkimCanonicalizationType::Relaxed,
        },
    ))
}

fn address(what: &'static str, text: &str) -> Result<Address, MailFault> {
    if !plain_address(text) {
        return Err(MailFault::Address { what });
    }
    text.parse().map_err(|_| MailFault::Address { what })
}

fn plain_header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Always base64, also where less would do: lettre before 0.11.24 does not double a dot after a bare
/// line feed or carriage return (RUSTSEC-2026-0561), and base64 leaves neither in the body.
fn part(kind: ContentType, text: String) -> Result<SinglePart, MailFault> {
    let body = Body::new_with_encoding(text, ContentTransferEncoding::Base64)
        .map_err(|_| MailFault::Message("a part could not be encoded".to_owned()))?;
    Ok(SinglePart::builder().content_type(kind).body(body))
}

/// An attachment, of whatever kind its name says; base64 like every part.
fn file(name: &str, text: String) -> Result<SinglePart, MailFault> {
    let body = Body::new_with_encoding(text.into_bytes(), ContentTransferEncoding::Base64)
        .map_err(|_| MailFault::Message("a file could not be encoded".to_owned()))?;
    let kind = ContentType::parse("application/octet-stream").expect("a content type");
    Ok(Attachment::new(name.to_owned()).body(body, kind))
}

#[cfg(test)]
mod tests;

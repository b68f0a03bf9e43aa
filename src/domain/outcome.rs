//! What came of one attempt to deliver. A failed delivery is an `Outcome`, never an error.

use std::time::Duration;

/// Why an attempt did not end in acceptance. The codes are stable: they stand in the delivery log and in entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The address guard refused the address; nothing left the machine.
    AddressRefused,
    /// The name did not resolve.
    Dns,
    /// No connection within the limit, or it was refused.
    Connect,
    /// The TLS handshake or certificate failed.
    Tls,
    /// Connected, but no complete answer within the total limit.
    Timeout,
    /// The connection broke before a complete answer.
    Broken,
    /// A complete HTTP answer that is not 2xx.
    Status,
    /// A 2xx to a challenge that does not show the endpoint's secret.
    WrongAnswer,
    /// An SMTP 4xx answer.
    MailDeferred,
    /// An SMTP 5xx answer.
    MailRejected,
    /// The message could not be built or handed over by this hub (its own fault, shown as such).
    Internal,
    /// The lease ran out with no outcome recorded, or the send ended in a defect: it may or may not have arrived.
    Unknown,
    /// Claimed, then handed back untouched: at a graceful stop, for want of a place, or of what it is put together from; no
    /// byte left.
    Released,
}

impl ErrorClass {
    pub const ALL: [ErrorClass; 13] = [
        Self::AddressRefused,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Broken,
        Self::Status,
        Self::WrongAnswer,
        Self::MailDeferred,
        Self::MailRejected,
        Self::Internal,
        Self::Unknown,
        Self::Released,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::AddressRefused => "address_refused",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Status => "status",
            Self::WrongAnswer => "wrong_answer",
            Self::MailDeferred => "mail_deferred",
            Self::MailRejected => "mail_rejected",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
            Self::Released => "released",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }
}

/// One attempt, finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `None` = accepted (HTTP 2xx, or the relay's positive answer to the end of DATA).
    pub error: Option<ErrorClass>,
    /// HTTP status or SMTP reply code, where one was received.
    pub status: Option<u16>,
    /// From the first byte of connecting to the last byte read.
    pub duration: Duration,
    /// The peer's wish (RFC 9110 §10.2.3), already held to at most an hour.
    pub retry_after: Option<Duration>,
    /// SHA-256 of the peer's leaf certificate.
    pub tls_fingerprint: Option<[u8; 32]>,
    /// The first bytes of the answer (at most 4 KiB).
    pub answer_head: Vec<u8>,
}

impl Outcome {
    pub fn accepted(&self) -> bool {
        self.error.is_none()
    }

    /// An outcome with nothing but its class.
    pub fn failed(class: ErrorClass, duration: Duration) -> Self {
        Self {
            error: Some(class),
            status: None,
            duration,
            retry_after: None,
            tls_fingerprint: None,
            answer_head: Vec::new(),
        }
    }

    /// Failures that open a *channel broken* task at once, without waiting for ten in a row.
    pub fn breaks_channel(&self) -> bool {
        match self.error {
            Some(ErrorClass::Status) => matches!(self.status, Some(404 | 410)),
            Some(ErrorClass::Tls | ErrorClass::AddressRefused | ErrorClass::MailRejected) => true,
            _ => false,
        }
    }
}

//! What mail servers say came of a mail: tells delivery status reports (RFC 3464) from whatever else lands in the
//! same folder, and whose they are by the MAC in the address they came to. Pure, and believes nothing that a report
//! quotes. Knows no folder, no delivery, and nothing of what follows from a report.

use super::id::Uid;
use super::instant::Instant;
use super::mail_id;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// A longer file is no report: the mail that it is about is quoted by its headers alone (RFC 3461 §4.3).
pub const MOST_BYTES: usize = 1 << 20;
/// Addresses looked at in the headers of one file, and recipients in one report; the rest is passed over.
const ADDRESSES: usize = 64;
const RECIPIENTS: usize = 64;
/// Where a mail server writes to whom the envelope went. `To` comes last: whoever wrote the mail wrote it.
const ADDRESSED: [&str; 4] = ["Delivered-To", "X-Original-To", "Envelope-To", "To"];

/// What a mail server did (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It has given up.
    Failed,
    /// It goes on trying.
    Delayed,
    /// The mailbox has it.
    Delivered,
    /// Handed on to where no reports come from.
    Relayed,
    /// Handed on to several.
    Expanded,
}

impl Action {
    const ALL: [Action; 5] = [
        Self::Failed,
        Self::Delayed,
        Self::Delivered,
        Self::Relayed,
        Self::Expanded,
    ];

    /// The word of RFC 3464.
    pub fn code(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    /// Case is ignored, and a comment behind it.
    fn parse(value: &str) -> Option<Self> {
        let word = value.split('(').next()?.trim();
        Self::ALL
            .into_iter()
            .find(|action| action.code().eq_ignore_ascii_case(word))
    }
}

/// What a report means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Bounced,
    Delayed,
    Delivered,
    Relayed,
}

impl Class {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }
}

/// A status code (RFC 3463 §2): class, subject, detail, like 5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(u8, u16, u16);

impl Status {
    /// Takes the code at the beginning; a comment may follow it.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.split([' ', '\t', '(', ';']).next()?;
        let mut parts = code.splitn(3, '.').map(|part| {
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| digits)
        });
        let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
        let class = u8::try_from(class).ok()?;
        matches!(class, 2 | 4 | 5).then_some(Self(class, subject, detail))
    }

    /// Trying again will not help (RFC 3463 §3.1).
    pub fn is_permanent(self) -> bool {
        self.0 == 5
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What one report says came of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// By the MAC of the address that the report came to.
    pub delivery: Uid,
    pub action: Action,
    pub status: Option<Status>,
    /// The date that its writer gave it.
    pub reported_at: Option<Instant>,
}

impl Report {
    /// A failure that is not permanent is no bounce: the mailbox may be there.
    pub fn class(&self) -> Class {
        match self.action {
            Action::Failed if self.status.is_some_and(Status::is_permanent) => Class::Bounced,
            Action::Failed | Action::Delayed => Class::Delayed,
            Action::Delivered => Class::Delivered,
            Action::Relayed | Action::Expanded => Class::Relayed,
        }
    }
}

/// Why a file is not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Aside {
    #[error("longer than any report")]
    TooLong,
    #[error("no mail that can be read")]
    Unreadable,
    #[error("a machine's answer, like an absence note")]
    AutoReply,
    #[error("nothing that a mail server reports")]
    Mail,
    #[error("a report to an address that this hub never made")]
    Foreign,
    #[error("a report that says of no recipient what was done")]
    Unsaid,
}

/// Reads one file. `key` is the hub's, for mail.
pub fn read(bytes: &[u8], key: &[u8]) -> Result<Report, Aside> {
    if bytes.len() > MOST_BYTES {
        return Err(Aside::TooLong);
    }
    let mail = MessageParser::default().parse(bytes);
    let mail = mail.filter(|mail| !mail.parts.is_empty());
    let mail = mail.ok_or(Aside::Unreadable)?;
    if !is_report(&mail) {
        let answered = raw(&mail, "Auto-Submitted").next().is_some_and(is_answer);
        return Err(if answered {
            Aside::AutoReply
        } else {
            Aside::Mail
        });
    }
    let delivery = addressed(&mail, key).ok_or(Aside::Foreign)?;
    let (action, status) = parts(&mail)
        .filter_map(told)
        .max_by_key(|told| weight(*told))
        .ok_or(Aside::Unsaid)?;
    Ok(Report {
        delivery,
        action,
        status,
        reported_at: mail.date().map(instant),
    })
}

/// RFC 3834 §5: anything but `no` was written by a machine; what is not a report was one's answer.
fn is_answer(value: &str) -> bool {
    !value.trim().to_ascii_lowercase().starts_with("no")
}

/// Some servers leave `report-type` out; a receipt (RFC 8098) names its own and is none.
fn is_report(mail: &Message<'_>) -> bool {
    let kind = mail.content_type();
    kind.is_some_and(|kind| {
        let is_report = kind.ctype().eq_ignore_ascii_case("multipart")
            && kind
                .subtype()
                .is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"));
        let of_status = kind
            .attribute("report-type")
            .is_none_or(|of| of.eq_ignore_ascii_case("delivery-status"));
        is_report && of_status
    })
}

/// A header's values as they were written.
fn raw<'m>(mail: &'m Message<'_>, name: &'m str) -> impl Iterator<Item = &'m str> {
    mail.headers()
        .iter()
        .filter(move |header| header.name.as_str().eq_ignore_ascii_case(name))
        .filter_map(|header| {
            let (from, to) = (
                usize::try_from(header.offset_start).ok()?,
                usize::try_from(header.offset_end).ok()?,
            );
            std::str::from_utf8(mail.raw_message.get(from..to)?).ok()
        })
}

/// The report's own parts; not those of a mail that it quotes.
fn parts<'m>(mail: &'m Message<'_>) -> impl Iterator<Item = &'m MessagePart<'m>> {
    let ids = match mail.parts.first().map(|root| &root.body) {
        Some(PartType::Multipart(ids)) => ids.as_slice(),
        _ => &[],
    };
    ids.iter()
        .filter_map(|id| mail.parts.get(usize::try_from(*id).ok()?))
}

/// The delivery that the address of the envelope proves. Of several addresses whichever does: a list, or a
/// server that writes down each hop.
fn addressed(mail: &Message<'_>, key: &[u8]) -> Option<Uid> {
    let values = ADDRESSED.iter().flat_map(|name| raw(mail, name));
    let words =
        values.flat_map(|value| value.split(|c: char| c.is_whitespace() || "<>,;()\"".contains(c)));
    let addresses = words.filter(|word| word.contains('@')).take(ADDRESSES);
    addresses
        .filter_map(|address| mail_id::parse_return_path(key, address))
        .next()
}

/// What one part says, if it holds fields of a delivery status: of its recipients, the one that counts most.
fn told(part: &MessagePart<'_>) -> Option<(Action, Option<Status>)> {
    let kind = part.content_type()?;
    let is_status = kind.ctype().eq_ignore_ascii_case("message")
        && kind.subtype().is_some_and(|subtype| {
            // The second is the form for addresses that are not ASCII (RFC 6533 §6).
            ["delivery-status", "global-delivery-status"]
                .iter()
                .any(|known| subtype.eq_ignore_ascii_case(known))
        });
    if !is_status {
        return None;
    }
    let text = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.clone(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes),
        PartType::Message(_) | PartType::Multipart(_) => return None,
    };
    recipients(&text).max_by_key(|told| weight(*told))
}

/// Whoever accepted the mail for one mailbox of several has it; a bounce is heard over what is still under way.
fn weight((action, status): (Action, Option<Status>)) -> u8 {
    match action {
        Action::Delivered => 4,
        Action::Failed if status.is_some_and(Status::is_permanent) => 3,
        Action::Failed => 2,
        Action::Relayed | Action::Expanded => 1,
        Action::Delayed => 0,
    }
}

/// The groups of fields that stand for recipients: each says what was done (RFC 3464 §2.3).
fn recipients(text: &str) -> impl Iterator<Item = (Action, Option<Status>)> + '_ {
    let mut lines = text.lines().peekable();
    let groups = std::iter::from_fn(move || {
        lines.peek()?;
        let (mut action, mut status) = (None, None);
        for line in lines.by_ref() {
            if line.trim().is_empty() {
                break;
            }
            // A line that begins with a space goes on with the one before, which can be a comment alone.
            let Some((name, value)) = line
                .split_once(':')
                .filter(|_| !line.starts_with([' ', '\t']))
            else {
                continue;
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "action" => action = action.or_else(|| Action::parse(value)),
                "status" => status = status.or_else(|| Status::parse(value.trim())),
                _ => {}
            }
        }
        Some(action.map(|action| (action, status)))
    });
    groups.flatten().take(RECIPIENTS)
}

fn instant(date: &mail_parser::DateTime) -> Instant {
    Instant::from_micros(date.to_timestamp().saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests;

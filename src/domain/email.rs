//! `EmailAddress`: an address that a mail can be handed to. Stricter than RFC 5321 §4.1.2 on purpose: no
//! quoted local parts, no address literals, ASCII only. Knows nothing of persons and of mail servers.

use std::fmt;

/// Octets of a whole address (RFC 5321 §4.5.3.1.3, less the angle brackets).
const LENGTH_LIMIT: usize = 254;
/// Octets before the @ (RFC 5321 §4.5.3.1.1).
const LOCAL_LIMIT: usize = 64;
/// Octets of one label of a domain (RFC 1035 §2.3.4).
const LABEL_LIMIT: usize = 63;

/// An address that was judged; the part after the @ is in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// Why a text is not taken as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    #[error("not an e-mail address: write it like risk.desk@bank.example")]
    Form,
    #[error("longer than 254 characters: give a shorter address")]
    Length,
    #[error(
        "the part before the @ may hold letters, digits and !#$%&'*+-/=?^_`{{|}}~ with single dots between"
    )]
    Local,
    #[error("the part after the @ is not a full domain name like bank.example")]
    Domain,
}

impl NotAnAddress {
    /// The stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "email_form",
            Self::Length => "email_length",
            Self::Local => "email_local",
            Self::Domain => "email_domain",
        }
    }
}

impl EmailAddress {
    /// Takes `local@domain`. Spaces around it are refused like any other: a copy error should be seen.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        if text.len() > LENGTH_LIMIT {
            return Err(NotAnAddress::Length);
        }
        let (local, domain) = text.split_once('@').ok_or(NotAnAddress::Form)?;
        if domain.contains('@') || local.is_empty() || domain.is_empty() {
            return Err(NotAnAddress::Form);
        }
        if local.len() > LOCAL_LIMIT || !local.split('.').all(is_atom) {
            return Err(NotAnAddress::Local);
        }
        if !is_domain(domain) {
            return Err(NotAnAddress::Domain);
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The spelling under which a person is found: wholly in lower case, so that one mailbox is one person.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 5322 §3.2.3 `atext`, at least one.
fn is_atom(part: &str) -> bool {
    let is_atext =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !part.is_empty() && part.bytes().all(is_atext)
}

fn is_domain(domain: &str) -> bool {
    let mut labels = 0;
    for label in domain.split('.') {
        labels += 1;
        let inner = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if label.is_empty() || label.len() > LABEL_LIMIT || !inner {
            return false;
        }
        if label.starts_with('-') || label.ends_with('-') {
            return false;
        }
    }
    // A last label of digits would be an address literal in disguise.
    let top_is_number = domain
        .rsplit('.')
        .next()
        .is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_digit()));
    labels >= 2 && !top_is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_written_with_its_domain_in_lower_case() {
        let address = EmailAddress::parse("Risk.Desk+kairan@Bank.Example").expect("an address");
        assert_eq!(address.as_str(), "Risk.Desk+kairan@bank.example");
        assert_eq!(address.key(), "risk.desk+kairan@bank.example");
    }

    #[test]
    fn what_could_become_a_second_header_or_recipient_is_refused() {
        let long_local = format!("{}@bank.example", "a".repeat(65));
        let long_label = format!("a@{}.example", "b".repeat(64));
        let long = format!("a@{}example", "b234567.".repeat(40));
        for bad in [
            "",
            "risk",
            "@bank.example",
            "risk@",
            "a@b@bank.example",
            " risk@bank.example",
            "risk@bank.example\r\nBcc: x@y.example",
            "ri sk@bank.example",
            "\"risk\"@bank.example",
            "risk@[192.0.2.1]",
            "risk@192.0.2.1",
            "risk@bank",
            "risk@bank.example.",
            "risk@-bank.example",
            "risk@bank-.example",
            "risk@bank_x.example",
            "risk..desk@bank.example",
            ".risk@bank.example",
            "risk@銀行.example",
            "a,b@bank.example",
            "<risk@bank.example>",
            &long_local,
            &long_label,
            &long,
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}

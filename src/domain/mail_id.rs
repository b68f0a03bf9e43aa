//! Names that travel in mail and lead back to one delivery: Message-ID, thread root, return path, the
//! link and the code printed beside it. All are pure functions of the delivery and a key, so that a
//! retry is the same bytes. Knows nothing of SMTP, of links' age or of how often a code was guessed.

use super::id::Uid;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;

/// No 0, 1, I or O: the code is read from a screen and typed, sometimes over the telephone.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const CODE_LENGTH: usize = 8;
/// Nobody types more than this for eight characters; the rest is not looked at.
const TYPED_LIMIT: usize = 64;
const RETURN_PREFIX: &str = "n+";
const RETURN_MAC_HEX: usize = 10;
const TOKEN_MAC: usize = 16;

/// The Message-ID of a delivery, with its angle brackets. The same on every retry.
pub fn message_id(delivery: Uid, host: &str) -> String {
    format!("<{delivery}@{host}>")
}

/// The id that all mails of one incident to one bank refer to, so that mail programs thread them.
pub fn thread_root(incident_ref: &str, bank_code: &str, host: &str) -> String {
    format!("<{}.{}.thread@{host}>", atom(incident_ref), atom(bank_code))
}

/// Only what an unquoted Message-ID may hold.
fn atom(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// The envelope sender of a delivery: a report that comes back to it names the delivery and proves
/// that this hub made the name.
pub fn return_path(key: &[u8], delivery: &Uid, domain: &str) -> String {
    let id = hex::encode(delivery.as_bytes());
    format!("{RETURN_PREFIX}{id}-{}@{domain}", return_mac(key, delivery))
}

/// The delivery named by a return path, if its MAC holds. Case is ignored: relays change it.
pub fn parse_return_path(key: &[u8], address: &str) -> Option<Uid> {
    let lower = address.trim().to_ascii_lowercase();
    let (local, _domain) = lower.rsplit_once('@')?;
    let (id, mac) = local.strip_prefix(RETURN_PREFIX)?.split_once('-')?;
    let delivery = uid(&hex::decode(id).ok()?)?;
    same(mac.as_bytes(), return_mac(key, &delivery).as_bytes()).then_some(delivery)
}

/// By which a file that a mail server left is known when it is read again; says nothing of what is in it.
pub fn report_tag(key: &[u8], file: &[u8]) -> [u8; 32] {
    tag(key, b"kairan mail report", file)
}

fn return_mac(key: &[u8], delivery: &Uid) -> String {
    let mut text = hex::encode(mac(key, b"kairan return path", delivery));
    text.truncate(RETURN_MAC_HEX);
    text
}

/// The token in the mail link: the delivery and a MAC over it.
pub fn link_token(key: &[u8], delivery: &Uid) -> String {
    let mut bytes = [0u8; 16 + TOKEN_MAC];
    bytes[..16].copy_from_slice(delivery.as_bytes());
    bytes[16..].copy_from_slice(&mac(key, b"kairan mail link", delivery)[..TOKEN_MAC]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The delivery named by a link token, if this hub made it. One token has one spelling.
pub fn open_link_token(key: &[u8], token: &str) -> Option<Uid> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    if bytes.len() != 16 + TOKEN_MAC {
        return None;
    }
    let (id, given) = bytes.split_at(16);
    let delivery = uid(id)?;
    let right = mac(key, b"kairan mail link", &delivery);
    same(given, &right[..TOKEN_MAC]).then_some(delivery)
}

/// The code printed in the mail and asked for by the page, like `7KQM-2XWD`.
pub fn printed_code(key: &[u8], delivery: &Uid) -> String {
    let code = bare_code(key, delivery);
    let (left, right) = code.split_at(CODE_LENGTH / 2);
    format!("{left}-{right}")
}

/// Whether a person typed this delivery's code; case, width, spaces and hyphens do not matter.
pub fn code_matches(key: &[u8], delivery: &Uid, typed: &str) -> bool {
    let typed: String = typed
        .chars()
        .take(TYPED_LIMIT)
        .nfkc()
        .filter(|c| !c.is_whitespace() && !is_hyphen(*c))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    same(typed.as_bytes(), bare_code(key, delivery).as_bytes())
}

/// Includes what Japanese input methods make of the hyphen key.
fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}')
}

fn bare_code(key: &[u8], delivery: &Uid) -> String {
    mac(key, b"kairan printed code", delivery)
        .iter()
        .take(CODE_LENGTH)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect()
}

/// HMAC-SHA-256 over purpose and delivery: one key serves all purposes without confusion.
fn mac(key: &[u8], purpose: &[u8], delivery: &Uid) -> [u8; 32] {
    tag(key, purpose, delivery.as_bytes())
}

fn tag(key: &[u8], purpose: &[u8], of: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.update(&[0]);
    mac.update(of);
    mac.finalize().into_bytes().into()
}

fn uid(bytes: &[u8]) -> Option<Uid> {
    <[u8; 16]>::try_from(bytes).ok().map(Uid::from_bytes)
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[7; 32];

    fn delivery() -> Uid {
        "0190b3c0-1c00-7a00-8000-0123456789ab"
            .parse()
            .expect("a good id")
    }

    #[test]
    fn a_bounce_to_the_return_path_names_its_delivery() {
        let path = return_path(KEY, &delivery(), "mail.example");
        let (local, domain) = path.split_once('@').expect("an address");
        assert_eq!(domain, "mail.example");
        assert!(local.len() <= 64, "RFC 5321 allows 64 octets: {local}");
        assert_eq!(parse_return_path(KEY, &path), Some(delivery()));
        assert_eq!(
            parse_return_path(KEY, &path.to_uppercase()),
            Some(delivery())
        );
    }

    #[test]
    fn a_forged_return_path_names_nothing() {
        let path = return_path(KEY, &delivery(), "mail.example");
        assert_eq!(parse_return_path(&[8; 32], &path), None);
        let other = path.replacen("n+01", "n+02", 1);
        for bad in [
            other.as_str(),
            "",
            "n+@x",
            "n+zz-00@x",
            "someone@mail.example",
            &path.replace('@', "0@"),
        ] {
            assert_eq!(parse_return_path(KEY, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_link_opens_its_own_delivery_only() {
        let token = link_token(KEY, &delivery());
        assert_eq!(open_link_token(KEY, &token), Some(delivery()));
        assert_eq!(open_link_token(&[8; 32], &token), None);
        for at in 0..token.len() {
            let mut bad = token.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).expect("ascii");
            assert_eq!(open_link_token(KEY, &bad), None, "changed at {at}");
        }
        assert_eq!(open_link_token(KEY, &token[..token.len() - 1]), None);
        assert_eq!(open_link_token(KEY, &format!("{token}=")), None);
    }

    #[test]
    fn the_printed_code_is_taken_however_it_is_typed() {
        let code = printed_code(KEY, &delivery());
        assert_eq!(code.len(), 9);
        let bare = code.replace('-', "");
        let wide: String = bare
            .chars()
            .filter_map(|c| char::from_u32(u32::from(c) + 0xfee0))
            .collect();
        for typed in [
            code.clone(),
            bare.clone(),
            code.to_lowercase(),
            format!(" {} {} ", &bare[..4], &bare[4..]),
            wide,
            format!("{}ー{}", &bare[..4], &bare[4..]),
        ] {
            assert!(code_matches(KEY, &delivery(), &typed), "{typed}");
        }
    }

    #[test]
    fn another_code_is_refused() {
        let code = printed_code(KEY, &delivery());
        let long = code.repeat(2);
        for typed in ["", "AAAA-AAAA", &code[..8], long.as_str()] {
            assert!(!code_matches(KEY, &delivery(), typed), "{typed}");
        }
        assert!(!code_matches(&[8; 32], &delivery(), &code));
    }

    #[test]
    fn the_code_cannot_be_read_from_the_link() {
        let token = link_token(KEY, &delivery());
        let code = printed_code(KEY, &delivery()).replace('-', "");
        assert!(!token.to_uppercase().contains(&code));
    }

    #[test]
    fn mails_of_one_incident_share_a_thread() {
        assert_eq!(
            thread_root("INC-2019-0003", "0117", "mail.example"),
            "<INC-2019-0003.0117.thread@mail.example>"
        );
        assert_eq!(thread_root("a>\r\nb", "c d", "h"), "<a___b.c_d.thread@h>");
        assert_eq!(
            message_id(delivery(), "mail.example"),
            "<0190b3c0-1c00-7a00-8000-0123456789ab@mail.example>"
        );
    }
}

//! Standard Webhooks 1.0 signatures: the symmetric secret of an endpoint, `v1` and `v1a`, the
//! signature header, and the check that our own reference receivers make.
//! Knows nothing of where keys are kept, nor of how a request is sent.

use super::instant::Instant;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::ed25519::signature::MultipartSigner;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What the official libraries take in both directions; the spec gives no figure.
pub const TOLERANCE: Duration = Duration::from_secs(300);

const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";
/// A header longer than this is not looked into.
const HEADER_LIMIT: usize = 4096;

/// The key of one endpoint for `v1`: 24 to 64 random bytes (spec, "Signature scheme"); wiped on drop.
#[derive(Clone)]
pub struct SymmetricSecret(Zeroizing<Vec<u8>>);

/// The text or the bytes are not a secret. Never carries what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a webhook secret: give whsec_ and the padded base64 of 24 to 64 bytes")]
pub struct NotASecret;

impl SymmetricSecret {
    /// From 24 to 64 bytes, which the caller has drawn at random or unsealed.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NotASecret> {
        let bytes = Zeroizing::new(bytes);
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(NotASecret)
        }
    }

    /// The raw key, for sealing.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `whsec_…`, shown once to the endpoint's owner. There is no `Display`, so that no log line can
    /// show it by accident.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_PREFIX.len() + 88));
        text.push_str(SECRET_PREFIX);
        STANDARD.encode_string(self.0.as_slice(), &mut text);
        text
    }
}

impl FromStr for SymmetricSecret {
    type Err = NotASecret;

    /// Takes exactly what `reveal` gives; unpadded base64 is refused, as the official libraries do.
    fn from_str(text: &str) -> Result<Self, NotASecret> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(NotASecret)?;
        Self::from_bytes(STANDARD.decode(encoded).map_err(|_| NotASecret)?)
    }
}

impl fmt::Debug for SymmetricSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricSecret(redacted)")
    }
}

/// HMAC-SHA256 over `id.timestamp.body`. The id and the timestamp are ours and hold no full stop.
fn mac(secret: &SymmetricSecret, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

fn labelled(version: &str, signature: &[u8]) -> String {
    let mut text = String::with_capacity(version.len() + 1 + signature.len().div_ceil(3) * 4);
    text.push_str(version);
    text.push(',');
    STANDARD.encode_string(signature, &mut text);
    text
}

/// `v1,<base64>` over the very bytes that are sent.
pub fn sign_v1(secret: &SymmetricSecret, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    labelled("v1", &mac(secret, id, &timestamp_seconds.to_string(), body))
}

/// `v1a,<base64>`: Ed25519 over the same content. About thirty times the cost of `v1`.
pub fn sign_v1a(key: &SigningKey, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    let timestamp = timestamp_seconds.to_string();
    let signature: Signature =
        key.multipart_sign(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    labelled("v1a", &signature.to_bytes())
}

/// The value of `webhook-signature`: the parts joined by one space (a library in use stumbles over
/// anything else), in the order given.
pub fn signature_header<S: AsRef<str>>(parts: &[S]) -> String {
    let mut header = String::with_capacity(parts.iter().map(|part| part.as_ref().len() + 1).sum());
    for part in parts {
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str(part.as_ref());
    }
    header
}

/// `whpk_…`: how the hub's public key is printed where banks read it.
pub fn public_key_text(key: &VerifyingKey) -> String {
    format!("{PUBLIC_PREFIX}{}", STANDARD.encode(key.as_bytes()))
}

/// Reads `whpk_…`; `None` if it is not 32 bytes of a usable key.
pub fn parse_public_key(text: &str) -> Option<VerifyingKey> {
    let bytes = STANDARD.decode(text.strip_prefix(PUBLIC_PREFIX)?).ok()?;
    let key = VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()?;
    (!key.is_weak()).then_some(key)
}

/// A webhook as it came in: the three headers as text, and the body's exact bytes.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signature: &'a str,
    pub body: &'a [u8],
}

/// Why a webhook was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    #[error("webhook-id is empty or holds a full stop")]
    Id,
    #[error("webhook-timestamp is not a whole number of seconds")]
    Timestamp,
    #[error("webhook-timestamp is too old: check the clocks, or it is a replay")]
    TooOld,
    #[error("webhook-timestamp lies in the future: check the clocks")]
    TooNew,
    #[error("no signature in webhook-signature fits")]
    Signature,
}

impl Received<'_> {
    fn check_frame(&self, now: Instant, tolerance: Duration) -> Result<(), NotVerified> {
        if self.id.is_empty() || self.id.contains('.') {
            return Err(NotVerified::Id);
        }
        let seconds: i64 = self.timestamp.parse().map_err(|_| NotVerified::Timestamp)?;
        // One spelling for one number: "+1" and "01" parse but were never signed.
        if seconds < 0 || seconds.to_string() != self.timestamp {
            return Err(NotVerified::Timestamp);
        }
        let tolerance = i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX);
        if now.seconds().saturating_sub(seconds) > tolerance {
            return Err(NotVerified::TooOld);
        }
        if seconds.saturating_sub(now.seconds()) > tolerance {
            return Err(NotVerified::TooNew);
        }
        Ok(())
    }

    /// The decoded signatures of one version; other versions and damaged tokens are skipped.
    fn signatures(&self, version: &str) -> Vec<Vec<u8>> {
        if self.signature.len() > HEADER_LIMIT {
            return Vec::new();
        }
        let parts = self
            .signature
            .split(' ')
            .filter_map(|part| part.split_once(','));
        let ours = parts.filter(|(name, _)| *name == version);
        ours.filter_map(|(_, encoded)| STANDARD.decode(encoded).ok())
            .collect()
    }
}

/// Believes the webhook if one `v1` signature fits one of the secrets; constant time in the signature.
pub fn verify(
    received: &Received<'_>,
    secrets: &[SymmetricSecret],
    now: Instant,
    tolerance: Duration,
) -> Result<(), NotVerified> {
    received.check_frame(now, tolerance)?;
    let given = received.signatures("v1");
    let mut fits = subtle::Choice::from(0);
    for secret in secrets {
        let expected = mac(secret, received.id, received.timestamp, received.body);
        for signature in &given {
            fits |= expected.as_slice().ct_eq(signature);
        }
    }
    if bool::from(fits) {
        Ok(())
    } else {
        Err(NotVerified::Signature)
    }
}

/// Believes the webhook if one `v1a` signature fits one of the pinned keys.
pub fn verify_v1a(
    received: &Received<'_>,
    keys: &[VerifyingKey],
    now: Instant,
    tolerance: Duration,
) -> Result<(), NotVerified> {
    received.check_frame(now, tolerance)?;
    let head = [received.id, received.timestamp, ""].join(".");
    let content = [head.as_bytes(), received.body].concat();
    let fits = received.signatures("v1a").iter().any(|given| {
        Signature::from_slice(given).is_ok_and(|given| {
            keys.iter()
                .any(|key| key.verify_strict(&content, &given).is_ok())
        })
    });
    if fits {
        Ok(())
    } else {
        Err(NotVerified::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const V1: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const V1A: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    const WHPK: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

    fn secret() -> SymmetricSecret {
        SECRET.parse().expect("the published secret")
    }

    fn signing_key() -> SigningKey {
        let seed = STANDARD
            .decode("6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=")
            .expect("the published seed");
        SigningKey::from_bytes(&seed.try_into().expect("32 bytes"))
    }

    fn received<'a>(timestamp: &'a str, signature: &'a str) -> Received<'a> {
        Received {
            id: ID,
            timestamp,
            signature,
            body: BODY,
        }
    }

    fn at(seconds: i64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_published_v1_vector_is_reproduced() {
        assert_eq!(sign_v1(&secret(), ID, AT, BODY), V1);
    }

    #[test]
    fn the_published_v1a_vector_is_reproduced() {
        let key = signing_key();
        assert_eq!(sign_v1a(&key, ID, AT, BODY), V1A);
        assert_eq!(public_key_text(&key.verifying_key()), WHPK);
        assert_eq!(parse_public_key(WHPK), Some(key.verifying_key()));
    }

    #[test]
    fn the_official_library_makes_the_same_v1_for_any_key_length_and_body() {
        for length in [24_usize, 25, 26, 32, 63, 64] {
            let bytes = (0..=u8::MAX).rev().take(length).collect();
            let ours = SymmetricSecret::from_bytes(bytes).expect("24 to 64 bytes");
            let theirs = standardwebhooks::Webhook::new(&ours.reveal()).expect("reads our text");
            for body in ["", "{}", "{\"銀行\":\"回覧\"}"] {
                let expected = theirs.sign(ID, AT, body.as_bytes()).expect("signs");
                assert_eq!(sign_v1(&ours, ID, AT, body.as_bytes()), expected);
            }
        }
    }

    #[test]
    fn a_secret_survives_being_shown_and_read_back_and_hides_from_debug() {
        assert_eq!(secret().reveal().as_str(), SECRET);
        assert_eq!(format!("{:?}", secret()), "SymmetricSecret(redacted)");
    }

    #[test]
    fn what_is_not_24_to_64_bytes_of_padded_base64_is_no_secret() {
        for length in [0, 1, 23, 65, 128] {
            let text = format!("whsec_{}", STANDARD.encode(vec![7; length]));
            assert_eq!(
                text.parse::<SymmetricSecret>().err(),
                Some(NotASecret),
                "{length} bytes"
            );
        }
        let unpadded = format!("whsec_{}", STANDARD.encode([7; 25]).trim_end_matches('='));
        for bad in [
            "",
            "whsec_",
            &SECRET[6..],
            "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            &unpadded,
        ] {
            assert_eq!(
                bad.parse::<SymmetricSecret>().err(),
                Some(NotASecret),
                "{bad}"
            );
        }
    }

    #[test]
    fn during_a_rotation_either_secret_verifies() {
        let old = SymmetricSecret::from_bytes(vec![9; 32]).expect("32 bytes");
        let header = signature_header(&[
            sign_v1(&secret(), ID, AT, BODY),
            sign_v1(&old, ID, AT, BODY),
            V1A.to_owned(),
        ]);
        assert_eq!(header.matches(' ').count(), 2);
        let stamp = AT.to_string();
        let request = received(&stamp, &header);
        for one in [secret(), old] {
            assert_eq!(verify(&request, &[one], at(AT), TOLERANCE), Ok(()));
        }
        let keys = [signing_key().verifying_key()];
        assert_eq!(verify_v1a(&request, &keys, at(AT), TOLERANCE), Ok(()));
    }

    #[test]
    fn a_webhook_outside_five_minutes_is_not_believed() {
        let stamp = AT.to_string();
        let request = received(&stamp, V1);
        for (now, expected) in [
            (AT + 300, Ok(())),
            (AT - 300, Ok(())),
            (AT + 301, Err(NotVerified::TooOld)),
            (AT - 301, Err(NotVerified::TooNew)),
        ] {
            assert_eq!(
                verify(&request, &[secret()], at(now), TOLERANCE),
                expected,
                "{now}"
            );
        }
    }

    #[test]
    fn a_changed_swapped_or_damaged_webhook_is_not_believed() {
        let stamp = AT.to_string();
        let good = received(&stamp, V1);
        let check = |request: Received<'_>| verify(&request, &[secret()], at(AT), TOLERANCE);
        assert_eq!(check(good), Ok(()));
        let damaged = format!("v1,*** {V1}");
        assert_eq!(
            check(Received {
                signature: &damaged,
                ..good
            }),
            Ok(())
        );
        let renamed = V1.replace("v1,", "v2,");
        let long = format!("{V1} {}", "x".repeat(HEADER_LIMIT));
        for signature in [
            "",
            "v1",
            "v1,",
            "v1,AAAA",
            &V1[3..],
            &V1[..40],
            V1A,
            &renamed,
            &long,
        ] {
            assert_eq!(
                check(Received { signature, ..good }),
                Err(NotVerified::Signature)
            );
        }
        assert_eq!(
            check(Received {
                body: b"{}",
                ..good
            }),
            Err(NotVerified::Signature)
        );
        assert_eq!(
            check(Received {
                id: "msg_other",
                ..good
            }),
            Err(NotVerified::Signature)
        );
        for id in ["", "msg.1"] {
            assert_eq!(check(Received { id, ..good }), Err(NotVerified::Id));
        }
        for timestamp in [
            "",
            "+1614265330",
            "01614265330",
            "-1",
            "1614265330.0",
            "99999999999999999999",
        ] {
            assert_eq!(
                check(Received { timestamp, ..good }),
                Err(NotVerified::Timestamp)
            );
        }
        assert_eq!(
            verify(&good, &[], at(AT), TOLERANCE),
            Err(NotVerified::Signature)
        );
    }
}

//! The challenge of an endpoint: who answers at its address holds the secret that the bank was given, which an echo
//! does not, and means this address. Pure; when one is sent, and what follows from an answer, is decided elsewhere.
//!
//! The answer is a 2xx with the JSON object `{"challenge_response": "…"}`: base64url without padding of HMAC-SHA256,
//! under the bytes of the endpoint's secret (those after `whsec_`, decoded), over the ASCII text
//! `kairan-challenge/v1.` + endpoint id + `.` + challenge + `.` + address: the first two exactly as they stand in the
//! message, the address as the hub shows it. The message does not name it: whoever answers takes its own, so that an
//! answer that was fetched from elsewhere fits nowhere else. No webhook is signed over a text that begins so, because
//! their ids begin with `msg_`.

use super::id::Uid;
use super::signature::SymmetricSecret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The kind of its message.
pub const KIND: &str = "endpoint.challenge";

const DOMAIN: &[u8] = b"kairan-challenge/v1.";

/// What the message says, in the order of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// base64url of 32 random bytes, without padding.
    pub challenge: String,
    pub endpoint: Uid,
}

impl Challenge {
    pub fn new(random: &[u8; 32], endpoint: Uid) -> Self {
        Self {
            challenge: URL_SAFE_NO_PAD.encode(random),
            endpoint,
        }
    }

    fn mac(&self, address: &str, secret: &SymmetricSecret) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(DOMAIN);
        mac.update(self.endpoint.to_string().as_bytes());
        mac.update(b".");
        mac.update(self.challenge.as_bytes());
        mac.update(b".");
        mac.update(address.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The body with which the receiver at this address answers.
    pub fn answer(&self, address: &str, secret: &SymmetricSecret) -> String {
        let response = URL_SAFE_NO_PAD.encode(self.mac(address, secret));
        format!(r#"{{"challenge_response":"{response}"}}"#)
    }

    /// Whether a body answers it for this address under one of these secrets; constant time in the response. While a
    /// rotation overlaps, either secret does.
    pub fn is_answered_by(&self, body: &[u8], address: &str, secrets: &[SymmetricSecret]) -> bool {
        let Ok(Answer { challenge_response }) = serde_json::from_slice(body) else {
            return false;
        };
        let Ok(given) = URL_SAFE_NO_PAD.decode(challenge_response) else {
            return false;
        };
        let mut fits = subtle::Choice::from(0);
        for secret in secrets {
            fits |= self.mac(address, secret).as_slice().ct_eq(&given);
        }
        fits.into()
    }
}

/// Other fields are left to the receiver.
#[derive(Deserialize)]
struct Answer {
    challenge_response: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "https://hooks.bank.example/kairan";

    fn secret(byte: u8) -> SymmetricSecret {
        SymmetricSecret::from_bytes(vec![byte; 32]).expect("32 bytes")
    }

    fn challenge() -> Challenge {
        let random: Vec<u8> = (0..32).collect();
        Challenge::new(
            random.as_slice().try_into().expect("32 bytes"),
            Uid::from_bytes([7; 16]),
        )
    }

    /// Made beside this program, with Python's `hmac`.
    #[test]
    fn the_published_vectors_hold() {
        let challenge = challenge();
        assert_eq!(
            challenge.challenge,
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        );
        let spec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            .parse()
            .expect("a secret");
        for (secret, response) in [
            (secret(1), "rAzRXMULpjCJNUPdYYxifHNRfnz-wG0q95wVtw4ZOIA"),
            (secret(0xff), "5VUyBBpt9craE7OWHKdfNPPMNRmLNjSDzkuwWasi9v0"),
            (spec, "qNlIbRvVWxJvfEIw7SqdqFeGvPV7r7f41RfUBOSLXh4"),
        ] {
            let expected = format!(r#"{{"challenge_response":"{response}"}}"#);
            assert_eq!(challenge.answer(ADDRESS, &secret), expected);
            assert!(challenge.is_answered_by(expected.as_bytes(), ADDRESS, &[secret]));
        }
    }

    #[test]
    fn an_answer_is_for_one_secret_one_endpoint_one_challenge_and_one_address() {
        let (own, good) = (challenge(), challenge().answer(ADDRESS, &secret(1)));
        let accepts = |challenge: &Challenge, body: &str, secrets: &[SymmetricSecret]| {
            challenge.is_answered_by(body.as_bytes(), ADDRESS, secrets)
        };
        assert!(
            accepts(&own, &good, &[secret(2), secret(1)]),
            "a rotation overlaps"
        );
        assert!(!accepts(&own, &good, &[secret(2)]));
        assert!(!accepts(&own, &good, &[]));
        let other = Challenge {
            endpoint: Uid::from_bytes([8; 16]),
            ..own.clone()
        };
        assert!(!accepts(&other, &good, &[secret(1)]));
        let other = Challenge::new(&[9; 32], own.endpoint);
        assert!(!accepts(&other, &good, &[secret(1)]));
        // Fetched from the bank by somebody who was asked in its name.
        let elsewhere = "https://insider.example/kairan";
        assert!(!own.is_answered_by(good.as_bytes(), elsewhere, &[secret(1)]));
    }

    #[test]
    fn an_echo_and_whatever_else_a_server_says_is_no_answer() {
        let own = challenge();
        let sent = serde_json::to_string(&own).expect("texts");
        let good = own.answer(ADDRESS, &secret(1));
        let echo = format!(r#"{{"challenge_response":"{}"}}"#, own.challenge);
        for body in [
            "",
            "ok",
            "{}",
            "null",
            &sent,
            &echo,
            &good[..good.len() - 1],
            &good.replace("challenge_response", "response"),
            &good.replace("\"}", "=\"}"),
            r#"{"challenge_response":""}"#,
            r#"{"challenge_response":null}"#,
        ] {
            assert!(
                !own.is_answered_by(body.as_bytes(), ADDRESS, &[secret(1)]),
                "{body}"
            );
        }
        let spaced = good.replace(':', ": ").replace('}', ", \"more\": 1}");
        assert!(own.is_answered_by(spaced.as_bytes(), ADDRESS, &[secret(1)]));
    }
}

//! The challenge of an endpoint: who answers at its address holds the secret that the bank was given, which an echo
//! does not. Pure; when one is sent, and what follows from an answer, is decided elsewhere.
//!
//! The answer is a 2xx with the JSON object `{"challenge_response": "…"}`: base64url without padding of HMAC-SHA256,
//! under the bytes of the endpoint's secret (those after `whsec_`, decoded), over the ASCII text
//! `kairan-challenge/v1.` + endpoint id + `.` + challenge, both exactly as they stand in the message. No webhook is
//! signed over a text that begins so, because their ids begin with `msg_`.

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
    /// The address that is to be proven: a receiver that knows its own answers for no other, so that nobody can send
    /// the question on to it.
    pub url: String,
}

impl Challenge {
    pub fn new(random: &[u8; 32], endpoint: Uid, url: String) -> Self {
        Self {
            challenge: URL_SAFE_NO_PAD.encode(random),
            endpoint,
            url,
        }
    }

    fn mac(&self, secret: &SymmetricSecret) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(DOMAIN);
        mac.update(self.endpoint.to_string().as_bytes());
        mac.update(b".");
        mac.update(self.challenge.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The body with which a receiver answers.
    pub fn answer(&self, secret: &SymmetricSecret) -> String {
        let response = URL_SAFE_NO_PAD.encode(self.mac(secret));
        format!(r#"{{"challenge_response":"{response}"}}"#)
    }

    /// Whether a body answers it under one of these secrets; constant time in the response. While a rotation overlaps,
    /// either secret does.
    pub fn is_answered_by(&self, body: &[u8], secrets: &[SymmetricSecret]) -> bool {
        let Ok(Answer { challenge_response }) = serde_json::from_slice(body) else {
            return false;
        };
        let Ok(given) = URL_SAFE_NO_PAD.decode(challenge_response) else {
            return false;
        };
        let mut fits = subtle::Choice::from(0);
        for secret in secrets {
            fits |= self.mac(secret).as_slice().ct_eq(&given);
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

    fn secret(byte: u8) -> SymmetricSecret {
        SymmetricSecret::from_bytes(vec![byte; 32]).expect("32 bytes")
    }

    fn challenge() -> Challenge {
        let random: Vec<u8> = (0..32).collect();
        Challenge::new(
            random.as_slice().try_into().expect("32 bytes"),
            Uid::from_bytes([7; 16]),
            "https://hooks.bank.example/kairan".into(),
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
            (secret(1), "KIdXujuK_2O_PLYNK6_XSpTy8bjYY3t9_o8qdB6WrIY"),
            (secret(0xff), "nLo4H4Z_vMYL57Gn220e2S-rce8fWTn5i2Qgithya6w"),
            (spec, "jnz0Z_SgG0atC3tXmaAn2DhcoHbLQ3WCG4vQ3I-rbnI"),
        ] {
            let expected = format!(r#"{{"challenge_response":"{response}"}}"#);
            assert_eq!(challenge.answer(&secret), expected);
            assert!(challenge.is_answered_by(expected.as_bytes(), &[secret]));
        }
    }

    #[test]
    fn an_answer_is_for_one_secret_one_endpoint_and_one_challenge() {
        let (own, good) = (challenge(), challenge().answer(&secret(1)));
        let accepts = |challenge: &Challenge, body: &str, secrets: &[SymmetricSecret]| {
            challenge.is_answered_by(body.as_bytes(), secrets)
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
        let other = Challenge::new(&[9; 32], own.endpoint, own.url.clone());
        assert!(!accepts(&other, &good, &[secret(1)]));
    }

    #[test]
    fn an_echo_and_whatever_else_a_server_says_is_no_answer() {
        let own = challenge();
        let sent = serde_json::to_string(&own).expect("texts");
        let good = own.answer(&secret(1));
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
            assert!(!own.is_answered_by(body.as_bytes(), &[secret(1)]), "{body}");
        }
        let spaced = good.replace(':', ": ").replace('}', ", \"more\": 1}");
        assert!(own.is_answered_by(spaced.as_bytes(), &[secret(1)]));
    }
}

//! The second factor: time-based one-time passwords (RFC 6238: SHA-1, six digits, 30 s), one step of
//! tolerance either way.

use totp_rs::{Builder, Totp};

/// Bytes of a secret (RFC 4226 §4 R6 recommends 160 bits).
pub const SECRET: usize = 20;

fn totp(secret: &[u8; SECRET], account: &str, issuer: &str) -> Option<Totp> {
    // Both names stand in the URI as `issuer:account`.
    let plain = |name: &str| name.replace(':', " ");
    Builder::new()
        .with_secret(secret.as_slice())
        .with_account_name(plain(account))
        .with_issuer(Some(plain(issuer)))
        .build()
        .ok()
}

/// The time step for which `code` holds at `seconds` of Unix time.
pub fn step_of(secret: &[u8; SECRET], code: &str, seconds: i64) -> Option<i64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let step = totp(secret, "", "kairan")?.check(&digits, u64::try_from(seconds).ok()?)?;
    i64::try_from(step).ok()
}

/// The code that an authenticator shows at `seconds` of Unix time.
pub fn code_at(secret: &[u8; SECRET], seconds: i64) -> Option<String> {
    let token = totp(secret, "", "kairan")?.generate(u64::try_from(seconds).ok()?);
    Some(token.to_string())
}

/// What an authenticator is set up with.
pub struct Setup {
    /// The secret in Base32, in groups of four.
    pub groups: Vec<String>,
    pub uri: String,
}

pub fn setup(secret: &[u8; SECRET], account: &str, issuer: &str) -> Option<Setup> {
    let totp = totp(secret, account, issuer)?;
    let base32 = totp_rs::Secret::from(secret.as_slice()).to_base32();
    let letters: Vec<char> = base32.trim_end_matches('=').chars().collect();
    Some(Setup {
        groups: letters
            .chunks(4)
            .map(|group| group.iter().collect())
            .collect(),
        uri: totp.to_url().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_rfc_and_hold_one_step_either_way() {
        let secret = *b"12345678901234567890";
        assert_eq!(step_of(&secret, "287082", 59), Some(1));
        assert_eq!(step_of(&secret, "287 082", 89), Some(1));
        assert_eq!(code_at(&secret, 59).as_deref(), Some("287082"));
        assert_eq!(step_of(&secret, "287082", 119), None);
        assert_eq!(step_of(&secret, "081804", 1_111_111_109), Some(37_037_036));
        for bad in ["", "28708", "2870820", "abcdef"] {
            assert_eq!(step_of(&secret, bad, 59), None, "{bad}");
        }
    }

    #[test]
    fn an_authenticator_is_told_who_and_where() {
        let setup =
            setup(b"12345678901234567890", "sato@b001.example", "回覧 Pay").expect("set up");
        assert_eq!(setup.groups.concat(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(setup.uri.starts_with("otpauth://totp/"), "{}", setup.uri);
    }
}

//! Passwords: argon2id with the library's recommended cost (19 MiB, 2 passes, 1 lane), a few at a time.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashing takes 19 MiB and a tenth of a second each; more at once would starve everything else.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// The hash of a password nobody has: verified for people who do not exist, so that time tells nothing.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$2xBsV0Mhu1eOnAfDHZ7pJ0T0c+ZVVCtBPbLS7n2RJzM";

/// The password could not be hashed on this machine.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct NotHashed(String);

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NotHashed> {
    let _place = AT_ONCE
        .acquire()
        .await
        .map_err(|fault| NotHashed(fault.to_string()))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|fault| NotHashed(fault.to_string()))
}

/// The PHC string to be stored.
pub async fn hash(password: Zeroizing<String>) -> Result<String, NotHashed> {
    let salt = super::random::<16>().map_err(|fault| NotHashed(fault.to_string()))?;
    aside(move || {
        Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|hash: argon2::password_hash::phc::PasswordHash| hash.to_string())
            .map_err(|fault| NotHashed(fault.to_string()))
    })
    .await?
}

/// Whether it is the password; `None` for a person who does not exist, who never has it.
pub async fn verify(
    password: Zeroizing<String>,
    stored: Option<String>,
) -> Result<bool, NotHashed> {
    aside(move || {
        let hash = stored.as_deref().unwrap_or(NOBODYS);
        let matches = Argon2::default()
            .verify_password(password.as_bytes(), hash)
            .is_ok();
        matches && stored.is_some()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_itself_verifies() {
        let stored = hash(secret("三十文字の長い合言葉です"))
            .await
            .expect("hashed");
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        let right = verify(secret("三十文字の長い合言葉です"), Some(stored.clone()));
        assert!(right.await.expect("verified"));
        assert!(
            !verify(secret("other"), Some(stored))
                .await
                .expect("verified")
        );
    }

    #[tokio::test]
    async fn nobody_has_nobodys_password_and_it_costs_the_same() {
        let parsed = argon2::password_hash::phc::PasswordHash::new(NOBODYS).expect("a PHC string");
        assert_eq!(parsed.params.to_string(), "m=19456,t=2,p=1");
        assert!(!verify(secret(""), None).await.expect("verified"));
    }
}

//! Keys and sealing. The key-encryption key comes from a file that only its owner can read; under it lie
//! the hub's own keys and one data key per bank, incident or person. Knows nothing of tables: callers
//! name the place a value belongs to, and a value moved to another place does not open.

pub mod log_key;
pub mod password;
pub mod private;
pub mod totp;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use zeroize::Zeroizing;

const NONCE: usize = 24;
const PREFIX: &str = "kairan-kek-1:";
/// Unwrapped data keys held in memory before the cache starts anew.
const CACHED_KEYS: usize = 20_000;

/// Why keys cannot be used. Sentences tell the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum VaultFault {
    #[error(
        "no key file at {0}: make one with `kairan admin new-key`, and keep a copy in a safe place"
    )]
    Missing(String),
    #[error("the key file {0} can be read by others: run `chmod 600 {0}`")]
    OpenPermissions(String),
    #[error("the key file {0} is not a kairan key")]
    Form(String),
    #[error("the key file {0} holds the example key; make a real one with `kairan admin new-key`")]
    Example(String),
    #[error(
        "no key for the log at {0}: make one with `kairan admin new-key`, and keep a copy in a safe place"
    )]
    MissingLogKey(String),
    #[error("{0} holds no Ed25519 key in PKCS#8 PEM: put the log's key file in its place")]
    LogKeyForm(String),
    #[error("there is already a key file at {0}; it is never overwritten")]
    Exists(String),
    #[error("cannot use the key file {0}: {1}")]
    Io(String, std::io::Error),
    #[error(
        "a sealed value does not open: it was changed, moved, or sealed under another key file"
    )]
    Sealed,
    #[error("no randomness from the operating system: {0}")]
    Randomness(getrandom::Error),
}

/// 32 secret bytes, wiped when dropped.
pub type SecretKey = Zeroizing<[u8; 32]>;

/// Fills `buffer` from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], VaultFault> {
    let mut buffer = [0; N];
    getrandom::fill(&mut buffer).map_err(VaultFault::Randomness)?;
    Ok(buffer)
}

/// HMAC-SHA256 of `message`.
pub fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The hub's own keys, one for each purpose.
pub struct HubKeys {
    /// Ed25519 seed that signs `v1a`.
    pub webhook: SecretKey,
    /// MACs of mail links, printed codes and return paths.
    pub mail: SecretKey,
    /// MACs of paging cursors.
    pub cursor: SecretKey,
    /// Keyed hash by which a person is found from an e-mail address.
    pub email_tag: SecretKey,
    /// Salts of the commitments by which log entries bind the rows of facts.
    pub facts: SecretKey,
    /// Ed25519 seed that signs certificates.
    pub certificate: SecretKey,
    /// Ed25519 seed that signs receipts of reports.
    pub receipt: SecretKey,
}

impl HubKeys {
    /// The stored name of each purpose.
    pub const PURPOSES: [&'static str; 7] = [
        "webhook",
        "mail",
        "cursor",
        "email_tag",
        "facts",
        "certificate",
        "receipt",
    ];

    /// From the keys in the order of `PURPOSES`.
    pub fn from_keys(
        [
            webhook,
            mail,
            cursor,
            email_tag,
            facts,
            certificate,
            receipt,
        ]: [SecretKey; 7],
    ) -> Self {
        Self {
            webhook,
            mail,
            cursor,
            email_tag,
            facts,
            certificate,
            receipt,
        }
    }
}

/// The key-encryption key and what was unwrapped with it.
pub struct Vault {
    kek: SecretKey,
    hub_keys: OnceLock<HubKeys>,
    unwrapped: Mutex<HashMap<Vec<u8>, Arc<SecretKey>>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub fn new(kek: [u8; 32]) -> Self {
        Self {
            kek: Zeroizing::new(kek),
            hub_keys: OnceLock::new(),
            unwrapped: Mutex::default(),
        }
    }

    /// Reads the key file; refuses one that others can read.
    pub fn open(path: &Path) -> Result<Self, VaultFault> {
        let name = path.display().to_string();
        let text = private::read(path)?.ok_or_else(|| VaultFault::Missing(name.clone()))?;
        let form = || VaultFault::Form(name.clone());
        let hex_part = text.trim().strip_prefix(PREFIX).ok_or_else(form)?;
        let mut kek = [0; 32];
        hex::decode_to_slice(hex_part, &mut kek).map_err(|_| form())?;
        // A key of one repeated byte is somebody's example, not a key.
        if kek.iter().all(|byte| *byte == kek[0]) {
            return Err(VaultFault::Example(name));
        }
        Ok(Self::new(kek))
    }

    /// Makes a new key file, readable by its owner alone; never overwrites.
    pub fn create_key_file(path: &Path) -> Result<(), VaultFault> {
        let kek = Zeroizing::new(random::<32>()?);
        let text = Zeroizing::new(format!("{PREFIX}{}\n", hex::encode(kek.as_slice())));
        private::create(path, &text)
    }

    /// Keeps the hub's keys once they are read from the store.
    pub fn install(&self, keys: HubKeys) {
        // A second install brings the same keys.
        let _ = self.hub_keys.set(keys);
    }

    /// The hub's keys.
    pub fn keys(&self) -> &HubKeys {
        self.hub_keys
            .get()
            .expect("the hub's keys are installed right after the store is opened")
    }

    /// Wraps a fresh key for storing at `place`.
    pub fn wrap(&self, place: &str, key: &[u8; 32]) -> Result<Vec<u8>, VaultFault> {
        seal(&self.kek, place, key)
    }

    /// Unwraps a stored key; the result is cached under its wrapped bytes.
    pub fn unwrap(&self, place: &str, wrapped: &[u8]) -> Result<Arc<SecretKey>, VaultFault> {
        let mut cache = self
            .unwrapped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = cache.get(wrapped) {
            return Ok(Arc::clone(key));
        }
        let opened = Zeroizing::new(open(&self.kek, place, wrapped)?);
        let key = Arc::new(Zeroizing::new(
            opened
                .as_slice()
                .try_into()
                .map_err(|_| VaultFault::Sealed)?,
        ));
        if cache.len() >= CACHED_KEYS {
            cache.clear();
        }
        cache.insert(wrapped.to_vec(), Arc::clone(&key));
        Ok(key)
    }
}

/// XChaCha20-Poly1305: nonce, then ciphertext; `place` is the associated data.
pub fn seal(key: &[u8; 32], place: &str, plain: &[u8]) -> Result<Vec<u8>, VaultFault> {
    let nonce = random::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let body = cipher
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: plain,
                aad: place.as_bytes(),
            },
        )
        .map_err(|_| VaultFault::Sealed)?;
    let mut sealed = Vec::with_capacity(NONCE + body.len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// Opens what `seal` made for the same key and place.
pub fn open(key: &[u8; 32], place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultFault> {
    let (nonce, body) = sealed.split_at_checked(NONCE).ok_or(VaultFault::Sealed)?;
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| VaultFault::Sealed)?;
    XChaCha20Poly1305::new(&Key::from(*key))
        .decrypt(
            &XNonce::from(nonce),
            Payload {
                msg: body,
                aad: place.as_bytes(),
            },
        )
        .map_err(|_| VaultFault::Sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_sealed_value_opens_only_in_its_own_place() {
        let key = [7; 32];
        let sealed =
            seal(&key, "sealed_payload|1|ciphertext|1", b"Sato Hanako").expect("randomness");
        assert_eq!(
            open(&key, "sealed_payload|1|ciphertext|1", &sealed).expect("same place"),
            b"Sato Hanako"
        );
        assert!(open(&key, "sealed_payload|2|ciphertext|1", &sealed).is_err());
        assert!(open(&[8; 32], "sealed_payload|1|ciphertext|1", &sealed).is_err());
        assert!(open(&key, "sealed_payload|1|ciphertext|1", &sealed[..20]).is_err());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kairan.key");
        Vault::create_key_file(&path).expect("made");
        assert!(Vault::open(&path).is_ok());
        assert!(matches!(
            Vault::create_key_file(&path),
            Err(VaultFault::Exists(_))
        ));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(
            Vault::open(&path),
            Err(VaultFault::OpenPermissions(_))
        ));
    }

    #[test]
    fn an_example_key_and_a_missing_key_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kairan.key");
        assert!(matches!(Vault::open(&path), Err(VaultFault::Missing(_))));
        private::create(&path, &format!("{PREFIX}{}", "00".repeat(32))).expect("a file");
        assert!(matches!(Vault::open(&path), Err(VaultFault::Example(_))));
    }
}

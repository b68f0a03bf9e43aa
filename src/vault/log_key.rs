//! The key that signs the log's heads, and nothing else: an Ed25519 seed in a PKCS#8 file (RFC 8410) that only
//! its owner can read.

use super::{SecretKey, VaultFault, private, random};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use std::path::Path;
use zeroize::Zeroizing;

/// Reads the seed; refuses a file that others can read.
pub fn open(path: &Path) -> Result<SecretKey, VaultFault> {
    let name = path.display().to_string();
    let text = private::read(path)?.ok_or_else(|| VaultFault::MissingLogKey(name.clone()))?;
    let key = SigningKey::from_pkcs8_pem(&text).map_err(|_| VaultFault::LogKeyForm(name))?;
    Ok(Zeroizing::new(key.to_bytes()))
}

/// Makes a new key file, readable by its owner alone; never overwrites.
pub fn create(path: &Path) -> Result<(), VaultFault> {
    let seed = Zeroizing::new(random::<32>()?);
    let text = SigningKey::from_bytes(&seed)
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|_| VaultFault::LogKeyForm(path.display().to_string()))?;
    private::create(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_comes_back_and_an_open_or_foreign_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.pem");
        assert!(matches!(open(&path), Err(VaultFault::MissingLogKey(_))));
        create(&path).expect("made");
        let seed = open(&path).expect("its own file");
        assert_eq!(seed, open(&path).expect("the same again"));
        assert!(matches!(create(&path), Err(VaultFault::Exists(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(open(&path), Err(VaultFault::OpenPermissions(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        std::fs::write(&path, "kairan-kek-1:00").expect("written");
        assert!(matches!(open(&path), Err(VaultFault::LogKeyForm(_))));
    }
}

//! The key that signs the log's heads, and nothing else: an Ed25519 seed in a PKCS#8 file (RFC 8410) that only
//! its owner can read.

use super::{SecretKey, VaultFault, random};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Reads the seed; refuses a file that others can read.
pub fn open(path: &Path) -> Result<SecretKey, VaultFault> {
    let name = path.display().to_string();
    let io = |fault: std::io::Error| match fault.kind() {
        std::io::ErrorKind::NotFound => VaultFault::MissingLogKey(name.clone()),
        _ => VaultFault::Io(name.clone(), fault),
    };
    let mode = std::fs::metadata(path).map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(VaultFault::OpenPermissions(name));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
    let key = SigningKey::from_pkcs8_pem(&text).map_err(|_| VaultFault::LogKeyForm(name))?;
    Ok(Zeroizing::new(key.to_bytes()))
}

/// Makes a new key file, readable by its owner alone; never overwrites.
pub fn create(path: &Path) -> Result<(), VaultFault> {
    let name = path.display().to_string();
    let seed = Zeroizing::new(random::<32>()?);
    let text = SigningKey::from_bytes(&seed)
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|_| VaultFault::LogKeyForm(name.clone()))?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|fault| match fault.kind() {
            std::io::ErrorKind::AlreadyExists => VaultFault::Exists(name.clone()),
            _ => VaultFault::Io(name.clone(), fault),
        })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|fault| VaultFault::Io(name, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! Files that their owner alone may read: keys and secrets. Knows not what is in them.

use super::VaultFault;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The text of a file that nobody else can read; `None` = there is none.
pub fn read(path: &Path) -> Result<Option<Zeroizing<String>>, VaultFault> {
    let name = || path.display().to_string();
    let mode = match std::fs::metadata(path) {
        Ok(about) => about.permissions().mode(),
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(VaultFault::Io(name(), fault)),
    };
    if mode & 0o077 != 0 {
        return Err(VaultFault::OpenPermissions(name()));
    }
    let text = std::fs::read_to_string(path).map_err(|fault| VaultFault::Io(name(), fault))?;
    Ok(Some(Zeroizing::new(text)))
}

/// Writes a new file, and returns once it is on the disk; never overwrites.
pub fn create(path: &Path, text: &str) -> Result<(), VaultFault> {
    let name = || path.display().to_string();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|fault| match fault.kind() {
            ErrorKind::AlreadyExists => VaultFault::Exists(name()),
            _ => VaultFault::Io(name(), fault),
        })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|fault| VaultFault::Io(name(), fault))
}

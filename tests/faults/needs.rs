//! What a fault takes of the machine. `scripts/test` tries each and says what this machine does not allow; without it a
//! test that cannot be played fails.

use crate::kill::say;

#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// Namespaces, veth pairs and nft.
    Networks,
    /// Mounts in memory and of disk images.
    Disks,
    /// strace on a process of its own.
    Tracing,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Disks => "disks",
            Self::Tracing => "tracing",
        }
    }
}

/// Whether this test is to be played; one that is left out says so.
pub fn may(need: Need, test: &str) -> bool {
    let left_out = std::env::var("KAIRAN_TEST_LEFT_OUT").unwrap_or_default();
    let is_left_out = left_out.split_whitespace().any(|one| one == need.name());
    if is_left_out {
        say(&format!("left out, for want of {}: {test}", need.name()));
    }
    !is_left_out
}

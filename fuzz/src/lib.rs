//! Floor 0, which reads what strangers write, compiled without the rest of the hub. A parser joins by a target of
//! its own.

#[allow(dead_code, reason = "a target takes a part of it")]
#[path = "../../src/domain/mod.rs"]
pub mod domain;
#[path = "../../src/merkle/mod.rs"]
pub mod merkle;

mod house {
    pub use crate::{domain, merkle};
}

/// The small log that the tests tell their stories of: what was signed in it is what may be believed.
#[allow(dead_code, reason = "a target takes a part of it")]
#[path = "../../src/domain/proof/sample.rs"]
pub mod sample;

/// What was signed once and is known to hold (the published vectors): seeds grow from it, and whatever a
/// fuzzer makes of it must not be believed to say anything else.
pub mod signed {
    pub const NOTE_KEY: &str =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    pub const NOTE_TEXT: &str = "This is an example message.\n";
    pub const LOG_KEY: &str =
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    pub const LOG_TEXT: &str =
        "example.com/log/testdata\n5\ngy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=\n";
    pub const COSIGNER_KEY: &str =
        "bank07.example/witness+361dde70+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    /// The third of the log's five entries, which stands at index 2.
    pub const ENTRY: &[u8] = b"three";
}

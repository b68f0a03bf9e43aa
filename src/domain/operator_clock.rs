//! Times of the operator that no contract sets, counting every hour; those that one sets are in `config/clocks.toml`.
//! Reads no clock.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// The entry of a report is under a published head by then, or the receipt proves that it is not.
pub const INCLUSION: Duration = hours(24);
/// No deferral holds longer; another takes two people again.
pub const LONGEST_DEFERRAL: Duration = hours(72);
/// A bank's question, or its objection to a notice, is answered by then.
pub const ANSWER: Duration = hours(24);
/// Responses that peers may see are told together, so long after the first of them.
pub const TOGETHER: Duration = Duration::from_secs(15 * 60);

const fn hours(count: u32) -> Duration {
    Duration::from_secs(HOUR.as_secs() * count as u64)
}

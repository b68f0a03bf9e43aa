//! How long the operator has: the offsets of its own clocks, counting every hour. Reads no clock.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// An officer says by then whether a bank's report is an incident (profile BANK-REPORT, triage).
pub const TRIAGE: Duration = hours(4);
/// Unanswered for so long, a bank's report is issued to everyone (profile BANK-REPORT, automatic issue).
pub const SILENCE: Duration = hours(8);
/// The entry of a report is under a published head by then, or the receipt proves that it is not.
pub const INCLUSION: Duration = hours(24);
/// A suspicion is issued, or discarded with a reason, so long after awareness at the latest (profile PARTNER-DEFAULT,
/// ceiling).
pub const CEILING: Duration = hours(24);
/// No deferral holds longer; another takes two people again.
pub const LONGEST_DEFERRAL: Duration = hours(72);
/// A bank's question, or its objection to a notice, is answered by then.
pub const ANSWER: Duration = hours(24);
/// Responses that peers may see are told together, so long after the first of them.
pub const TOGETHER: Duration = Duration::from_secs(15 * 60);

const fn hours(count: u32) -> Duration {
    Duration::from_secs(HOUR.as_secs() * count as u64)
}

//! Whether a bank is still known to be reachable over a channel: when something last proved it, and for how long a
//! proof counts. Pure; what was found where is decided elsewhere.

use super::instant::Instant;
use std::time::Duration;

/// How long a proof counts, and how long a new address may go without one: 90 days.
pub const PROOF_LASTS: Duration = Duration::from_secs(90 * 86_400);

/// What proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A proven endpoint of the bank answered 2xx.
    Accepted,
    /// The bank's mail server reported that it has a mail.
    DeliveryReport,
    /// Somebody confirmed by the link and the code of a mail.
    MailLink,
}

impl How {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::DeliveryReport => "delivery_report",
            Self::MailLink => "mail_link",
        }
    }
}

/// The newest proof of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub at: Instant,
    pub how: How,
}

/// How a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Proven,
    /// Never proven, and not there for long either.
    New,
    /// Not proven for too long: somebody should send a test.
    Unproven,
}

impl Standing {
    /// Of a channel with live addresses since `since`.
    pub fn of(proof: Option<Proof>, since: Instant, now: Instant) -> Self {
        let is_fresh = |at: Instant| now.since(at) <= PROOF_LASTS;
        match proof {
            Some(proof) if is_fresh(proof.at) => Self::Proven,
            None if is_fresh(since) => Self::New,
            _ => Self::Unproven,
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::New => "new",
            Self::Unproven => "unproven",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_counts_for_ninety_days_and_a_new_address_may_wait_as_long() {
        let day = |n: i64| Instant::from_micros(n * 86_400_000_000);
        let proven = |n: i64| {
            Some(Proof {
                at: day(n),
                how: How::Accepted,
            })
        };
        for (proof, since, now, standing) in [
            (proven(100), 1, 190, Standing::Proven),
            (proven(100), 1, 191, Standing::Unproven),
            (proven(100), 180, 191, Standing::Unproven),
            (None, 100, 190, Standing::New),
            (None, 100, 191, Standing::Unproven),
            // Clocks of several nodes differ.
            (proven(101), 1, 100, Standing::Proven),
        ] {
            assert_eq!(
                Standing::of(proof, day(since), day(now)),
                standing,
                "{proof:?} {since} {now}"
            );
        }
    }
}

//! Holding a whole revision back: asked for by one person, granted by another, for so long from then as the
//! profiles in force say, which is never more than 72 hours. There is no field for a bank, and nothing here knows one.
//! Reads no clock.

use super::deadline::LONGEST_DEFERRAL;
use super::fault::Faults;
use super::id::Uid;
use super::incident::{Filing, IncidentRef};
use super::instant::{Entered, Instant};
use super::json;
use super::refusal::Refusal;
use super::vocabulary::DeferralBasis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is asked for, with the revision that is to be held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeferralFiling {
    /// The incident of which it is a further revision; absent = it would be a new one.
    pub incident: Option<IncidentRef>,
    /// The draft that ends when it goes out.
    pub draft: Option<Uid>,
    pub filing: Filing,
    pub basis: DeferralBasis,
    /// For the second person and the auditor.
    pub reason: String,
    /// It goes out by itself then.
    pub until: Entered,
}

/// The same for what is held back already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewalFiling {
    pub basis: DeferralBasis,
    pub reason: String,
    pub until: Entered,
}

impl DeferralFiling {
    /// Reads a request body; every fault points at its field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Faults> {
        json::parse(bytes)
    }
}

impl RenewalFiling {
    /// Reads a request body; every fault points at its field.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Faults> {
        json::parse(bytes)
    }
}

/// An end that has passed already, or lies further off than `longest`, is refused when it is asked for.
pub fn check_until(until: Instant, now: Instant, longest: Duration) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if until <= now {
        faults.add("/until", "time_past", "must lie in the future");
    } else if until > now + longest {
        let said = format!(
            "at most {} hours from now",
            longest.as_secs().div_ceil(3_600)
        );
        faults.add("/until", "deferral_long", said);
    }
    faults.into_result(())
}

/// A revision that two people hold back; made only by `grant` and `renew`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    expires_at: Instant,
}

impl Hold {
    /// Two people, and an end that has not passed: never later than `longest` from now, and whatever that is, never
    /// later than 72 hours.
    pub fn grant(
        (requester, approver): (Uid, Uid),
        until: Instant,
        now: Instant,
        longest: Duration,
    ) -> Result<Self, Refusal> {
        if requester == approver {
            return Err(Refusal::SamePerson);
        }
        if until <= now {
            return Err(Refusal::DeferralPast);
        }
        Ok(Self {
            expires_at: until.min(now + longest.min(LONGEST_DEFERRAL)),
        })
    }

    /// Two people again, while it still holds.
    pub fn renew(
        self,
        by: (Uid, Uid),
        until: Instant,
        now: Instant,
        longest: Duration,
    ) -> Result<Self, Refusal> {
        if self.is_over(now) {
            return Err(Refusal::DeferralEnded);
        }
        Self::grant(by, until, now, longest)
    }

    /// As it was granted.
    pub fn stored(expires_at: Instant) -> Self {
        Self { expires_at }
    }

    pub fn expires_at(self) -> Instant {
        self.expires_at
    }

    /// The revision goes out.
    pub fn is_over(self, now: Instant) -> bool {
        now >= self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hours(count: u64) -> Duration {
        Duration::from_secs(count * 3_600)
    }

    fn person(n: u8) -> Uid {
        Uid::from_bytes([n; 16])
    }

    #[test]
    fn a_request_has_no_field_for_a_bank() {
        let fields = |value: serde_json::Value| -> Vec<String> {
            let object = value.as_object().cloned().unwrap_or_default();
            object.keys().cloned().collect()
        };
        for refused in ["bank", "banks", "recipients", "exclude"] {
            let mut body = serde_json::json!({ "basis": "court_order", "reason": "x", "until": "2019-05-18T00:00:00Z" });
            body[refused] = serde_json::json!("0117");
            let told = RenewalFiling::from_json(body.to_string().as_bytes()).expect_err(refused);
            assert_eq!(told.0[0].code, "field_unknown");
        }
        let renewal = RenewalFiling {
            basis: DeferralBasis::CourtOrder,
            reason: String::new(),
            until: Entered {
                at: Instant::from_micros(0),
                offset_minutes: 0,
            },
        };
        let known = fields(serde_json::to_value(renewal).expect("JSON"));
        assert_eq!(known, ["basis", "reason", "until"]);
    }

    /// One thing that somebody tries: (hours later, first person, second person, hours asked for).
    fn tries() -> impl Strategy<Value = Vec<(u64, u8, u8, u64)>> {
        proptest::collection::vec((0_u64..50, 0_u8..3, 0_u8..3, 0_u64..200), 1..40)
    }

    proptest! {
        #[test]
        fn nothing_is_held_back_for_longer_than_72_hours_after_two_people_last_agreed(
            tries in tries(), longest in 1_u64..200
        ) {
            let longest = hours(longest);
            let mut now = Instant::from_micros(1_558_059_069_120_000);
            let mut held: Option<Hold> = None;
            let mut agreed = None;
            for (later, one, other, asked) in tries {
                now = now + hours(later);
                if let (Some(hold), Some(agreed)) = (held, agreed) {
                    prop_assert!(hold.is_over(now) || now.since(agreed) < LONGEST_DEFERRAL);
                }
                held = held.filter(|hold| !hold.is_over(now));
                let (by, until) = ((person(one), person(other)), now + hours(asked));
                let granted = match held {
                    Some(hold) => hold.renew(by, until, now, longest),
                    None => Hold::grant(by, until, now, longest),
                };
                match granted {
                    Ok(hold) => {
                        prop_assert!(one != other, "one person held it back");
                        prop_assert!(hold.expires_at() <= now + LONGEST_DEFERRAL.min(longest));
                        (held, agreed) = (Some(hold), Some(now));
                    }
                    Err(_) => prop_assert!(one == other || asked == 0),
                }
            }
        }
    }
}

//! How one address of a bank does: working, failing, broken, read from what came of the attempts at it. Pure; whether a
//! bank was ever proven to be reachable is `reachability`.

use super::instant::Instant;
use super::outcome::ErrorClass;

/// What came of one attempt at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    pub at: Instant,
    pub accepted: bool,
}

impl Tried {
    /// `None` where the outcome says nothing of how the address does: nothing was sent, nobody knows what came of it, or
    /// a challenge got an answer, and not the right one.
    pub fn of(outcome: &str, at: Instant) -> Option<Self> {
        match ErrorClass::from_code(outcome) {
            Some(ErrorClass::Released | ErrorClass::Unknown | ErrorClass::WrongAnswer) => None,
            class => Some(Self {
                at,
                accepted: class.is_none(),
            }),
        }
    }
}

/// Failures since the last success.
pub fn failures_in_a_row(newest_first: &[Tried]) -> usize {
    newest_first
        .iter()
        .take_while(|tried| !tried.accepted)
        .count()
}

/// How an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was sent to it yet.
    Untried,
    Working,
    /// The newest attempt failed.
    Failing,
    /// Its task is open: somebody has to see to it.
    Broken,
}

impl State {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Working => "working",
            Self::Failing => "failing",
            Self::Broken => "broken",
        }
    }
}

/// What is known of an address. Counts and times go as far back as outcomes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub state: State,
    /// Failures since the last success.
    pub failures: usize,
    /// When the first of these was.
    pub failing_since: Option<Instant>,
    /// Since when its task is open.
    pub broken_since: Option<Instant>,
    pub last_success: Option<Instant>,
    /// When the next retry is due.
    pub next_try: Option<Instant>,
}

impl Health {
    pub fn of(
        newest_first: &[Tried],
        broken_since: Option<Instant>,
        next_try: Option<Instant>,
    ) -> Self {
        let failures = failures_in_a_row(newest_first);
        let state = match (newest_first.first(), broken_since) {
            (_, Some(_)) => State::Broken,
            (None, None) => State::Untried,
            (Some(newest), None) if newest.accepted => State::Working,
            (Some(_), None) => State::Failing,
        };
        Self {
            state,
            failures,
            failing_since: failures
                .checked_sub(1)
                .map(|oldest| newest_first[oldest].at),
            broken_since,
            last_success: newest_first.get(failures).map(|tried| tried.at),
            next_try,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Instant {
        Instant::from_micros(n * 1_000_000)
    }

    /// Newest first, as `x` (failed) and `o` (accepted).
    fn tried(text: &str) -> Vec<Tried> {
        let newest = i64::try_from(text.len()).expect("short");
        (0..newest)
            .zip(text.chars())
            .map(|(n, sign)| Tried {
                at: at(newest - n),
                accepted: sign == 'o',
            })
            .collect()
    }

    #[test]
    fn an_address_is_as_its_newest_attempts_were() {
        for (newest_first, broken, state, failures, failing_since, last_success) in [
            ("", None, State::Untried, 0, None, None),
            ("o", None, State::Working, 0, None, Some(1)),
            ("oxx", None, State::Working, 0, None, Some(3)),
            ("x", None, State::Failing, 1, Some(1), None),
            ("xxo", None, State::Failing, 2, Some(2), Some(1)),
            ("xxox", None, State::Failing, 2, Some(3), Some(2)),
            ("xxo", Some(9), State::Broken, 2, Some(2), Some(1)),
            // A relay took the mail, and it came back.
            ("o", Some(9), State::Broken, 0, None, Some(1)),
            ("", Some(9), State::Broken, 0, None, None),
        ] {
            let expected = Health {
                state,
                failures,
                failing_since: failing_since.map(at),
                broken_since: broken.map(at),
                last_success: last_success.map(at),
                next_try: None,
            };
            let known = Health::of(&tried(newest_first), broken.map(at), None);
            assert_eq!(known, expected, "{newest_first:?} {broken:?}");
        }
    }

    #[test]
    fn what_says_nothing_of_the_address_is_no_failure() {
        for (outcome, accepted) in [
            ("accepted", Some(true)),
            ("status", Some(false)),
            ("dns", Some(false)),
            ("mail_rejected", Some(false)),
            ("released", None),
            ("unknown", None),
            ("wrong_answer", None),
        ] {
            let known = Tried::of(outcome, at(1)).map(|tried| tried.accepted);
            assert_eq!(known, accepted, "{outcome}");
        }
    }
}

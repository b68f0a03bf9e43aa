//! The hub's clock on this machine, and the offset by which tests move it. Stored times come from
//! `Tx::now()`, which adds the same offset to the database's own clock.

use crate::domain::instant::Instant;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall-clock time plus a shared offset. Clones share the offset.
#[derive(Clone, Default, Debug)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    pub fn new() -> Self {
        Self::default()
    }

    /// This machine's time, cut to microseconds.
    pub fn machine() -> Instant {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Instant::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    /// The same, plus the offset.
    pub fn now(&self) -> Instant {
        self.shift(Self::machine())
    }

    /// `database_time` plus the offset.
    pub fn shift(&self, database_time: Instant) -> Instant {
        Instant::from_micros(
            database_time
                .micros()
                .saturating_add(self.offset_micros.load(Ordering::Relaxed)),
        )
    }

    /// What a clock said that `shift` made this of.
    pub fn unshift(&self, shifted: Instant) -> Instant {
        Instant::from_micros(
            shifted
                .micros()
                .saturating_sub(self.offset_micros.load(Ordering::Relaxed)),
        )
    }

    /// Makes it this time now, for tests and the demo.
    pub fn set(&self, at: Instant) {
        let real = Self::machine();
        self.offset_micros
            .store(at.micros() - real.micros(), Ordering::Relaxed);
    }

    /// Moves the clock forward, for tests and the demo.
    pub fn advance(&self, by: Duration) {
        self.offset_micros.fetch_add(
            i64::try_from(by.as_micros()).unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

/// A clock that says less than before by no more than this is two readings that crossed.
const CROSSED: Duration = Duration::from_secs(2);

/// Time that never goes back: what is on record must not be followed by what claims to be earlier. Where a clock is
/// set back, it goes on from the last reading at the pace of this machine, which no setting changes, until the
/// clock has caught up. A clock that is set forward is believed.
#[derive(Default, Debug)]
pub struct Steady {
    last: Mutex<Option<Reading>>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    taken: std::time::Instant,
    is_behind: bool,
}

impl Steady {
    /// The time to go by when the clock says `now`.
    pub fn reading(&self, now: Instant) -> Instant {
        self.reading_at(now, std::time::Instant::now())
    }

    /// Goes on from what is on record, where that is later than anything read so far.
    pub fn go_on_from(&self, known: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.at < known) {
            *last = Some(Reading {
                at: known,
                taken: std::time::Instant::now(),
                is_behind: false,
            });
        }
    }

    fn reading_at(&self, now: Instant, taken: std::time::Instant) -> Instant {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let was_behind = last.is_some_and(|last| last.is_behind);
        let (at, is_behind) = match *last {
            None => (now, false),
            Some(last) => {
                let due = last.at + taken.saturating_duration_since(last.taken);
                if due.since(now) > CROSSED {
                    (due, true)
                } else {
                    (now.max(last.at), false)
                }
            }
        };
        if is_behind && !was_behind {
            tracing::error!(
                clock = %now, hub = %at,
                "the clock was set back; the hub goes on from the time it had: set the clock right"
            );
        } else if was_behind && !is_behind {
            tracing::warn!(clock = %now, "the clock has caught up with the hub's time");
        }
        *last = Some(Reading {
            at,
            taken: last.map_or(taken, |last| last.taken.max(taken)),
            is_behind,
        });
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn time_goes_on_where_a_clock_is_set_back_and_follows_where_it_is_set_forward() {
        let steady = Steady::default();
        let (begun, at) = (std::time::Instant::now(), Instant::from_micros(1 << 50));
        let after = |clock: Instant, passed: Duration| steady.reading_at(clock, begun + passed);
        let second = Duration::from_secs(1);
        assert_eq!(after(at, Duration::ZERO), at);
        assert_eq!(after(at + second, second), at + second);
        // Set back: by an hour, and further.
        assert_eq!(after(at + second * 2 - HOUR, second * 2), at + second * 2);
        assert_eq!(after(at + HOUR - HOUR * 9_600, HOUR), at + HOUR);
        // Set right again, and forward.
        assert_eq!(after(at + HOUR * 2, HOUR * 2), at + HOUR * 2);
        assert_eq!(after(at + HOUR * 723, HOUR * 3), at + HOUR * 723);
        assert_eq!(after(at + HOUR * 4, HOUR * 4), at + HOUR * 724);
    }

    #[test]
    fn what_is_on_record_is_where_time_goes_on_from() {
        let (steady, at) = (Steady::default(), Instant::from_micros(1 << 50));
        assert_eq!(steady.reading(at), at);
        steady.go_on_from(at - HOUR);
        assert_eq!(steady.reading(at + HOUR), at + HOUR);
        steady.go_on_from(at + HOUR * 2);
        assert!(steady.reading(at + HOUR) >= at + HOUR * 2);
    }

    #[test]
    fn readings_that_cross_stand_still() {
        let steady = Steady::default();
        let (taken, at) = (std::time::Instant::now(), Instant::from_micros(1 << 50));
        assert_eq!(steady.reading_at(at, taken), at);
        let earlier = at - Duration::from_millis(900);
        assert_eq!(steady.reading_at(earlier, taken), at);
    }
}

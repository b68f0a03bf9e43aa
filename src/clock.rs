//! The hub's clock on this machine, and the offset by which tests move it. Stored times come from
//! `Tx::now()`, which adds the same offset to the database's own clock.

use crate::domain::instant::Instant;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
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

    /// This machine's time, cut to microseconds, plus the offset.
    pub fn now(&self) -> Instant {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.shift(Instant::from_micros(
            i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX),
        ))
    }

    /// `database_time` plus the offset.
    pub fn shift(&self, database_time: Instant) -> Instant {
        Instant::from_micros(
            database_time
                .micros()
                .saturating_add(self.offset_micros.load(Ordering::Relaxed)),
        )
    }

    /// Makes it this time now, for tests and the demo.
    pub fn set(&self, at: Instant) {
        let real = Self::new().now();
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

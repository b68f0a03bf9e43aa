//! How often one may come: a bucket per key, one per address for those without a key, and one kept apart
//! for acknowledgements, so that a client that hammers the API can still stamp. Held in memory only.

use super::Limits;
use super::problem::Problem;
use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::domain::id::Uid;

/// Buckets that are full again are forgotten every so many requests.
const SWEEP_EVERY: u32 = 4_096;

type Buckets<K> = RateLimiter<K, DashMapStateStore<K>, MonotonicClock>;

pub(super) struct Throttle {
    keys: Buckets<Uid>,
    stamps: Buckets<Uid>,
    peers: Buckets<IpAddr>,
    link_stamps: Buckets<IpAddr>,
    seen: AtomicU32,
}

fn quota(per_second: u32, burst: u32) -> Quota {
    let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

impl Throttle {
    pub(super) fn new(limits: &Limits) -> Self {
        let key = quota(limits.per_key, limits.per_key_burst);
        let peer = quota(limits.per_peer, limits.per_peer_burst);
        Self {
            keys: RateLimiter::dashmap(key),
            stamps: RateLimiter::dashmap(key),
            peers: RateLimiter::dashmap(peer),
            link_stamps: RateLimiter::dashmap(peer),
            seen: AtomicU32::new(0),
        }
    }

    /// One request under a valid key.
    pub(super) fn key(&self, key: Uid, stamps: bool) -> Result<(), Problem> {
        self.sweep();
        self.take(if stamps { &self.stamps } else { &self.keys }, &key)
    }

    /// One request without a valid key.
    pub(super) fn peer(&self, peer: IpAddr, stamps: bool) -> Result<(), Problem> {
        self.sweep();
        let buckets = if stamps {
            &self.link_stamps
        } else {
            &self.peers
        };
        self.take(buckets, &peer)
    }

    fn take<K: Hash + Eq + Clone>(&self, buckets: &Buckets<K>, who: &K) -> Result<(), Problem> {
        buckets.check_key(who).map_err(|not_until| {
            let wait = not_until.wait_time_from(MonotonicClock.now());
            Problem::too_often(wait.as_secs() + 1)
        })
    }

    fn sweep(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.keys.retain_recent();
            self.stamps.retain_recent();
            self.peers.retain_recent();
            self.link_stamps.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::instant::Instant;

    #[test]
    fn a_bank_that_asks_too_often_can_still_acknowledge() {
        let limits = Limits {
            per_key: 1,
            per_key_burst: 2,
            ..Limits::default()
        };
        let throttle = Throttle::new(&limits);
        let key = Uid::at(Instant::from_micros(0));
        assert!(throttle.key(key, false).is_ok() && throttle.key(key, false).is_ok());
        let problem = throttle.key(key, false).expect_err("the third at once");
        assert_eq!(problem.status.as_u16(), 429);
        assert!(throttle.key(key, true).is_ok());
        let other = Uid::at(Instant::from_micros(1));
        assert!(throttle.key(other, false).is_ok());
    }
}

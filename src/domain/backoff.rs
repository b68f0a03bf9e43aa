//! When a delivery is tried again. Pure, so that a projection can be
//! rebuilt: the jitter comes from the delivery's id and attempt number, not from chance.

use super::id::Uid;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, then hourly.
const LADDER_S: [u64; 6] = [5, 30, 120, 600, 1_800, 3_600];

/// Failures in a row that break a channel, whatever their class.
pub const FAILURES_THAT_BREAK: i64 = 10;

/// How long to wait after attempt `number` (from 1) failed: the ladder ±20 %, or the peer's own wish
/// where that is longer (it is already held to an hour).
pub fn delay_after(delivery: Uid, number: i64, retry_after: Option<Duration>) -> Duration {
    let step = usize::try_from(number.max(1) - 1)
        .unwrap_or(usize::MAX)
        .min(LADDER_S.len() - 1);
    let base = Duration::from_secs(LADDER_S[step]);
    let hash = Sha256::new()
        .chain_update(delivery.as_bytes())
        .chain_update(number.to_be_bytes())
        .finalize();
    // 0..=400 thousandths above 80 %.
    let thousandths =
        800 + u32::from(u16::from_be_bytes([hash[0], hash[1]])) * 400 / u32::from(u16::MAX);
    let jittered = base * thousandths / 1_000;
    jittered.max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(n: u8) -> Uid {
        Uid::from_bytes([n; 16])
    }

    #[test]
    fn retries_climb_the_ladder_and_then_go_on_hourly_for_ever() {
        for (number, base) in [
            (1, 5),
            (2, 30),
            (3, 120),
            (4, 600),
            (5, 1_800),
            (6, 3_600),
            (7, 3_600),
            (9_999, 3_600),
        ] {
            let delay = delay_after(uid(1), number, None).as_secs_f64();
            let base = f64::from(base);
            assert!(
                (base * 0.8..=base * 1.2).contains(&delay),
                "attempt {number}: {delay}"
            );
            assert_eq!(
                delay_after(uid(1), number, None),
                delay_after(uid(1), number, None)
            );
        }
    }

    #[test]
    fn the_receivers_wish_is_honoured_where_it_is_longer() {
        assert_eq!(
            delay_after(uid(1), 1, Some(Duration::from_secs(90))),
            Duration::from_secs(90)
        );
        assert!(delay_after(uid(1), 6, Some(Duration::from_secs(1))) > Duration::from_secs(2_000));
    }
}

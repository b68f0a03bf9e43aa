//! When a delivery is tried again, and which of the due ones are taken. Pure, so that a projection can be
//! rebuilt: the jitter comes from the delivery's id and attempt number, not from chance.

use super::id::Uid;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
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

/// Takes from `candidates` (in order of preference) as many as fit: at most `per_bank` in flight for each
/// bank, counting those already `in_flight`, and `room` in all. What belongs to no bank shares one place.
pub fn choose<T>(
    candidates: Vec<T>,
    bank_of: impl Fn(&T) -> Option<Uid>,
    in_flight: &HashMap<Option<Uid>, usize>,
    per_bank: usize,
    room: usize,
) -> Vec<T> {
    let mut taken: HashMap<Option<Uid>, usize> = HashMap::new();
    let mut chosen = Vec::with_capacity(room.min(candidates.len()));
    for candidate in candidates {
        if chosen.len() >= room {
            break;
        }
        let bank = bank_of(&candidate);
        let count = taken
            .entry(bank)
            .or_insert_with(|| in_flight.get(&bank).copied().unwrap_or(0));
        if *count < per_bank {
            *count += 1;
            chosen.push(candidate);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn no_bank_ever_has_more_in_flight_than_its_bound(
            banks in proptest::collection::vec(0_u8..6, 0..200),
            busy in proptest::collection::vec(0_usize..8, 6),
            per_bank in 1_usize..6,
            room in 0_usize..100,
        ) {
            let in_flight: HashMap<_, _> = busy.iter().enumerate().map(|(n, count)| (Some(uid(u8::try_from(n).expect("small"))), *count)).collect();
            let chosen = choose(banks, |bank| Some(uid(*bank)), &in_flight, per_bank, room);
            prop_assert!(chosen.len() <= room);
            for bank in 0..6_u8 {
                let before = in_flight[&Some(uid(bank))];
                let taken = chosen.iter().filter(|one| **one == bank).count();
                prop_assert!(taken == 0 || before + taken <= per_bank);
            }
        }

        #[test]
        fn who_comes_first_goes_first_and_nobody_is_passed_over_who_has_a_place(
            banks in proptest::collection::vec(0_u8..6, 0..200),
            busy in proptest::collection::vec(0_usize..8, 6),
            per_bank in 1_usize..6,
            room in 0_usize..100,
        ) {
            let bank_of = |n: u8| (n < 5).then(|| uid(n));
            let in_flight: HashMap<_, _> = (0..6).map(|n: u8| (bank_of(n), busy[usize::from(n)])).collect();
            let candidates: Vec<(usize, u8)> = banks.into_iter().enumerate().collect();
            let chosen = choose(candidates.clone(), |(_, bank)| bank_of(*bank), &in_flight, per_bank, room);
            // The order of preference is kept: a first attempt that stood before a retry still does.
            prop_assert!(chosen.is_sorted_by_key(|(place, _)| *place));
            for (place, bank) in candidates.into_iter().filter(|one| !chosen.contains(one)) {
                let before = chosen.iter().filter(|(other, same)| *other < place && *same == bank).count();
                let is_full = in_flight[&bank_of(bank)] + before >= per_bank;
                let none_left = chosen.iter().filter(|(other, _)| *other < place).count() == room;
                prop_assert!(is_full || none_left, "{place} of bank {bank} was passed over");
            }
        }
    }
}

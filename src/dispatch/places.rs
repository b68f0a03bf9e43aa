//! Who may send next: so many at once in all, so many to one bank, the banks in turn, and of each bank its first attempts
//! before its retries (law 10). Some of all places are kept for first attempts of banks that have nothing under way: a
//! bank that hangs takes one of these, and its retries none. Each question is answered without a look at what waits for
//! another bank, however much that is. Knows nothing of sending.

use crate::domain::id::Uid;
use std::collections::{HashMap, VecDeque};

/// A bank; what belongs to none shares the places of one.
pub type Whose = Option<Uid>;

/// How many of all places, or claims, are kept for first attempts of banks that have none.
pub fn kept(of_all: usize) -> usize {
    of_all / 2
}

pub struct Places<T> {
    in_all: usize,
    per_bank: usize,
    kept: usize,
    under_way: usize,
    /// Of these the ones in places that are kept.
    in_kept: usize,
    waiting: usize,
    banks: HashMap<Whose, Bank<T>>,
    /// Banks that could take a place of those that are not kept, each at most once.
    open: VecDeque<Whose>,
    /// Likewise banks that could take a kept one.
    fresh: VecDeque<Whose>,
}

struct Bank<T> {
    under_way: usize,
    has_kept: bool,
    firsts: VecDeque<T>,
    retries: VecDeque<T>,
    is_open: bool,
    is_fresh: bool,
}

impl<T> Bank<T> {
    fn waiting(&self) -> usize {
        self.firsts.len() + self.retries.len()
    }

    fn may_take(&self, per_bank: usize) -> bool {
        self.under_way < per_bank && self.waiting() > 0
    }

    fn may_take_kept(&self) -> bool {
        self.under_way == 0 && !self.firsts.is_empty()
    }
}

impl<T> Default for Bank<T> {
    fn default() -> Self {
        Self {
            under_way: 0,
            has_kept: false,
            firsts: VecDeque::new(),
            retries: VecDeque::new(),
            is_open: false,
            is_fresh: false,
        }
    }
}

impl<T> Places<T> {
    /// Of `in_all` places so many are `kept`.
    pub fn new(in_all: usize, per_bank: usize, kept: usize) -> Self {
        Self {
            in_all,
            per_bank,
            kept,
            under_way: 0,
            in_kept: 0,
            waiting: 0,
            banks: HashMap::new(),
            open: VecDeque::new(),
            fresh: VecDeque::new(),
        }
    }

    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Under way or waiting.
    pub fn held(&self) -> usize {
        self.under_way + self.waiting
    }

    /// The same, by bank.
    pub fn held_by_bank(&self) -> HashMap<Whose, usize> {
        let held = |bank: &Bank<T>| bank.under_way + bank.waiting();
        let all = self.banks.iter();
        all.map(|(whose, bank)| (*whose, held(bank)))
            .filter(|(_, held)| *held > 0)
            .collect()
    }

    /// Waits for a place.
    pub fn wait(&mut self, whose: Whose, is_retry: bool, one: T) {
        self.waiting += 1;
        let bank = self.banks.entry(whose).or_default();
        let queue = if is_retry {
            &mut bank.retries
        } else {
            &mut bank.firsts
        };
        queue.push_back(one);
        self.line_up(whose);
    }

    /// Takes a place, if there is one for anybody who waits.
    pub fn begin(&mut self) -> Option<T> {
        let is_kept = self.under_way - self.in_kept >= self.in_all - self.kept;
        if is_kept && self.in_kept >= self.kept {
            return None;
        }
        loop {
            let line = if is_kept {
                &mut self.fresh
            } else {
                &mut self.open
            };
            let whose = line.pop_front()?;
            // Whoever stands in one line may meanwhile have been served in the other.
            let Some(bank) = self.banks.get_mut(&whose) else {
                continue;
            };
            let may = if is_kept {
                bank.is_fresh = false;
                bank.may_take_kept()
            } else {
                bank.is_open = false;
                bank.may_take(self.per_bank)
            };
            if !may {
                self.forget(whose);
                continue;
            }
            let first = bank.firsts.pop_front();
            let one = first.or_else(|| bank.retries.pop_front())?;
            bank.under_way += 1;
            bank.has_kept |= is_kept;
            self.under_way += 1;
            self.in_kept += usize::from(is_kept);
            self.waiting -= 1;
            self.line_up(whose);
            return Some(one);
        }
    }

    /// Leaves a place: the one that is kept, if the bank has that.
    pub fn end(&mut self, whose: Whose) {
        let Some(bank) = self.banks.get_mut(&whose) else {
            return;
        };
        bank.under_way -= 1;
        self.under_way -= 1;
        self.in_kept -= usize::from(std::mem::take(&mut bank.has_kept));
        self.line_up(whose);
        self.forget(whose);
        self.tidy();
    }

    /// Takes away what waits and has become so; of one bank's first attempts, and of its retries, what came first does
    /// first.
    pub fn leave(&mut self, is_so: impl Fn(&T) -> bool) -> Vec<T> {
        let mut all = Vec::new();
        for bank in self.banks.values_mut() {
            for queue in [&mut bank.firsts, &mut bank.retries] {
                while let Some(one) = queue.pop_front_if(|one| is_so(one)) {
                    all.push(one);
                }
            }
        }
        self.waiting -= all.len();
        // Whoever has nothing now leaves the lines at its turn.
        all
    }

    /// Takes away all that waits.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.waiting = 0;
        self.open.clear();
        self.fresh.clear();
        let mut all = Vec::new();
        for bank in self.banks.values_mut() {
            (bank.is_open, bank.is_fresh) = (false, false);
            all.extend(bank.firsts.drain(..));
            all.extend(bank.retries.drain(..));
        }
        self.banks.retain(|_, bank| bank.under_way > 0);
        all.into_iter()
    }

    /// A bank that has nothing and stands in no line: in one it is found at its next turn, and stands there once.
    fn forget(&mut self, whose: Whose) {
        let is_gone = |bank: &Bank<T>| {
            bank.under_way == 0 && bank.waiting() == 0 && !bank.is_open && !bank.is_fresh
        };
        if self.banks.get(&whose).is_some_and(is_gone) {
            self.banks.remove(&whose);
        }
    }

    /// In calm nobody is served from the second line: those at its front who want nothing there leave it.
    fn tidy(&mut self) {
        while let Some(whose) = self.fresh.front().copied() {
            if let Some(bank) = self.banks.get_mut(&whose) {
                if bank.may_take_kept() {
                    return;
                }
                bank.is_fresh = false;
            }
            self.fresh.pop_front();
            self.forget(whose);
        }
    }

    fn line_up(&mut self, whose: Whose) {
        let Some(bank) = self.banks.get_mut(&whose) else {
            return;
        };
        if !bank.is_open && bank.may_take(self.per_bank) {
            bank.is_open = true;
            self.open.push_back(whose);
        }
        if !bank.is_fresh && bank.may_take_kept() {
            bank.is_fresh = true;
            self.fresh.push_back(whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bank(n: u8) -> Whose {
        (n > 0).then(|| Uid::from_bytes([n; 16]))
    }

    #[test]
    fn banks_take_turns_and_one_that_hangs_keeps_nobody() {
        let mut places = Places::new(8, 2, 4);
        for n in 0..5 {
            places.wait(bank(1), false, (1, n));
        }
        places.wait(bank(2), false, (2, 0));
        let begun: Vec<_> = std::iter::from_fn(|| places.begin()).collect();
        assert_eq!(begun, [(1, 0), (2, 0), (1, 1)]);
        // Bank 1 ends none of its two; whatever comes for another goes out at once.
        places.wait(bank(3), false, (3, 0));
        assert_eq!(places.begin(), Some((3, 0)));
        places.end(bank(2));
        assert_eq!(places.begin(), None);
        places.end(bank(1));
        assert_eq!(places.begin(), Some((1, 2)));
    }

    #[test]
    fn however_many_hang_and_however_much_they_have_they_take_one_each_of_what_is_kept() {
        let mut places = Places::new(16, 4, 8);
        for n in 1..=10 {
            for _ in 0..9 {
                places.wait(bank(n), false, n);
                places.wait(bank(n), true, n);
            }
        }
        let begun: Vec<_> = std::iter::from_fn(|| places.begin()).collect();
        assert_eq!(begun, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        // None of the ten ends. Whose turn it is has a place, for a first attempt and not for a retry.
        places.wait(bank(11), true, 11);
        assert_eq!(places.begin(), None);
        for n in 12..=17 {
            places.wait(bank(n), false, n);
            assert_eq!(places.begin(), Some(n));
        }
        places.wait(bank(18), false, 18);
        assert_eq!(places.begin(), None, "now all are taken");
    }

    #[test]
    fn a_retry_has_its_turn_while_first_attempts_go_on_coming() {
        let mut places = Places::new(4, 4, 2);
        for n in 1..=4 {
            places.wait(bank(n), false, n);
            assert_eq!(places.begin(), Some(n));
        }
        places.wait(bank(9), true, 9);
        for n in 5..=8 {
            places.wait(bank(n), false, n);
        }
        // Banks 3 and 4 have what is kept, and hand it on to 5 and 6.
        for (ends, next) in [(3, 5), (4, 6), (1, 9), (5, 7)] {
            places.end(bank(ends));
            assert_eq!(places.begin(), Some(next));
            assert_eq!(places.begin(), None);
        }
    }

    #[test]
    fn whoever_has_waited_too_long_leaves_and_the_others_stay_in_order() {
        let mut places = Places::new(2, 1, 0);
        for n in 0..6 {
            places.wait(bank(1), n % 2 == 0, n);
            places.wait(bank(2), n % 2 == 0, n);
        }
        assert_eq!((places.begin(), places.begin()), (Some(1), Some(1)));
        let mut left = places.leave(|n| *n < 4);
        left.sort_unstable();
        assert_eq!(left, [0, 0, 2, 2, 3, 3]);
        assert_eq!(places.held(), 2 + 4);
        places.end(bank(1));
        assert_eq!(places.begin(), Some(5));
        places.end(bank(1));
        assert_eq!(places.begin(), Some(4));
        assert_eq!(places.leave(|_| true), [5, 4]);
        places.end(bank(1));
        places.end(bank(2));
        assert_eq!((places.begin(), places.held()), (None, 0));
        assert!(places.banks.is_empty());
    }

    #[test]
    fn who_has_come_and_gone_leaves_nothing_behind() {
        let mut places = Places::new(4, 1, 2);
        for n in 0..1_000 {
            places.wait(bank(n as u8), false, n);
            assert_eq!(places.begin(), Some(n));
            places.end(bank(n as u8));
        }
        assert!(places.banks.is_empty() && places.fresh.is_empty() && places.open.is_empty());
    }

    proptest! {
        /// Whatever comes, leaves and ends in whatever order: the bounds hold, each bank's come in their order, first attempts
        /// before retries, and a place that is free for somebody who waits is taken.
        #[test]
        fn bounds_hold_order_holds_and_no_place_stays_empty(
            in_all in 1_usize..8,
            per_bank in 1_usize..4,
            kept in 0_usize..8,
            acts in proptest::collection::vec((0_u8..5, 0_u8..5), 0..200),
        ) {
            let kept = kept.min(in_all - 1);
            let mut places = Places::new(in_all, per_bank, kept);
            // By bank: first attempts (false) stand before retries, each as they came.
            let mut waiting: HashMap<u8, std::collections::BTreeSet<(bool, usize)>> = HashMap::new();
            let mut under_way: HashMap<u8, usize> = HashMap::new();
            let mut has_kept = std::collections::BTreeSet::new();
            for (n, (whose, act)) in acts.into_iter().enumerate() {
                if act < 2 {
                    let one = (act == 1, n);
                    waiting.entry(whose).or_default().insert(one);
                    places.wait(bank(whose), one.0, (whose, one));
                } else if act == 4 {
                    let is_old = |at: usize| at + 20 < n;
                    let mut left = places.leave(|(_, (_, at))| is_old(*at));
                    left.sort_unstable();
                    let mut old = Vec::new();
                    for (whose, queue) in &mut waiting {
                        old.extend(queue.iter().filter(|(_, at)| is_old(*at)).map(|one| (*whose, *one)));
                        queue.retain(|(_, at)| !is_old(*at));
                    }
                    old.sort_unstable();
                    prop_assert_eq!(left, old);
                } else if under_way.get(&whose).is_some_and(|count| *count > 0) {
                    *under_way.entry(whose).or_default() -= 1;
                    has_kept.remove(&whose);
                    places.end(bank(whose));
                }
                let mut all: usize = under_way.values().sum();
                while let Some((whose, one)) = places.begin() {
                    prop_assert_eq!(waiting.entry(whose).or_default().pop_first(), Some(one));
                    let own = under_way.entry(whose).or_default();
                    if all - has_kept.len() == in_all - kept {
                        prop_assert!(!one.0 && *own == 0);
                        has_kept.insert(whose);
                    }
                    *own += 1;
                    all += 1;
                }
                prop_assert!(has_kept.len() <= kept && all - has_kept.len() <= in_all - kept);
                prop_assert!(under_way.values().all(|count| *count <= per_bank));
                prop_assert_eq!(places.under_way(), all);
                let left: usize = waiting.values().map(|queue| queue.len()).sum();
                prop_assert_eq!(places.held(), all + left);
                let could = waiting.iter().any(|(whose, queue)| {
                    let own = under_way.get(whose).copied().unwrap_or(0);
                    let is_first = queue.first().is_some_and(|(is_retry, _)| !is_retry);
                    if all - has_kept.len() < in_all - kept {
                        own < per_bank && !queue.is_empty()
                    } else {
                        has_kept.len() < kept && own == 0 && is_first
                    }
                });
                prop_assert!(!could);
            }
            let left: usize = waiting.values().map(|queue| queue.len()).sum();
            prop_assert_eq!(places.drain().count(), left);
            prop_assert_eq!(places.held(), places.under_way());
        }
    }
}

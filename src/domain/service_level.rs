//! Service levels: how long it took to notify, to deliver and to acknowledge, and what of it was in time, month by
//! month in the operator's zone. Reads no clock; what was measured and what is left out is decided above.

use super::id::Uid;
use super::instant::Instant;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt;

/// The most months of one question.
pub const MOST_MONTHS: usize = 36;

/// A month of the calendar, from 1970-01 to 9998-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

impl Month {
    /// Takes exactly `YYYY-MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits =
            |part: &str, long| part.len() == long && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        let (year, month) = (year.parse().ok()?, month.parse().ok()?);
        let first = Date::new(year, month, 1).ok()?;
        (1970..=9998).contains(&year).then_some(Self(first))
    }

    /// The month in which an instant lies on a wall of this zone.
    pub fn of(at: Instant, zone: &TimeZone) -> Self {
        let there = jiff::Timestamp::from_microsecond(at.micros());
        let day = there.map_or(date(1970, 1, 1), |there| {
            there.to_zoned(zone.clone()).date()
        });
        Self(day.first_of_month())
    }

    /// This month, so many months earlier.
    pub fn before(self, months: i64) -> Self {
        let span = jiff::Span::new().months(months.clamp(0, 100_000));
        Self(
            self.0
                .checked_sub(span)
                .unwrap_or(self.0)
                .max(date(1970, 1, 1)),
        )
    }

    /// The first instant of the month in this zone.
    pub fn begins(self, zone: &TimeZone) -> Instant {
        let first = zone.to_zoned(self.0.into());
        Instant::from_micros(first.map_or(0, |first| first.timestamp().as_microsecond()))
    }

    fn next(self) -> Self {
        Self(self.0.last_of_month().tomorrow().unwrap_or(self.0))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl<'de> serde::Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("write a month like 2026-01"))
    }
}

/// Why two months are not a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMonths {
    #[error("the first month comes after the last")]
    Backwards,
    #[error("at most 36 months in one question: ask for fewer")]
    TooMany,
}

/// Some months in a row, the first and the last included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Months(Vec<Month>);

impl Months {
    /// At least one month and at most [`MOST_MONTHS`].
    pub fn new(first: Month, last: Month) -> Result<Self, NotMonths> {
        if first > last {
            return Err(NotMonths::Backwards);
        }
        let all = std::iter::successors(Some(first), |month| Some(month.next()));
        let months: Vec<Month> = all
            .take_while(|month| *month <= last)
            .take(MOST_MONTHS + 1)
            .collect();
        if months.len() > MOST_MONTHS {
            return Err(NotMonths::TooMany);
        }
        Ok(Self(months))
    }

    pub fn all(&self) -> &[Month] {
        &self.0
    }

    /// The first instant of the first month, and that of the month after the last.
    pub fn bounds(&self, zone: &TimeZone) -> (Instant, Instant) {
        let end = self.0[self.0.len() - 1].next();
        (self.0[0].begins(zone), end.begins(zone))
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceClock {
    /// The operator: from suspicion until every bank is being told.
    Notify,
    /// The operator: the next word after the first, and after that the final report.
    Intermediate,
    Final,
    /// From issue until the bank's own system has it. No contract sets a limit.
    Deliver,
    /// The bank: from issue until it has confirmed receipt.
    Acknowledge,
}

impl ServiceClock {
    pub const ALL: [Self; 5] = [
        Self::Notify,
        Self::Intermediate,
        Self::Final,
        Self::Deliver,
        Self::Acknowledge,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Intermediate => "intermediate",
            Self::Final => "final",
            Self::Deliver => "deliver",
            Self::Acknowledge => "acknowledge",
        }
    }
}

/// How a clock came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Open,
    At(Instant),
    /// It was ended, and what was owed had not come: two people closed the notice, or another word began a new clock.
    GivenUp,
}

/// One clock that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub clock: ServiceClock,
    /// Whose notice; `None` = the operator's own clock.
    pub bank: Option<Uid>,
    /// The issue that puts it into its month.
    pub issued_at: Instant,
    pub started_at: Instant,
    /// `None` = nothing sets a limit.
    pub due_at: Option<Instant>,
    pub end: End,
}

/// How a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    InTime,
    Late,
    /// Open, and not due yet.
    Running,
    /// Ended, where nothing sets a limit.
    Reached,
}

impl Run {
    /// What came at the deadline itself is in time. What is open past it is late, and so is what was given up.
    pub fn standing(&self, now: Instant) -> Standing {
        match (self.due_at, self.end) {
            (None, End::At(_)) => Standing::Reached,
            (None, End::Open | End::GivenUp) => Standing::Running,
            (Some(due), End::At(at)) if at <= due => Standing::InTime,
            (Some(due), End::Open) if now <= due => Standing::Running,
            (Some(_), End::At(_) | End::Open | End::GivenUp) => Standing::Late,
        }
    }

    /// Whole seconds from its start, cut down; `None` = what was owed has not come.
    fn took_s(&self) -> Option<i64> {
        match self.end {
            End::At(at) => i64::try_from(at.since(self.started_at).as_secs()).ok(),
            End::Open | End::GivenUp => None,
        }
    }
}

/// What the runs of one clock amount to. What still runs counts neither as in time nor as late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub in_time: i64,
    pub late: i64,
    pub running: i64,
    /// How many came, in time or not: those that median and percentile are of.
    pub reached: i64,
    pub median_s: Option<i64>,
    pub p95_s: Option<i64>,
}

impl Figures {
    fn of<'r>(runs: impl Iterator<Item = &'r Run>, now: Instant) -> Self {
        let (mut figures, mut took) = (Self::default(), Vec::new());
        for run in runs {
            match run.standing(now) {
                Standing::InTime => figures.in_time += 1,
                Standing::Late => figures.late += 1,
                Standing::Running => figures.running += 1,
                Standing::Reached => {}
            }
            took.extend(run.took_s());
        }
        took.sort_unstable();
        figures.reached = i64::try_from(took.len()).unwrap_or(i64::MAX);
        figures.median_s = nearest_rank(&took, 50);
        figures.p95_s = nearest_rank(&took, 95);
        figures
    }

    /// How many of a hundred were in time, cut down, so that 100 means all; `None` = nothing to judge.
    pub fn in_time_percent(&self) -> Option<i64> {
        let judged = self.in_time + self.late;
        (judged > 0).then(|| self.in_time * 100 / judged)
    }
}

/// The percentile of an ascending list by nearest rank: the smallest of its values that at least so many percent of
/// them do not exceed. Always a value that was measured, never one between two; `None` = the list is empty.
pub fn nearest_rank(ascending: &[i64], percent: usize) -> Option<i64> {
    let rank = (ascending.len() * percent.min(100)).div_ceil(100).max(1);
    ascending.get(rank - 1).copied()
}

/// The figures of every clock, in the order of [`ServiceClock::ALL`].
pub type Row = [Figures; ServiceClock::ALL.len()];

/// The figures of a question: in all, by month, and by bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    pub totals: Row,
    /// Every month that was asked for.
    pub months: Vec<(Month, Row)>,
    /// Banks with a notice in these months; the worst at acknowledging first.
    pub banks: Vec<(Uid, Row)>,
}

impl Levels {
    /// What lies outside the months is passed over.
    pub fn of(runs: &[Run], months: &Months, zone: &TimeZone, now: Instant) -> Self {
        let begins: Vec<Instant> = months
            .all()
            .iter()
            .map(|month| month.begins(zone))
            .collect();
        let (_, end) = months.bounds(zone);
        let mut of_month: Vec<Vec<Run>> = vec![Vec::new(); begins.len()];
        let mut of_bank: BTreeMap<Uid, Vec<Run>> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.issued_at < end) {
            let begun = begins.partition_point(|begin| *begin <= run.issued_at);
            let Some(month) = begun.checked_sub(1).and_then(|at| of_month.get_mut(at)) else {
                continue;
            };
            month.push(*run);
            if let Some(bank) = run.bank {
                of_bank.entry(bank).or_default().push(*run);
            }
        }
        let every = of_month.concat();
        let mut banks: Vec<(Uid, Row)> = of_bank
            .into_iter()
            .map(|(bank, runs)| (bank, row_of(&runs, now)))
            .collect();
        banks.sort_by_key(|(bank, row)| {
            let stamps = row[ServiceClock::Acknowledge as usize];
            let slowest = std::cmp::Reverse(stamps.p95_s);
            (
                stamps.in_time_percent().unwrap_or(101),
                std::cmp::Reverse(stamps.late),
                slowest,
                *bank,
            )
        });
        Self {
            totals: row_of(&every, now),
            months: months
                .all()
                .iter()
                .zip(of_month)
                .map(|(month, runs)| (*month, row_of(&runs, now)))
                .collect(),
            banks,
        }
    }
}

fn row_of(runs: &[Run], now: Instant) -> Row {
    ServiceClock::ALL.map(|clock| Figures::of(runs.iter().filter(|run| run.clock == clock), now))
}

#[cfg(test)]
mod tests;

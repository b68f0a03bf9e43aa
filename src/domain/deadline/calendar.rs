//! Spans of time, and opening hours in which they are counted. Knows no profile. Where holidays are not known, they
//! count as working days: the earlier deadline is the safe mistake.

use super::holidays::Holidays;
use crate::domain::instant::Instant;
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// A length of time as a profile writes it, `8 hours`, `2 days`, `1 months`, or a share of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    amount: u32,
    unit: Unit,
    /// Of `WHOLE`.
    parts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
    Months,
}

const WHOLE: u32 = 10_000;

/// Longer spans are a slip of the pen.
const MAX_AMOUNT: u32 = 1_000;

impl Span {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (amount, unit) = text.split_once(' ')?;
        let digits = amount.bytes().all(|b| b.is_ascii_digit());
        let amount: u32 = amount.parse().ok()?;
        let unit = match unit {
            "minutes" => Unit::Minutes,
            "hours" => Unit::Hours,
            "days" => Unit::Days,
            "months" => Unit::Months,
            _ => return None,
        };
        let span = Self {
            amount,
            unit,
            parts: WHOLE,
        };
        (digits && (1..=MAX_AMOUNT).contains(&amount)).then_some(span)
    }

    /// So many percent of it.
    pub fn share(self, percent: u32) -> Self {
        Self {
            parts: self.parts * percent / 100,
            ..self
        }
    }

    pub(super) fn fits_a_calendar(self) -> bool {
        self.unit != Unit::Months
    }

    /// The length when a day counts `day`; months are held to thirty days.
    fn length(self, day: Duration) -> Duration {
        let one = match self.unit {
            Unit::Minutes => Duration::from_secs(60),
            Unit::Hours => Duration::from_secs(3_600),
            Unit::Days => day,
            Unit::Months => day * 30,
        };
        one * self.amount * self.parts / WHOLE
    }

    /// The length where every hour counts; months are held to thirty days.
    pub fn plain(self) -> Duration {
        self.length(Duration::from_secs(86_400))
    }

    /// `start` plus this span when every hour counts. Whole months keep the day of the month in `zone`.
    pub fn after(self, start: Instant, zone: &TimeZone) -> Instant {
        let plain = start + self.plain();
        if self.unit != Unit::Months || self.parts != WHOLE {
            return plain;
        }
        let months = jiff::Span::new().months(i64::from(self.amount));
        stamp(start)
            .and_then(|at| at.to_zoned(zone.clone()).checked_add(months).ok())
            .map_or(plain, |at| {
                Instant::from_micros(at.timestamp().as_microsecond())
            })
    }
}

/// The hours that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub(super) days: Vec<Weekday>,
    pub(super) opens: Time,
    pub(super) closes: Time,
    /// On whose wall; `None` = the operator's.
    pub(super) zone: Option<TimeZone>,
    pub(super) holidays: Option<Arc<Holidays>>,
}

pub(super) fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

fn stamp(at: Instant) -> Option<Timestamp> {
    Timestamp::from_microsecond(at.micros()).ok()
}

impl Hours {
    fn zone<'z>(&'z self, operator: &'z TimeZone) -> &'z TimeZone {
        self.zone.as_ref().unwrap_or(operator)
    }

    /// `start` plus `span`, counting only these hours; `operator` is the operator's zone.
    pub fn after(&self, start: Instant, span: Span, operator: &TimeZone) -> Instant {
        let zone = self.zone(operator);
        let mut left = span.length(self.day());
        let Some(mut date) = stamp(start).map(|at| at.to_zoned(zone.clone()).date()) else {
            return start + left;
        };
        // Each year has at least a minute of opening hours, so the walk ends; the years 1970 to 9999 bound it too.
        loop {
            if let Some((opens, closes)) = self.on(date, zone) {
                let from = opens.max(start);
                let open = closes.since(from);
                if left <= open && !open.is_zero() {
                    return from + left;
                }
                left = left.saturating_sub(open);
            }
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => return Instant::from_micros(i64::MAX),
            }
        }
    }

    /// `at`, or where that is on a day that does not count, `time` of the next one that does.
    pub fn or_next(&self, at: Instant, time: Time, operator: &TimeZone) -> Instant {
        let zone = self.zone(operator);
        let Some(mut date) = stamp(at).map(|at| at.to_zoned(zone.clone()).date()) else {
            return at;
        };
        if self.counts(date) {
            return at;
        }
        while let Ok(next) = date.tomorrow() {
            date = next;
            if self.counts(date) {
                return instant(date, time, zone).unwrap_or(at);
            }
        }
        at
    }

    fn counts(&self, date: Date) -> bool {
        let holiday = self.holidays.as_ref().is_some_and(|all| all.contains(date));
        self.days.contains(&date.weekday()) && !holiday
    }

    /// The opening hours of one date as instants; `None` on a day that does not count.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Instant, Instant)> {
        if !self.counts(date) {
            return None;
        }
        Some((
            instant(date, self.opens, zone)?,
            instant(date, self.closes, zone)?,
        ))
    }

    /// How long one day is open.
    fn day(&self) -> Duration {
        let seconds = (self.closes - self.opens)
            .total(jiff::Unit::Second)
            .unwrap_or(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

fn instant(date: Date, time: Time, zone: &TimeZone) -> Option<Instant> {
    let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
    Some(Instant::from_micros(zoned.timestamp().as_microsecond()))
}

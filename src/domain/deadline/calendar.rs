//! Spans of time, and opening hours in which they are counted. Knows no profile.
//! Public holidays are not taken out: the earlier deadline is the safe mistake.

use crate::domain::instant::Instant;
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::time::Duration;

/// A length of time as a profile writes it: `8 hours`, `2 days`, `1 months`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    amount: u32,
    unit: Unit,
    halved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
    Months,
}

/// Longer spans are a slip of the pen.
const MAX_AMOUNT: u32 = 1_000;

impl Span {
    fn parse(text: &str) -> Option<Self> {
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
            halved: false,
        };
        (digits && (1..=MAX_AMOUNT).contains(&amount)).then_some(span)
    }

    /// Half of it; halving twice is halving once.
    pub fn halved(self) -> Self {
        Self {
            halved: true,
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
        let whole = one * self.amount;
        if self.halved { whole / 2 } else { whole }
    }

    /// `start` plus this span when every hour counts. Whole months keep the day of the month in `zone`.
    pub fn after(self, start: Instant, zone: &TimeZone) -> Instant {
        let plain = start + self.length(Duration::from_secs(86_400));
        if self.unit != Unit::Months || self.halved {
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

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("write a span as \"8 hours\": minutes, hours, days or months")
        })
    }
}

/// The hours that count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Hours {
    days: Vec<Weekday>,
    opens: Time,
    closes: Time,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    days: Vec<String>,
    opens: String,
    closes: String,
}

impl TryFrom<Table> for Hours {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let days: Option<Vec<Weekday>> = table.days.iter().map(|name| weekday(name)).collect();
        let days = days.ok_or("days are monday to sunday")?;
        let clock = |text: &str| -> Result<Time, String> {
            Time::strptime("%H:%M", text).map_err(|_| format!("{text} is not a time like 09:00"))
        };
        let (opens, closes) = (clock(&table.opens)?, clock(&table.closes)?);
        if days.is_empty() || opens >= closes {
            return Err("a calendar needs a day, and must open before it closes".into());
        }
        Ok(Self {
            days,
            opens,
            closes,
        })
    }
}

fn weekday(name: &str) -> Option<Weekday> {
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
    /// `start` plus `span`, counting only these hours of the wall clock in `zone`.
    pub fn after(&self, start: Instant, span: Span, zone: &TimeZone) -> Instant {
        let mut left = span.length(self.day());
        let Some(mut date) = stamp(start).map(|at| at.to_zoned(zone.clone()).date()) else {
            return start + left;
        };
        // Each week has at least a minute of opening hours, so the walk ends; the years 1970 to 9999 bound it too.
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

    /// The opening hours of one date as instants; `None` on a day that does not count.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Instant, Instant)> {
        if !self.days.contains(&date.weekday()) {
            return None;
        }
        let at = |time: Time| {
            let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
            Some(Instant::from_micros(zoned.timestamp().as_microsecond()))
        };
        Some((at(self.opens)?, at(self.closes)?))
    }

    /// How long one day is open.
    fn day(&self) -> Duration {
        let seconds = (self.closes - self.opens)
            .total(jiff::Unit::Second)
            .unwrap_or(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

//! Days on which nobody is at their desk, as an authority lists them. Knows no rule by which any of them falls
//! where it does, and so nothing of the years after the list.

use jiff::civil::Date;
use std::collections::BTreeSet;

/// A list that ends earlier than this is not one.
const LEAST: usize = 10;

/// The holidays of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holidays(BTreeSet<Date>);

impl Holidays {
    /// Reads lines like `2027/1/1,元日`; a heading without a date and lines that begin with `#` are passed over.
    /// Every fault is told, with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut days, mut faults) = (BTreeSet::new(), Vec::new());
        for (place, line) in text.lines().enumerate() {
            let line = line.trim_start_matches('\u{feff}').trim();
            let written = line.split(',').next().unwrap_or_default();
            let heading = days.is_empty() && !written.starts_with(|c: char| c.is_ascii_digit());
            if line.is_empty() || line.starts_with('#') || heading {
                continue;
            }
            match date(written) {
                Some(day) if days.insert(day) => {}
                Some(day) => faults.push(format!("line {}: {day} stands here twice", place + 1)),
                None => faults.push(format!(
                    "line {}: {written:?} is not a day like 2027/1/1",
                    place + 1
                )),
            }
        }
        if days.len() < LEAST {
            faults.push(format!(
                "only {} days: not a list of holidays (is it UTF-8?)",
                days.len()
            ));
        }
        if faults.is_empty() {
            Ok(Self(days))
        } else {
            Err(faults)
        }
    }

    pub fn contains(&self, day: Date) -> bool {
        self.0.contains(&day)
    }

    /// The last year that the list knows of; after it, holidays count as working days.
    pub fn last_year(&self) -> i16 {
        self.0.last().map_or(0, |day| day.year())
    }
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('/');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(())?;
    Date::new(year, month, day).ok()
}

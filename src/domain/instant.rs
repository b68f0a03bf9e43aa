//! `Instant`: a whole number of microseconds since 1970-01-01T00:00:00Z, and `Entered`: an instant
//! together with the UTC offset in which a person wrote it. No clock is read here.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(i64);

/// 9999-12-31T23:59:59.999999Z, the last instant that RFC 3339 can write.
const LAST_MICROS: i64 = 253_402_300_799_999_999;

impl Instant {
    /// From microseconds since the epoch, held within the years 1970 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, LAST_MICROS))
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, cut down (the unit of `webhook-timestamp`).
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// RFC 3339 in UTC with exactly three decimals, cut down: the only form written into hashed bytes.
    pub fn to_millis_string(self) -> String {
        use std::fmt::Write;
        let mut out = String::with_capacity(24);
        // A String never refuses a write.
        let _ = write!(out, "{self}");
        out
    }

    /// Takes exactly what [`Self::to_millis_string`] gives. Without a calendar library, because a whole log is
    /// read through it.
    pub fn from_millis_string(text: impl AsRef<[u8]>) -> Option<Self> {
        let bytes: &[u8; 24] = text.as_ref().try_into().ok()?;
        let (mut digits, mut strange) = ([0; 24], [false; 24]);
        let places = digits.iter_mut().zip(&mut strange);
        for ((digit, strange), (byte, shape)) in places.zip(bytes.iter().zip(SHAPE)) {
            *digit = byte.wrapping_sub(b'0');
            // Of each byte for itself, so that many are looked at together.
            *strange = if *shape == b'0' {
                *digit > 9
            } else {
                byte != shape
            };
        }
        let number = |from: usize, to: usize| {
            digits[from..to]
                .iter()
                .fold(0, |n, digit| n * 10 + i64::from(*digit))
        };
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
        let is_shaped = strange == [false; 24];
        let exists = (1..=12).contains(&month) && (1..=last_day(year, month)).contains(&day);
        if !is_shaped || !exists || year < 1970 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_of(year, month, day);
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self((seconds * 1_000 + number(20, 23)) * 1_000))
    }

    /// The microseconds from `earlier` to `self`; 0 when `earlier` is later.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// Where digits stand in the form that is hashed, and what stands between them.
const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// Of a month from 1 to 12 (proleptic Gregorian).
fn last_day(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the epoch to a civil date (proleptic Gregorian).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let yoe = year - era * 400;
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Days since the epoch to a civil date (proleptic Gregorian).
fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (
        year,
        u32::try_from(month).unwrap_or(1),
        u32::try_from(day).unwrap_or(1),
    )
}

impl Instant {
    /// The end of the millisecond in which it is shown: whatever is shown as of this time had been by then.
    pub fn as_shown(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1_000) + 999)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.div_euclid(1_000);
        let (year, month, day) = civil(millis.div_euclid(86_400_000));
        let of_day = millis.rem_euclid(86_400_000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            of_day / 3_600_000,
            of_day / 60_000 % 60,
            of_day / 1_000 % 60,
            of_day % 1_000
        )
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self::from_micros(
            self.0
                .saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self::from_micros(
            self.0
                .saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl serde::Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Why a time was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATime {
    #[error("not a time: write it as RFC 3339 with a zone, like 2019-05-17T11:11:09+09:00")]
    Form,
    #[error("outside the years 1970 to 9999")]
    Range,
}

/// An instant as a person entered it: what happened when, and the clock on their wall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entered {
    pub at: Instant,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Entered {
    /// Parses RFC 3339 `date-time`; the zone is required, leap seconds and `-00:00` are refused.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let bytes = text.as_bytes();
        // jiff takes more forms than RFC 3339 has; the shape is checked first.
        let shaped = bytes.len() >= 20
            && bytes.len() <= 35
            && bytes[4] == b'-'
            && bytes[7] == b'-'
            && matches!(bytes[10], b'T' | b't')
            && bytes[13] == b':'
            && bytes[16] == b':'
            && &bytes[17..19] < b"60".as_slice()
            && bytes[19..]
                .iter()
                .all(|b| b.is_ascii_digit() || b".:+-Zz".contains(b));
        if !shaped {
            return Err(NotATime::Form);
        }
        let upper = text.to_ascii_uppercase();
        let offset_minutes = if upper.ends_with('Z') {
            0
        } else {
            let tail = upper.get(upper.len() - 6..).ok_or(NotATime::Form)?;
            offset(tail).ok_or(NotATime::Form)?
        };
        // The last year that can be written is the last that the library knows, and it leaves the end of it out.
        let at: jiff::Timestamp = upper.parse().map_err(|_| match upper.as_bytes() {
            [b'9', b'9', b'9', b'9', b'-', ..] => NotATime::Range,
            _ => NotATime::Form,
        })?;
        let micros = at.as_microsecond();
        if !(0..=LAST_MICROS).contains(&micros) {
            return Err(NotATime::Range);
        }
        Ok(Self {
            at: Instant(micros),
            offset_minutes,
        })
    }
}

/// `+09:00` → 540; `-00:00` (RFC 3339 §4.3, "unknown") and anything past ±14:00 are refused.
fn offset(text: &str) -> Option<i16> {
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let hours: i16 = text.get(1..3)?.parse().ok()?;
    let minutes: i16 = text.get(4..6)?.parse().ok()?;
    let total = hours * 60 + minutes;
    if minutes > 59 || total > 14 * 60 || (sign < 0 && total == 0) {
        return None;
    }
    Some(sign * total)
}

impl fmt::Display for Entered {
    /// RFC 3339 in the entered offset, three decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offset_minutes == 0 {
            return fmt::Display::fmt(&self.at, f);
        }
        let local =
            Instant(self.at.0 + i64::from(self.offset_minutes) * 60_000_000).to_millis_string();
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.unsigned_abs();
        write!(
            f,
            "{}{sign}{:02}:{:02}",
            local.trim_end_matches('Z'),
            minutes / 60,
            minutes % 60
        )
    }
}

impl serde::Serialize for Entered {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Entered {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a date that does not exist another one comes back.
    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for year in [1970, 1999, 2000, 2019, 2024, 2100, 9999] {
            for (month, day) in (0..20).flat_map(|month| (0..40).map(move |day| (month, day))) {
                let text = format!("{year:04}-{month:02}-{day:02}T02:11:09.120Z");
                let back = civil(days_of(year, month, day));
                let exists = (back.0, i64::from(back.1), i64::from(back.2)) == (year, month, day);
                let read = Instant::from_millis_string(&text).map(Instant::to_millis_string);
                assert_eq!(read, exists.then_some(text));
            }
        }
    }

    #[test]
    fn a_time_keeps_the_offset_in_which_it_was_written() {
        let entered = Entered::parse("2019-05-17T11:11:09.1204+09:00").expect("a good time");
        assert_eq!(entered.to_string(), "2019-05-17T11:11:09.120+09:00");
        assert_eq!(entered.at.to_millis_string(), "2019-05-17T02:11:09.120Z");
        assert_eq!(entered.at.micros() % 1_000, 400);
    }

    #[test]
    fn what_is_shown_as_of_a_time_had_been_by_then() {
        let written = Instant::from_micros(1_558_059_069_120_400);
        let shown = Entered::parse(&written.to_string())
            .expect("a good time")
            .at;
        assert!(shown < written && written <= shown.as_shown());
        assert_eq!(shown.as_shown().to_string(), written.to_string());
        assert_eq!(shown.as_shown().as_shown(), shown.as_shown());
        let last = Entered::parse("9999-12-31T23:59:59Z");
        assert!(matches!(last, Err(NotATime::Range)), "{last:?}");
    }

    #[test]
    fn impossible_times_are_refused() {
        for bad in [
            "",
            "2019-05-17",
            "2019-05-17T11:11:09",
            "2019-02-30T00:00:00Z",
            "2019-05-17T23:59:60Z",
            "2019-05-17 11:11:09Z",
            "1969-12-31T23:59:59Z",
            "2019-05-17T11:11:09-00:00",
            "2019-05-17T11:11:09+15:00",
            "2019-05-17T11:11:09+09:00[Asia/Tokyo]",
            "０019-05-17T11:11:09Z",
            "+02019-05-17T11:11:09Z",
            "2019-13-01T00:00:00Z",
            "2019-05-17T24:00:00Z",
        ] {
            assert!(Entered::parse(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn the_hashed_form_is_read_in_its_one_spelling() {
        let good = "2019-05-17T02:11:09.120Z";
        let read = Instant::from_millis_string(good).map(Instant::to_millis_string);
        assert_eq!(read.as_deref(), Some(good));
        for bad in [
            "",
            "2019-05-17T02:11:09Z",
            "2019-05-17T02:11:09.120+00:00",
            "2019-05-17t02:11:09.120Z",
            "2019-02-29T02:11:09.120Z",
            "2019-00-17T02:11:09.120Z",
            "2019-13-17T02:11:09.120Z",
            "2019-05-00T02:11:09.120Z",
            "2019-04-31T02:11:09.120Z",
            "2019-05-17T24:00:00.000Z",
            "2019-05-17T02:60:09.120Z",
            "2019-05-17T02:11:60.120Z",
            "1969-12-31T23:59:59.999Z",
            "２19-05-17T02:11:09.120Z",
        ] {
            assert_eq!(Instant::from_millis_string(bad), None, "{bad}");
        }
    }

    #[test]
    fn civil_dates_agree_with_the_calendar_library() {
        for micros in (0..LAST_MICROS).step_by(9_999_999_999_777) {
            let ours = Instant(micros).to_millis_string();
            let theirs =
                jiff::Timestamp::from_microsecond(micros / 1_000 * 1_000).expect("in range");
            assert_eq!(ours, format!("{theirs:.3}"));
            let back = Instant::from_millis_string(&ours).map(Instant::micros);
            assert_eq!(back, Some(micros / 1_000 * 1_000));
        }
    }
}

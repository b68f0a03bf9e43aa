//! `IncidentRef`: `INC-YYYY-NNNN`. Does not know which numbers are taken.

use std::fmt;
use std::str::FromStr;

/// The public name of an incident: a year by the operator's zone and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentRef {
    year: u16,
    number: u32,
}

/// The text was not an incident reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an incident reference: write it like INC-2019-0003")]
pub struct NotAReference;

impl IncidentRef {
    /// `None` outside the years 1970 to 9999 and the numbers 1 to 9 999 999.
    pub fn new(year: u16, number: u32) -> Option<Self> {
        let fits = (1970..=9999).contains(&year) && (1..=9_999_999).contains(&number);
        fits.then_some(Self { year, number })
    }

    pub fn year(self) -> u16 {
        self.year
    }

    pub fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for IncidentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{:04}-{:04}", self.year, self.number)
    }
}

impl FromStr for IncidentRef {
    type Err = NotAReference;

    /// Only the canonical spelling is taken, so that one incident has one URL.
    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let (year, number) = text
            .strip_prefix("INC-")
            .and_then(|rest| rest.split_once('-'))
            .ok_or(NotAReference)?;
        let year = year.parse().map_err(|_| NotAReference)?;
        let number = number.parse().map_err(|_| NotAReference)?;
        Self::new(year, number)
            .filter(|made| made.to_string() == text)
            .ok_or(NotAReference)
    }
}

impl serde::Serialize for IncidentRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for IncidentRef {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_one_spelling() {
        for good in ["INC-2019-0003", "INC-2026-0007", "INC-2026-12345"] {
            assert_eq!(
                good.parse::<IncidentRef>().map(|r| r.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "INC-2019-3",
            "INC-2019-00003",
            "INC-2019-0000",
            "inc-2019-0003",
            "INC-19-0003",
            "INC-2019-+003",
            " INC-2019-0003",
            "INC-2019-99999999",
            "INC-2019-0003-1",
        ] {
            assert_eq!(bad.parse::<IncidentRef>(), Err(NotAReference), "{bad}");
        }
    }
}

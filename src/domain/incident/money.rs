//! Money: integer minor units with an ISO 4217 code; no rates and no rounding.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount as a client writes it; nothing is proved yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Minor units (yen, cents, fils) as a decimal integer in a text: JSON numbers lose digits past 2^53.
    pub minor: String,
    pub currency: String,
    #[serde(default)]
    pub estimate: bool,
}

/// A currency by its three letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const JPY: Currency = Currency(*b"JPY");

    /// Three upper-case ASCII letters.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters")
    }

    /// Digits after the point (ISO 4217 list one).
    pub fn minor_digits(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount, zero or more, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Amount", into = "Amount")]
pub struct Money {
    minor: i64,
    currency: Currency,
    estimate: bool,
}

/// Why an amount was refused, and in which of its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountFault {
    #[error(
        "not an amount: write whole minor units without sign, point or leading zeros, as \"1200\""
    )]
    Minor,
    #[error("not a currency: write the three upper-case letters of ISO 4217, as \"JPY\"")]
    Currency,
}

impl Money {
    /// `None` below zero.
    pub fn new(minor: i64, currency: Currency, estimate: bool) -> Option<Self> {
        (minor >= 0).then_some(Self {
            minor,
            currency,
            estimate,
        })
    }

    pub fn minor(&self) -> i64 {
        self.minor
    }

    pub fn currency(&self) -> Currency {
        self.currency
    }

    pub fn is_estimate(&self) -> bool {
        self.estimate
    }

    /// The amount in major units: `18000000` yen, `12.05` euro, `1.250` dinar.
    pub fn to_decimal(&self) -> String {
        let digits = self.currency.minor_digits();
        let unit = 10_i64.pow(digits);
        if digits == 0 {
            return self.minor.to_string();
        }
        let width = digits as usize;
        format!("{}.{:0width$}", self.minor / unit, self.minor % unit)
    }
}

impl TryFrom<Amount> for Money {
    type Error = AmountFault;

    fn try_from(amount: Amount) -> Result<Self, AmountFault> {
        Self::try_from(&amount)
    }
}

impl TryFrom<&Amount> for Money {
    type Error = AmountFault;

    fn try_from(amount: &Amount) -> Result<Self, AmountFault> {
        let currency = Currency::parse(&amount.currency).ok_or(AmountFault::Currency)?;
        let minor: i64 = amount.minor.parse().map_err(|_| AmountFault::Minor)?;
        // i64 also reads "+7", "007" and "-0".
        if minor.to_string() != amount.minor {
            return Err(AmountFault::Minor);
        }
        Self::new(minor, currency, amount.estimate).ok_or(AmountFault::Minor)
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self {
            minor: money.minor.to_string(),
            currency: money.currency.code().to_owned(),
            estimate: money.estimate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(minor: &str, currency: &str) -> Result<Money, AmountFault> {
        Money::try_from(Amount {
            minor: minor.into(),
            currency: currency.into(),
            estimate: false,
        })
    }

    #[test]
    fn an_amount_is_shown_with_the_digits_of_its_currency() {
        for (minor, currency, shown) in [
            ("18000000", "JPY", "18000000"),
            ("1205", "EUR", "12.05"),
            ("5", "USD", "0.05"),
            ("1250", "KWD", "1.250"),
            ("7", "BHD", "0.007"),
            ("0", "JPY", "0"),
            ("9223372036854775807", "JPY", "9223372036854775807"),
        ] {
            assert_eq!(
                read(minor, currency).map(|m| m.to_decimal()),
                Ok(shown.to_owned())
            );
        }
    }

    #[test]
    fn an_amount_in_any_other_form_is_refused() {
        for minor in [
            "",
            "-1",
            "-0",
            "+1",
            "01",
            "1.0",
            "1,000",
            "１",
            " 1",
            "9223372036854775808",
            "1e3",
        ] {
            assert_eq!(read(minor, "JPY"), Err(AmountFault::Minor), "{minor}");
        }
        for currency in ["", "jpy", "JP", "JPYX", "円円円", "J1Y"] {
            assert_eq!(
                read("1", currency),
                Err(AmountFault::Currency),
                "{currency}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(minor in 0..=i64::MAX, estimate: bool) {
            let money = Money::new(minor, Currency::JPY, estimate).expect("not below zero");
            prop_assert_eq!(Money::try_from(Amount::from(money)), Ok(money));
        }
    }
}

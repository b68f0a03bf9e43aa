//! The small shapes of which a filing and a body are made. They prove nothing; `check` does.

use crate::domain::instant::Entered;
use crate::domain::vocabulary::{Countermeasure, CountermeasureScope, Language, ServiceState};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A text in one or both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

impl Words {
    /// The text in this language, or in the other if only that was written; "" if neither.
    pub fn best(&self, language: Language) -> &str {
        let (first, second) = match language {
            Language::Ja => (&self.ja, &self.en),
            Language::En => (&self.en, &self.ja),
        };
        first.as_deref().or(second.as_deref()).unwrap_or_default()
    }
}

/// A value, or the statement that it is not yet known. Being absent is a third thing: `Option<Known<T>>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    Unknown,
    Value(T),
}

const UNKNOWN: &str = "unknown";

impl<T> Known<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Unknown => None,
            Known::Value(value) => Some(value),
        }
    }

    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Unknown => Known::Unknown,
            Known::Value(value) => Known::Value(make(value)),
        }
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Known::Unknown => s.serialize_str(UNKNOWN),
            Known::Value(value) => value.serialize(s),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(KnownVisitor(PhantomData))
    }
}

/// Hands everything but the one word on to `T`; an untagged enum would lose the place of a fault.
struct KnownVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for KnownVisitor<T> {
    type Value = Known<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or \"unknown\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == UNKNOWN {
            return Ok(Known::Unknown);
        }
        T::deserialize(text.into_deserializer()).map(Known::Value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Known::Value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(Known::Value)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Known::Value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(items)).map(Known::Value)
    }
}

/// A number of people or transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    pub count: Known<u64>,
    #[serde(default)]
    pub estimate: bool,
}

/// What is switched off where. Names a bank, so it never enters the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankServices {
    pub bank: String,
    pub new_links: Option<ServiceState>,
    pub top_ups: Option<ServiceState>,
    pub pay_outs: Option<ServiceState>,
}

/// One countermeasure, taken or planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    pub code: Countermeasure,
    pub scope: CountermeasureScope,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Entered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_for: Option<Entered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A police force, regulator or data authority that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyNotified {
    pub body: String,
    pub at: Entered,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What is to be done so that it does not come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemedialAction {
    pub action: String,
    /// A department or a firm, never a person.
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Entered>,
}

/// A person at the operator. Personal: travels in the envelope and rests in the erasable store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorContact {
    pub name: String,
    pub role: String,
    pub email: String,
    pub phone: String,
}

impl fmt::Debug for OperatorContact {
    /// Without the person: debug output ends in traces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorContact(…)")
    }
}

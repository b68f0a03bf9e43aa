//! A serde reader over a `serde_json::Value` whose errors carry the way back to the offending field.
//! Knows no limits and no doubled keys: `json.rs` has seen to both.

use crate::domain::fault::Fault;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::Value;
use std::fmt;

/// What was refused, and the tokens of the way there, innermost first.
#[derive(Debug)]
pub(super) struct Refused {
    tokens: Vec<String>,
    code: &'static str,
    message: String,
}

impl Refused {
    fn new(code: &'static str, message: String) -> Self {
        Self {
            tokens: Vec::new(),
            code,
            message,
        }
    }

    fn under(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(token.into());
        self
    }

    pub(super) fn into_fault(self) -> Fault {
        Fault {
            pointer: super::pointer(self.tokens.iter().rev()),
            code: self.code,
            message: self.message,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// The kind of JSON value, without its content: a refused text may be personal.
fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

/// What a type asks for, in the words of JSON: derived types name themselves.
fn wanted(expected: &dyn Expected) -> String {
    let said = expected.to_string();
    let words = match said.split_whitespace().next() {
        Some("struct") => "an object",
        Some("enum" | "variant") => "a code",
        Some("i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize") => "an integer",
        _ if said == "a string" => "a text",
        _ if said == "a sequence" => "a list",
        _ if said == "a map" => "an object",
        _ if said == "a boolean" => "true or false",
        _ => return said,
    };
    words.to_owned()
}

fn listed(names: &[&str]) -> String {
    names.join(", ")
}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("field_type", message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!("expected {}, found {}", wanted(expected), kind(&found));
        Self::new("field_type", message)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (wanted, found) = (wanted(expected), kind(&found));
        let message = format!("expected {wanted}, found {found} out of bounds");
        Self::new("field_type", message)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(
            "field_type",
            format!("expected {}, found {length} items", wanted(expected)),
        )
    }

    fn unknown_variant(_: &str, codes: &'static [&'static str]) -> Self {
        let message = format!("not a known code: use one of {}", listed(codes));
        Self::new("code_unknown", message)
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let message = if known.is_empty() {
            "no such field: this object has none".to_owned()
        } else {
            format!("no such field: there are {}", listed(known))
        };
        Self::new("field_unknown", message).under(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("field_missing", format!("{field} is required")).under(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        let message = "this key stands here twice: keep one".to_owned();
        Self::new("json_duplicate_key", message).under(field)
    }
}

/// One value of the tree, ready to be read.
pub(super) struct Node<'de>(pub(super) &'de Value);

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(value) = number.as_u64() {
                    visitor.visit_u64(value)
                } else if let Some(value) = number.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items {
                rest: items.iter(),
                index: 0,
            }),
            Value::Object(object) => visitor.visit_map(Entries::of(object)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.0 {
            Value::String(code) => visitor.visit_enum(BorrowedStrDeserializer::new(code)),
            Value::Object(object) => {
                visitor.visit_enum(MapAccessDeserializer::new(Entries::of(object)))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    // A list whose items happen to fit a struct's fields in order is not that struct.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Array(_) => Err(serde::de::Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        let Some(item) = self.rest.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Node(item))
            .map(Some)
            .map_err(|refused| refused.under(index.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Entries<'de> {
    rest: serde_json::map::Iter<'de>,
    pending: Option<(&'de String, &'de Value)>,
}

impl<'de> Entries<'de> {
    fn of(object: &'de serde_json::Map<String, Value>) -> Self {
        Self {
            rest: object.iter(),
            pending: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        self.pending = self.rest.next();
        match self.pending {
            Some((key, _)) => seed
                .deserialize(BorrowedStrDeserializer::new(key))
                .map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let (key, value) = self
            .pending
            .take()
            .expect("serde asks for a value only after its key");
        seed.deserialize(Node(value))
            .map_err(|refused| refused.under(key.as_str()))
    }
}

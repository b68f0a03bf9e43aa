//! The one strict JSON door for request bodies (RFC 8259, I-JSON RFC 7493 in spirit) and the one
//! canonical way out (RFC 8785). Knows no fields; shapes come from the types that are asked for.
//!
//! Two steps: the bytes become a tree in which no key is doubled and nothing is nested too deep; then
//! the tree is read into the type by a reader that remembers where it is, so that a fault can point.

use super::fault::{Fault, Faults};
use reader::{Node, Refused};
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

mod reader;

/// Lists and objects nested deeper than this are refused.
pub const MAX_DEPTH: usize = 32;

/// At most so many doubled keys are reported.
const MAX_REPORTED: usize = 16;

/// Reads one JSON text into `T`. Codes: `json_syntax`, `json_duplicate_key`, `json_depth`,
/// `field_unknown`, `field_type`, `field_missing`, `code_unknown`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Faults> {
    let tree = tree(bytes)?;
    read(&tree)
}

/// Reads an already parsed tree into `T`, with the same codes. Doubled keys cannot be seen here any more.
pub fn read<T: DeserializeOwned>(tree: &Value) -> Result<T, Faults> {
    T::deserialize(Node(tree)).map_err(|refused: Refused| Faults(vec![refused.into_fault()]))
}

/// The RFC 8785 bytes of a value made of texts, lists, objects, booleans and integers below 2^53.
/// Must not be handed a float that is not a number or a map whose keys are not texts.
pub fn canonical<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value)
        .expect("the domain's shapes hold no floats and only text keys")
}

fn syntax(message: impl Into<String>) -> Faults {
    let mut faults = Faults::default();
    faults.add("", "json_syntax", message);
    faults
}

fn tree(bytes: &[u8]) -> Result<Value, Faults> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(syntax(
            "the body starts with a byte order mark: send UTF-8 without it",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|fault| {
        syntax(format!(
            "the body is not UTF-8 from byte {}",
            fault.valid_up_to()
        ))
    })?;
    let mut seen = Seen::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = Branch {
        seen: &mut seen,
        depth: 0,
    };
    let parsed = seed.deserialize(&mut json).and_then(|value| {
        json.end()?;
        Ok(value)
    });
    match parsed {
        _ if !seen.faults.is_empty() => Err(Faults(seen.faults)),
        Ok(value) => Ok(value),
        Err(fault) => Err(syntax(format!("not one JSON text: {fault}"))),
    }
}

/// Where the tree builder is, and what it found on the way.
#[derive(Default)]
struct Seen {
    path: Vec<String>,
    faults: Vec<Fault>,
}

impl Seen {
    fn note(&mut self, code: &'static str, message: &str) {
        if self.faults.len() < MAX_REPORTED {
            let pointer = pointer(self.path.iter());
            self.faults.push(Fault {
                pointer,
                code,
                message: message.to_owned(),
            });
        }
    }
}

/// RFC 6901: each token after a slash, `~` as `~0` and `/` as `~1`.
pub(crate) fn pointer<'a>(tokens: impl Iterator<Item = &'a String>) -> String {
    tokens.fold(String::new(), |mut out, token| {
        out.push('/');
        out.push_str(&token.replace('~', "~0").replace('/', "~1"));
        out
    })
}

struct Branch<'s> {
    seen: &'s mut Seen,
    depth: usize,
}

impl Branch<'_> {
    fn below<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.seen.note(
                "json_depth",
                "nested too deep: at most 32 lists and objects inside each other",
            );
            return Err(E::custom("nested too deep"));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Branch<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number =
            serde_json::Number::from_f64(value).ok_or_else(|| E::custom("not a number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        self.below()?;
        let mut list = Vec::new();
        loop {
            self.seen.path.push(list.len().to_string());
            let seed = Branch {
                seen: self.seen,
                depth: self.depth,
            };
            let Some(item) = items.next_element_seed(seed)? else {
                break;
            };
            self.seen.path.pop();
            list.push(item);
        }
        self.seen.path.pop();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        self.below()?;
        let mut object = serde_json::Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.seen.path.push(key.clone());
            if object.contains_key(&key) {
                self.seen
                    .note("json_duplicate_key", "this key stands here twice: keep one");
            }
            let seed = Branch {
                seen: self.seen,
                depth: self.depth,
            };
            let value = entries.next_value_seed(seed)?;
            self.seen.path.pop();
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;

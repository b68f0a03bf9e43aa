//! Whether bytes are an entry's canonical JSON: RFC 8785 within the log's own bounds (ASCII, keys without
//! escapes, no floats, integers within ±(2^53 - 1)). One pass without a tree, because a whole log is read
//! this way; names the fields of the outermost object. Knows no entry's meaning.

/// Lists and objects nested deeper than this are refused.
const MAX_DEPTH: u8 = 16;
/// The largest integer that every reader of JSON keeps exact (RFC 8785 §3.2.2.3, RFC 7493 §2.2).
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// One field of the outermost object: its key without quotes, its value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
}

/// Where bytes stop being canonical JSON of the log's restricted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not canonical JSON from byte {0}")]
pub struct NotCanonical(pub usize);

/// Reads one object and nothing besides; `fields` afterwards holds its fields, in order.
pub fn scan<'a>(bytes: &'a [u8], fields: &mut Vec<Field<'a>>) -> Result<(), NotCanonical> {
    fields.clear();
    let mut scan = Scan { bytes, at: 0 };
    let whole = scan.object(0, Some(fields)).is_some() && scan.at == bytes.len();
    if whole {
        Ok(())
    } else {
        Err(NotCanonical(scan.at))
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// `None` = refused, with `at` near the place.
impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// After an item: whether another follows.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        let goes_on = byte == b',';
        (goes_on || byte == end).then(|| {
            self.at += 1;
            goes_on
        })
    }

    fn object(&mut self, depth: u8, mut fields: Option<&mut Vec<Field<'a>>>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            return self.expect(b'}');
        }
        let mut before: Option<&[u8]> = None;
        loop {
            let key = self.key()?;
            // Strictly ascending: sorted, and none twice.
            if before.is_some_and(|before| !ascends(before, key)) {
                return None;
            }
            before = Some(key);
            self.expect(b':')?;
            let start = self.at;
            self.value(depth)?;
            if let Some(fields) = fields.as_deref_mut() {
                let value = &self.bytes[start..self.at];
                fields.push(Field { key, value });
            }
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    fn list(&mut self, depth: u8) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            return self.expect(b']');
        }
        loop {
            self.value(depth)?;
            if !self.goes_on(b']')? {
                return Some(());
            }
        }
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' if depth < MAX_DEPTH => self.object(depth + 1, None),
            b'[' if depth < MAX_DEPTH => self.list(depth + 1),
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.integer(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..]
            .starts_with(word)
            .then(|| self.at += word.len())
    }

    /// No leading zero, no fraction, no exponent, no minus before 0.
    fn integer(&mut self) -> Option<()> {
        let negative = self.expect(b'-').is_some();
        let start = self.at;
        let mut value = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value * 10 + u64::from(digit - b'0');
            if value > MAX_INTEGER {
                return None;
            }
            self.at += 1;
        }
        let zero = self.bytes.get(start) == Some(&b'0');
        let written = self.at - start;
        let fits = written == 1 && !(zero && negative) || written > 1 && !zero;
        fits.then_some(())
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let plain = self.text()?;
        plain.then(|| &self.bytes[start..self.at - 1])
    }

    /// Whether it is without escapes.
    fn text(&mut self) -> Option<bool> {
        self.expect(b'"')?;
        let mut plain = true;
        loop {
            self.skip_plain();
            match self.peek()? {
                b'"' => return self.expect(b'"').map(|()| plain),
                b'\\' => self.escape()?,
                _ => return None,
            }
            plain = false;
        }
    }

    /// Over bytes that stand for themselves in a text, eight at a time.
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        let mut at = self.at;
        while let Some(eight) = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*eight);
            let quote = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
            let slash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
            let control = word.wrapping_sub(ONES * 0x20);
            // The high bit of every byte that is not plain; beyond the lowest of them bits may be wrong.
            let marked = (word | quote | slash | control) & (ONES << 7);
            if marked != 0 {
                self.at = at + (marked.trailing_zeros() / 8) as usize;
                return;
            }
            at += 8;
        }
        while self.bytes.get(at).is_some_and(|byte| is_plain(*byte)) {
            at += 1;
        }
        self.at = at;
    }

    /// The shortest escape of a quote, a backslash or a control character (RFC 8785 §3.2.2.2).
    fn escape(&mut self) -> Option<()> {
        let rest = &self.bytes[self.at + 1..];
        let length = match rest {
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', b'0', b'0', high @ b'0'..=b'1', low, ..] => {
                let low = match low {
                    b'0'..=b'9' => low - b'0',
                    b'a'..=b'f' => low - b'a' + 10,
                    _ => return None,
                };
                let code = (high - b'0') * 16 + low;
                if matches!(code, 8 | 9 | 10 | 12 | 13) {
                    return None;
                }
                6
            }
            _ => return None,
        };
        self.at += length;
        Some(())
    }
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\'
}

/// Mostly the first bytes tell.
fn ascends(before: &[u8], key: &[u8]) -> bool {
    match (before.first(), key.first()) {
        (Some(one), Some(next)) if one != next => one < next,
        _ => before < key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(bytes: &[u8]) -> bool {
        scan(bytes, &mut Vec::new()).is_ok()
    }

    /// What the scanner stands for: parse, write canonically, compare.
    fn canonical(bytes: &[u8]) -> bool {
        let parsed = serde_json::from_slice::<serde_json::Value>(bytes);
        parsed.is_ok_and(|value| {
            value.is_object() && serde_json_canonicalizer::to_vec(&value).is_ok_and(|b| b == bytes)
        })
    }

    #[test]
    fn only_the_one_spelling_is_taken() {
        let good = [
            r#"{}"#,
            r#"{"a":0,"b":-1,"c":9007199254740991,"d":[],"e":{},"f":[1,"x",null,true,false]}"#,
            r#"{"A":{"a":[{"z":"a b/c~"}]},"a":"","aa":"\"\\\b\f\n\r\t\u0000\u001f"}"#,
            "{\"a\":\"\u{7f}\"}",
        ];
        for text in good {
            assert!(taken(text.as_bytes()), "{text}");
            assert!(canonical(text.as_bytes()), "{text}");
        }
        let bad = [
            "",
            "{",
            "{}\n",
            " {}",
            "[]",
            "1",
            "null",
            r#"{"a":1,}"#,
            r#"{"a" :1}"#,
            r#"{"a": 1}"#,
            r#"{"b":1,"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":-0}"#,
            r#"{"a":01}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":-}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":"é"}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a":"\u000a"}"#,
            r#"{"a":"\u001F"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":"x}"#,
            r#"{"a":tru}"#,
            r#"{a:1}"#,
            r#"{"\n":1}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1 ,2]}"#,
            r#"{"a":"12345678	"}"#,
        ];
        for text in bad {
            assert!(!taken(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_fields_of_the_outermost_object_are_named_in_order() {
        let mut fields = Vec::new();
        scan(br#"{"a":{"b":1},"n":-7,"t":"x\"y"}"#, &mut fields).expect("canonical");
        let pairs: Vec<(&[u8], &[u8])> = fields.iter().map(|f| (f.key, f.value)).collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"a", br#"{"b":1}"#), (b"n", b"-7"), (b"t", br#""x\"y""#)];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn what_is_nested_without_end_is_refused_and_not_followed() {
        for open in ["[", "{\"a\":"] {
            assert!(!taken(
                format!("{{\"a\":{}", open.repeat(100_000)).as_bytes()
            ));
        }
    }

    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i32>().prop_map(|n| n.to_string()),
            "[ -~]{0,24}".prop_map(|text| serde_json::Value::from(text).to_string()),
            "[\\x00-\\x7f]{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|v| format!("[{}]", v.join(","))),
                object(inner),
            ]
        })
    }

    fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        prop::collection::btree_map("[a-zA-Z_]{1,9}", inner, 0..6).prop_map(|map| {
            let pairs: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            format!("{{{}}}", pairs.join(","))
        })
    }

    proptest! {
        #[test]
        fn the_scanner_and_a_canonicaliser_agree(
            text in object(value()),
            at in any::<prop::sample::Index>(),
            byte in 0x20_u8..0x7f,
        ) {
            prop_assert!(taken(text.as_bytes()), "{}", text);
            let mut spoilt = text.into_bytes();
            let at = at.index(spoilt.len());
            spoilt[at] = byte;
            // Restricted: what the canonicaliser takes may still be outside the log's form, never the reverse.
            if taken(&spoilt) {
                prop_assert!(canonical(&spoilt), "{}", String::from_utf8_lossy(&spoilt));
            } else if canonical(&spoilt) {
                let text = String::from_utf8_lossy(&spoilt);
                prop_assert!(text.contains('.') || text.contains('e') || text.contains('E') || text.contains('\\'));
            }
        }
    }
}

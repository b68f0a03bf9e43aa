//! Cuts an object out of a webhook's body as it came, byte for byte: digests are of bytes, not of what they
//! mean, and so no canonicaliser is needed. Works on JSON that a parser has accepted.

/// The exact bytes of the object `data.FIELD`.
pub fn spliced<'a>(body: &'a [u8], field: &str) -> Option<&'a [u8]> {
    member(member(body, "data")?, field)
}

/// The exact bytes of an object's member that is itself an object.
fn member<'a>(object: &'a [u8], field: &str) -> Option<&'a [u8]> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < object.len() {
        match object[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let end = string_end(object, at)?;
                let rest = object.get(end..)?;
                // A name stands at the first depth and before a colon.
                if depth == 1
                    && &object[at + 1..end - 1] == field.as_bytes()
                    && rest.first() == Some(&b':')
                {
                    return whole_object(rest.get(1..)?);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Just after the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The object with which `bytes` begin.
fn whole_object(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return bytes.get(..=at);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_hashes_the_very_bytes_that_came() {
        let body = br#"{"type":"data","data":{"digest":"notice","notice":{"a":"}\"{","b":{"notice":{}}},"incident":{"x":[1]}}}"#;
        let text = |field| spliced(body, field).and_then(|bytes| std::str::from_utf8(bytes).ok());
        assert_eq!(text("notice"), Some(r#"{"a":"}\"{","b":{"notice":{}}}"#));
        assert_eq!(text("incident"), Some(r#"{"x":[1]}"#));
        assert_eq!(text("digest"), None);
        assert_eq!(text("b"), None);
    }

    #[test]
    fn what_is_cut_off_or_no_object_gives_nothing() {
        for body in [
            "",
            "{",
            r#"{"data":{"notice":{"a"#,
            r#"{"data":{"notice":{"a":"\"#,
            "}}",
            r#"{"data":1}"#,
        ] {
            assert_eq!(spliced(body.as_bytes(), "notice"), None, "{body}");
        }
    }
}

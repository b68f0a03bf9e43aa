//! What people write: normalised once (NFC), trimmed, and free of characters that a reader cannot see.
//! Knows nothing of fields or languages; the caller says how long a text may be.

use unicode_normalization::UnicodeNormalization;

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    #[error("nothing is written here: write at least one character")]
    Empty,
    #[error("too long: at most {max} characters")]
    TooLong { max: usize },
    #[error("contains the invisible or control character U+{0:04X}: remove it")]
    Control(u32),
    #[error("contains the text-direction character U+{0:04X}: remove it")]
    Bidi(u32),
}

impl TextFault {
    /// The stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "text_empty",
            Self::TooLong { .. } => "text_too_long",
            Self::Control(_) => "text_control",
            Self::Bidi(_) => "text_bidi",
        }
    }
}

/// One line: no line breaks. `max_chars` counts Unicode scalar values after normalisation.
pub fn line(text: &str, max_chars: usize) -> Result<String, TextFault> {
    clean(text, max_chars, false)
}

/// Lines separated by `\n`; CRLF is folded to LF, a lone CR is refused.
pub fn paragraphs(text: &str, max_chars: usize) -> Result<String, TextFault> {
    clean(&text.replace("\r\n", "\n"), max_chars, true)
}

fn clean(text: &str, max_chars: usize, breaks: bool) -> Result<String, TextFault> {
    // Only ASCII blanks go before the judgement: U+2028 and NEL count as white space too and must be seen.
    let outer = text.trim_matches(|c: char| c.is_ascii_whitespace());
    judge(outer, breaks)?;
    let normal: String = outer.nfc().collect();
    let normal = normal.trim();
    if normal.is_empty() {
        return Err(TextFault::Empty);
    }
    if normal.chars().count() > max_chars {
        return Err(TextFault::TooLong { max: max_chars });
    }
    Ok(normal.to_owned())
}

fn judge(text: &str, breaks: bool) -> Result<(), TextFault> {
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        let refused = match c {
            '\n' => !breaks,
            '\u{200D}' => !joins(before, after),
            _ if is_selector(c) => before.is_none_or(|b: char| b.is_whitespace() || is_selector(b)),
            _ => is_invisible(c),
        };
        if is_bidi(c) {
            return Err(TextFault::Bidi(u32::from(c)));
        }
        if refused {
            return Err(TextFault::Control(u32::from(c)));
        }
        before = Some(c);
    }
    Ok(())
}

/// Unicode UAX #9 explicit formatting characters and the implicit marks.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')
}

fn is_invisible(c: char) -> bool {
    let code = u32::from(c);
    let noncharacter = (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE;
    noncharacter
        || c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{180E}' | '\u{200B}' | '\u{200C}' | '\u{2028}' | '\u{2029}'
            | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            // Hangul fillers draw nothing at all.
            | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}'
            // Tag characters can carry a whole hidden text.
            | '\u{E0000}'..='\u{E007F}')
}

/// Variation selectors: kanji variants of names need them, but one at a time and after something visible.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// The zero-width joiner is taken only where it joins two emoji.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    let emoji = |c: char| matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2190}'..='\u{2BFF}');
    before.is_some_and(|c| emoji(c) || c == '\u{FE0F}') && after.is_some_and(emoji)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_person_writes_is_kept_in_one_normal_form() {
        for (written, kept) in [
            (" 不正な口座連携の疑い\n", "不正な口座連携の疑い"),
            ("か\u{3099}", "が"),
            ("\u{3000}全角の空白\u{3000}", "全角の空白"),
            (
                "👩\u{200D}💻 と ❤\u{FE0F}\u{200D}🔥",
                "👩\u{200D}💻 と ❤\u{FE0F}\u{200D}🔥",
            ),
            ("葛\u{E0100}城", "葛\u{E0100}城"),
        ] {
            assert_eq!(line(written, 120).as_deref(), Ok(kept), "{written:?}");
        }
        assert_eq!(paragraphs("a\r\nb", 9).as_deref(), Ok("a\nb"));
    }

    #[test]
    fn characters_that_a_reader_cannot_see_are_refused() {
        let hidden = [
            0x00, 0x07, 0x09, 0x0A, 0x0D, 0x1F, 0x7F, 0x85, 0x9F, 0xAD, 0x200B, 0x200C, 0x200D,
            0x2028, 0x2029, 0x2060, 0xFEFF, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF, 0xE0001,
            0xE0041, 0x3164,
        ];
        for code in hidden {
            let c = char::from_u32(code).expect("a scalar value");
            assert_eq!(line(&format!("a{c}b"), 9), Err(TextFault::Control(code)));
        }
        for code in [0x202A, 0x202E, 0x2066, 0x2069, 0x200E, 0x200F, 0x061C_u32] {
            let c = char::from_u32(code).expect("a scalar value");
            assert_eq!(line(&format!("a{c}b"), 9), Err(TextFault::Bidi(code)));
        }
        assert_eq!(paragraphs("a\rb", 9), Err(TextFault::Control(0x0D)));
        assert_eq!(paragraphs("a\u{2028}", 9), Err(TextFault::Control(0x2028)));
        assert_eq!(
            line("a\u{FE0F}\u{FE0F}", 9),
            Err(TextFault::Control(0xFE0F))
        );
    }

    #[test]
    fn an_empty_or_overlong_text_is_refused_by_characters_not_bytes() {
        assert_eq!(line(" \u{3000} ", 9), Err(TextFault::Empty));
        assert!(line(&"漢".repeat(120), 120).is_ok());
        assert_eq!(
            line(&"漢".repeat(121), 120),
            Err(TextFault::TooLong { max: 120 })
        );
        assert_eq!(line("", 1).map_err(TextFault::code), Err("text_empty"));
    }

    proptest! {
        #[test]
        fn a_text_once_taken_is_taken_again_unchanged(text in "\\PC{0,40}") {
            if let Ok(kept) = paragraphs(&text, 200) {
                prop_assert_eq!(paragraphs(&kept, 200), Ok(kept));
            }
        }
    }
}

//! Lists that a form shows one a line, the parts of a line with bars between. A bar within a part is written `\|`, so
//! that every text can be shown and comes back as it was.

use crate::domain::fault::Faults;

/// The parts as one line, without the empty ones at its end.
pub(super) fn joined(parts: &[String]) -> String {
    let whole = parts.iter().rposition(|part| !part.is_empty());
    let said = &parts[..whole.map_or(0, |last| last + 1)];
    let escaped = said
        .iter()
        .map(|part| part.replace('\\', r"\\").replace('|', r"\|"));
    escaped.collect::<Vec<_>>().join(" | ")
}

/// The parts of a line, without the space around each.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.next_if(|next| letter == '\\' && matches!(next, '\\' | '|'));
        match (letter, parts.last_mut()) {
            ('|', _) => parts.push(String::new()),
            (letter, Some(part)) => part.push(escaped.unwrap_or(letter)),
            (_, None) => {}
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// The lines of a field, each as the `N` parts that it may have. What has more stands in nobody's place, and is refused.
pub(super) fn split<const N: usize>(
    field: &str,
    lines: &str,
    faults: &mut Faults,
) -> Vec<(String, [String; N])> {
    let mut read = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = parts(line);
        if parts.len() > N {
            faults.add(
                format!("/{field}"),
                "line_parts",
                "a line has too many parts: write a bar within a text as \\|",
            );
        }
        parts.resize(N, String::new());
        let mut parts = parts.into_iter();
        let of_line = std::array::from_fn(|_| parts.next().unwrap_or_default());
        read.push((line.to_owned(), of_line));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_a_part_comes_back_as_it_was() {
        for part in ["a", "a | b", r"C:\temp", r"\|", r"\\", "|", "a\\"] {
            let line = joined(&[
                part.to_owned(),
                String::new(),
                "c".to_owned(),
                String::new(),
            ]);
            assert_eq!(parts(&line), [part, "", "c"], "{line}");
        }
        assert_eq!(joined(&[String::new(), String::new()]), "");
    }

    #[test]
    fn a_line_with_a_part_too_many_is_refused_at_its_field() {
        let mut faults = Faults::default();
        let read = split::<2>("bodies_notified", "a | b\n\n c |\n d | e | f", &mut faults);
        assert_eq!(read[0].1, ["a", "b"]);
        assert_eq!(read[1].1, ["c", ""]);
        assert_eq!(faults.0.len(), 1);
        assert_eq!(faults.0[0].pointer, "/bodies_notified");
    }
}

//! Reading Rust source just far enough to know every path it names. Owns tokens and joined `use`
//! groups; knows nothing of floors.

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    fn new(text: &str, line: usize) -> Self {
        let text = text.to_string();
        Self { text, line }
    }
}

/// Identifiers, `::` and single signs; without comments, literals and lifetimes. A string that is
/// nothing but a `crate::` or `super::` path (serde attributes) counts as that path.
pub fn tokens(source: &str) -> Vec<Token> {
    let c: Vec<char> = source.chars().collect();
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    while i < c.len() {
        let start = i;
        match c[i] {
            '/' if at(i + 1) == '/' => {
                while i < c.len() && c[i] != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => i = comment_end(&c, i),
            '"' => {
                i = string_end(&c, i);
                push_quoted_path(&c[start + 1..i.saturating_sub(1)], line, &mut out);
            }
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < c.len() && c[i] != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => i += 1 + word_length(&c[i + 1..]),
            'r' | 'b' | 'c' if raw_hashes(&c, i).is_some() => i = raw_string_end(&c, i),
            ':' if at(i + 1) == ':' => {
                i += 2;
                out.push(Token::new("::", line));
            }
            _ if word_length(&c[i..]) > 0 => {
                i += word_length(&c[i..]);
                let text: String = c[start..i].iter().collect();
                if at(i) == '#' && text == "r" {
                    i += 1; // a raw identifier: its name follows
                } else {
                    out.push(Token { text, line });
                }
            }
            sign => {
                i += 1;
                if !sign.is_whitespace() {
                    out.push(Token::new(&sign.to_string(), line));
                }
            }
        }
        i = i.min(c.len());
        line += c[start..i].iter().filter(|sign| **sign == '\n').count();
    }
    out
}

pub fn word_length(c: &[char]) -> usize {
    c.iter()
        .take_while(|sign| sign.is_alphanumeric() || **sign == '_')
        .count()
}

fn comment_end(c: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < c.len() {
        match (c[i], c.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn string_end(c: &[char], mut i: usize) -> usize {
    i += 1;
    while i < c.len() && c[i] != '"' {
        i += if c[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Where the text begins and how many `#` close it, of an `r"…"`, `r#"…"#`, `br"…"`, `cr"…"` starting at `i`, if one does.
fn raw_hashes(c: &[char], i: usize) -> Option<(usize, usize)> {
    let after_r = if c[i] == 'r' { i + 1 } else { i + 2 };
    if after_r == i + 2 && c.get(i + 1) != Some(&'r') {
        return None;
    }
    let hashes = c[after_r.min(c.len())..]
        .iter()
        .take_while(|sign| **sign == '#')
        .count();
    (c.get(after_r + hashes) == Some(&'"')).then_some((after_r + hashes + 1, hashes))
}

fn raw_string_end(c: &[char], i: usize) -> usize {
    let Some((mut i, hashes)) = raw_hashes(c, i) else {
        return i + 1;
    };
    let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
    while i < c.len() && !c[i..].starts_with(&end) {
        i += 1;
    }
    i + 1 + hashes
}

fn push_quoted_path(quoted: &[char], line: usize, out: &mut Vec<Token>) {
    let text: String = quoted.iter().collect();
    let path_like = text
        .chars()
        .all(|sign| sign.is_alphanumeric() || "_:".contains(sign));
    if path_like && (text.starts_with("crate::") || text.starts_with("super::")) {
        out.push(Token::new(";", line));
        out.extend(
            tokens(&text)
                .into_iter()
                .map(|token| Token { line, ..token }),
        );
    }
}

/// One path as written, with joined groups spread out, and the inline modules it stands in.
#[derive(Debug, PartialEq)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
    pub inside: Vec<String>,
}

/// Every path of a file: everything with a `::`, and everything after `use` or `extern crate`.
pub fn paths(tokens: &[Token]) -> Vec<Named> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let (mut out, mut i, mut depth) = (Vec::new(), 0, 0);
    let mut modules: Vec<(String, usize)> = Vec::new();
    while i < tokens.len() {
        match text(i) {
            "{" => depth += 1,
            "}" => {
                depth -= usize::from(depth > 0);
                modules.retain(|(_, opened_at)| *opened_at < depth + 1);
            }
            "mod" if text(i + 2) == "{" => modules.push((text(i + 1).to_string(), depth + 1)),
            _ => {}
        }
        let imported = text(i) == "use" || (text(i) == "extern" && text(i + 1) == "crate");
        let begins = is_word(text(i)) && text(i + 1) == "::" && !continues(tokens, i);
        if imported || begins {
            let start = i + if text(i) == "extern" {
                2
            } else {
                usize::from(imported)
            };
            let mut found = Vec::new();
            i = spread(tokens, start, &[], &mut found).max(i + 1);
            let inside: Vec<String> = modules.iter().map(|(name, _)| name.clone()).collect();
            out.extend(found.into_iter().map(|(path, line)| Named {
                path,
                line,
                inside: inside.clone(),
            }));
        } else {
            i += 1;
        }
    }
    out
}

fn is_word(text: &str) -> bool {
    text.starts_with(|sign: char| sign.is_alphabetic() || sign == '_')
}

/// Whether the word at `i` goes on a path begun before it (`a::b`), unlike the global `::b`.
fn continues(tokens: &[Token], i: usize) -> bool {
    let before = |back: usize| {
        i.checked_sub(back)
            .and_then(|at| tokens.get(at))
            .map_or("", |token| token.text.as_str())
    };
    before(1) == "::"
        && (before(2) == ">"
            || (is_word(before(2)) && !["use", "in", "as", "return"].contains(&before(2))))
}

/// Reads the path (or the group) at `i`, pushes every path it stands for, and returns where it ends.
fn spread(
    tokens: &[Token],
    mut i: usize,
    prefix: &[String],
    out: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let mut path = prefix.to_vec();
    i += usize::from(text(i) == "::");
    loop {
        if text(i) == "{" {
            i += 1;
            while i < tokens.len() && text(i) != "}" {
                i = if text(i) == "," {
                    i + 1
                } else {
                    spread(tokens, i, &path, out).max(i + 1)
                };
            }
            return i + 1;
        }
        if !is_word(text(i)) && text(i) != "*" {
            break;
        }
        path.push(text(i).to_string());
        i += 1;
        if text(i) != "::" || text(i + 1) == "<" {
            break;
        }
        i += 1;
    }
    if path.len() > prefix.len() {
        let line = tokens.get(i - 1).map_or(0, |token| token.line);
        out.push((path, line));
    }
    if text(i) == "as" { i + 2 } else { i }
}

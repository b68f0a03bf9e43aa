//! Heuristics over free texts: what looks as if it should not be in a notice. They warn and never refuse,
//! for a machine cannot tell an account number from a sum.

use super::filing::Filing;
use super::parts::Words;
use crate::domain::fault::Fault;

/// Runs of digits at least this long look like an account number (Japanese ones have seven).
const ACCOUNT_DIGITS: usize = 7;

impl Filing {
    /// What a person should look at again before issuing.
    pub fn warnings(&self) -> Vec<Fault> {
        let mut found = Vec::new();
        words(&mut found, "/title", Some(&self.title));
        words(&mut found, "/description", Some(&self.description));
        words(&mut found, "/advice", self.advice.as_ref());
        words(&mut found, "/change_summary", self.change_summary.as_ref());
        for (pointer, text) in [
            ("/typology_other", &self.typology_other),
            ("/aware_reason", &self.aware_reason),
            ("/lessons", &self.lessons),
            ("/late_reason", &self.late_reason),
        ] {
            warn(&mut found, pointer, text.as_deref().unwrap_or_default());
        }
        for (index, measure) in self.countermeasures.iter().enumerate() {
            let text = measure.note.as_deref().unwrap_or_default();
            warn(&mut found, &format!("/countermeasures/{index}/note"), text);
        }
        for (index, remedy) in self.remedial_actions.iter().enumerate() {
            let pointer = format!("/remedial_actions/{index}/action");
            warn(&mut found, &pointer, &remedy.action);
        }
        found
    }
}

pub(super) fn words(found: &mut Vec<Fault>, pointer: &str, words: Option<&Words>) {
    let Some(words) = words else { return };
    for (language, text) in [("ja", &words.ja), ("en", &words.en)] {
        let text = text.as_deref().unwrap_or_default();
        warn(found, &format!("{pointer}/{language}"), text);
    }
}

pub(super) fn warn(found: &mut Vec<Fault>, pointer: &str, text: &str) {
    let mut add = |code: &'static str, message: &str| {
        found.push(Fault {
            pointer: pointer.to_owned(),
            code,
            message: message.to_owned(),
        });
    };
    if has_account_number(text) {
        add(
            "warn_account_number",
            "a long run of digits: victims' details belong in the bank's annex",
        );
    }
    if has_email(text) {
        add(
            "warn_email",
            "looks like an e-mail address: persons do not belong in a notice",
        );
    }
    if mentions_report(text) {
        add(
            "warn_suspicious_transaction_report",
            "mentions a suspicious-transaction report: that one exists may not be disclosed",
        );
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ('０'..='９').contains(&c)
}

/// Digits that name a sum of yen are no account number.
fn has_account_number(text: &str) -> bool {
    let mut run = 0;
    for c in text.chars().chain(std::iter::once(' ')) {
        if is_digit(c) {
            run += 1;
        } else {
            if run >= ACCOUNT_DIGITS && c != '円' {
                return true;
            }
            run = 0;
        }
    }
    false
}

fn has_email(text: &str) -> bool {
    let folded = text.replace('＠', "@");
    folded.match_indices('@').any(|(place, _)| {
        let name = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let before = folded[..place].chars().next_back().is_some_and(name);
        let host: String = folded[place + 1..]
            .chars()
            .take_while(|c| name(*c))
            .collect();
        before && host.trim_matches('.').contains('.')
    })
}

fn mentions_report(text: &str) -> bool {
    let lower = text.to_lowercase();
    let phrases = [
        "疑わしい取引",
        "suspicious transaction report",
        "suspicious-transaction report",
        "suspicious activity report",
        "suspicious-activity report",
    ];
    // The letters alone count only in capitals and by themselves: "str" is half of English.
    let letters = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "STR" | "STRs" | "SAR" | "SARs"));
    letters || phrases.iter().any(|phrase| lower.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        let mut found = Vec::new();
        warn(&mut found, "/description/ja", text);
        found.into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn an_officer_is_warned_of_what_does_not_belong_in_a_notice() {
        for text in ["口座1234567より", "口座１２３４５６７", "acct 00012345678"] {
            assert_eq!(codes(text), ["warn_account_number"], "{text}");
        }
        for text in [
            "連絡先taro.yamada@example.jpまで",
            "mail to a＠b.example now",
        ] {
            assert_eq!(codes(text), ["warn_email"], "{text}");
        }
        for text in [
            "疑わしい取引の届出を行った",
            "we filed an STR today",
            "SAR提出済み",
            "A Suspicious Transaction Report was filed",
        ] {
            assert_eq!(
                codes(text),
                ["warn_suspicious_transaction_report"],
                "{text}"
            );
        }
    }

    #[test]
    fn ordinary_words_of_a_notice_raise_no_warning() {
        for text in [
            "",
            "2019-05-17に73件、1990万円",
            "被害総額は25420000円",
            "stop all top-ups at once @ all branches",
            "strong authentication; restart",
            "銀行コード0117",
        ] {
            assert!(codes(text).is_empty(), "{text}: {:?}", codes(text));
        }
    }
}

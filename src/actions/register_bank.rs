//! Entering a bank into the register, and the checked shape of what is known of a bank. Knows nothing of
//! contacts and endpoints.

use super::fields::Fields;
use super::{Error, cut_roster};
use crate::domain::id::Uid;
use crate::domain::incident::is_bank_code;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{Authentication, ServiceState};
use crate::storage::Tx;
use crate::storage::bank::{self, BankRow, ObserverRow, PartnershipRow, ProfileRow};
use serde::{Deserialize, Serialize};

const NAME_LIMIT: usize = 200;

/// What is known of a bank, as entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileInput {
    pub name_ja: String,
    pub name_en: String,
    /// `ja` or `en`.
    pub language: String,
    /// Codes of the vocabulary `authentication`: what a customer shows when linking. Empty = unknown.
    #[serde(default)]
    pub linking: Vec<String>,
    /// `open`, `suspended` or `limited`.
    #[serde(default = "open")]
    pub new_links: String,
    #[serde(default = "open")]
    pub top_ups: String,
    #[serde(default = "open")]
    pub pay_outs: String,
}

/// A bank to be entered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBank {
    /// 1 to 16 of A-Z, 0-9 and hyphen.
    pub code: String,
    pub profile: ProfileInput,
    /// RFC 3339; absent = from now on.
    pub valid_from: Option<String>,
    /// It is no bank but a regulator or an association that is told of everything, shown to all as such. For good.
    #[serde(default)]
    pub observer: bool,
}

pub(super) fn open() -> String {
    ServiceState::Open.code().to_owned()
}

/// A profile that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name_ja: String,
    name_en: String,
    language: String,
    linking: String,
    new_links: String,
    top_ups: String,
    pay_outs: String,
}

impl Profile {
    /// Checks an entered profile; what does not hold is noted in `fields`.
    pub fn check(fields: &mut Fields, input: &ProfileInput) -> Self {
        Self {
            name_ja: fields.line("name_ja", &input.name_ja, NAME_LIMIT),
            name_en: fields.line("name_en", &input.name_en, NAME_LIMIT),
            language: fields.language("language", &input.language),
            linking: linking(fields, &input.linking),
            new_links: fields.code("new_links", &input.new_links, ServiceState::CODES),
            top_ups: fields.code("top_ups", &input.top_ups, ServiceState::CODES),
            pay_outs: fields.code("pay_outs", &input.pay_outs, ServiceState::CODES),
        }
    }

    /// Does the stored profile say the same?
    pub fn equals(&self, row: &ProfileRow) -> bool {
        *self
            == Self {
                name_ja: row.name_ja.clone(),
                name_en: row.name_en.clone(),
                language: row.language.clone(),
                linking: row.linking.clone(),
                new_links: row.new_links.clone(),
                top_ups: row.top_ups.clone(),
                pay_outs: row.pay_outs.clone(),
            }
    }

    /// Stores the profile as a bank's next revision.
    pub(super) fn store(&self, tx: &mut Tx<'_>, bank_id: Uid) -> Result<i64, Error> {
        let recorded_at = tx.now()?;
        let revision = bank::next_profile_revision(tx, bank_id)?;
        let profile = self.clone();
        bank::insert_profile(
            tx,
            &ProfileRow {
                bank_id,
                revision,
                name_ja: profile.name_ja,
                name_en: profile.name_en,
                language: profile.language,
                linking: profile.linking,
                new_links: profile.new_links,
                top_ups: profile.top_ups,
                pay_outs: profile.pay_outs,
                recorded_at,
            },
        )?;
        Ok(revision)
    }
}

/// In the order of the vocabulary, so that the same answer is the same text. `unknown` alone is empty.
fn linking(fields: &mut Fields, codes: &[String]) -> String {
    let mut found = Vec::new();
    for (index, code) in codes.iter().enumerate() {
        match Authentication::parse(code) {
            Some(one) => found.push(one),
            None => {
                let known = Authentication::CODES.join(", ");
                fields.refuse(
                    &format!("linking/{index}"),
                    "code_unknown",
                    format!("not one of {known}"),
                );
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    if found == [Authentication::Unknown] {
        found.clear();
    }
    found
        .into_iter()
        .map(Authentication::code)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Notes a fault unless `code` has the form of a bank's code.
pub(super) fn check_code(fields: &mut Fields, code: &str) {
    if !is_bank_code(code) {
        fields.refuse(
            "code",
            "bank_code",
            "a bank's code is 1 to 16 of A-Z, 0-9 and hyphen",
        );
    }
}

/// Enters a bank with its profile and a partnership; returns its id.
pub fn register_bank(tx: &mut Tx<'_>, input: &NewBank) -> Result<Uid, Error> {
    let mut fields = Fields::default();
    check_code(&mut fields, &input.code);
    let valid_from = fields.time("valid_from", input.valid_from.as_deref());
    let mut inner = Fields::at("/profile");
    let profile = Profile::check(&mut inner, &input.profile);
    fields.faults.0.append(&mut inner.faults.0);
    fields.done()?;
    let mut gate = cut_roster::enter(tx)?;
    let id = enter_bank(tx, &input.code, &profile, valid_from)?;
    if input.observer {
        let recorded_at = tx.now()?;
        let row = ObserverRow {
            bank_id: id,
            recorded_at,
        };
        bank::insert_observer(tx, &row)?;
    }
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(id)
}

/// The rows of a new bank. The gate is entered, and a version is cut, by the caller.
pub(super) fn enter_bank(
    tx: &mut Tx<'_>,
    code: &str,
    profile: &Profile,
    valid_from: Option<Instant>,
) -> Result<Uid, Error> {
    if bank::by_code(tx, code)?.is_some() {
        return Err(Refusal::BankExists.into());
    }
    let recorded_at = tx.now()?;
    let id = tx.new_id()?;
    bank::insert_bank(
        tx,
        &BankRow {
            id,
            code: code.to_owned(),
            recorded_at,
        },
    )?;
    profile.store(tx, id)?;
    let valid_from = valid_from.unwrap_or(recorded_at);
    let first = PartnershipRow {
        bank_id: id,
        revision: 1,
        valid_from,
        valid_to: None,
        recorded_at,
        approval_id: None,
    };
    bank::insert_partnership(tx, &first)?;
    Ok(id)
}

/// The bank with this code.
pub fn bank_by_code(tx: &mut Tx<'_>, code: &str) -> Result<BankRow, Error> {
    bank::by_code(tx, code)?.ok_or(Error::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> ProfileInput {
        ProfileInput {
            name_ja: " 東銀行 ".into(),
            name_en: "East Bank".into(),
            language: "ja".into(),
            linking: vec![
                "sms_otp".into(),
                "account_no_cash_card_pin".into(),
                "sms_otp".into(),
            ],
            new_links: open(),
            top_ups: open(),
            pay_outs: open(),
        }
    }

    #[test]
    fn the_same_linking_in_another_order_is_the_same_profile() {
        let mut fields = Fields::default();
        let one = Profile::check(&mut fields, &input());
        let mut turned = input();
        turned.linking.reverse();
        assert_eq!(one, Profile::check(&mut fields, &turned));
        assert_eq!(one.linking, "account_no_cash_card_pin sms_otp");
        assert_eq!(one.name_ja, "東銀行");
        turned.linking = vec!["unknown".into()];
        assert_eq!(Profile::check(&mut fields, &turned).linking, "");
        assert!(fields.done().is_ok());
    }

    #[test]
    fn every_fault_of_a_profile_is_told_at_once_and_points_at_its_field() {
        let bad = ProfileInput {
            name_en: "East\u{202E}Bank".into(),
            language: "fr".into(),
            linking: vec!["guess".into()],
            pay_outs: "closed".into(),
            ..input()
        };
        let mut fields = Fields::at("/profile");
        Profile::check(&mut fields, &bad);
        let pointers: Vec<_> = fields
            .faults
            .0
            .iter()
            .map(|fault| fault.pointer.as_str())
            .collect();
        assert_eq!(
            pointers,
            [
                "/profile/name_en",
                "/profile/language",
                "/profile/linking/0",
                "/profile/pay_outs"
            ]
        );
    }
}

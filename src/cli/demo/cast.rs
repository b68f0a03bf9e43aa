//! Who plays in the demo: 35 invented banks with what each will do, and the incident, after the case of
//! May 2019. Every name is made up. Knows nothing of the hub.

use crate::domain::instant::Instant;
use serde_json::{Value, json};
use std::time::Duration;

pub const OPERATOR: &str = "Example Pay";
pub const MAIL_DOMAIN: &str = "example-pay.example";

/// What a bank does when a notice comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Confirms by its own machine, under its own key.
    Stamps,
    /// Confirms, then says what it did: this code, with this sharing.
    Responds(&'static str, &'static str),
    /// A person confirms by the link in the mail.
    ByMail,
    /// Takes the notice and never confirms it.
    Silent,
    /// Cannot be reached by webhook, and nobody reads its mail.
    Down,
}

pub struct Bank {
    pub code: &'static str,
    pub name_ja: &'static str,
    pub name_en: &'static str,
    /// In its addresses: `SLUG.example`.
    pub slug: &'static str,
    pub language: &'static str,
    /// Codes of `authentication`, apart by blanks; empty = nobody knows.
    pub linking: &'static str,
    pub part: Part,
    /// Whether the theft of the story happened here.
    pub affected: bool,
}

impl Bank {
    /// Where its notices go at once.
    pub fn desk_email(&self) -> String {
        format!("fraud-desk@{}.example", self.slug)
    }

    /// Where they go when nobody confirms.
    pub fn head_email(&self) -> String {
        format!("compliance@{}.example", self.slug)
    }

    /// Who answers for it.
    pub fn person(&self) -> &'static str {
        if self.language == "ja" {
            "不正対策室 当直"
        } else {
            "Duty officer"
        }
    }

    pub fn role(&self) -> &'static str {
        if self.language == "ja" {
            "不正対策室"
        } else {
            "Fraud desk"
        }
    }
}

const PIN: &str = "account_no_cash_card_pin";
const PIN_BIRTH: &str = "account_no_cash_card_pin plus_birth_date_or_name";
const BALANCE: &str = "account_no_cash_card_pin last_balance";
const SMS: &str = "account_no_cash_card_pin sms_otp";
const OTP: &str = "ib_login_otp";
const LOGIN: &str = "ib_login_only";
const WEB: &str = "web_account_transfer_registration";
const EKYC: &str = "ib_login_otp ekyc";
const IVR: &str = "ivr_callback";
const STAMPS: Part = Part::Stamps;
const STOPPED: Part = Part::Responds("suspended_new_links", "peers_anonymous");
const NAMED: Part = Part::Responds("suspended_new_links", "peers_named");
const NONE_HERE: Part = Part::Responds("no_matching_cases", "peers_anonymous");
const LOOKING: Part = Part::Responds("investigating", "operator");
const FACTOR: Part = Part::Responds("added_factor", "peers_anonymous");

type Line = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Part,
);

// A bank a line, so that they can be compared.
#[rustfmt::skip]
const LINES: [Line; 35] = [
    ("K101", "あかつき野銀行", "Akatsukino Bank", "akatsukino", "ja", PIN, NAMED),
    ("K102", "潮見台銀行", "Shiomidai Bank", "shiomidai", "ja", PIN, STOPPED),
    ("K103", "若竹原銀行", "Wakatakehara Bank", "wakatakehara", "ja", OTP, NONE_HERE),
    ("K104", "朝霧野銀行", "Asagirino Bank", "asagirino", "ja", SMS, STAMPS),
    ("K105", "青嶺銀行", "Aomine Bank", "aomine", "ja", PIN_BIRTH, STOPPED),
    ("K106", "白鷺浜銀行", "Shirasagihama Bank", "shirasagihama", "ja", WEB, STAMPS),
    ("K107", "千草川銀行", "Chigusagawa Bank", "chigusagawa", "ja", PIN, Part::Silent),
    ("K108", "緑風台銀行", "Ryokufudai Bank", "ryokufudai", "ja", OTP, STAMPS),
    ("K109", "夕凪湾銀行", "Yunagi Bay Bank", "yunagi", "ja", BALANCE, FACTOR),
    ("K110", "汐路銀行", "Shioji Bank", "shioji", "ja", EKYC, STAMPS),
    ("K111", "葦原野銀行", "Ashiharano Bank", "ashiharano", "ja", LOGIN, STAMPS),
    ("K112", "鳴滝沢銀行", "Narutakizawa Bank", "narutakizawa", "ja", PIN, Part::ByMail),
    ("K113", "石清原銀行", "Iwashimizuhara Bank", "iwashimizuhara", "ja", IVR, STAMPS),
    ("K114", "花筏銀行", "Hanaikada Bank", "hanaikada", "ja", "", STAMPS),
    ("K115", "月見ヶ原銀行", "Tsukimigahara Bank", "tsukimigahara", "ja", SMS, LOOKING),
    ("K116", "雲居岳銀行", "Kumoidake Bank", "kumoidake", "ja", OTP, STAMPS),
    ("K117", "藤波台銀行", "Fujinamidai Bank", "fujinamidai", "ja", PIN, STOPPED),
    ("K118", "柊野銀行", "Hiiragino Bank", "hiiragino", "ja", WEB, STAMPS),
    ("K119", "楠原銀行", "Kusunokihara Bank", "kusunokihara", "ja", EKYC, NONE_HERE),
    ("K120", "深山渓銀行", "Miyamadani Bank", "miyamadani", "ja", PIN_BIRTH, STAMPS),
    ("K121", "早瀬川銀行", "Hayasegawa Bank", "hayasegawa", "ja", OTP, Part::Down),
    ("K122", "蒼天台銀行", "Sotendai Bank", "sotendai", "ja", IVR, STAMPS),
    ("K123", "星野原銀行", "Hoshinohara Bank", "hoshinohara", "ja", PIN, STAMPS),
    ("K124", "帆波銀行", "Honami Bank", "honami", "ja", LOGIN, STAMPS),
    ("K125", "常盤ヶ丘銀行", "Tokiwagaoka Bank", "tokiwagaoka", "ja", BALANCE, STAMPS),
    ("K126", "風待港銀行", "Kazamachi Port Bank", "kazamachi", "ja", SMS, NONE_HERE),
    ("K127", "入江町銀行", "Iriemachi Bank", "iriemachi", "ja", EKYC, STAMPS),
    ("K128", "里山の里銀行", "Satoyama no Sato Bank", "satoyama", "ja", PIN, Part::ByMail),
    ("K129", "ことりネット銀行", "Kotori Net Bank", "kotori-net", "ja", EKYC, STAMPS),
    ("K130", "みなもデジタル銀行", "Minamo Digital Bank", "minamo", "ja", OTP, STAMPS),
    ("K131", "ランタン銀行", "Lantern Bank", "lantern", "en", OTP, STAMPS),
    ("K132", "ノースゲート国際銀行", "Northgate International Bank", "northgate", "en", EKYC, Part::Silent),
    ("K133", "コバルト信託銀行", "Cobalt Trust Bank", "cobalt-trust", "en", IVR, STAMPS),
    ("K134", "ハーバーライト銀行", "Harbourlight Bank", "harbourlight", "en", SMS, STAMPS),
    ("K135", "翠嵐信託銀行", "Suiran Trust Bank", "suiran", "ja", "", STAMPS),
];

/// The banks where the theft of the story happened.
const AFFECTED: [&str; 2] = ["K101", "K102"];

/// All banks, by code.
pub fn banks() -> Vec<Bank> {
    let bank = |(code, name_ja, name_en, slug, language, linking, part): Line| Bank {
        code,
        name_ja,
        name_en,
        slug,
        language,
        linking,
        part,
        affected: AFFECTED.contains(&code),
    };
    LINES.into_iter().map(bank).collect()
}

/// The bank that becomes a partner in the story's third year. It has no endpoint; a person reads its mail.
pub fn joiner() -> Bank {
    Bank {
        code: "K136",
        name_ja: "木漏れ日銀行",
        name_en: "Komorebi Bank",
        slug: "komorebi",
        language: "ja",
        linking: OTP,
        part: Part::ByMail,
        affected: false,
    }
}

/// What must come out in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub banks: usize,
    pub delivered: usize,
    pub acknowledged: usize,
    pub by_link: usize,
    pub signed: usize,
    pub responded: usize,
    pub unreachable: usize,
}

pub fn expected(banks: &[Bank]) -> Expected {
    let playing = |wanted: fn(Part) -> bool| banks.iter().filter(|bank| wanted(bank.part)).count();
    let unreachable = playing(|part| part == Part::Down);
    Expected {
        banks: banks.len(),
        delivered: banks.len() - unreachable,
        acknowledged: playing(|part| !matches!(part, Part::Down | Part::Silent)),
        by_link: playing(|part| part == Part::ByMail),
        signed: playing(|part| matches!(part, Part::Stamps | Part::Responds(..))),
        responded: playing(|part| matches!(part, Part::Responds(..))),
        unreachable,
    }
}

/// The incident as the officer files it. Says who was hit; nothing in it says who is told.
pub fn filing(now: Instant) -> Value {
    let at = |minutes_ago: i64| {
        Instant::from_micros(now.micros() - minutes_ago * 60_000_000).to_millis_string()
    };
    json!({
        "title": {
            "ja": "口座連携を悪用した不正チャージの疑い（2行）",
            "en": "Suspected theft by account linking at two banks"
        },
        "description": {
            "ja": "第三者が被害者名義でウォレットを開設し、口座番号とキャッシュカード暗証番号だけで銀行口座を連携して、\
                   残高をチャージした疑いがあります。提携行2行の口座で確認しました。",
            "en": "Someone opened wallets in the victims' names, linked bank accounts with nothing but the account \
                   number and the cash-card PIN, and topped up from them. Seen on accounts at two partner banks."
        },
        "typology": ["impersonated_wallet", "pin_spraying"],
        "attack_stage": [],
        "auth_exploited": ["account_no_cash_card_pin"],
        "auth_weakness": ["single_factor", "wallet_signup_unverified"],
        "detected_at": at(40),
        "affected_banks": AFFECTED,
        "services": [
            { "bank": "K101", "new_links": "suspended", "top_ups": "suspended" },
            { "bank": "K102", "new_links": "suspended" }
        ],
        "victims": { "count": 2 },
        "transactions": { "count": 6, "estimate": true },
        "amount_lost": { "minor": "900000", "currency": "JPY", "estimate": true },
        "severity": "high",
        "countermeasures": [
            { "code": "suspend_new_links", "scope": "affected_banks", "taken_at": at(20) },
            { "code": "freeze_wallets", "scope": "affected_banks", "taken_at": at(15) }
        ],
        "advice": {
            "ja": "口座番号と暗証番号のみで連携できる場合は、新規連携の停止と、直近30日の連携・チャージの点検を今夜ご検討ください。",
            "en": "If accounts can be linked with number and PIN alone: consider tonight to suspend new links, and \
                   review the links and top-ups of the last 30 days."
        },
        "operator_contacts": [
            { "name": "佐藤 花子", "role": "不正対策室", "email": format!("sato@{MAIL_DOMAIN}"), "phone": "+81 3-0000-0001" },
            { "name": "Ken Suzuki", "role": "Duty manager", "email": format!("suzuki@{MAIL_DOMAIN}"), "phone": "+81 3-0000-0002" }
        ]
    })
}

/// The final report on what was filed at `filed`, with what is done so that it does not come again.
pub fn closing(filed: Instant) -> Value {
    let mut report = filing(filed);
    let more = json!({
        "phase": "final", "incident_status": "closed", "determination": "confirmed",
        "discovery_method": "customer_report", "bodies_notified": [], "occurred_from": "unknown",
        "cause_types": ["weak_authentication"],
        "lessons": "Do not link accounts by number and PIN alone.",
        "change_summary": { "ja": "被害の確定と再発防止策", "en": "Confirmed losses, and what is done about it" },
        "late_reason": "Two banks had to go through their logs before the losses were certain.",
        "remedial_actions": [{ "action": "Two factors wherever an account is linked", "owner": "Product" }],
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        report[field] = value.clone();
    }
    report
}

/// The incident of September 2020, which names the one before.
pub fn wave(now: Instant, before: &str) -> Value {
    let mut incident = filing(now);
    let hit: Vec<String> = (3..=13).map(|n| format!("K1{n:02}")).collect();
    let more = json!({
        "title": { "ja": "口座連携を悪用した不正チャージ（11行）", "en": "Thefts by account linking at eleven banks" },
        "description": {
            "ja": "2019年5月の事案と同じ手口による不正チャージを提携行11行の口座で確認しました。",
            "en": "Top-ups by the trick of May 2019, seen on accounts at eleven partner banks."
        },
        "affected_banks": hit, "related_incidents": [before], "services": [],
        "victims": { "count": 66 }, "transactions": { "count": 120, "estimate": true },
        "amount_lost": { "minor": "18000000", "currency": "JPY", "estimate": true },
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        incident[field] = value.clone();
    }
    incident
}

/// How fast the banks are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    median_ms: f64,
    least_ms: f64,
    most_ms: f64,
}

/// To be watched by a person.
pub const LIVE: Pace = Pace {
    median_ms: 14_000.0,
    least_ms: 3_000.0,
    most_ms: 90_000.0,
};
/// To be over soon. Long enough for the mails to go out first.
pub const BRISK: Pace = Pace {
    median_ms: 1_500.0,
    least_ms: 700.0,
    most_ms: 4_000.0,
};

impl Pace {
    /// How long bank number `index` takes before it does its `step`: most are quick, a few are slow
    /// (log-normal), and the same in every run.
    pub fn delay(self, index: usize, step: u64) -> Duration {
        let seed = u64::try_from(index).unwrap_or(0) * 64 + step * 2;
        let (u, v) = (unit(seed), unit(seed + 1));
        // Box and Muller's way from two even draws to a normal one.
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        let wait_ms = (self.median_ms * (0.7 * normal).exp()).clamp(self.least_ms, self.most_ms);
        Duration::from_secs_f64(wait_ms / 1_000.0)
    }
}

/// An even draw above 0, up to 1 (the mixing of SplitMix64).
fn unit(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX);
    (f64::from(high) + 1.0) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::{Filing, FilingContext};
    use crate::domain::vocabulary::{Authentication, ResponseCode, Sharing};
    use std::collections::BTreeSet;

    #[test]
    fn of_35_banks_34_are_reached_and_32_confirm() {
        let expected = expected(&banks());
        let told = (expected.banks, expected.delivered, expected.acknowledged);
        assert_eq!(told, (35, 34, 32));
        assert_eq!(
            (expected.by_link, expected.signed, expected.unreachable),
            (2, 30, 1)
        );
    }

    #[test]
    fn no_two_banks_share_a_code_or_an_address_and_all_codes_exist() {
        let banks = banks();
        let codes: BTreeSet<_> = banks.iter().map(|bank| bank.code).collect();
        let slugs: BTreeSet<_> = banks.iter().map(|bank| bank.slug).collect();
        assert_eq!((codes.len(), slugs.len()), (35, 35));
        for bank in &banks {
            for code in bank.linking.split(' ').filter(|code| !code.is_empty()) {
                assert!(Authentication::parse(code).is_some(), "{code}");
            }
            if let Part::Responds(code, share) = bank.part {
                assert!(
                    ResponseCode::parse(code).is_some() && Sharing::parse(share).is_some(),
                    "{code} {share}"
                );
            }
        }
    }

    #[test]
    fn the_officers_filing_is_taken_without_a_warning() {
        let now = Instant::from_micros(1_558_062_000_000_000);
        let text = filing(now).to_string();
        let filing = Filing::from_json(text.as_bytes()).expect("the shape is good");
        assert!(filing.check(FilingContext::first(now)).is_ok());
        assert_eq!(filing.warnings(), Vec::new());
    }

    #[test]
    fn what_the_story_files_later_is_taken_too() {
        let now = Instant::from_micros(1_599_534_000_000_000);
        let filing = Filing::from_json(wave(now, "INC-2019-0001").to_string().as_bytes());
        let filing = filing.expect("the shape is good");
        assert!(filing.check(FilingContext::first(now)).is_ok());
        assert_eq!(filing.warnings(), Vec::new());
        assert!(Filing::from_json(closing(now).to_string().as_bytes()).is_ok());
    }

    #[test]
    fn every_bank_takes_its_time_within_bounds_and_always_the_same() {
        for index in 0..35 {
            let delay = BRISK.delay(index, 0);
            assert!((0.7..=4.0).contains(&delay.as_secs_f64()), "{delay:?}");
            assert_eq!(delay, BRISK.delay(index, 0));
        }
    }
}

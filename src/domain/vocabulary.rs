//! The controlled vocabularies: closed lists with stable codes. Labels live in `config/vocabulary.toml`;
//! a test holds the file and these lists to exactly the same codes.

/// Makes an enum whose variants are codes: `code`, `parse`, `ALL`, `CODES`, `NAME`, and serde by code.
macro_rules! vocabulary {
    ($(#[$about:meta])* $name:ident, $table:literal: $($variant:ident = $code:literal),+ $(,)?) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The name of the table of labels in `config/vocabulary.toml`.
            pub const NAME: &'static str = $table;
            /// Every value, in the order in which lists show them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// Every code, in the same order.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code),+ }
            }

            /// The value with this code, spelled exactly.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let code = std::borrow::Cow::<'de, str>::deserialize(d)?;
                $name::parse(&code)
                    .ok_or_else(|| serde::de::Error::unknown_variant(&code, $name::CODES))
            }
        }
    };
}
pub(crate) use vocabulary;

vocabulary! {
    /// How the account was emptied (vocabulary A).
    Typology, "typology":
    ImpersonatedWallet = "impersonated_wallet",
    ForeignWalletLink = "foreign_wallet_link",
    WalletTakeover = "wallet_takeover",
    PinSpraying = "pin_spraying",
    CredentialStuffing = "credential_stuffing",
    PhishedCredentials = "phished_credentials",
    VictimManipulated = "victim_manipulated",
    OtpInterception = "otp_interception",
    SimSwap = "sim_swap",
    LimitProbing = "limit_probing",
    Insider = "insider",
    ApiAbuse = "api_abuse",
    ProcessorCompromise = "processor_compromise",
    CashOutOnly = "cash_out_only",
    Other = "other",
    Unknown = "unknown",
}

vocabulary! {
    /// What a customer had to show when linking or paying (vocabulary B).
    Authentication, "authentication":
    AccountNoCashCardPin = "account_no_cash_card_pin",
    PlusBirthDateOrName = "plus_birth_date_or_name",
    LastBalance = "last_balance",
    WebAccountTransferRegistration = "web_account_transfer_registration",
    IbLoginOnly = "ib_login_only",
    IbLoginOtp = "ib_login_otp",
    SmsOtp = "sms_otp",
    IvrCallback = "ivr_callback",
    Ekyc = "ekyc",
    EmailOnlySignup = "email_only_signup",
    NoneAtTopUp = "none_at_top_up",
    Unknown = "unknown",
}

vocabulary! {
    /// Why that was not enough (vocabulary C).
    Weakness, "weakness":
    SingleFactor = "single_factor",
    KnowledgeOnly = "knowledge_only",
    NoCrossAccountRateLimit = "no_cross_account_rate_limit",
    NoNameOrPhoneMatch = "no_name_or_phone_match",
    NoCustomerAlertOnLink = "no_customer_alert_on_link",
    RelianceOnOtherPartysKyc = "reliance_on_other_partys_kyc",
    WalletSignupUnverified = "wallet_signup_unverified",
    LimitsTooHigh = "limits_too_high",
    MonitoringGap = "monitoring_gap",
    Unknown = "unknown",
}

vocabulary! {
    /// What was done about it (vocabulary D).
    Countermeasure, "countermeasure":
    SuspendNewLinks = "suspend_new_links",
    SuspendTopUps = "suspend_top_ups",
    SuspendPayOuts = "suspend_pay_outs",
    FreezeWallets = "freeze_wallets",
    RevokeLinks = "revoke_links",
    LowerLimits = "lower_limits",
    AddFactor = "add_factor",
    AddEkyc = "add_ekyc",
    NewMonitoringRule = "new_monitoring_rule",
    CustomerAlert = "customer_alert",
    Compensation = "compensation",
    PoliceReport = "police_report",
    RegulatorReport = "regulator_report",
    EvidencePreserved = "evidence_preserved",
    NoneYet = "none_yet",
}

vocabulary! {
    /// Where a countermeasure holds.
    CountermeasureScope, "countermeasure_scope":
    ThisBank = "this_bank",
    AffectedBanks = "affected_banks",
    AllBanks = "all_banks",
}

vocabulary! {
    /// What a bank did about a notice (vocabulary E).
    ResponseCode, "response_code":
    Noted = "noted",
    Investigating = "investigating",
    NoMatchingCases = "no_matching_cases",
    MatchingCasesFound = "matching_cases_found",
    SuspendedNewLinks = "suspended_new_links",
    SuspendedTopUps = "suspended_top_ups",
    SuspendedAll = "suspended_all",
    AddedFactor = "added_factor",
    ContactedCustomers = "contacted_customers",
    Compensating = "compensating",
    ReportedToPoliceOrRegulator = "reported_to_police_or_regulator",
    InformationRequest = "information_request",
    Resumed = "resumed",
    DisputesNotice = "disputes_notice",
    ReviewingPartnership = "reviewing_partnership",
}

impl ResponseCode {
    /// True for what says how a service of the bank stands.
    pub fn is_of_services(self) -> bool {
        matches!(
            self,
            Self::SuspendedNewLinks | Self::SuspendedTopUps | Self::SuspendedAll | Self::Resumed
        )
    }

    /// True for what the operator must be able to read: it asks, objects, or is meant for it alone.
    pub fn needs_operator(self) -> bool {
        matches!(
            self,
            Self::InformationRequest | Self::DisputesNotice | Self::ReviewingPartnership
        )
    }

    /// True for what only the operator and the auditor may read, whatever the bank asked for.
    pub fn always_private(self) -> bool {
        matches!(self, Self::ReviewingPartnership)
    }
}

vocabulary! {
    /// Who may read a bank's response.
    Sharing, "sharing":
    Private = "private",
    Operator = "operator",
    PeersAnonymous = "peers_anonymous",
    PeersNamed = "peers_named",
}

impl Sharing {
    /// True if other banks see it, with or without the name.
    pub fn reaches_peers(self) -> bool {
        matches!(self, Self::PeersAnonymous | Self::PeersNamed)
    }
}

vocabulary! {
    /// How sure the filer is (STIX Incident Core).
    Determination, "determination":
    Suspected = "suspected",
    Confirmed = "confirmed",
    FalseAlarm = "false_alarm",
    Reclassified = "reclassified",
}

vocabulary! {
    /// How bad it is (FIRE, Annex E).
    Severity, "severity":
    Nil = "nil",
    Negligible = "negligible",
    Low = "low",
    Medium = "medium",
    High = "high",
    Extreme = "extreme",
}

vocabulary! {
    /// How soon a bank must act (CAP 1.2); drives the acknowledgement clock.
    Urgency, "urgency":
    Immediate = "immediate",
    Expected = "expected",
    Future = "future",
    Past = "past",
    Unknown = "unknown",
}

vocabulary! {
    /// The phase of a revision.
    Phase, "phase":
    Initial = "initial",
    Intermediate = "intermediate",
    Final = "final",
    Withdrawal = "withdrawal",
}

vocabulary! {
    /// Where the incident itself stands (FIRE).
    IncidentStatus, "incident_status":
    Open = "open",
    Resolved = "resolved",
    Closed = "closed",
}

vocabulary! {
    /// Traffic Light Protocol 2.0, strictest first.
    Tlp, "tlp":
    Red = "RED",
    AmberStrict = "AMBER+STRICT",
    Amber = "AMBER",
    Green = "GREEN",
    Clear = "CLEAR",
}

vocabulary! {
    /// Whether it is meant (CAP 1.2 `status`).
    Kind, "kind":
    Actual = "actual",
    Exercise = "exercise",
    Test = "test",
}

vocabulary! {
    /// Why a notice was taken back.
    WithdrawalReason, "withdrawal_reason":
    FalseAlarm = "false_alarm",
    Duplicate = "duplicate",
    IssuedInError = "issued_in_error",
    Reclassified = "reclassified",
}

vocabulary! {
    /// On what legal basis a revision is held back.
    DeferralBasis, "deferral_basis":
    InvestigationRequest = "investigation_request",
    CourtOrder = "court_order",
    SupervisorOrder = "supervisor_order",
    StatutorySecrecy = "statutory_secrecy",
}

vocabulary! {
    /// The state of one service at one bank.
    ServiceState, "service_state":
    Open = "open",
    Suspended = "suspended",
    Limited = "limited",
}

vocabulary! {
    /// The step at which the thief was at work.
    AttackStage, "attack_stage":
    Signup = "signup",
    Link = "link",
    TopUp = "top_up",
    CashOut = "cash_out",
}

vocabulary! {
    /// How it came to light (after FIRE, Annex D).
    DiscoveryMethod, "discovery_method":
    CustomerReport = "customer_report",
    BankReport = "bank_report",
    InternalMonitoring = "internal_monitoring",
    StaffReport = "staff_report",
    Regulator = "regulator",
    LawEnforcement = "law_enforcement",
    Media = "media",
    Audit = "audit",
    ThirdParty = "third_party",
    Other = "other",
    Unknown = "unknown",
}

vocabulary! {
    /// The languages of labels, mails and pages.
    Language, "language":
    Ja = "ja",
    En = "en",
}

/// Every vocabulary of this file: table name and codes.
pub const VOCABULARIES: &[(&str, &[&str])] = &[
    (Typology::NAME, Typology::CODES),
    (Authentication::NAME, Authentication::CODES),
    (Weakness::NAME, Weakness::CODES),
    (Countermeasure::NAME, Countermeasure::CODES),
    (CountermeasureScope::NAME, CountermeasureScope::CODES),
    (ResponseCode::NAME, ResponseCode::CODES),
    (Sharing::NAME, Sharing::CODES),
    (Determination::NAME, Determination::CODES),
    (Severity::NAME, Severity::CODES),
    (Urgency::NAME, Urgency::CODES),
    (Phase::NAME, Phase::CODES),
    (IncidentStatus::NAME, IncidentStatus::CODES),
    (Tlp::NAME, Tlp::CODES),
    (Kind::NAME, Kind::CODES),
    (WithdrawalReason::NAME, WithdrawalReason::CODES),
    (DeferralBasis::NAME, DeferralBasis::CODES),
    (ServiceState::NAME, ServiceState::CODES),
    (AttackStage::NAME, AttackStage::CODES),
    (DiscoveryMethod::NAME, DiscoveryMethod::CODES),
    (Language::NAME, Language::CODES),
    (
        super::incident::Source::NAME,
        super::incident::Source::CODES,
    ),
    (super::chase::StepKind::NAME, super::chase::StepKind::CODES),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const LABELS: &str = include_str!("../../config/vocabulary.toml");

    #[test]
    fn every_code_has_its_two_labels_and_no_label_lacks_its_code() {
        let file: toml::Table = LABELS.parse().expect("the file of labels is TOML");
        let ours: BTreeSet<&str> = VOCABULARIES.iter().map(|(name, _)| *name).collect();
        let theirs: BTreeSet<&str> = file.keys().map(String::as_str).collect();
        assert_eq!(ours, theirs);
        for (name, codes) in VOCABULARIES {
            let table = file[*name].as_table().expect("a table per vocabulary");
            let ours: BTreeSet<&str> = codes.iter().copied().collect();
            let theirs: BTreeSet<&str> = table.keys().map(String::as_str).collect();
            assert_eq!(ours, theirs, "{name}");
            assert_eq!(ours.len(), codes.len(), "{name} repeats a code");
            for (code, labels) in table {
                let labels = labels.as_table().expect("a table per code");
                assert_eq!(labels.len(), 2, "{name}.{code}");
                for language in Language::CODES {
                    let label = labels[*language].as_str().expect("a label is a text");
                    assert_eq!(
                        crate::domain::text::line(label, 60).as_deref(),
                        Ok(label),
                        "{name}.{code}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_two_codes_of_one_vocabulary_read_the_same() {
        let file: toml::Table = LABELS.parse().expect("the file of labels is TOML");
        for (name, codes) in VOCABULARIES {
            for language in Language::CODES {
                let labels: BTreeSet<&str> = codes
                    .iter()
                    .filter_map(|code| file[*name][*code][*language].as_str())
                    .collect();
                assert_eq!(labels.len(), codes.len(), "{name} in {language}");
            }
        }
    }

    #[test]
    fn a_code_is_read_back_only_in_its_exact_spelling() {
        for tlp in Tlp::ALL {
            assert_eq!(Tlp::parse(tlp.code()), Some(*tlp));
        }
        for bad in ["amber", "AMBER STRICT", "", "AMBER+STRICT "] {
            assert_eq!(Tlp::parse(bad), None, "{bad}");
        }
        assert_eq!(Typology::ALL.len(), Typology::CODES.len());
    }

    #[test]
    fn only_a_review_of_the_partnership_is_always_private() {
        let private: Vec<&str> = ResponseCode::ALL
            .iter()
            .filter(|code| code.always_private())
            .map(|code| code.code())
            .collect();
        assert_eq!(private, ["reviewing_partnership"]);
    }
}

//! The closed list of what the rules refuse. Each has a stable code and a sentence that says what to do.

/// A rule said no. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "no bank is on the roster, so a notice would reach nobody; enter the partner banks first"
    )]
    RosterEmpty,
    #[error("the incident is closed; register a new one and name this one as related")]
    IncidentClosed,
    #[error("this draft was issued or discarded already")]
    DraftEnded,
    #[error("it has changed since you read it; read it again and repeat your change")]
    VersionConflict,
    #[error("this idempotency key was used for another request; use a new key")]
    IdempotencyConflict,
    #[error(
        "the digest, the notice and the code do not belong together; take them from the notice you received"
    )]
    AcknowledgementMismatch,
    #[error("acknowledge the notice first; then say what the bank did")]
    AcknowledgeFirst,
    #[error("the code has been guessed too often; use the link of a newer mail, or the API")]
    CodeLocked,
    #[error("the link is older than 14 days; ask for a new mail, or use the API")]
    LinkExpired,
    #[error(
        "the mail of this link went to somebody who is no contact of the bank any more; use the link of a newer mail, or the API"
    )]
    LinkEnded,
    #[error("a second person must decide: the one who asked cannot")]
    SamePerson,
    #[error("this was decided already, or its time ran out; ask anew")]
    ApprovalEnded,
    #[error("the same request is waiting for a second person already")]
    ApprovalPending,
    #[error("the bank is a partner already")]
    AlreadyPartner,
    #[error("the bank is not a partner")]
    NotPartner,
    #[error("a bank with this code is entered already")]
    BankExists,
    #[error("a person with this e-mail address is entered already")]
    PersonExists,
    #[error("an administrator exists already; ask one of them for an invitation")]
    Bootstrapped,
    #[error("the invitation is unknown, used or expired; ask for a new one")]
    InvitationEnded,
    #[error("the recovery link is unknown, used or expired; ask an administrator for a new one")]
    RecoveryEnded,
    #[error("two live keys at most; revoke one first")]
    TooManyKeys,
    #[error("this key was ended, and an ended key never comes back; enrol a new one")]
    KeyEnded,
    #[error("the contact or endpoint was replaced already")]
    AlreadyReplaced,
    #[error("this role belongs to the other side")]
    RoleOfOtherSide,
    #[error("the log has not sealed this yet; ask again in a few seconds")]
    NotSealed,
    #[error(
        "its entries stand in two logs, of which one follows the other; verify an export of both instead"
    )]
    AcrossLogs,
    #[error("the time is in the future; ask for a time that has come")]
    NotYet,
    #[error(
        "a certificate holds about 4000 notices, and this bank had more; take its evidence pack"
    )]
    CertificateTooLong,
    #[error("the time until which it was to be held back is over; issue it, or ask anew")]
    DeferralPast,
    #[error("this deferral has ended already; read how")]
    DeferralEnded,
    #[error("a revision of this incident is held back; lift that first, and it goes out")]
    DeferralInForce,
    #[error(
        "a bank has neither confirmed what it was told last nor been closed by two people; chase it, or ask to close its notice"
    )]
    BanksUnsettled,
    #[error("this notice was acknowledged or closed already")]
    NoticeSettled,
    #[error("this response was answered already")]
    ResponseAnswered,
    #[error("what this draft says is held back; lift that, and it goes out")]
    DraftDeferred,
    #[error("this report was answered already; read how")]
    ReportAnswered,
    #[error("what opens this notice's proof was erased; its entry stays in the log")]
    ProofErased,
    #[error("a colleague has taken this call; ask them, or take another")]
    CallTaken,
    #[error("nobody needs to make this call any more")]
    CallEnded,
    #[error("the bank has acknowledged this notice already")]
    AlreadyAcknowledged,
}

impl Refusal {
    /// The stable code of the problem document.
    pub fn code(self) -> &'static str {
        match self {
            Self::RosterEmpty => "roster_empty",
            Self::IncidentClosed => "incident_closed",
            Self::DraftEnded => "draft_ended",
            Self::VersionConflict => "version_conflict",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::AcknowledgementMismatch => "acknowledgement_mismatch",
            Self::AcknowledgeFirst => "acknowledge_first",
            Self::CodeLocked => "code_locked",
            Self::LinkExpired => "link_expired",
            Self::LinkEnded => "link_ended",
            Self::SamePerson => "same_person",
            Self::ApprovalEnded => "approval_ended",
            Self::ApprovalPending => "approval_pending",
            Self::AlreadyPartner => "already_partner",
            Self::NotPartner => "not_partner",
            Self::BankExists => "bank_exists",
            Self::PersonExists => "person_exists",
            Self::Bootstrapped => "bootstrapped",
            Self::InvitationEnded => "invitation_ended",
            Self::RecoveryEnded => "recovery_ended",
            Self::NotSealed => "not_sealed",
            Self::ProofErased => "proof_erased",
            Self::TooManyKeys => "too_many_keys",
            Self::KeyEnded => "key_ended",
            Self::AlreadyReplaced => "already_replaced",
            Self::RoleOfOtherSide => "role_of_other_side",
            Self::AcrossLogs => "across_logs",
            Self::NotYet => "not_yet",
            Self::CertificateTooLong => "certificate_too_long",
            Self::CallTaken => "call_taken",
            Self::CallEnded => "call_ended",
            Self::AlreadyAcknowledged => "already_acknowledged",
            Self::ReportAnswered => "report_answered",
            Self::BanksUnsettled => "banks_unsettled",
            Self::NoticeSettled => "notice_settled",
            Self::ResponseAnswered => "response_answered",
            Self::DraftDeferred => "draft_deferred",
            Self::DeferralPast => "deferral_past",
            Self::DeferralEnded => "deferral_ended",
            Self::DeferralInForce => "deferral_in_force",
        }
    }
}

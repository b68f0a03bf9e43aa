//! What each kind of mail says: the frozen inputs of its texts, and their rendering into subject, text
//! and HTML. Knows nothing of addresses, SMTP or when a mail is due.

use super::{TemplateFault, Templates};
use crate::domain::instant::Instant;
use crate::domain::notice::Overtaken;
use serde::Serialize;

/// A subject longer than this is cut with an ellipsis.
const SUBJECT_CHARACTERS: usize = 200;

/// A mail's three texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTexts {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// An instant as a reader sees it: in UTC and on the wall of the reader's zone.
#[derive(Debug, Clone, Serialize)]
pub struct When {
    /// `2019-05-17T04:11:09.120Z`
    pub utc: String,
    /// `2019-05-17 13:11 JST`, cut down to the minute.
    pub local: String,
}

impl When {
    pub fn of(at: Instant, zone: &jiff::tz::TimeZone) -> Self {
        let utc = at.to_millis_string();
        let local = jiff::Timestamp::from_microsecond(at.micros()).map_or_else(
            |_| utc.clone(),
            |time| {
                time.to_zoned(zone.clone())
                    .strftime("%Y-%m-%d %H:%M %Z")
                    .to_string()
            },
        );
        Self { utc, local }
    }
}

/// A bank, named in the reader's language.
#[derive(Debug, Clone, Serialize)]
pub struct BankName {
    pub code: String,
    pub name: String,
    /// It is no bank, and is not addressed as one.
    pub is_observer: bool,
}

/// One countermeasure of the operator.
#[derive(Debug, Clone, Serialize)]
pub struct Measure {
    /// Code of the vocabulary `countermeasure`.
    pub code: String,
    /// Code of the vocabulary `countermeasure_scope`.
    pub scope: String,
    pub taken_at: Option<When>,
    pub planned_for: Option<When>,
    pub note: Option<String>,
}

/// Someone at the operator whom the bank can call.
#[derive(Debug, Clone, Serialize)]
pub struct OperatorContact {
    pub name: String,
    pub role: String,
    pub phone: String,
    pub email: String,
}

/// The confirm link. The code stands beside it and never in it.
#[derive(Debug, Clone, Serialize)]
pub struct MailLink {
    pub url: String,
    pub code: String,
}

/// How many banks the notice goes to, and by which version of the register.
#[derive(Debug, Clone, Serialize)]
pub struct Recipients {
    pub count: u32,
    pub roster_version: u64,
    /// Names of the observers among them.
    pub observers: Vec<String>,
}

/// Why a notice was withdrawn.
#[derive(Debug, Clone, Serialize)]
pub struct Withdrawal {
    /// Code of the vocabulary `withdrawal_reason`.
    pub reason: String,
    pub text: Option<String>,
    /// The incident to read instead.
    pub replaces: Option<String>,
}

/// The inputs of `notice.issued`, `notice.withdrawn` and `notice.reminder`-like mails. All prose is
/// already in the reader's language; codes are those of the vocabularies. Under TLP RED and
/// AMBER+STRICT (and any marking unknown here) [`NoticeMail::mail`] drops every field that tells of the
/// theft before a template sees it, so no template can leak it.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeMail {
    /// The operator's name.
    pub operator: String,
    /// The bank that is told.
    pub bank: BankName,
    /// The bank's own gap-free number.
    pub number: u64,
    pub incident_ref: String,
    pub revision: u32,
    /// Code: initial, intermediate, final, withdrawal.
    pub phase: String,
    /// Code: actual, exercise, test.
    pub kind: String,
    /// Code, like `AMBER`.
    pub tlp: String,
    /// Code: immediate, expected, past, future, unknown.
    pub urgency: String,
    pub issued_at: When,
    pub acknowledge_by: When,
    /// Of a withdrawal: of what is withdrawn.
    pub title: Option<String>,
    pub description: Option<String>,
    /// What changed since the revision before.
    pub change_summary: Option<String>,
    /// Codes of the vocabulary `typology`.
    pub typology: Vec<String>,
    /// Codes of the vocabulary `authentication`.
    pub auth_exploited: Vec<String>,
    pub countermeasures: Vec<Measure>,
    pub advice: Option<String>,
    /// Incidents that this one names as related.
    pub related: Vec<String>,
    /// The bank's linking authentication is the exploited one, or one of the two is not known.
    pub exposed: bool,
    /// A bank reported it, and the hub issued it: nobody of the operator has looked into it.
    pub unverified: bool,
    /// The bank is among those affected.
    pub concerns_you: bool,
    /// A confidential annex waits for this bank in the portal.
    pub annex: bool,
    /// `None` where the bank asked for "signed or portal only".
    pub link: Option<MailLink>,
    /// The notice in the portal, behind a sign-in.
    pub page: String,
    pub digest: String,
    pub incident_digest: String,
    pub recipients: Recipients,
    pub contacts: Vec<OperatorContact>,
    pub withdrawn: Option<Withdrawal>,
    /// When the bank is reminded of it; `None` = it is told for the first time.
    pub reminder: Option<When>,
    /// The newer notice that had taken its place when the bank was reminded.
    pub overtaken: Option<Overtaken>,
    /// Why the bank is told: partner, affected, observer, former, late_joiner.
    pub reason: String,
    /// When the incident was registered, for a bank that became a partner later.
    pub joined_late: Option<When>,
}

/// What a template sees.
#[derive(Serialize)]
struct NoticeContext<'a> {
    #[serde(flatten)]
    mail: &'a NoticeMail,
    /// The mail tells nothing of the theft; only the link does.
    restricted: bool,
    /// The bank is reminded after the deadline.
    overdue: bool,
}

/// Whether mails under this marking tell nothing of the theft. A marking unknown here is the strictest.
pub fn restricted(tlp: &str) -> bool {
    !matches!(tlp, "AMBER" | "GREEN" | "CLEAR")
}

impl NoticeMail {
    /// The texts of this notice: `notice.withdrawn` if it carries a withdrawal, else `notice.issued`.
    pub fn mail(&self, templates: &Templates, lang: &str) -> Result<MailTexts, TemplateFault> {
        let message = if self.withdrawn.is_some() {
            "notice.withdrawn"
        } else {
            "notice.issued"
        };
        let restricted = restricted(&self.tlp);
        // Both are UTC with milliseconds: as text they stand in the order of time.
        let overdue = |at: &When| at.utc >= self.acknowledge_by.utc;
        let overdue = self.reminder.as_ref().is_some_and(overdue);
        let bare;
        let mail = if restricted {
            bare = self.without_theft();
            &bare
        } else {
            self
        };
        render(
            templates,
            message,
            lang,
            &NoticeContext {
                mail,
                restricted,
                overdue,
            },
        )
    }

    fn without_theft(&self) -> Self {
        Self {
            title: None,
            description: None,
            change_summary: None,
            typology: Vec::new(),
            auth_exploited: Vec::new(),
            countermeasures: Vec::new(),
            advice: None,
            related: Vec::new(),
            exposed: false,
            concerns_you: false,
            withdrawn: self.withdrawn.as_ref().map(|withdrawal| Withdrawal {
                reason: withdrawal.reason.clone(),
                text: None,
                replaces: None,
            }),
            ..self.clone()
        }
    }
}

/// `notice.test`: proves that a contact's address works.
#[derive(Debug, Clone, Serialize)]
pub struct TestMail {
    pub operator: String,
    pub bank: BankName,
    pub sent_at: When,
}

/// Somebody who was let in.
#[derive(Debug, Clone, Serialize)]
pub struct Newcomer {
    pub name: String,
    /// Codes of roles.
    pub roles: Vec<String>,
    /// The name of whoever invited; `None` = nobody who is known.
    pub invited_by: Option<String>,
}

/// What the operator's people are alerted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    BankLate,
    ChannelBroken,
    PhoneTask,
    LogRefusing,
    SelfCheckRed,
    ClockRunningOut,
    ClockMissed,
    BankReport,
    Deferral,
    DraftAgeing,
    IssueStuck,
    EndingUntold,
    EndpointUnproven,
    ExerciseNear,
    ExerciseOverdue,
    JoinerUntold,
    PersonJoined,
}

impl Alert {
    pub const ALL: [Alert; 17] = [
        Self::BankLate,
        Self::ChannelBroken,
        Self::PhoneTask,
        Self::LogRefusing,
        Self::SelfCheckRed,
        Self::ClockRunningOut,
        Self::ClockMissed,
        Self::BankReport,
        Self::Deferral,
        Self::DraftAgeing,
        Self::IssueStuck,
        Self::EndingUntold,
        Self::EndpointUnproven,
        Self::ExerciseNear,
        Self::ExerciseOverdue,
        Self::JoinerUntold,
        Self::PersonJoined,
    ];

    /// The stable code; its labels are `alert-<code>` and `alert-<code>-action`.
    pub fn code(self) -> &'static str {
        match self {
            Self::BankLate => "bank-late",
            Self::ChannelBroken => "channel-broken",
            Self::PhoneTask => "phone-task",
            Self::LogRefusing => "log-refusing",
            Self::SelfCheckRed => "self-check-red",
            Self::ClockRunningOut => "clock-running-out",
            Self::ClockMissed => "clock-missed",
            Self::BankReport => "bank-report",
            Self::Deferral => "deferral",
            Self::DraftAgeing => "draft-ageing",
            Self::IssueStuck => "issue-stuck",
            Self::EndingUntold => "ending-untold",
            Self::EndpointUnproven => "endpoint-unproven",
            Self::JoinerUntold => "joiner-untold",
            Self::PersonJoined => "person-joined",
            Self::ExerciseNear => "exercise-near",
            Self::ExerciseOverdue => "exercise-overdue",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alert| alert.code() == code)
    }
}

impl Serialize for Alert {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

/// `operator.alert`.
#[derive(Debug, Clone, Serialize)]
pub struct AlertMail {
    pub operator: String,
    pub alert: Alert,
    pub bank: Option<BankName>,
    /// Codes of the banks, where it is about several.
    pub banks: Vec<String>,
    pub incident_ref: Option<String>,
    /// Of that incident, or of what will be one; `actual` where there is none. Code: actual, exercise, test.
    pub kind: String,
    /// What is owed next: code of the vocabulary `phase`.
    pub owed: Option<String>,
    /// By when; of what waits, when it goes out by itself.
    pub due_at: Option<When>,
    /// The broken way, code: webhook, email.
    pub channel: Option<String>,
    /// A mail came back over it.
    pub bounced: bool,
    /// The status of that (RFC 3463), where it has one.
    pub mail_status: Option<String>,
    /// Why the log refuses: a code whose label is `log-refuses-<code>`.
    pub refusal: Option<String>,
    /// The reference of the last exercise.
    pub last_exercise: Option<String>,
    /// One line from the hub itself; never a bank's answer.
    pub detail: Option<String>,
    /// Who was let in; `None` where it tells of something else.
    pub joined: Option<Newcomer>,
    /// Where it is read in the portal.
    pub page: Option<String>,
    pub at: When,
}

/// `link.acknowledged`: told to all contacts of a bank after an acknowledgement by mail link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkAcknowledgedMail {
    pub operator: String,
    pub bank: BankName,
    pub number: u64,
    pub incident_ref: String,
    /// Code: actual, exercise, test.
    pub kind: String,
    pub revision: u32,
    pub digest: String,
    /// The contact to whose mail the link belonged; `None` = unknown.
    pub contact: Option<String>,
    /// As typed by whoever confirmed.
    pub name: String,
    pub role: String,
    pub at: When,
}

/// `partnership.ending`.
#[derive(Debug, Clone, Serialize)]
pub struct PartnershipEndingMail {
    pub operator: String,
    pub bank: BankName,
    pub recorded_at: When,
    pub ends_at: When,
    /// That time had passed when the mail was written.
    pub is_over: bool,
    /// The bank's inbox in the portal.
    pub page: String,
}

/// `report.answered`: a bank's report is no incident, and why.
#[derive(Debug, Clone, Serialize)]
pub struct ReportAnsweredMail {
    pub operator: String,
    pub bank: BankName,
    /// The report's id.
    pub report: String,
    pub reported_at: When,
    /// As an officer wrote it.
    pub reason: String,
    /// Where the report is read.
    pub page: String,
    pub at: When,
}

/// `response.answered`: the operator's answer to a bank's question or objection. Under a marking that keeps a
/// notice's content out of mails [`ResponseAnsweredMail::mail`] drops the answer before a template sees it: it
/// speaks of the same theft.
#[derive(Debug, Clone, Serialize)]
pub struct ResponseAnsweredMail {
    pub operator: String,
    pub bank: BankName,
    /// Of the notice that it is about.
    pub number: u64,
    pub incident_ref: String,
    /// Code: actual, exercise, test.
    pub kind: String,
    /// Of what the answer is about, code like `AMBER`.
    pub tlp: String,
    /// As an officer wrote it; `None` = it is read in the portal alone.
    pub text: Option<String>,
    /// The notice in the portal.
    pub page: String,
    pub at: When,
}

impl ResponseAnsweredMail {
    pub fn mail(&self, templates: &Templates, lang: &str) -> Result<MailTexts, TemplateFault> {
        let bare;
        let mail = if restricted(&self.tlp) {
            bare = Self {
                text: None,
                ..self.clone()
            };
            &bare
        } else {
            self
        };
        render(templates, "response.answered", lang, mail)
    }
}

/// `invitation` to a person's account.
#[derive(Debug, Clone, Serialize)]
pub struct InvitationMail {
    pub operator: String,
    /// `None` for the operator's own people.
    pub bank: Option<BankName>,
    pub name: String,
    /// Single use.
    pub url: String,
    pub expires_at: When,
}

/// `sign_in.recovered`: told to the person whose account was taken up again.
#[derive(Debug, Clone, Serialize)]
pub struct RecoveredMail {
    pub operator: String,
    pub name: String,
    pub at: When,
}

macro_rules! texts {
    ($($mail:ident => $message:literal),+ $(,)?) => {$(
        impl $mail {
            pub fn mail(&self, templates: &Templates, lang: &str) -> Result<MailTexts, TemplateFault> {
                render(templates, $message, lang, self)
            }
        }
    )+};
}

texts! {
    TestMail => "notice.test",
    AlertMail => "operator.alert",
    LinkAcknowledgedMail => "link.acknowledged",
    PartnershipEndingMail => "partnership.ending",
    InvitationMail => "invitation",
    RecoveredMail => "sign_in.recovered",
    ReportAnsweredMail => "report.answered",
}

/// Renders the three texts of `message` from any context of the right shape.
pub fn render<C: Serialize>(
    templates: &Templates,
    message: &str,
    lang: &str,
    context: &C,
) -> Result<MailTexts, TemplateFault> {
    let part = |name: &str| templates.render(&format!("mail/{message}/{name}"), lang, context);
    let body = part("body.txt")?;
    Ok(MailTexts {
        subject: one_line(&part("subject.txt")?),
        text: format!("{}\n", body.trim()),
        html: format!("{}\n", part("body.html")?.trim()),
    })
}

/// Control characters and runs of spaces become one space, and a long subject is cut.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SUBJECT_CHARACTERS {
        return line;
    }
    let mut cut: String = line.chars().take(SUBJECT_CHARACTERS - 1).collect();
    cut.push('…');
    cut
}

//! Evidence levels of a notice, and the classes of acknowledgement.

/// How far a notice is shown to have come. Never falls; a level reached includes those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// L0: owed, in the register of notices.
    Listed = 0,
    /// L1: handed to a transport that took it (a mail relay), or attempted.
    Dispatched = 1,
    /// L2: the bank's own system accepted it.
    Delivered = 2,
    /// L3: an authenticated person opened it.
    Accessed = 3,
    /// L4: an authorised person, or the bank's own key, confirmed this digest.
    Acknowledged = 4,
    /// L5: the bank said what it did.
    Responded = 5,
}

impl Level {
    pub const ALL: [Level; 6] = [
        Self::Listed,
        Self::Dispatched,
        Self::Delivered,
        Self::Accessed,
        Self::Acknowledged,
        Self::Responded,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Dispatched => "dispatched",
            Self::Delivered => "delivered",
            Self::Accessed => "accessed",
            Self::Acknowledged => "acknowledged",
            Self::Responded => "responded",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }

    /// The number stored and shown as L0 to L5.
    pub fn number(self) -> i64 {
        self as i64
    }

    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }
}

/// How an acknowledgement was given, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AckClass {
    /// A signed note under the bank's own key.
    Signed,
    /// A signed-in person.
    Portal,
    /// The bank's machine, by API key, naming the person.
    ApiKey,
    /// The link of a mail, with its printed code and a typed name.
    Link,
    /// By telephone or letter, signed off by two people.
    OutOfBand,
}

impl AckClass {
    pub const ALL: [AckClass; 5] = [
        Self::Signed,
        Self::Portal,
        Self::ApiKey,
        Self::Link,
        Self::OutOfBand,
    ];

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Portal => "portal",
            Self::ApiKey => "api_key",
            Self::Link => "link",
            Self::OutOfBand => "out_of_band",
        }
    }
}

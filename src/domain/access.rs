//! Who may act: roles, callers, and the proof that a query is for one bank alone.

use super::id::Uid;

/// What a person may be. `BankMachine` is never granted: it is what a bank's API key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Officer,
    Auditor,
    Administrator,
    BankMember,
    BankAdministrator,
    BankMachine,
}

impl Role {
    pub const ALL: [Role; 6] = [
        Self::Officer,
        Self::Auditor,
        Self::Administrator,
        Self::BankMember,
        Self::BankAdministrator,
        Self::BankMachine,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
            Self::BankMember => "bank_member",
            Self::BankAdministrator => "bank_administrator",
            Self::BankMachine => "bank_machine",
        }
    }

    /// A role that can be given to a person.
    pub fn parse_grantable(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .filter(|role| *role != Self::BankMachine)
            .find(|role| role.code() == code)
    }

    /// True for roles that exist only inside one bank.
    pub fn is_of_bank(self) -> bool {
        matches!(
            self,
            Self::BankMember | Self::BankAdministrator | Self::BankMachine
        )
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    pub const NONE: Roles = Roles(0);

    pub const fn of(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < roles.len() {
            bits |= 1 << roles[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    pub fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    pub fn with(self, role: Role) -> Self {
        Self(self.0 | (1 << role as u8))
    }

    pub fn shares(self, other: Roles) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Person {
        id: Uid,
        key: Uid,
        bank: Option<Uid>,
        roles: Roles,
    },
    Machine {
        key: Uid,
        bank: Uid,
    },
}

impl Caller {
    pub fn roles(&self) -> Roles {
        match self {
            Self::Person { roles, .. } => *roles,
            Self::Machine { .. } => Roles::of(&[Role::BankMachine]),
        }
    }

    /// The bank this caller belongs to; `None` = the operator's side.
    pub fn bank(&self) -> Option<Uid> {
        match self {
            Self::Person { bank, .. } => *bank,
            Self::Machine { bank, .. } => Some(*bank),
        }
    }

    /// Who acts: the person, or the machine's key.
    pub fn id(&self) -> Uid {
        match self {
            Self::Person { id, .. } => *id,
            Self::Machine { key, .. } => *key,
        }
    }

    /// Whose an idempotency key is: the person's, or that of the machine's bank. A bank that changes from one API key to
    /// the next repeats what it sent under the first.
    pub fn once_owner(&self) -> Uid {
        match self {
            Self::Person { id, .. } => *id,
            Self::Machine { bank, .. } => *bank,
        }
    }

    pub fn key(&self) -> Uid {
        match self {
            Self::Person { key, .. } | Self::Machine { key, .. } => *key,
        }
    }

    pub fn person(&self) -> Option<Uid> {
        match self {
            Self::Person { id, .. } => Some(*id),
            Self::Machine { .. } => None,
        }
    }
}

/// Proof that what follows is for one bank alone (law 7). Every query on behalf of a bank takes it;
/// `web/identity.rs` is the only place that makes one, which a test holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankScope {
    bank: Uid,
}

impl BankScope {
    /// For `web/identity.rs`, from an authenticated caller of this bank.
    pub fn of_authenticated(bank: Uid) -> Self {
        Self { bank }
    }

    pub fn bank(self) -> Uid {
        self.bank
    }
}

//! When an incident may be closed: every notice of its newest revision was stamped by its bank, or closed by two
//! people with a written reason. There is no third way.

use super::id::Uid;
use super::refusal::Refusal;

/// How one notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Open,
    Acknowledged,
    /// By two people.
    Closed,
}

impl Standing {
    /// What was both is acknowledged: a stamp says more.
    pub fn of(acknowledged: bool, closed: bool) -> Self {
        match (acknowledged, closed) {
            (true, _) => Self::Acknowledged,
            (false, true) => Self::Closed,
            (false, false) => Self::Open,
        }
    }

    /// Two people close what no stamp has settled.
    pub fn close(self, (requester, approver): (Uid, Uid)) -> Result<Self, Refusal> {
        if requester == approver {
            return Err(Refusal::SamePerson);
        }
        match self {
            Self::Open => Ok(Self::Closed),
            Self::Acknowledged | Self::Closed => Err(Refusal::NoticeSettled),
        }
    }
}

/// How the notices of a revision were settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    pub acknowledged: i64,
    pub closed: i64,
}

/// Counts them, unless one is open, or there is none.
pub fn settled(notices: &[Standing]) -> Result<Settled, Refusal> {
    let count = |wanted| {
        let found = notices.iter().filter(|one| **one == wanted).count();
        i64::try_from(found).unwrap_or(i64::MAX)
    };
    if notices.is_empty() || count(Standing::Open) > 0 {
        return Err(Refusal::BanksUnsettled);
    }
    Ok(Settled {
        acknowledged: count(Standing::Acknowledged),
        closed: count(Standing::Closed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn person(n: u8) -> Uid {
        Uid::from_bytes([n; 16])
    }

    /// What somebody does: 0 = a bank stamps, 1 = one person asks and another decides, 2 = somebody closes the incident.
    fn deeds() -> impl Strategy<Value = Vec<(u8, usize, u8, u8)>> {
        proptest::collection::vec((0_u8..3, 0_usize..5, 0_u8..3, 0_u8..3), 0..60)
    }

    proptest! {
        #[test]
        fn no_path_leads_to_closed_without_every_banks_stamp_or_two_people(banks in 0_usize..5, deeds in deeds()) {
            let mut notices = vec![Standing::Open; banks];
            let mut stamped = vec![false; banks];
            let mut agreed = vec![false; banks];
            for (deed, bank, one, other) in deeds {
                match (deed, notices.get(bank).copied()) {
                    (0, Some(_)) => {
                        stamped[bank] = true;
                        notices[bank] = Standing::of(true, agreed[bank]);
                    }
                    (1, Some(standing)) => match standing.close((person(one), person(other))) {
                        Ok(closed) => {
                            prop_assert!(one != other, "one person was taken for two");
                            agreed[bank] = true;
                            notices[bank] = closed;
                        }
                        Err(_) => prop_assert!(one == other || stamped[bank] || agreed[bank]),
                    },
                    _ => {
                        let every = banks > 0 && (0..banks).all(|bank| stamped[bank] || agreed[bank]);
                        prop_assert_eq!(settled(&notices).is_ok(), every);
                        if let Ok(counts) = settled(&notices) {
                            prop_assert_eq!(counts.acknowledged + counts.closed, i64::try_from(banks).expect("few"));
                        }
                    }
                }
            }
        }
    }
}

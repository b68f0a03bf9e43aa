//! What each bank has switched off, as its responses say: three services, in the order in which it said so. Knows
//! neither who may read which response nor what the register says.

use super::vocabulary::{ResponseCode, ServiceState};
use serde::Serialize;

/// The three services of one bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Services {
    pub new_links: ServiceState,
    pub top_ups: ServiceState,
    pub pay_outs: ServiceState,
}

impl Services {
    /// The same of all three.
    pub fn all(state: ServiceState) -> Self {
        Self {
            new_links: state,
            top_ups: state,
            pay_outs: state,
        }
    }

    /// After one more response: what it says was done last counts. One that suspends and resumes at once suspends.
    pub fn after(self, codes: &[ResponseCode]) -> Self {
        let mut now = self;
        if codes.contains(&ResponseCode::Resumed) {
            now = Self::all(ServiceState::Open);
        }
        if codes.contains(&ResponseCode::SuspendedNewLinks) {
            now.new_links = ServiceState::Suspended;
        }
        if codes.contains(&ResponseCode::SuspendedTopUps) {
            now.top_ups = ServiceState::Suspended;
        }
        if codes.contains(&ResponseCode::SuspendedAll) {
            now = Self::all(ServiceState::Suspended);
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_bank_said_last_is_how_its_services_stand() {
        use ResponseCode::*;
        let open = Services::all(ServiceState::Open);
        let links = open.after(&[SuspendedNewLinks, Noted]);
        assert_eq!(
            (links.new_links, links.top_ups),
            (ServiceState::Suspended, ServiceState::Open)
        );
        let both = links.after(&[SuspendedTopUps]);
        assert_eq!(both.pay_outs, ServiceState::Open);
        assert_eq!(
            both.after(&[SuspendedAll]),
            Services::all(ServiceState::Suspended)
        );
        assert_eq!(both.after(&[Resumed]), open);
        assert_eq!(
            both.after(&[Resumed, SuspendedTopUps]).top_ups,
            ServiceState::Suspended
        );
    }

    proptest! {
        #[test]
        fn saying_the_same_again_changes_nothing(said in proptest::collection::vec(0..ResponseCode::ALL.len(), 0..4)) {
            let codes: Vec<ResponseCode> = said.into_iter().map(|at| ResponseCode::ALL[at]).collect();
            let once = Services::all(ServiceState::Limited).after(&codes);
            prop_assert_eq!(once.after(&codes), once);
        }
    }
}

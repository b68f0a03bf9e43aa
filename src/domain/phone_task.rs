//! A call that somebody has to make, as it goes from hand to hand: pure, and the same for whoever stores it.

use super::id::Uid;

super::vocabulary::vocabulary! {
    /// What happened to a call.
    Event, "phone_task_event":
    Opened = "opened",
    Claimed = "claimed",
    Released = "released",
    Completed = "completed",
    Closed = "closed",
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has taken it.
    Open,
    /// Somebody has taken it.
    Claimed(Uid),
    /// The bank was reached.
    Completed,
    /// The bank acknowledged meanwhile, or was reached about a later notice: nobody needs to call.
    Closed,
}

impl State {
    /// The state after a task's last event; `by` is who did it.
    pub fn after(event: Event, by: Option<Uid>) -> Self {
        match (event, by) {
            (Event::Claimed, Some(by)) => Self::Claimed(by),
            (Event::Opened | Event::Released | Event::Claimed, _) => Self::Open,
            (Event::Completed, _) => Self::Completed,
            (Event::Closed, _) => Self::Closed,
        }
    }

    /// May this happen next, done by `by`? A claim is a word among colleagues: whoever reaches the bank completes
    /// the task, whoever had taken it.
    pub fn takes(self, event: Event, by: Option<Uid>) -> bool {
        match (self, event) {
            (Self::Open, Event::Claimed) => by.is_some(),
            (Self::Claimed(holder), Event::Released) => by == Some(holder),
            (Self::Open | Self::Claimed(_), Event::Completed) => by.is_some(),
            (Self::Open | Self::Claimed(_), Event::Closed) => true,
            _ => false,
        }
    }

    /// Whether somebody still has to call.
    pub fn waits(self) -> bool {
        matches!(self, Self::Open | Self::Claimed(_))
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed(_) => "claimed",
            Self::Completed => "completed",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uid(n: u8) -> Uid {
        Uid::from_bytes([n; 16])
    }

    #[test]
    fn a_call_goes_from_hand_to_hand_and_ends_once() {
        let (open, hers) = (State::Open, State::Claimed(uid(1)));
        for (state, event, by, may) in [
            (open, Event::Claimed, Some(1), true),
            (open, Event::Claimed, None, false),
            (open, Event::Released, Some(1), false),
            (open, Event::Completed, Some(2), true),
            (open, Event::Closed, None, true),
            (hers, Event::Claimed, Some(2), false),
            (hers, Event::Released, Some(2), false),
            (hers, Event::Released, Some(1), true),
            (hers, Event::Completed, Some(2), true),
            (hers, Event::Opened, None, false),
            (State::Completed, Event::Closed, None, false),
            (State::Closed, Event::Completed, Some(1), false),
        ] {
            assert_eq!(state.takes(event, by.map(uid)), may, "{state:?} {event}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_has_ended_begins_again(picks in proptest::collection::vec((0_usize..5, 1_u8..3), 0..30)) {
            let mut state = State::Open;
            let mut ended = false;
            for (pick, by) in picks {
                let (event, by) = (Event::ALL[pick], Some(uid(by)));
                if state.takes(event, by) {
                    prop_assert!(!ended, "{event} after the end");
                    state = State::after(event, by);
                }
                ended |= !state.waits();
            }
        }
    }
}

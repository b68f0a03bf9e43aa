//! Cursors: where a page ended, sealed for one caller, one route and one filter. A cursor tells its
//! holder nothing that the page did not, but nobody can make one or use another's.

use super::problem::Problem;
use crate::domain::access::Caller;
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::vault;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

const MAC: usize = 16;
/// Longer texts are not looked into.
const LONGEST: usize = 256;

/// What a cursor is bound to.
#[derive(Debug, Clone)]
pub struct Binding {
    caller: Uid,
    route: &'static str,
    filter: Digest,
}

impl Binding {
    /// `filter` is any text that is the same for the same filter.
    pub fn new(caller: &Caller, route: &'static str, filter: &str) -> Self {
        Self {
            caller: caller.id(),
            route,
            filter: Digest::of(filter.as_bytes()),
        }
    }

    fn mac(&self, key: &[u8; 32], payload: &[u8]) -> [u8; MAC] {
        let mut text = format!("{}|{}|{}|", self.caller, self.route, self.filter).into_bytes();
        text.extend_from_slice(payload);
        let mut cut = [0; MAC];
        cut.copy_from_slice(&vault::mac(key, &text)[..MAC]);
        cut
    }

    /// The cursor that stands for `payload`.
    pub fn seal(&self, key: &[u8; 32], payload: &[u8]) -> String {
        let mut bytes = payload.to_vec();
        bytes.extend_from_slice(&self.mac(key, payload));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The payload of a cursor that was sealed for the same binding.
    pub fn open(&self, key: &[u8; 32], cursor: &str) -> Result<Vec<u8>, Problem> {
        let bytes = (cursor.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(cursor).ok());
        let mut bytes = bytes.flatten().ok_or_else(Problem::cursor_invalid)?;
        let at = bytes
            .len()
            .checked_sub(MAC)
            .ok_or_else(Problem::cursor_invalid)?;
        let given = bytes.split_off(at);
        if bool::from(self.mac(key, &bytes).ct_eq(given.as_slice())) {
            Ok(bytes)
        } else {
            Err(Problem::cursor_invalid())
        }
    }

    /// An id as payload.
    pub fn open_id(&self, key: &[u8; 32], cursor: &str) -> Result<Uid, Problem> {
        let payload = self.open(key, cursor)?;
        let id = <[u8; 16]>::try_from(payload.as_slice());
        id.map(Uid::from_bytes)
            .map_err(|_| Problem::cursor_invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Roles;

    const KEY: [u8; 32] = [5; 32];

    fn binding(person: u8, route: &'static str, filter: &str) -> Binding {
        let id = Uid::from_bytes([person; 16]);
        let caller = Caller::Person {
            id,
            key: id,
            bank: None,
            roles: Roles::NONE,
        };
        Binding::new(&caller, route, filter)
    }

    #[test]
    fn a_cursor_opens_for_its_own_caller_route_and_filter_alone() {
        let own = binding(1, "incidents", "q=a");
        let cursor = own.seal(&KEY, &[7; 16]);
        assert_eq!(own.open(&KEY, &cursor).expect("its own"), [7; 16]);
        assert_eq!(
            own.open_id(&KEY, &cursor).expect("an id"),
            Uid::from_bytes([7; 16])
        );
        for other in [
            binding(2, "incidents", "q=a"),
            binding(1, "deliveries", "q=a"),
            binding(1, "incidents", "q=b"),
        ] {
            let problem = other.open(&KEY, &cursor).expect_err("foreign");
            assert_eq!(
                (problem.status.as_u16(), problem.code),
                (400, "cursor_invalid")
            );
        }
        assert!(own.open(&[6; 32], &cursor).is_err());
    }

    #[test]
    fn a_forged_cursor_is_refused() {
        let own = binding(1, "incidents", "");
        let cursor = own.seal(&KEY, &[7; 16]);
        for at in 0..cursor.len() {
            let mut bad = cursor.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).expect("ASCII");
            assert!(own.open(&KEY, &bad).is_err(), "changed at {at}");
        }
        let long = "A".repeat(10_000);
        for bad in ["", "AAAA", "%%%", &cursor[1..], &long] {
            assert!(own.open(&KEY, bad).is_err(), "{bad}");
        }
    }
}

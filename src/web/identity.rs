//! Who is asking. The doorkeeper puts the authenticated caller into the request; handlers take it out
//! here. The only place that makes a `BankScope`. Fails closed: no caller, no handler.

use super::problem::Problem;
use crate::domain::access::{BankScope, Caller};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};

/// The authenticated caller.
#[derive(Debug, Clone)]
pub struct Who(pub Caller);

/// An authenticated caller of one bank, with the proof that what follows is for that bank alone.
#[derive(Debug, Clone)]
pub struct BankWho {
    pub scope: BankScope,
    pub caller: Caller,
}

fn caller(req: &HttpRequest) -> Result<Caller, Problem> {
    req.extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(Problem::unauthenticated)
}

impl BankWho {
    pub(super) fn of(caller: Caller) -> Result<Self, Problem> {
        let bank = caller.bank().ok_or_else(Problem::missing)?;
        if !caller.roles().iter().any(|role| role.is_of_bank()) {
            return Err(Problem::missing());
        }
        let scope = BankScope::of_authenticated(bank);
        Ok(Self { scope, caller })
    }
}

impl FromRequest for Who {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(req).map(Who))
    }
}

impl FromRequest for BankWho {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(req).and_then(BankWho::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::{Role, Roles};
    use crate::domain::id::Uid;

    fn person(bank: Option<Uid>, roles: &[Role]) -> Caller {
        let id = Uid::from_bytes([1; 16]);
        let roles = Roles::of(roles);
        Caller::Person {
            id,
            key: id,
            bank,
            roles,
        }
    }

    #[test]
    fn nobody_gets_a_banks_scope_but_that_banks_own() {
        let bank = Uid::from_bytes([9; 16]);
        assert!(BankWho::of(person(None, &[Role::Auditor])).is_err());
        assert!(BankWho::of(person(None, &[Role::BankMember])).is_err());
        assert!(BankWho::of(person(Some(bank), &[])).is_err());
        let own = BankWho::of(person(Some(bank), &[Role::BankMember])).expect("its own");
        assert_eq!(own.scope.bank(), bank);
    }
}

//! What the operator's administrator does to a bank's endpoints and keys. The first endpoint or key is
//! onboarding and acts at once; afterwards a change could lead notices astray, and takes two people. A
//! replaced endpoint keeps the bank's secret, so that nobody at the operator sees it.

use super::ask::ask;
use super::decide::Requested;
use super::read_approvals::Change;
use super::read_register;
use super::register_bank::bank_by_code;
use super::set_endpoint::{self, EndpointInput, EndpointMade, Signing};
use super::{Error, Rules, cut_roster};
use crate::domain::id::Uid;
use crate::storage::approval::RequestRow;
use crate::storage::{self, Tx, bank, payload, people};
use serde::{Deserialize, Serialize};

/// The act's name in approvals: adding, replacing or ending an endpoint, revoking a machine's key.
pub const ACT: &str = "endpoint.change";

/// Where the URL stands in what an administrator sends.
const URL: &str = "/endpoint/url";

/// It was done, or it waits for another person.
#[derive(Clone)]
pub enum OnBehalf<T> {
    Done(T),
    Asked(Requested),
}

/// The frozen act. The URL lies sealed, under `payload`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Act {
    Add { payload: Uid },
    Replace { old: Uid, payload: Uid },
    End { old: Uid },
    RevokeKey { key: Uid },
}

impl Act {
    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("ids always serialize")
    }
}

fn seal(tx: &mut Tx<'_>, rules: &Rules, bank_id: Uid, input: &EndpointInput) -> Result<Uid, Error> {
    let checked = EndpointInput {
        url: set_endpoint::check_url(rules, URL, &input.url)?,
        ..input.clone()
    };
    let bytes = serde_json::to_vec(&checked).expect("texts always serialize");
    Ok(payload::seal(tx, bank_id, &bytes)?)
}

/// Enters an endpoint for a bank: the first at once, a further one with a second person.
pub fn add_endpoint(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    code: &str,
    input: &EndpointInput,
    reason: &str,
) -> Result<OnBehalf<EndpointMade>, Error> {
    // The gate comes first: nobody may enter an endpoint between the question and the act.
    let _gate = cut_roster::enter(tx)?;
    let bank_id = bank_by_code(tx, code)?.id;
    set_endpoint::check_url(rules, URL, &input.url)?;
    if bank::endpoints_of(tx, bank_id)?.is_empty() {
        return set_endpoint::add_endpoint(tx, rules, bank_id, input).map(OnBehalf::Done);
    }
    let payload = seal(tx, rules, bank_id, input)?;
    let details = Act::Add { payload }.to_bytes();
    ask(tx, rules, by, (ACT, bank_id), details, reason).map(OnBehalf::Asked)
}

/// Asks to put another endpoint in the place of a bank's.
pub fn replace_endpoint(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    (code, old): (&str, Uid),
    input: &EndpointInput,
    reason: &str,
) -> Result<Requested, Error> {
    let bank_id = bank_by_code(tx, code)?.id;
    set_endpoint::own(tx, bank_id, old)?;
    set_endpoint::replaceable(tx, bank_id, old)?;
    let payload = seal(tx, rules, bank_id, input)?;
    ask(
        tx,
        rules,
        by,
        (ACT, bank_id),
        Act::Replace { old, payload }.to_bytes(),
        reason,
    )
}

/// Asks to end a bank's endpoint.
pub fn end_endpoint(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    (code, old): (&str, Uid),
    reason: &str,
) -> Result<Requested, Error> {
    let bank_id = bank_by_code(tx, code)?.id;
    set_endpoint::own(tx, bank_id, old)?;
    set_endpoint::live(tx, bank_id, old)?;
    ask(
        tx,
        rules,
        by,
        (ACT, bank_id),
        Act::End { old }.to_bytes(),
        reason,
    )
}

/// Asks to revoke a machine's key of a bank.
pub fn revoke_key(
    tx: &mut Tx<'_>,
    rules: &Rules,
    by: Uid,
    (code, key): (&str, Uid),
    reason: &str,
) -> Result<Requested, Error> {
    let bank_id = bank_by_code(tx, code)?.id;
    let live = people::key(tx, key)?
        .filter(|row| row.revoked_at.is_none() && row.bank_id == Some(bank_id));
    live.ok_or(Error::NotFound)?;
    ask(
        tx,
        rules,
        by,
        (ACT, bank_id),
        Act::RevokeKey { key }.to_bytes(),
        reason,
    )
}

fn read(details: &[u8]) -> Result<Act, Error> {
    let read = serde_json::from_slice(details);
    Ok(read
        .map_err(|fault| storage::Error::Corrupt(format!("the details of a request: {fault}")))?)
}

/// What the act would change, with its URLs opened.
pub(super) fn change(tx: &mut Tx<'_>, details: &[u8]) -> Result<Change, Error> {
    Ok(match read(details)? {
        Act::Add { payload } => Change::AddEndpoint {
            url: asked_url(tx, payload)?,
        },
        Act::Replace { old, payload } => Change::ReplaceEndpoint {
            old: read_register::address(tx, "webhook", old)?,
            url: asked_url(tx, payload)?,
        },
        Act::End { old } => Change::EndEndpoint {
            old: read_register::address(tx, "webhook", old)?,
        },
        Act::RevokeKey { key } => Change::RevokeKey {
            label: people::key(tx, key)?.ok_or(Error::NotFound)?.label,
        },
    })
}

fn asked_url(tx: &mut Tx<'_>, payload: Uid) -> Result<Option<String>, Error> {
    Ok(asked(tx, payload)?.map(|input| input.url))
}

/// The endpoint as it was asked for; `None` once erased.
fn asked(tx: &mut Tx<'_>, payload: Uid) -> Result<Option<EndpointInput>, Error> {
    let Some(sealed) = payload::open(tx, payload)? else {
        return Ok(None);
    };
    let input = serde_json::from_slice(&sealed);
    Ok(Some(input.map_err(|fault| {
        storage::Error::Corrupt(format!("the details of a request: {fault}"))
    })?))
}

/// Does what was asked for, once another person approved it.
pub fn approved(tx: &mut Tx<'_>, rules: &Rules, request: &RequestRow) -> Result<(), Error> {
    let act = read(&request.details)?;
    let mut gate = cut_roster::enter(tx)?;
    let bank_id = request.subject_id;
    match act {
        Act::Add { payload } => {
            set_endpoint::check_room(tx, bank_id)?;
            let as_before = bank::endpoints_of(tx, bank_id)?.first().map(|row| row.id);
            enter(tx, rules, bank_id, payload, as_before)?;
        }
        Act::Replace { old, payload } => {
            set_endpoint::replaceable(tx, bank_id, old)?;
            let new = enter(tx, rules, bank_id, payload, Some(old))?;
            set_endpoint::put_beside(tx, bank_id, old, new)?;
        }
        Act::End { old } => set_endpoint::end(tx, bank_id, old, None)?,
        Act::RevokeKey { key } => {
            let now = tx.now()?;
            people::revoke_key(tx, key, now)?;
        }
    }
    cut_roster::cut_if_changed(tx, &mut gate)?;
    Ok(())
}

fn enter(
    tx: &mut Tx<'_>,
    rules: &Rules,
    bank_id: Uid,
    payload: Uid,
    as_before: Option<Uid>,
) -> Result<Uid, Error> {
    let input = asked(tx, payload)?.ok_or(Error::NotFound)?;
    // Networks may have been closed since it was asked for.
    let url = set_endpoint::check_url(rules, "/url", &input.url)?;
    let signing = as_before.map_or(Signing::Fresh, Signing::As);
    Ok(set_endpoint::enter_endpoint(tx, bank_id, &url, input.ed25519, signing)?.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_change_an_endpoint_holds_no_address() {
        let act = Act::Add {
            payload: Uid::from_bytes([7; 16]),
        };
        let text = String::from_utf8(act.to_bytes()).expect("JSON is UTF-8");
        assert_eq!(
            text,
            r#"{"do":"add","payload":"07070707-0707-0707-0707-070707070707"}"#
        );
    }
}

//! Signing in with password and second factor, and the sessions that come of it. Whatever fails is told
//! alike, takes alike, and is counted: for the account and for the network it came from. What fails in a session is
//! counted there: strangers who try somebody's account do not hold up who sits in it already.

use super::Error;
use super::authenticate::person_with;
use super::invite::{PersonPayload, email_tag};
use crate::domain::access::Caller;
use crate::domain::digest::Digest;
use crate::domain::email::EmailAddress;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::storage::session::{self, Ending, PreferenceRow, SessionRow};
use crate::storage::{self, Tx, bank, payload, people};
use crate::vault::{self, totp};
use base64::prelude::*;
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// A session ends when nobody used it for so long.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// A session ends after so long, whatever was done.
pub const ABSOLUTE: Duration = Duration::from_secs(8 * 3_600);
/// A use is written down at most so often.
const TOUCHED: Duration = Duration::from_secs(60);
/// Failures in a row after which an account must wait from one network, or a session with its confirmations. From all
/// other networks the account stays open, so that a stranger cannot lock anybody out.
const FAILURES: i64 = 10;
/// The same of an account over all networks, which getting in does not take back. It bounds whoever has the password, and
/// many networks to try codes from: two codes of a million hold at a time, and 100 tries in a quarter of an hour are a
/// chance of two in a hundred in a whole day. More tries would find one sooner; fewer would be sooner used up by whoever
/// only wants to lock somebody out.
const ACCOUNT_FAILURES: i64 = 100;
const NETWORK_FAILURES: i64 = 100;
/// How long one must wait after the last one; tries meanwhile are refused and do not prolong it. Then the count begins
/// anew.
const PAUSE: Duration = Duration::from_secs(15 * 60);
const AGENT_LIMIT: usize = 200;

/// What must be verified outside of any transaction, which it would hold up.
#[derive(Clone)]
pub struct Known {
    person: Option<Uid>,
    pub password_hash: Option<String>,
    counters: Vec<Counter>,
}

/// Where a failure is counted.
#[derive(Clone)]
struct Counter {
    subject: Vec<u8>,
    /// So many failures wait.
    bound: i64,
    /// Counted only where the password was right.
    of_codes: bool,
    /// Whoever is let in takes back the failures from the own network, or of the own session. All others stay: strangers
    /// have a part in them.
    is_forgiven: bool,
}

/// A new session; the token is given to the browser this once.
pub struct Opened {
    pub token: Zeroizing<String>,
    pub person: Uid,
}

/// Looks an account up; one that does not exist looks the same.
pub fn look_up(tx: &mut Tx<'_>, email: &str, from: IpAddr) -> Result<Known, Error> {
    let account = match EmailAddress::parse(email) {
        Ok(email) => email_tag(tx, &email),
        // Of a kind of its own: no text that is typed is the name of another counter.
        Err(_) => subject(tx, &format!("email|{email}")),
    };
    let person = people::by_email_tag(tx, &account)?.map(|row| row.id);
    let credential = match person {
        Some(id) => session::credential(tx, id)?,
        None => None,
    };
    let network = network(from);
    // A password that was chosen since begins a count of its own: what was tried before was tried at the former.
    let chosen_at = credential.as_ref().map_or(0, |row| row.changed_at.micros());
    let here = format!("account|{}|{chosen_at}|{network}", hex::encode(&account));
    let counter = |subject, bound| Counter {
        subject,
        bound,
        of_codes: false,
        is_forgiven: false,
    };
    let counters = vec![
        Counter {
            is_forgiven: true,
            ..counter(subject(tx, &here), FAILURES)
        },
        Counter {
            of_codes: true,
            ..counter(account, ACCOUNT_FAILURES)
        },
        counter(subject(tx, &network), NETWORK_FAILURES),
    ];
    Ok(Known {
        person,
        password_hash: credential.map(|row| row.password_hash),
        counters,
    })
}

/// The same for whoever sits in a session: failures are those of the session, which nobody else can bring about.
pub fn look_up_seated(tx: &mut Tx<'_>, person: Uid, session_id: Uid) -> Result<Known, Error> {
    let credential = session::credential(tx, person)?;
    let counter = Counter {
        subject: subject(tx, &format!("session|{session_id}")),
        bound: FAILURES,
        of_codes: false,
        is_forgiven: true,
    };
    Ok(Known {
        person: Some(person),
        password_hash: credential.map(|row| row.password_hash),
        counters: vec![counter],
    })
}

/// What is counted under, without saying of whom.
fn subject(tx: &Tx<'_>, text: &str) -> Vec<u8> {
    vault::mac(&tx.vault().keys().email_tag, text.as_bytes()).to_vec()
}

/// IPv6 addresses of one /64 are one network.
fn network(from: IpAddr) -> String {
    match from.to_canonical() {
        IpAddr::V4(v4) => format!("network|{v4}"),
        IpAddr::V6(v6) => format!("network|{:x}", v6.to_bits() >> 64),
    }
}

/// Ends the attempt: a session, or `None` for whatever failed.
pub fn sign_in(
    tx: &mut Tx<'_>,
    known: &Known,
    password_holds: bool,
    code: &str,
    agent: &str,
) -> Result<Option<Opened>, Error> {
    match prove(tx, known, password_holds, code)? {
        Some(person) => open(tx, person, agent).map(Some),
        None => Ok(None),
    }
}

/// Shows again, in a session, who sits there. False = refused.
pub fn confirm(
    tx: &mut Tx<'_>,
    known: &Known,
    password_holds: bool,
    code: &str,
    session_id: Uid,
) -> Result<bool, Error> {
    if prove(tx, known, password_holds, code)?.is_none() {
        return Ok(false);
    }
    let now = tx.now()?;
    session::confirm(tx, session_id, now)?;
    Ok(true)
}

/// The person who has password and code, and `None` for whatever failed; failures are counted.
fn prove(
    tx: &mut Tx<'_>,
    known: &Known,
    password_holds: bool,
    code: &str,
) -> Result<Option<Uid>, Error> {
    let now = tx.now()?;
    if waits(tx, known, now)? {
        return Ok(None);
    }
    let shown = known.person.zip(known.password_hash.as_deref());
    let person = match shown.filter(|_| password_holds) {
        Some((id, password)) if use_code(tx, id, password, code)? => Some(id),
        _ => None,
    };
    for counter in &known.counters {
        match person {
            // Without the password nobody guesses at codes: a stranger uses up no count of these.
            None if counter.of_codes && !password_holds => {}
            None => session::count_failure(tx, &counter.subject, now, now - PAUSE)?,
            Some(_) if counter.is_forgiven => session::forget_failures(tx, &counter.subject)?,
            Some(_) => {}
        }
    }
    Ok(person)
}

/// Whether there were too many failures a short while ago. Who comes then is not judged, so that nothing can be learned
/// by it, and is not counted, so that nobody can make another wait for ever.
fn waits(tx: &mut Tx<'_>, known: &Known, now: Instant) -> Result<bool, Error> {
    for Counter { subject, bound, .. } in &known.counters {
        let recent = session::failures(tx, subject)?
            .is_some_and(|(failures, last_at)| failures >= *bound && now.since(last_at) < PAUSE);
        if recent {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the code of the person's authenticator holds; it works once. And whether the password is still the one that was
/// verified, under this hash: that was outside of this transaction, and took its time.
fn use_code(tx: &mut Tx<'_>, person: Uid, password_hash: &str, code: &str) -> Result<bool, Error> {
    let now = tx.now()?;
    let credential = session::credential(tx, person)?;
    let Some(credential) = credential.filter(|row| row.password_hash == password_hash) else {
        return Ok(false);
    };
    let Some(sealed) = payload::open(tx, credential.totp_id)? else {
        return Ok(false);
    };
    let secret = <&[u8; totp::SECRET]>::try_from(sealed.as_slice())
        .map_err(|_| storage::Error::Corrupt("the secret of a second factor".into()))?;
    match totp::step_of(secret, code, now.seconds()) {
        Some(step) => Ok(session::use_step(tx, &credential, step)?),
        None => Ok(false),
    }
}

/// Opens a session for a person who has just shown who it is.
pub fn open(tx: &mut Tx<'_>, person_id: Uid, agent: &str) -> Result<Opened, Error> {
    let now = tx.now()?;
    let token = vault::random::<32>().map_err(storage::Error::from)?;
    let token = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(token));
    let id = tx.new_id()?;
    session::insert(
        tx,
        &SessionRow {
            id,
            token_hash: Digest::of(token.as_bytes()).0.to_vec(),
            person_id,
            agent: agent
                .chars()
                .filter(|c| !c.is_control())
                .take(AGENT_LIMIT)
                .collect(),
            created_at: now,
            seen_at: now,
            ended_at: None,
            confirmed_at: None,
        },
    )?;
    Ok(Opened {
        token,
        person: person_id,
    })
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Seated {
    pub caller: Caller,
    pub session: Uid,
    /// How long ago password and code were given.
    pub confirmed_for: Duration,
    pub name: String,
    pub email: String,
    /// The name of the person's bank, in the person's language.
    pub bank: Option<String>,
    /// `ja` or `en`.
    pub language: String,
    /// IANA name.
    pub zone: String,
    /// The use is worth writing down.
    pub touch: bool,
}

/// Is the session still good?
pub fn is_live(row: &SessionRow, now: Instant) -> bool {
    row.ended_at.is_none() && now.since(row.seen_at) < IDLE && now.since(row.created_at) < ABSOLUTE
}

/// Who holds this session; `None` = nobody does any more.
pub fn seated(tx: &mut Tx<'_>, token: &str, default_zone: &str) -> Result<Option<Seated>, Error> {
    let now = tx.now()?;
    let row = session::by_token_hash(tx, &Digest::of(token.as_bytes()).0)?;
    let Some(row) = row.filter(|row| is_live(row, now)) else {
        return Ok(None);
    };
    let Some(caller) = person_with(tx, row.person_id, row.id)? else {
        return Ok(None);
    };
    let Some(person) = people::person(tx, row.person_id)? else {
        return Ok(None);
    };
    let known = match payload::open(tx, person.payload_id)? {
        Some(sealed) => serde_json::from_slice::<PersonPayload>(&sealed)
            .map_err(|_| storage::Error::Corrupt("the particulars of a person".into()))?,
        // Erased: nobody is left to sit here.
        None => return Ok(None),
    };
    let (language, zone) = match session::preference(tx, row.person_id)? {
        Some(chosen) => (chosen.language, chosen.zone),
        None => (person.language, default_zone.to_owned()),
    };
    let bank = match person.bank_id {
        Some(id) => bank::profile(tx, id)?.map(|profile| match language.as_str() {
            "ja" => profile.name_ja,
            _ => profile.name_en,
        }),
        None => None,
    };
    Ok(Some(Seated {
        caller,
        session: row.id,
        confirmed_for: now.since(row.confirmed_at.unwrap_or(row.created_at)),
        name: known.name,
        email: known.email,
        bank,
        language,
        zone,
        touch: now.since(row.seen_at) >= TOUCHED,
    }))
}

/// Whose session it is, or was.
pub fn holder(tx: &mut Tx<'_>, token: &str) -> Result<Option<Uid>, Error> {
    let row = session::by_token_hash(tx, &Digest::of(token.as_bytes()).0)?;
    Ok(row.map(|row| row.person_id))
}

/// Those of the sessions that are good no more. Looking is no use of a session.
pub fn ended(tx: &mut Tx<'_>, sessions: &[Uid]) -> Result<HashSet<Uid>, Error> {
    let now = tx.now()?;
    let mut ended: HashSet<Uid> = sessions.iter().copied().collect();
    for row in session::of_ids(tx, sessions)? {
        if is_live(&row, now) {
            ended.remove(&row.id);
        }
    }
    Ok(ended)
}

/// What the holder of a session that is still good may do now. Asking is no use of the session.
pub fn still_seated(tx: &mut Tx<'_>, session_id: Uid) -> Result<Option<Caller>, Error> {
    let now = tx.now()?;
    let found = session::of_ids(tx, &[session_id])?.pop();
    match found.filter(|row| is_live(row, now)) {
        Some(row) => person_with(tx, row.person_id, row.id),
        None => Ok(None),
    }
}

pub fn touch(tx: &mut Tx<'_>, session_id: Uid) -> Result<(), Error> {
    let now = tx.now()?;
    Ok(session::touch(tx, session_id, now)?)
}

/// Ends one session of the person, or all others.
pub fn sign_out(tx: &mut Tx<'_>, person: Uid, which: Ending) -> Result<(), Error> {
    let now = tx.now()?;
    session::end(tx, person, which, now)?;
    Ok(())
}

/// What the person wants the pages to be like.
pub fn prefer(tx: &mut Tx<'_>, row: &PreferenceRow) -> Result<(), Error> {
    Ok(session::set_preference(tx, row)?)
}

/// Replaces the password, by the present one and a code; every other session ends. Failures count as those of
/// confirming. False = refused.
pub fn change_password(
    tx: &mut Tx<'_>,
    known: &Known,
    password_holds: bool,
    code: &str,
    new_hash: &str,
    keep: Uid,
) -> Result<bool, Error> {
    let Some(person) = prove(tx, known, password_holds, code)? else {
        return Ok(false);
    };
    let Some(mut credential) = session::credential(tx, person)? else {
        return Ok(false);
    };
    credential.password_hash = new_hash.to_owned();
    credential.changed_at = tx.now()?;
    session::set_credential(tx, &credential)?;
    // Who has the password needs no link that may still lie about.
    session::use_recoveries(tx, person, credential.changed_at)?;
    sign_out(tx, person, Ending::AllBut(keep))?;
    Ok(true)
}

//! The hub's own keys for its logs, and with which of them a log goes on. While the settings name two, the log says
//! in an entry of its own that the second takes over, and both sign; once the settings name the second alone, it
//! signs alone. Knows no sequence of steps, and no journal.

use super::reconcile::Refusal;
use crate::actions::{Error, log_keys, read_log};
use crate::config::Evidence;
use crate::domain::proof::log_keys::LogKeys;
use crate::merkle::note::{KeyKind, KeyName, Note, Signer, Unsignable};
use crate::storage::log::{self, Head};
use crate::storage::{self, Tx};
use crate::vault::{SecretKey, VaultFault, log_key};

/// The name of a hub's log, which is its key's.
pub fn origin(host: &str, log: i64) -> String {
    format!("{host}/log/{log}")
}

/// Makes signers for the logs of one hub.
#[derive(Clone)]
pub struct LogKey {
    seed: SecretKey,
    /// What is to take over.
    next: Option<SecretKey>,
    host: String,
}

impl LogKey {
    /// `host` is the public one; a log's name is `<host>/log/<number>`.
    pub fn new(seed: SecretKey, host: impl Into<String>) -> Self {
        Self {
            seed,
            next: None,
            host: host.into(),
        }
    }

    /// From the files that the settings name.
    pub fn open(evidence: &Evidence, host: impl Into<String>) -> Result<Self, VaultFault> {
        let next = evidence.next_key_file.as_deref().map(log_key::open);
        Ok(Self {
            next: next.transpose()?,
            ..Self::new(log_key::open(&evidence.key_file)?, host)
        })
    }

    pub fn origin(&self, log: i64) -> String {
        origin(&self.host, log)
    }

    pub fn signer(&self, log: i64) -> Signer {
        self.signer_of(&self.seed, log)
    }

    fn next_signer(&self, log: i64) -> Option<Signer> {
        self.next.as_ref().map(|seed| self.signer_of(seed, log))
    }

    fn signer_of(&self, seed: &SecretKey, log: i64) -> Signer {
        let name = KeyName::parse(&self.origin(log))
            .expect("a host has neither space nor plus, which the settings see to");
        Signer::new(name, KeyKind::Ed25519, seed)
    }
}

/// With what a log goes on.
#[derive(Debug, Clone)]
pub struct Signing {
    /// One; during a handover the key before, and then the key after.
    signers: Vec<Signer>,
    /// Takes over as soon as an entry says so.
    next: Option<Signer>,
}

impl Signing {
    /// The signed note.
    pub fn sign(&self, text: &str) -> Result<String, Unsignable> {
        let mut note = String::new();
        for signer in &self.signers {
            match note.is_empty() {
                true => note = signer.sign(text)?,
                false => note.push_str(&signer.line(text)?),
            }
        }
        debug_assert!(Note::parse(note.as_bytes()).is_ok());
        Ok(note)
    }

    /// The vkey that signs first, and that of the key which is to be announced.
    pub fn announces(&self) -> Option<(String, String)> {
        let before = self.signers.first()?.verifier().to_string();
        Some((before, self.next.as_ref()?.verifier().to_string()))
    }

    /// The log holds the announcement now.
    pub fn announced(&mut self) {
        self.signers.extend(self.next.take());
    }

    /// The vkeys that sign, in their order.
    pub fn vkeys(&self) -> Vec<String> {
        let vkey = |signer: &Signer| signer.verifier().to_string();
        self.signers.iter().map(vkey).collect()
    }
}

/// Which of the hub's keys sign the log as it stands, by what the log says of its keys.
pub fn signing(
    tx: &mut Tx<'_>,
    key: &LogKey,
    head: &Head,
) -> Result<Result<Signing, Refusal>, Error> {
    let (own, next) = (key.signer(head.log), key.next_signer(head.log));
    if head.size == 0 {
        let signers = vec![own];
        return Ok(Ok(Signing { signers, next }));
    }
    let named = match named(tx, head.log) {
        Ok(named) => named,
        Err(Error::Storage(storage::Error::Corrupt(what))) => {
            return Ok(Err(Refusal::Tampered(what)));
        }
        Err(fault) => return Err(fault),
    };
    Ok(choose(own, next, &named).map_err(Refusal::Key))
}

/// What a log says of its keys.
struct Named {
    /// In their order; one at least.
    vkeys: Vec<String>,
    /// Whether a head is published that the last two have signed, where there are two.
    is_handed_over: bool,
}

fn named(tx: &mut Tx<'_>, log: i64) -> Result<Named, Error> {
    let mut vkeys = vec![read_log::opening_of(tx, log)?.vkey];
    let mut is_handed_over = true;
    for change in log_keys::changes(tx, log)? {
        is_handed_over = log::first_checkpoint_over(tx, log, change.index)?.is_some();
        vkeys.push(change.entry.vkey);
    }
    Ok(Named {
        vkeys,
        is_handed_over,
    })
}

/// `Err` tells what to do.
fn choose(own: Signer, next: Option<Signer>, named: &Named) -> Result<Signing, String> {
    let vkey = |signer: &Signer| signer.verifier().to_string();
    let place = |signer: &Signer| named.vkeys.iter().position(|one| *one == vkey(signer));
    let last = named.vkeys.len() - 1;
    let current = &named.vkeys[last];
    match (place(&own), next) {
        (Some(at), Some(next)) if at + 1 == last && place(&next) == Some(last) => Ok(Signing {
            signers: vec![own, next],
            next: None,
        }),
        (Some(at), _) if at == last && !named.is_handed_over => Err(format!(
            "no head is published yet that {} and {current} have both signed: put the file of the key before back into evidence.key_file, name the new one in evidence.next_key_file, and start the hub once more",
            named.vkeys[last - 1]
        )),
        (Some(at), None) if at == last => Ok(Signing {
            signers: vec![own],
            next: None,
        }),
        (Some(at), Some(next)) if at == last && place(&next).is_none() => Ok(Signing {
            signers: vec![own],
            next: Some(next),
        }),
        (Some(at), Some(_)) if at == last => Err(
            "evidence.next_key_file holds a key that has signed this log before: make another, or leave the setting empty".into(),
        ),
        (Some(at), _) if at + 1 == last => Err(format!(
            "its key has changed to {current}: name the file of that key in evidence.next_key_file, on every node, or in evidence.key_file once a backup holds the change"
        )),
        _ => Err(format!(
            "it is signed by {current}, and evidence.key_file holds {}: put the file of that key back; where the key is to change, name the new file in evidence.next_key_file first",
            vkey(&own)
        )),
    }
}

/// By what signed heads of a log are believed: what the log says, where one of the hub's own keys is among that.
pub fn believed(tx: &mut Tx<'_>, key: &LogKey, log: i64) -> Result<Option<LogKeys>, Error> {
    let own = key.signer(log).verifier().clone();
    if log::latest_checkpoint(tx, log)?.is_none() {
        return Ok(Some(own.into()));
    }
    let keys = log_keys::keys_of(tx, log)?;
    let next = key.next_signer(log);
    let is_ours = keys.holds(&own) || next.is_some_and(|next| keys.holds(next.verifier()));
    Ok(is_ours.then_some(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> Signer {
        LogKey::new([seed; 32].into(), "hub.example").signer(1)
    }

    fn chosen(
        own: u8,
        next: Option<u8>,
        named: &[u8],
        is_handed_over: bool,
    ) -> Result<Vec<u8>, String> {
        let vkey = |seed: &u8| signer(*seed).verifier().to_string();
        let named = Named {
            vkeys: named.iter().map(vkey).collect(),
            is_handed_over,
        };
        let signing = choose(signer(own), next.map(signer), &named)?;
        let mut seeds: Vec<u8> = Vec::new();
        let all = signing
            .vkeys()
            .into_iter()
            .chain(signing.announces().map(|(_, after)| after));
        for known in all {
            seeds.extend((1..9).filter(|seed| vkey(seed) == known));
        }
        // What waits to be announced comes after a zero.
        if signing.announces().is_some() {
            seeds.insert(seeds.len() - 1, 0);
        }
        Ok(seeds)
    }

    #[test]
    fn what_signs_follows_from_the_settings_and_from_what_the_log_says() {
        // The file, the next file, what the log names, whether both have signed; what signs.
        type Case<T> = (u8, Option<u8>, &'static [u8], bool, T);
        let sound: [Case<&[u8]>; 7] = [
            (1, None, &[1], true, &[1]),
            (1, Some(2), &[1], true, &[1, 0, 2]),
            (1, Some(2), &[1, 2], false, &[1, 2]),
            (1, Some(2), &[1, 2], true, &[1, 2]),
            (2, None, &[1, 2], true, &[2]),
            (2, Some(3), &[1, 2], true, &[2, 0, 3]),
            (2, Some(3), &[1, 2, 3], true, &[2, 3]),
        ];
        for (own, next, named, done, signs) in sound {
            assert_eq!(
                chosen(own, next, named, done),
                Ok(signs.to_vec()),
                "{own} {next:?} {named:?}"
            );
        }
        let refused: [Case<&str>; 9] = [
            // The new key alone, before the log knows of it, and before the world can.
            (2, None, &[1], true, "next_key_file first"),
            (2, None, &[1, 2], false, "start the hub once more"),
            (2, Some(3), &[1, 2], false, "start the hub once more"),
            // The old key alone, or with another.
            (1, None, &[1, 2], true, "has changed to"),
            (1, Some(3), &[1, 2], true, "has changed to"),
            // The two in the wrong places; a key twice.
            (2, Some(1), &[1, 2], true, "has signed this log before"),
            (1, Some(1), &[1], true, "has signed this log before"),
            (2, Some(1), &[1], true, "next_key_file first"),
            (1, None, &[1, 2, 3], true, "put the file of that key back"),
        ];
        for (own, next, named, done, told) in refused {
            let why = chosen(own, next, named, done).expect_err(told);
            assert!(why.contains(told), "{own} {next:?} {named:?}: {why}");
        }
    }
}

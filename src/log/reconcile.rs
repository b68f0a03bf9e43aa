//! Before anything is signed: what the database, the journal and the heads that were published say of the log
//! must agree, or be provably the same log at different times.

use crate::actions::Error;
use crate::merkle::Hash;
use crate::merkle::checkpoint::Checkpoint;
use crate::merkle::growing::Growing;
use crate::merkle::note::Note;
use crate::storage::log::{self, Head};
use crate::storage::{Tx, evidence, tree};

/// Why the log signs nothing. Each sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "the log has {0} entries and there is no journal beside it: put the journal's folder back, or run `kairan log adopt` with a head that a bank or an auditor holds"
    )]
    JournalMissing(i64),
    #[error(
        "the database holds {database} entries of the log and the journal {journal}: an older backup was restored; run `kairan log recover`"
    )]
    DatabaseBehind { database: i64, journal: u64 },
    #[error(
        "at {0} entries the database and the journal hold different logs; run `kairan log recover`, which begins a successor"
    )]
    Differs(u64),
    #[error(
        "the journal is of the log {0}, the database of another; put the right journal's folder in its place, or run `kairan log recover`"
    )]
    OtherLog(String),
    #[error(
        "the log does not hash into the head it had: entries or tiles were changed in the database ({0}); run `kairan log recover`"
    )]
    Tampered(String),
    #[error(
        "a checkpoint of {published} entries was published, and the log holds {database}: an older backup was restored; run `kairan log recover`"
    )]
    CheckpointAhead { published: i64, database: i64 },
    #[error(
        "a bank confirmed a head of {0} entries that this log never had: it was shown another history, or this one was rolled back; keep both heads as evidence, and run `kairan log recover`, which begins a successor"
    )]
    Disputed(i64),
    #[error("the journal cannot be used: {0}")]
    Journal(String),
    #[error("the log's key is another: {0}")]
    Key(String),
}

impl Refusal {
    /// Every code; pages have words for each.
    pub const CODES: [&'static str; 9] = [
        "journal_missing",
        "database_behind",
        "journal_differs",
        "other_log",
        "tampered",
        "checkpoint_ahead",
        "head_disputed",
        "journal_unusable",
        "key_other",
    ];

    /// Stable, snake_case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::JournalMissing(_) => "journal_missing",
            Self::DatabaseBehind { .. } => "database_behind",
            Self::Differs(_) => "journal_differs",
            Self::OtherLog(_) => "other_log",
            Self::Tampered(_) => "tampered",
            Self::CheckpointAhead { .. } => "checkpoint_ahead",
            Self::Disputed(_) => "head_disputed",
            Self::Journal(_) => "journal_unusable",
            Self::Key(_) => "key_other",
        }
    }
}

impl Refusal {
    /// Whether a head that may have been signed is missing from the database: then no node may go on without it.
    pub(super) fn is_lost_head(&self) -> bool {
        matches!(self, Self::DatabaseBehind { .. } | Self::Differs(_))
    }
}

/// The log as database and journal agree on it.
#[derive(Debug, Clone)]
pub struct Agreed {
    pub head: Head,
    /// The tree in the database, at `head.size`.
    pub growing: Growing,
    /// The tree at the journal's head: never above the database's.
    pub settled: Growing,
    /// The size of the newest checkpoint.
    pub published: i64,
}

/// Compares what the database holds with the journal's head; `None` = there is no journal.
pub fn reconcile(
    tx: &mut Tx<'_>,
    origin: &str,
    journal: Option<&Checkpoint>,
) -> Result<Result<Agreed, Refusal>, Error> {
    let head = log::head(tx)?;
    let checkpoint = log::latest_checkpoint(tx, head.log)?;
    let published = checkpoint.as_ref().map_or(0, |row| row.size);
    if published > head.size {
        let database = head.size;
        return Ok(Err(Refusal::CheckpointAhead {
            published,
            database,
        }));
    }
    let journal_size = match journal {
        None if head.size > 0 || head.log > 1 => {
            return Ok(Err(Refusal::JournalMissing(head.size)));
        }
        None => 0,
        Some(journal) if journal.origin != origin => {
            return Ok(Err(Refusal::OtherLog(journal.origin.clone())));
        }
        Some(journal) => journal.size,
    };
    if journal_size > head.size.unsigned_abs() {
        return Ok(Err(Refusal::DatabaseBehind {
            database: head.size,
            journal: journal_size,
        }));
    }
    if let Some(size) = disputed(tx, &head)? {
        return Ok(Err(Refusal::Disputed(size)));
    }
    let grown = match tree_at(tx, head.log, head.size)? {
        Ok(grown) => grown,
        Err(what) => return Ok(Err(Refusal::Tampered(what))),
    };
    let settled_size = i64::try_from(journal_size).unwrap_or(i64::MAX);
    // Every head that was journaled is that of a batch.
    if settled_size > 0 && log::batch(tx, head.log, settled_size)?.is_none() {
        return Ok(Err(Refusal::Differs(journal_size)));
    }
    let settled = match tree_at(tx, head.log, settled_size)? {
        Ok(settled) => settled,
        Err(what) => return Ok(Err(Refusal::Tampered(what))),
    };
    if journal.is_some_and(|journal| journal.root != settled.root()) {
        return Ok(Err(Refusal::Differs(journal_size)));
    }
    if let Some(row) = checkpoint
        && log::batch(tx, head.log, row.size)?.map(|batch| batch.root) != signed_root(&row.note)
    {
        return Ok(Err(Refusal::Tampered(format!(
            "the checkpoint of {published} entries"
        ))));
    }
    Ok(Ok(Agreed {
        head,
        growing: grown,
        settled,
        published,
    }))
}

fn signed_root(note: &str) -> Option<Vec<u8>> {
    let note = Note::parse(note.as_bytes()).ok()?;
    Some(Checkpoint::parse(&note.text).ok()?.root.to_vec())
}

/// The size of a head that a bank was shown with a notice of this log's time, and that the log never had.
pub(super) fn disputed(tx: &mut Tx<'_>, head: &Head) -> Result<Option<i64>, Error> {
    let Some(begun) = log::begun_at(tx, head.log)? else {
        return Ok(None);
    };
    let disputes = evidence::head_disputes_since(tx, begun)?;
    Ok(disputes.first().map(|dispute| dispute.size))
}

/// The tree of a size, as its tiles tell; `Err` where they do not lead to the head that is on record.
fn tree_at(tx: &mut Tx<'_>, log: i64, size: i64) -> Result<Result<Growing, String>, Error> {
    let grown = match tree::growing(tx, log, size) {
        Ok(grown) => grown,
        Err(crate::storage::Error::Corrupt(what)) => return Ok(Err(what)),
        Err(other) => return Err(other.into()),
    };
    if size == 0 {
        return Ok(Ok(grown));
    }
    let recorded = log::batch(tx, log, size)?.map(|row| row.root);
    let root: Hash = grown.root();
    if recorded.as_deref() != Some(&root) {
        return Ok(Err(format!("the head of {size} entries")));
    }
    Ok(Ok(grown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_listed_and_has_its_words_in_both_languages() {
        let refusals = [
            Refusal::JournalMissing(1),
            Refusal::DatabaseBehind {
                database: 1,
                journal: 2,
            },
            Refusal::Differs(1),
            Refusal::OtherLog(String::new()),
            Refusal::Tampered(String::new()),
            Refusal::CheckpointAhead {
                published: 2,
                database: 1,
            },
            Refusal::Disputed(1),
            Refusal::Journal(String::new()),
            Refusal::Key(String::new()),
        ];
        assert_eq!(refusals.each_ref().map(Refusal::code), Refusal::CODES);
        for (lang, locale) in [
            (
                "en",
                include_str!("../../templates/locales/en/desk-shell.ftl"),
            ),
            (
                "ja",
                include_str!("../../templates/locales/ja/desk-shell.ftl"),
            ),
        ] {
            for code in Refusal::CODES {
                let label = format!("\nlog-refuses-{code} = ");
                assert!(locale.contains(&label), "{code} in {lang}");
            }
        }
    }
}

//! The journal: every batch with the head it led to, in files outside the database, written and flushed before
//! that head is signed. It is what an older backup of the database is measured against, and what it is brought
//! up again from. Knows no database and no keys.
//!
//! Segments `000001.journal`, `000002.journal`, … of about 64 MiB. A segment is a line that names the format, then
//! records: length (u32, big-endian), SHA-256 of the payload, payload. A payload is the head's text (C2SP
//! tlog-checkpoint, unsigned), an empty line, then the batch's entries: subject (16 bytes), length (u16, big-endian),
//! bytes. Each segment begins with the head at which the one before it ended.

use crate::domain::id::Uid;
use crate::merkle::checkpoint::Checkpoint;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FORMAT: &[u8] = b"kairan-journal/v1\n";
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// A longer record was never written: a batch has some thousand entries of at most 4 KiB.
const RECORD_BYTES: u32 = 256 * 1024 * 1024;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    #[error("the journal in {0} cannot be used: {1}; see to the disk and its permissions")]
    Io(PathBuf, std::io::Error),
    /// A sync failed: what it left unwritten, a second one would report as written. The process must end.
    #[error("the disk failed under the journal in {0}: {1}; see to the disk")]
    Unsynced(PathBuf, std::io::Error),
    #[error("the journal file {0} is damaged at byte {1}; put it back from a copy of the folder")]
    Damaged(PathBuf, u64),
    #[error("another process writes the journal in {0}; stop one of the two hubs")]
    Busy(PathBuf),
    #[error(
        "there is a journal in {0} already; leave it there, or name another folder in evidence.journal"
    )]
    Exists(PathBuf),
}

/// One batch: the head after it, and the entries it added with what each is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub head: Checkpoint,
    pub entries: Vec<(Uid, Vec<u8>)>,
}

/// A journal open for writing. Nobody else can open it meanwhile.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    number: u64,
    file: File,
    bytes: u64,
    head: Checkpoint,
    _lock: File,
}

fn io(folder: &Path) -> impl Fn(std::io::Error) -> JournalFault + '_ {
    |fault| JournalFault::Io(folder.to_owned(), fault)
}

fn unsynced(folder: &Path) -> impl Fn(std::io::Error) -> JournalFault + '_ {
    |fault| JournalFault::Unsynced(folder.to_owned(), fault)
}

fn segment(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:06}.journal"))
}

/// Segment numbers, in order; none where there is no folder.
fn segments(folder: &Path) -> Result<Vec<u64>, JournalFault> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(io(folder)(fault)),
    };
    let mut numbers = Vec::new();
    for file in listed {
        let name = file.map_err(io(folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

impl Journal {
    /// Opens the journal; `None` = there is none. What a crash left half-written at its end is put aside, into
    /// `NNNNNN.<where>.cut`: a record that the disk had in full before its head was signed is whole, unless it rotted.
    pub fn open(folder: &Path) -> Result<Option<Self>, JournalFault> {
        let Some(number) = segments(folder)?.pop() else {
            return Ok(None);
        };
        let lock = lock(folder)?;
        let path = segment(folder, number);
        let mut records = Records::of(&path)?;
        let (mut head, mut last) = (None, 0);
        let mut begins = records.at;
        while let Some(record) = records.next_record()? {
            head = Some(record.head);
            last = begins;
            begins = records.at;
        }
        let bytes = records.at;
        let Some(head) = head else {
            return Err(JournalFault::Damaged(path, bytes));
        };
        if records.end > bytes {
            put_aside(folder, &path, bytes)?;
        }
        write_again(folder, &path, last..bytes)?;
        let file = File::options()
            .append(true)
            .open(&path)
            .map_err(io(folder))?;
        Ok(Some(Self {
            folder: folder.to_owned(),
            number,
            file,
            bytes,
            head,
            _lock: lock,
        }))
    }

    /// Begins a journal at `head`; refuses if there is one.
    pub fn create(folder: &Path, head: &Checkpoint) -> Result<Self, JournalFault> {
        // Entries show who has not acknowledged.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(io(folder))?;
        if !segments(folder)?.is_empty() {
            return Err(JournalFault::Exists(folder.to_owned()));
        }
        let lock = lock(folder)?;
        let (file, bytes) = begin(folder, 1, head)?;
        Ok(Self {
            folder: folder.to_owned(),
            number: 1,
            file,
            bytes,
            head: head.clone(),
            _lock: lock,
        })
    }

    /// The newest head that may have been signed.
    pub fn head(&self) -> &Checkpoint {
        &self.head
    }

    /// Adds a batch, and returns once it is on the disk.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalFault> {
        if self.bytes >= SEGMENT_BYTES {
            (self.file, self.bytes) = begin(&self.folder, self.number + 1, &self.head)?;
            self.number += 1;
        }
        // Of a file that is in no folder any more nothing is found again.
        let links = self.file.metadata().map(|file| file.nlink());
        if links.map_err(io(&self.folder))? == 0 {
            let gone = std::io::Error::new(std::io::ErrorKind::NotFound, "it was removed");
            return Err(io(&self.folder)(gone));
        }
        let bytes = encode(record);
        if let Err(fault) = self.file.write_all(&bytes) {
            // What was half-written must not stand before the next record.
            let _ = self.file.set_len(self.bytes);
            return Err(io(&self.folder)(fault));
        }
        self.file.sync_data().map_err(unsynced(&self.folder))?;
        self.bytes += bytes.len() as u64;
        self.head = record.head.clone();
        Ok(())
    }

    /// Goes on with another log: the successor of the one written so far.
    pub fn follow(&mut self, head: &Checkpoint) -> Result<(), JournalFault> {
        (self.file, self.bytes) = begin(&self.folder, self.number + 1, head)?;
        self.number += 1;
        self.head = head.clone();
        Ok(())
    }
}

/// Writes the last record once more, and returns once it is on the disk: after a sync that failed, what the system
/// hands out for it need not be there. All before it were synced, or nothing would have followed them.
fn write_again(
    folder: &Path,
    path: &Path,
    record: std::ops::Range<u64>,
) -> Result<(), JournalFault> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io(folder))?;
    let length = usize::try_from(record.end - record.start).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, record.start)
        .and_then(|()| file.write_all_at(&bytes, record.start))
        .map_err(io(folder))?;
    file.sync_all()
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(unsynced(folder))
}

/// Cuts a segment off, and keeps what was cut.
fn put_aside(folder: &Path, path: &Path, bytes: u64) -> Result<(), JournalFault> {
    let copied = || -> std::io::Result<(File, File)> {
        let mut file = File::options().read(true).write(true).open(path)?;
        let mut rest = Vec::new();
        file.seek(SeekFrom::Start(bytes))?;
        file.read_to_end(&mut rest)?;
        let mut aside = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path.with_extension(format!("{bytes}.cut")))?;
        aside.write_all(&rest)?;
        Ok((file, aside))
    };
    let (file, aside) = copied().map_err(io(folder))?;
    aside.sync_all().map_err(unsynced(folder))?;
    file.set_len(bytes).map_err(io(folder))?;
    file.sync_all().map_err(unsynced(folder))
}

fn lock(folder: &Path) -> Result<File, JournalFault> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("lock"))
        .map_err(io(folder))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalFault::Busy(folder.to_owned())),
        Err(fault) => Err(io(folder)(fault.into())),
    }
}

/// Begins a segment. Its name is on the disk before anything is added to it.
fn begin(folder: &Path, number: u64, head: &Checkpoint) -> Result<(File, u64), JournalFault> {
    let path = segment(folder, number);
    let record = Record {
        head: head.clone(),
        entries: Vec::new(),
    };
    let bytes = [FORMAT, &encode(&record)].concat();
    // Whole or not at all: a segment without a head could not be opened again.
    let fresh = folder.join("begun");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(io(folder))?;
    file.write_all(&bytes).map_err(io(folder))?;
    file.sync_all().map_err(unsynced(folder))?;
    std::fs::rename(&fresh, &path).map_err(io(folder))?;
    File::open(folder)
        .map_err(io(folder))?
        .sync_all()
        .map_err(unsynced(folder))?;
    let file = File::options()
        .append(true)
        .open(&path)
        .map_err(io(folder))?;
    Ok((file, bytes.len() as u64))
}

fn encode(record: &Record) -> Vec<u8> {
    let mut payload = record.head.to_text().into_bytes();
    payload.push(b'\n');
    for (subject, body) in &record.entries {
        payload.extend_from_slice(subject.as_bytes());
        // Entries are at most 4 KiB.
        payload.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
        payload.extend_from_slice(body);
    }
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(payload.len() + 36);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&Sha256::digest(&payload));
    bytes.extend_from_slice(&payload);
    bytes
}

fn decode(payload: &[u8]) -> Option<Record> {
    let end = payload.windows(2).position(|pair| pair == b"\n\n")?;
    let head = Checkpoint::parse(std::str::from_utf8(&payload[..=end]).ok()?).ok()?;
    let mut rest = &payload[end + 2..];
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (subject, after) = rest.split_first_chunk::<16>()?;
        let (length, after) = after.split_first_chunk::<2>()?;
        let (body, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push((Uid::from_bytes(*subject), body.to_vec()));
        rest = after;
    }
    Some(Record { head, entries })
}

/// The records of one segment, in order.
struct Records {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next record begins.
    at: u64,
    end: u64,
}

impl Records {
    fn of(path: &Path) -> Result<Self, JournalFault> {
        let fault = |fault| JournalFault::Io(path.to_owned(), fault);
        let mut file = BufReader::new(File::open(path).map_err(fault)?);
        let end = file.get_ref().metadata().map_err(fault)?.len();
        let mut format = vec![0; FORMAT.len()];
        file.read_exact(&mut format).map_err(fault)?;
        if format != FORMAT {
            return Err(JournalFault::Damaged(path.to_owned(), 0));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            at: FORMAT.len() as u64,
            end,
        })
    }

    /// `None` at the end, and at what a crash left of a last record.
    fn next_record(&mut self) -> Result<Option<Record>, JournalFault> {
        let mut head = [0; 36];
        let left = self.end - self.at;
        if left < 36 {
            return Ok(None);
        }
        let fault = |fault| JournalFault::Io(self.path.clone(), fault);
        self.file.read_exact(&mut head).map_err(fault)?;
        let [a, b, c, d, hash @ ..] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        if u64::from(length) > left - 36 || length > RECORD_BYTES {
            return self.torn(u64::from(length) > left - 36);
        }
        let mut payload = vec![0; length as usize];
        self.file.read_exact(&mut payload).map_err(fault)?;
        let next = self.at + 36 + u64::from(length);
        let whole = Sha256::digest(&payload).as_slice() == hash;
        match decode(&payload).filter(|_| whole) {
            Some(record) => {
                self.at = next;
                Ok(Some(record))
            }
            None => self.torn(next == self.end),
        }
    }

    /// The last record may be half-written; one that others follow may not.
    fn torn(&self, last: bool) -> Result<Option<Record>, JournalFault> {
        if last {
            return Ok(None);
        }
        Err(JournalFault::Damaged(self.path.clone(), self.at))
    }
}

/// The newest head on record, read beside whoever writes; `None` = there is no journal.
pub fn last_head(folder: &Path) -> Result<Option<Checkpoint>, JournalFault> {
    let Some(number) = segments(folder)?.pop() else {
        return Ok(None);
    };
    let mut records = Records::of(&segment(folder, number))?;
    let mut head = None;
    while let Some(record) = records.next_record()? {
        head = Some(record.head);
    }
    Ok(head)
}

/// Every record of the journal in order, handed to `take` one by one; the first of each segment has no entries.
pub fn read<E: From<JournalFault>>(
    folder: &Path,
    mut take: impl FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    for number in segments(folder)? {
        let mut records = Records::of(&segment(folder, number))?;
        while let Some(record) = records.next_record()? {
            take(record)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u64, entries: &[&str]) -> Record {
        Record {
            head: Checkpoint {
                origin: "hub.example/log/1".into(),
                size,
                root: [u8::try_from(size).expect("small"); 32],
            },
            entries: entries
                .iter()
                .map(|body| (Uid::from_bytes([7; 16]), body.as_bytes().to_vec()))
                .collect(),
        }
    }

    fn all(folder: &Path) -> Vec<Record> {
        let mut found = Vec::new();
        read(folder, |record| {
            found.push(record);
            Ok::<_, JournalFault>(())
        })
        .expect("readable");
        found
    }

    fn empty() -> Checkpoint {
        Checkpoint {
            origin: "hub.example/log/1".into(),
            size: 0,
            root: crate::merkle::empty_root(),
        }
    }

    #[test]
    fn batches_come_back_in_order_and_the_head_is_the_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        assert!(Journal::open(&path).expect("none yet").is_none());
        let mut journal = Journal::create(&path, &empty()).expect("begun");
        journal.append(&record(2, &["a", "bc"])).expect("written");
        journal.append(&record(3, &["d\n\ne"])).expect("written");
        assert!(matches!(Journal::open(&path), Err(JournalFault::Busy(_))));
        drop(journal);
        assert!(matches!(
            Journal::create(&path, &empty()),
            Err(JournalFault::Exists(_))
        ));
        let journal = Journal::open(&path).expect("opens").expect("is there");
        assert_eq!(journal.head(), &record(3, &[]).head);
        assert_eq!(
            all(&path)[1..],
            [record(2, &["a", "bc"]), record(3, &["d\n\ne"])]
        );
    }

    #[test]
    fn a_record_cut_short_anywhere_is_as_if_it_had_never_been_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path, &empty()).expect("begun");
        journal.append(&record(1, &["first"])).expect("written");
        let whole = journal.bytes;
        journal.append(&record(2, &["second"])).expect("written");
        let end = journal.bytes;
        drop(journal);
        let file = segment(&path, 1);
        let bytes = std::fs::read(&file).expect("readable");
        for cut in whole..end {
            std::fs::write(&file, &bytes[..usize::try_from(cut).expect("small")]).expect("cut");
            let mut journal = Journal::open(&path).expect("opens").expect("is there");
            assert_eq!(journal.head().size, 1, "cut at {cut}");
            journal.append(&record(2, &["again"])).expect("goes on");
            assert_eq!(all(&path).last(), Some(&record(2, &["again"])));
        }
    }

    #[test]
    fn a_changed_byte_before_the_last_record_is_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::create(&path, &empty()).expect("begun");
        journal.append(&record(1, &["first"])).expect("written");
        let whole = usize::try_from(journal.bytes).expect("small");
        journal.append(&record(2, &["second"])).expect("written");
        drop(journal);
        let file = segment(&path, 1);
        let bytes = std::fs::read(&file).expect("readable");
        for place in 0..whole {
            let mut spoilt = bytes.clone();
            spoilt[place] ^= 1;
            std::fs::write(&file, &spoilt).expect("spoilt");
            match Journal::open(&path) {
                Err(JournalFault::Damaged(..)) => {}
                // A length that reaches past the end looks like a torn record; the head shows that it is not.
                Ok(Some(journal)) => assert!(journal.head().size < 1, "at {place}"),
                other => panic!("at {place}: {other:?}"),
            }
        }
    }
}

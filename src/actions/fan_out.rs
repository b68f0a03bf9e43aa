//! The fan-out: one notice for every bank on the roster, and for every former bank that got an earlier
//! revision, written in the transaction that accepts the revision (law 1). There is no parameter by which
//! anyone could choose a recipient.

use super::{Error, Rules, chase};
use crate::domain::chase::LATE;
use crate::domain::digest::Digest;
use crate::domain::entry::{self, Entry, Fanout, IncidentRegistered};
use crate::domain::exposure::exposed;
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use crate::domain::notice::NoticeObject;
use crate::domain::vocabulary::{Authentication, Urgency};
use crate::merkle::{self, Hash};
use crate::storage::bank;
use crate::storage::chase::{self as chases, ChaseRow};
use crate::storage::delivery::{self, DeliveryRow, MessageRow};
use crate::storage::evidence::{self, TaskEventRow};
use crate::storage::incident::{self, RevisionRow};
use crate::storage::notice::{self, FanoutRow, NoticeRow};
use crate::storage::roster::{self, Gate, Member, RosterVersionRow};
use crate::storage::{Tx, facts, log, payload};
use crate::vault;
use std::collections::{HashMap, HashSet};

/// How a revision concerns each bank.
pub(super) enum Concern {
    /// Judged from the register: what was exploited, and which banks are affected.
    Judged {
        exploited: Vec<Authentication>,
        affected: HashSet<Uid>,
    },
    /// As it was for the revision before: (exposed, concerns you).
    Inherited(HashMap<Uid, (bool, bool)>),
}

impl Concern {
    pub(super) fn of(&self, member: &Member) -> (bool, bool) {
        if member.observer {
            return (false, false);
        }
        match self {
            Self::Judged {
                exploited,
                affected,
            } => {
                let linking: Vec<Authentication> = member
                    .linking
                    .split_whitespace()
                    .filter_map(Authentication::parse)
                    .collect();
                (
                    exposed(Some(&linking), exploited),
                    affected.contains(&member.bank_id),
                )
            }
            Self::Inherited(earlier) => earlier
                .get(&member.bank_id)
                .copied()
                .unwrap_or((true, false)),
        }
    }
}

/// A revision ready to be issued.
pub(super) struct Issue<'a> {
    pub reference: &'a str,
    pub revision: RevisionRow,
    pub urgency: Urgency,
    pub concern: Concern,
}

/// What was written.
pub(super) struct Written {
    pub notices: i64,
    pub roster_version: i64,
}

/// Writes revision, notices, messages, deliveries and entries; last the fan-out rows, which the database
/// checks. Runs behind the gate, under the roster version in force.
pub(super) fn issue(
    tx: &mut Tx<'_>,
    gate: &Gate,
    rules: &Rules,
    version: &RosterVersionRow,
    issue: &Issue<'_>,
) -> Result<Written, Error> {
    let now = issue.revision.accepted_at;
    incident::insert_revision(tx, gate, &issue.revision)?;
    let (seed, salt_id) = fresh_seed(tx, issue.revision.incident_id)?;

    let members = roster::members(tx, version)?;
    let former = former_members(tx, issue, &members)?;
    let registered = stage_registered(tx, issue, version, &seed)?;

    let vault = tx.vault();
    let scene = Scene {
        rules,
        seed: &seed,
        key: &vault.keys().facts,
        salt_id,
        version: version.version,
        registered,
        now,
    };
    let numbers = notice::take_roster_numbers(tx, gate, version.version)?;
    let listed = Group {
        kind: "roster",
        n: 1,
        fanout_id: issue.revision.fanout_id,
        members: &members,
        numbers: &numbers,
    };
    write_group(tx, gate, &scene, issue, &listed)?;
    if !former.is_empty() {
        let ids: Vec<Uid> = former.iter().map(|member| member.bank_id).collect();
        let numbers = notice::take_numbers(tx, gate, &ids)?;
        let fanout_id = tx.new_id()?;
        let left = Group {
            kind: "former",
            n: 1,
            fanout_id,
            members: &former,
            numbers: &numbers,
        };
        write_group(tx, gate, &scene, issue, &left)?;
    }
    let notices = i64::try_from(members.len() + former.len()).unwrap_or(i64::MAX);
    Ok(Written {
        notices,
        roster_version: version.version,
    })
}

/// Tells these banks of a revision that was issued before they were partners: notices, messages, deliveries, chases
/// and the fan-out's entry, under the roster version in force.
pub(super) fn tell_late(
    tx: &mut Tx<'_>,
    gate: &Gate,
    rules: &Rules,
    version: &RosterVersionRow,
    issue: &Issue<'_>,
    members: &[Member],
) -> Result<(), Error> {
    let revision = &issue.revision;
    let (seed, salt_id) = fresh_seed(tx, revision.incident_id)?;
    let registered = log::about(tx, "incident.registered", &[revision.id])?;
    let registered = registered.first().ok_or(Error::NotFound)?;
    let earlier = notice::fanouts(tx, revision.id)?;
    let earlier = earlier
        .iter()
        .filter(|row| row.kind == LATE)
        .map(|row| row.n);
    let vault = tx.vault();
    let scene = Scene {
        rules,
        seed: &seed,
        key: &vault.keys().facts,
        salt_id,
        version: version.version,
        registered: hash_of(&registered.leaf_hash),
        now: tx.now()?,
    };
    let ids: Vec<Uid> = members.iter().map(|member| member.bank_id).collect();
    let numbers = notice::take_numbers(tx, gate, &ids)?;
    let group = Group {
        kind: LATE,
        n: earlier.max().unwrap_or(0) + 1,
        fanout_id: tx.new_id()?,
        members,
        numbers: &numbers,
    };
    write_group(tx, gate, &scene, issue, &group)
}

/// What the salts of a fan-out's notices are made from, and where it is sealed.
fn fresh_seed(tx: &mut Tx<'_>, incident_id: Uid) -> Result<(Hash, Uid), Error> {
    let seed: Hash = vault::random().map_err(crate::storage::Error::from)?;
    Ok((seed, payload::seal(tx, incident_id, &seed)?))
}

/// Banks that got an earlier revision and have left since.
fn former_members(
    tx: &mut Tx<'_>,
    issue: &Issue<'_>,
    members: &[Member],
) -> Result<Vec<Member>, Error> {
    if issue.revision.number == 1 {
        return Ok(Vec::new());
    }
    let present: HashSet<Uid> = members.iter().map(|member| member.bank_id).collect();
    let observers = bank::observers(tx)?;
    let mut former = Vec::new();
    for bank_id in notice::banks_told(tx, issue.revision.incident_id)? {
        if present.contains(&bank_id) {
            continue;
        }
        let row = bank::by_id(tx, bank_id)?.ok_or(Error::NotFound)?;
        let linking = bank::profile(tx, bank_id)?
            .map(|profile| profile.linking)
            .unwrap_or_default();
        former.push(Member {
            bank_id,
            code: row.code,
            linking,
            observer: observers.contains(&bank_id),
            channels: roster::channels_of(tx, bank_id)?,
        });
    }
    Ok(former)
}

fn stage_registered(
    tx: &mut Tx<'_>,
    issue: &Issue<'_>,
    version: &RosterVersionRow,
    seed: &Hash,
) -> Result<Hash, Error> {
    let revision = &issue.revision;
    let salt = vault::mac(seed, revision.id.as_bytes());
    let registered = Entry::IncidentRegistered(IncidentRegistered {
        accepted_at: revision.accepted_at,
        commitment: merkle::commit("kairan-incident/v1", &salt, &revision.body),
        facts: facts::bind(tx, &[revision]),
        incident: revision.incident_id,
        kind: &revision.kind,
        phase: &revision.phase,
        revision: revision.id,
        revision_number: revision.number,
        roster: hash_of(&version.entry_hash),
        roster_version: version.version,
        t: "incident.registered",
        v: 1,
    });
    Ok(log::stage(tx, &[(revision.id, registered)])?.remove(0))
}

/// Stored hashes are 32 bytes by the schema's CHECK.
pub(super) fn hash_of(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or([0; 32])
}

/// What all groups of one issue share.
struct Scene<'a> {
    rules: &'a Rules,
    seed: &'a Hash,
    /// Under which rows are bound.
    key: &'a Hash,
    salt_id: Uid,
    version: i64,
    registered: Hash,
    now: Instant,
}

/// Banks that are told for the same reason.
struct Group<'a> {
    kind: &'static str,
    /// Which of its kind and revision.
    n: i64,
    fanout_id: Uid,
    members: &'a [Member],
    numbers: &'a HashMap<Uid, i64>,
}

/// The rows of one group, gathered and then inserted together.
#[derive(Default)]
struct Rows {
    notices: Vec<NoticeRow>,
    messages: Vec<MessageRow>,
    deliveries: Vec<DeliveryRow>,
    chases: Vec<ChaseRow>,
    tasks: Vec<TaskEventRow>,
    leaves: Vec<Hash>,
}

fn write_group(
    tx: &mut Tx<'_>,
    gate: &Gate,
    scene: &Scene<'_>,
    issue: &Issue<'_>,
    group: &Group<'_>,
) -> Result<(), Error> {
    let zone = &scene.rules.zone;
    let by = |near| {
        scene
            .rules
            .profiles
            .acknowledge_by(scene.now, issue.urgency, near, zone)
    };
    let deadlines = [false, true].map(|near| {
        let (issued, by) = (scene.now, by(near));
        let first = chase::first_look(scene.rules, issued, by, issue.urgency, near);
        (by, first)
    });
    let mut rows = Rows::default();
    for member in group.members {
        let number = group
            .numbers
            .get(&member.bank_id)
            .copied()
            .ok_or(Error::NotFound)?;
        write_member(scene, issue, group, member, number, &deadlines, &mut rows);
    }
    notice::insert(tx, gate, &rows.notices)?;
    delivery::insert_messages(tx, &rows.messages)?;
    delivery::insert_deliveries(tx, &rows.deliveries)?;
    chases::begin(tx, &rows.chases)?;

    let notice_count = i64::try_from(rows.notices.len()).unwrap_or(i64::MAX);
    let root = merkle::root(rows.leaves);
    let row = FanoutRow {
        id: group.fanout_id,
        revision_id: issue.revision.id,
        kind: group.kind.into(),
        n: group.n,
        roster_version: scene.version,
        notice_count,
        notices_root: root.to_vec(),
        salt_id: scene.salt_id,
        issued_at: scene.now,
    };
    let entry = Entry::Fanout(Fanout {
        facts: facts::bind(tx, &[&row]),
        fanout: group.fanout_id,
        kind: group.kind,
        n: notice_count,
        notices_root: root,
        registered: scene.registered,
        roster_version: scene.version,
        t: "notice.fanout",
        v: 1,
    });
    log::stage(tx, &[(group.fanout_id, entry)])?;
    notice::close_fanout(tx, gate, &row)?;
    // Last: these stage entries of their own, and the fan-out's stands right behind that of its revision.
    Ok(evidence::insert_task_events(tx, &rows.tasks)?)
}

fn write_member(
    scene: &Scene<'_>,
    issue: &Issue<'_>,
    group: &Group<'_>,
    member: &Member,
    number: i64,
    deadlines: &[(Instant, Instant); 2],
    rows: &mut Rows,
) {
    let revision = &issue.revision;
    let (exposed, concerns_you) = issue.concern.of(member);
    let (acknowledge_by, next_at) = deadlines[usize::from(exposed || concerns_you)];
    let id = Uid::at(scene.now);
    let object = NoticeObject {
        acknowledge_by,
        annex: None,
        bank: &member.code,
        concerns_you,
        exposed,
        id,
        incident: issue.reference,
        incident_digest: Digest(hash_of(&revision.digest)),
        kind: &revision.kind,
        number: number.to_string(),
        phase: &revision.phase,
        revision: revision.number.to_string(),
        tlp: &revision.tlp,
        v: 1,
    }
    .to_bytes();
    let commitment = merkle::commit(
        "kairan-notice/v1",
        &vault::mac(scene.seed, id.as_bytes()),
        &object,
    );
    let names: Vec<&str> = member
        .channels
        .iter()
        .map(|(channel, _)| *channel)
        .collect();
    let channels = names.join(" ");
    let message = Uid::at(scene.now);
    let kind = if revision.phase == "withdrawal" {
        "notice.withdrawn"
    } else {
        "notice.issued"
    };
    let sent = message_row(message, kind, Some(id), member.bank_id, None, scene.now);
    if member.channels.is_empty() {
        rows.tasks.push(TaskEventRow {
            task_id: Uid::at(scene.now),
            seq: 1,
            kind: "no_channel".into(),
            event: "opened".into(),
            bank_id: member.bank_id,
            notice_id: Some(id),
            target_id: None,
            recorded_at: scene.now,
        });
    }
    for (channel, target) in &member.channels {
        rows.deliveries.push(delivery_row(
            message,
            Some(Sealed {
                notice: id,
                fanout: group.fanout_id,
            }),
            Some(member.bank_id),
            channel,
            *target,
            scene.now,
        ));
    }
    rows.chases.push(ChaseRow {
        notice_id: id,
        next_step: 1,
        next_at,
    });
    let affected = concerns_you && group.kind == "roster";
    let mut row = NoticeRow {
        id,
        revision_id: revision.id,
        fanout_id: group.fanout_id,
        incident_id: revision.incident_id,
        bank_id: member.bank_id,
        number,
        reason: match (group.kind, affected) {
            ("former", _) => "former",
            (LATE, _) => LATE,
            _ if member.observer => "observer",
            (_, true) => "affected",
            (_, false) => "partner",
        }
        .into(),
        exposed,
        concerns_you,
        acknowledge_by,
        digest: Digest::of(&object).0.to_vec(),
        object,
        commitment: commitment.to_vec(),
        facts: Vec::new(),
        channels,
        issued_at: scene.now,
    };
    let facts = notice::commitment(scene.key, &mut row, &sent);
    row.facts = facts.to_vec();
    rows.leaves.push(entry::notice_leaf(
        member.bank_id,
        id,
        number,
        &commitment,
        &facts,
        &row.channels,
    ));
    rows.notices.push(row);
    rows.messages.push(sent);
}

/// A message to a bank.
pub(super) fn message_row(
    id: Uid,
    kind: &str,
    notice_id: Option<Uid>,
    bank_id: Uid,
    payload_id: Option<Uid>,
    created_at: Instant,
) -> MessageRow {
    MessageRow {
        id,
        kind: kind.into(),
        notice_id,
        bank_id: Some(bank_id),
        person_id: None,
        payload_id,
        created_at,
    }
}

/// A notice, and the fan-out whose seal it goes out with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed {
    pub notice: Uid,
    pub fanout: Uid,
}

impl Sealed {
    pub fn of(tx: &mut Tx<'_>, notice: Uid) -> Result<Self, Error> {
        let row = notice::by_id(tx, notice)?.ok_or(Error::NotFound)?;
        let fanout = row.fanout_id;
        Ok(Self { notice, fanout })
    }

    /// What another delivery of the same goes out with.
    pub fn again(row: &DeliveryRow) -> Option<Self> {
        let of = row.notice_id.zip(row.fanout_id);
        of.map(|(notice, fanout)| Self { notice, fanout })
    }
}

/// A delivery that is due at once; that of a notice as soon as the log has sealed it.
pub(super) fn delivery_row(
    message_id: Uid,
    of: Option<Sealed>,
    bank_id: Option<Uid>,
    channel: &str,
    target_id: Uid,
    now: Instant,
) -> DeliveryRow {
    DeliveryRow {
        id: Uid::at(now),
        message_id,
        notice_id: of.map(|of| of.notice),
        bank_id,
        channel: channel.into(),
        target_id,
        state: "due".into(),
        attempts: 0,
        failures: 0,
        due_at: now,
        lease_owner: None,
        lease_token: None,
        unsealed: of.is_some(),
        created_at: now,
        fanout_id: of.map(|of| of.fanout),
    }
}

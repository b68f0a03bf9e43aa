//! How each address of a bank does: working, failing, broken. Ids, counts and times, and nothing of addresses.

use crate::actions::Error;
use crate::actions::read_channels::{self, Channel};
use crate::domain::instant::Instant;
use crate::storage::Tx;
use crate::web::App;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

/// One live address. Counts and times go as far back as the bank's newest 500 attempts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelView {
    /// The endpoint or contact.
    id: String,
    /// `webhook` or `email`.
    channel: String,
    /// A contact's place on the ladder; null of an endpoint.
    level: Option<i64>,
    /// Since when an endpoint is proven to be the bank's, by its answer to a challenge; null = it is not.
    proven_since: Option<String>,
    /// `untried`, `working`, `failing` (the newest attempt failed) or `broken` (its task is open).
    state: String,
    /// Failures since the last success.
    failures: usize,
    /// When the first of these was.
    failing_since: Option<String>,
    /// Since when its task is open.
    broken_since: Option<String>,
    last_success_at: Option<String>,
    /// When the next retry is due; null = nothing waits to be tried again.
    next_try_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BankChannels {
    bank: String,
    channels: Vec<ChannelView>,
}

/// The newest mails all failed, and not at their mailboxes.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailsWaitView {
    since: String,
    /// How many wait to be tried again.
    waiting: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelsOfBanks {
    banks: Vec<BankChannels>,
    /// Null = the relay takes what it is given, or nothing waits for it.
    mails_wait: Option<MailsWaitView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelList {
    channels: Vec<ChannelView>,
}

impl From<Channel> for ChannelView {
    fn from(known: Channel) -> Self {
        let text = |at: Option<Instant>| at.map(|at| at.to_string());
        let health = known.health;
        Self {
            id: known.id.to_string(),
            channel: known.channel.to_owned(),
            level: known.level,
            proven_since: text(known.proven_since),
            state: health.state.code().to_owned(),
            failures: health.failures,
            failing_since: text(health.failing_since),
            broken_since: text(health.broken_since),
            last_success_at: text(health.last_success),
            next_try_at: text(health.next_try),
        }
    }
}

pub(in crate::web) fn views(known: Vec<Channel>) -> Vec<ChannelView> {
    known.into_iter().map(ChannelView::from).collect()
}

/// How each address of each partner bank does, and whether mails go out at all.
#[utoipa::path(get, path = "/api/v1/channels", tag = "register",
    responses((status = 200, body = ChannelsOfBanks)))]
pub async fn list(app: Data<App>) -> Answered {
    let read = |tx: &mut Tx<'_>| {
        Ok::<_, Error>((
            read_channels::of_partners(tx)?,
            read_channels::mails_wait(tx)?,
        ))
    };
    let (found, mails_wait) = app.store.read(read).await?;
    let banks = found.into_iter().map(|(bank, known)| BankChannels {
        bank,
        channels: views(known),
    });
    Ok(page::ok(&ChannelsOfBanks {
        banks: banks.collect(),
        mails_wait: mails_wait.map(|known| MailsWaitView {
            since: known.since.to_string(),
            waiting: known.waiting,
        }),
    }))
}

/// How each address of the own bank does.
#[utoipa::path(get, path = "/api/v1/own/channels", tag = "own",
    responses((status = 200, body = ChannelList)))]
pub async fn own(app: Data<App>, who: BankWho) -> Answered {
    let bank = who.scope.bank();
    let known = app
        .store
        .read(move |tx| read_channels::of_bank(tx, bank))
        .await?;
    Ok(page::ok(&ChannelList {
        channels: views(known),
    }))
}

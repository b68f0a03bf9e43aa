//! When each bank was last proven to be reachable, channel by channel: codes and times, and nothing of addresses.

use crate::actions::read_reachability::{self, Reachability, Way};
use crate::web::App;
use crate::web::identity::BankWho;
use crate::web::page;
use crate::web::problem::Answered;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

/// One channel to a bank.
#[derive(Debug, Serialize, ToSchema)]
pub struct WayView {
    /// When it last reached the bank; null = nothing that is on record proves it.
    proven_at: Option<String>,
    /// `accepted` (the endpoint answered 2xx), `delivery_report` (its mail server has a mail) or `mail_link` (somebody
    /// confirmed by a mail's link and code).
    proven_by: Option<String>,
    /// `proven`, `new` (never proven, and there for 90 days at most), or `unproven` for more than 90 days.
    standing: String,
}

/// How a bank can be reached; null = it has no live address there.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReachabilityView {
    webhook: Option<WayView>,
    email: Option<WayView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BankReachability {
    bank: String,
    webhook: Option<WayView>,
    email: Option<WayView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReachabilityList {
    banks: Vec<BankReachability>,
}

impl From<Way> for WayView {
    fn from(way: Way) -> Self {
        Self {
            proven_at: way.proof.map(|proof| proof.at.to_string()),
            proven_by: way.proof.map(|proof| proof.how.code().to_owned()),
            standing: way.standing.code().to_owned(),
        }
    }
}

impl From<Reachability> for ReachabilityView {
    fn from(found: Reachability) -> Self {
        Self {
            webhook: found.webhook.map(WayView::from),
            email: found.email.map(WayView::from),
        }
    }
}

/// When each partner bank was last proven to be reachable, channel by channel.
#[utoipa::path(get, path = "/api/v1/reachability", tag = "register",
    responses((status = 200, body = ReachabilityList)))]
pub async fn list(app: Data<App>) -> Answered {
    let found = app.store.read(read_reachability::of_partners).await?;
    let banks = found.into_iter().map(|(bank, found)| BankReachability {
        bank,
        webhook: found.webhook.map(WayView::from),
        email: found.email.map(WayView::from),
    });
    Ok(page::ok(&ReachabilityList {
        banks: banks.collect(),
    }))
}

/// When the own bank was last proven to be reachable, channel by channel.
#[utoipa::path(get, path = "/api/v1/own/reachability", tag = "own",
    responses((status = 200, body = ReachabilityView)))]
pub async fn own(app: Data<App>, who: BankWho) -> Answered {
    let bank = who.scope.bank();
    let found = app
        .store
        .read(move |tx| read_reachability::of_bank(tx, bank))
        .await?;
    Ok(page::ok(&ReachabilityView::from(found)))
}

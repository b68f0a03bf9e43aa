//! Floor 4: what comes in over HTTP. Requests are turned into one action each and answers into JSON,
//! pages or problems. Owns every URL and who may call it; knows no SQL, no channel and no rule.

pub mod api;
pub mod body;
pub mod cursor;
mod doorkeeper;
mod headers;
pub mod identity;
pub mod live;
pub mod once_key;
pub mod openapi;
pub mod page;
mod pages;
pub mod problem;
pub mod query;
pub mod routes;
mod table;
mod throttle;
mod unread;

use crate::actions::Rules;
use crate::storage::Store;
use crate::templates::Templates;
use actix_web::middleware::from_fn;
use actix_web::web::{self, PathConfig, ServiceConfig};
use live::Live;
use problem::Problem;
use std::sync::Arc;
use throttle::Throttle;

/// Bytes still free where the database lies; `None` = cannot be told.
pub type FreeSpace = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// What one request may cost, and how often one may come.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Rows of a page when none are asked for; at most `page::MOST`.
    pub page: i64,
    /// Rows read at once by a streamed export.
    pub export_rows: i64,
    /// Requests a second, and at once, of one key.
    pub per_key: u32,
    pub per_key_burst: u32,
    /// Requests a second, and at once, of one address without a valid key.
    pub per_peer: u32,
    pub per_peer_burst: u32,
    /// Proxies in front whose `X-Forwarded-For` entries are believed; 0 = none.
    pub trusted_proxies: usize,
    /// Below so many free bytes nothing is filed any more; acknowledgements still go in.
    pub free_floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            page: 50,
            export_rows: 1_000,
            per_key: 20,
            per_key_burst: 60,
            per_peer: 5,
            per_peer_burst: 30,
            trusted_proxies: 0,
            free_floor: 256 * 1024 * 1024,
        }
    }
}

/// What every handler may reach; one for all workers, as `web::Data<App>`.
pub struct App {
    pub store: Store,
    pub rules: Arc<Rules>,
    pub templates: Arc<Templates>,
    pub limits: Limits,
    pub free_space: FreeSpace,
    pub live: Arc<Live>,
    /// Whether anybody may read the log's checkpoint and hash tiles.
    pub log_is_public: bool,
    throttle: Throttle,
}

impl App {
    pub fn new(
        store: Store,
        rules: Arc<Rules>,
        templates: Arc<Templates>,
        limits: Limits,
        free_space: FreeSpace,
        live: Arc<Live>,
        log_is_public: bool,
    ) -> Self {
        let throttle = Throttle::new(&limits);
        Self {
            store,
            rules,
            templates,
            limits,
            free_space,
            live,
            log_is_public,
            throttle,
        }
    }

    /// Refuses what would fill the disk further, while acknowledgements must still fit.
    pub fn room_to_file(&self) -> Result<(), Problem> {
        match (self.free_space)() {
            Some(free) if free < self.limits.free_floor => Err(Problem::full()),
            _ => Ok(()),
        }
    }
}

/// Mounts everything. `web::Data<App>` must be among the application's data.
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.service(
        table::mount(web::scope(""))
            .app_data(PathConfig::default().error_handler(|_, _| Problem::missing().into()))
            .default_service(web::to(problem::missing))
            .wrap(from_fn(headers::harden))
            .wrap(from_fn(headers::trace))
            .wrap(from_fn(unread::cut)),
    );
}

#[cfg(test)]
mod tests;

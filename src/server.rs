//! The composition root: settings → store → engines and web. Starts them in order and stops them in the
//! other, so that nothing accepted is lost. Knows every floor and no rule.

use crate::actions::Rules;
use crate::cli::open;
use crate::cli::{CliError, logging};
use crate::clock::Clock;
use crate::config::{MAILS_PER_PLACE, Settings, WEBHOOKS_PER_PLACE};
use crate::dispatch::clocks::Clocks;
use crate::dispatch::engine::{Engine, EngineBounds};
use crate::dispatch::mail::Mailer;
use crate::dispatch::mail_reports::MailReports;
use crate::dispatch::self_check::SelfCheck;
use crate::dispatch::webhook::WebhookClient;
use crate::dispatch::{MailTransport, Transport, WebhookTransport};
use crate::domain::digest::Digest;
use crate::domain::id::Uid;
use crate::log::keys::LogKey;
use crate::log::sequencer::Sequencer;
use crate::storage::{self, Location, Store};
use crate::templates::Templates;
use crate::vault::{self, Vault};
use crate::web::live::Live;
use crate::web::{self, App, FreeSpace, Limits};
use actix_web::dev::{Server, ServerHandle};
use actix_web::{App as Application, HttpServer};
use futures_util::FutureExt;
use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

const AGENT: &str = concat!("kairan/", env!("CARGO_PKG_VERSION"));

/// The parts of a hub, put together but not yet started.
pub struct Parts {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub rules: Arc<Rules>,
    pub templates: Arc<Templates>,
    webhooks: Arc<WebhookClient>,
    live: Arc<Live>,
    log_key: LogKey,
    settings: Settings,
}

/// A hub at work.
pub struct Running {
    pub address: SocketAddr,
    web: ServerHandle,
    served: JoinHandle<std::io::Result<()>>,
    live: Arc<Live>,
    engines: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    store: Store,
}

impl Parts {
    /// Opens what the settings name. Texts and root certificates take as long to read as the database to open: they
    /// are read beside it.
    pub async fn open(settings: Settings) -> Result<Self, CliError> {
        let rules = Arc::new(open::rules(&settings)?);
        let templates = spawn_blocking(Templates::load);
        let webhooks = {
            let (rules, limits) = (Arc::clone(&rules), open::webhook_limits(&settings));
            spawn_blocking(move || WebhookClient::new(Arc::clone(&rules.addresses), limits, AGENT))
        };
        let (store, vault) = open::open_store(&settings).await?;
        if let Err(fault) = store.prove().await {
            store.close();
            return Err(fault.into());
        }
        let log_key = LogKey::open(&settings.evidence, &settings.hub.public_host)?;
        let templates = read_beside(templates, "the texts cannot be read").await?;
        let webhooks = read_beside(webhooks, "the webhook client cannot be made").await?;
        Ok(Self {
            store,
            vault,
            rules,
            templates: Arc::new(templates),
            webhooks: Arc::new(webhooks),
            live: Arc::default(),
            log_key,
            settings,
        })
    }

    /// What carries the log on.
    pub fn sequencer(&self, node: Uid, stopping: watch::Receiver<bool>) -> Sequencer {
        let key = self.log_key.clone();
        let journal = self.settings.evidence.journal.clone();
        Sequencer::new(self.store.clone(), key, journal, node, stopping)
    }

    /// What chases banks, watches the operator's own clocks, and does what follows when one has run out.
    pub fn clocks(&self, node: Uid, stopping: watch::Receiver<bool>) -> Clocks {
        Clocks::new(self.store.clone(), Arc::clone(&self.rules), node, stopping)
    }

    /// The engine of the webhooks.
    pub fn webhook_engine(&self, node: Uid, stopping: watch::Receiver<bool>) -> Engine {
        let transport = WebhookTransport::new(
            Arc::clone(&self.webhooks),
            Arc::clone(&self.rules),
            &self.vault,
            self.store.clock().clone(),
        );
        self.engine(Transport::Webhook(transport), self.bounds(), node, stopping)
    }

    /// The engine of the mails; `None` without a relay.
    pub fn mail_engine(
        &self,
        node: Uid,
        stopping: watch::Receiver<bool>,
    ) -> Result<Option<Engine>, CliError> {
        let Some(mail) = open::mail_settings(&self.settings)? else {
            return Ok(None);
        };
        let domain = mail.return_path_domain.clone();
        // A mail waits for no place in the pool while its lease runs.
        let bounds = EngineBounds {
            in_flight: mail.pool,
            claims_per_send: MAILS_PER_PLACE as usize,
            ..self.bounds()
        };
        let transport = MailTransport::new(
            Mailer::new(mail)?,
            self.store.clone(),
            Arc::clone(&self.rules),
            Arc::clone(&self.templates),
            Arc::clone(&self.vault),
            domain,
        );
        Ok(Some(self.engine(
            Transport::Mail(transport),
            bounds,
            node,
            stopping,
        )))
    }

    /// What reads the reports of mail servers; `None` where no folder is set.
    pub fn mail_reports(
        &self,
        stopping: watch::Receiver<bool>,
    ) -> Result<Option<MailReports>, CliError> {
        let folder = open::report_maildir(&self.settings)?;
        Ok(folder.map(|folder| {
            MailReports::new(
                self.store.clone(),
                Arc::clone(&self.vault),
                folder,
                stopping,
            )
        }))
    }

    fn engine(
        &self,
        transport: Transport,
        bounds: EngineBounds,
        node: Uid,
        stopping: watch::Receiver<bool>,
    ) -> Engine {
        Engine::new(self.store.clone(), transport, bounds, node, stopping)
    }

    fn bounds(&self) -> EngineBounds {
        let engine = &self.settings.engine;
        EngineBounds {
            in_flight: engine.in_flight,
            per_bank: engine.per_bank,
            claims_per_send: WEBHOOKS_PER_PLACE as usize,
            batch: engine.batch,
            batch_wait: engine.batch_wait,
            lease: engine.lease,
            seal_patience: self.settings.evidence.seal_patience,
            scan: engine.scan,
            stop: engine.stop,
        }
    }

    /// What the handlers share.
    pub fn app(&self) -> App {
        let limits = &self.settings.limits;
        let defaults = Limits::default();
        let limits = Limits {
            body_bytes: limits.body_bytes,
            page: limits.page,
            per_key: limits.requests_per_second,
            per_key_burst: limits.burst,
            trusted_proxies: self.settings.listen.trusted_proxies,
            free_floor: limits.free_floor_mib * 1_024 * 1_024,
            ..defaults
        };
        App::new(
            self.store.clone(),
            Arc::clone(&self.rules),
            Arc::clone(&self.templates),
            limits,
            free_space(&self.settings.database.url),
            Arc::clone(&self.live),
            self.settings.evidence.public,
        )
    }

    /// The web server on a listener, not yet polled.
    pub fn web(&self, listener: TcpListener) -> Result<Server, CliError> {
        let app = actix_web::web::Data::new(self.app());
        let mut server = HttpServer::new(move || {
            Application::new()
                .app_data(app.clone())
                .configure(web::configure)
        })
        .disable_signals()
        .shutdown_timeout(self.settings.engine.stop.as_secs())
        .client_request_timeout(Duration::from_secs(10));
        if self.settings.listen.workers > 0 {
            server = server.workers(self.settings.listen.workers);
        }
        let server = server
            .listen(listener)
            .map_err(|fault| CliError::Failed(format!("cannot serve: {fault}")))?;
        Ok(server.run())
    }

    /// Listens, and starts the engines and the web.
    pub fn start(self) -> Result<Running, CliError> {
        let wanted = self.settings.listen.address;
        let listener = TcpListener::bind(wanted)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|fault| {
                CliError::Failed(format!(
                    "cannot listen on {wanted}: {fault}; choose another listen.address"
                ))
            })?;
        let address = listener
            .local_addr()
            .map_err(|fault| CliError::Failed(format!("cannot listen on {wanted}: {fault}")))?;
        let (stop, stopping) = watch::channel(false);
        let node = node_id(wanted)?;
        let sequencer = self.sequencer(node, stopping.clone());
        let webhooks = self.webhook_engine(node, stopping.clone());
        let check = SelfCheck::new(self.store.clone(), stopping.clone());
        let clocks = self.clocks(node, stopping.clone());
        let watch = Watch {
            store: self.store.clone(),
            stopping: stopping.clone(),
        };
        let mut engines = vec![
            // Not watched: no fault of the log stops the sending, and of several nodes another leads it then.
            tokio::spawn(sequencer.run()),
            watch.over(webhooks.run()),
            watch.over(check.run()),
            watch.over(clocks.run()),
        ];
        if let Some(reports) = self.mail_reports(stopping.clone())? {
            engines.push(watch.over(reports.run()));
        }
        match self.mail_engine(node, stopping)? {
            Some(engine) => engines.push(watch.over(engine.run())),
            None => tracing::warn!(
                "mail.relay_host is empty: e-mail deliveries stay due until a relay is set"
            ),
        }
        let server = self.web(listener)?;
        let web = server.handle();
        let served = tokio::spawn(server);
        Ok(Running {
            address,
            web,
            served,
            live: self.live,
            engines,
            stop,
            store: self.store,
        })
    }
}

/// Over whatever runs until the hub stops: where one ends before, the hub would take everything and send nothing.
struct Watch {
    store: Store,
    stopping: watch::Receiver<bool>,
}

impl Watch {
    fn over(&self, engine: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let (store, stopping) = (self.store.clone(), self.stopping.clone());
        tokio::spawn(async move {
            let ended = AssertUnwindSafe(engine).catch_unwind().await;
            let how = ended.map_or("panicked", |()| "ended by itself");
            match *stopping.borrow() {
                true if how == "panicked" => {
                    tracing::error!("a part of the hub panicked at the stop")
                }
                true => {}
                false => store.fail(&format!("a part of the hub {how}")),
            }
        })
    }
}

impl Running {
    /// Takes no new work, finishes or releases what is under way, closes the database.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.live.close();
        self.web.stop(true).await;
        for engine in self.engines {
            if let Err(fault) = engine.await {
                tracing::error!(%fault, "an engine ended badly");
            }
        }
        if let Ok(Err(fault)) = self.served.await {
            tracing::error!(%fault, "the web server ended badly");
        }
        let store = self.store;
        // Waits for the writer thread.
        let _ = spawn_blocking(move || store.close()).await;
    }
}

/// What was read on a thread of its own.
async fn read_beside<T, E: std::fmt::Display>(
    reading: JoinHandle<Result<T, E>>,
    otherwise: &str,
) -> Result<T, CliError> {
    let failed = |fault: String| CliError::Failed(format!("{otherwise}: {fault}"));
    let read = reading.await.map_err(|fault| failed(fault.to_string()))?;
    read.map_err(|fault| failed(fault.to_string()))
}

/// How much longer a stop may take than what is under way is given.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// Runs the hub until SIGTERM or SIGINT. A stop ends by itself, whatever hangs: what is in doubt then is settled by the
/// next start, as after a kill. So does a second signal.
pub async fn run(settings: Settings) -> Result<(), CliError> {
    let patience = settings.engine.stop + STOP_MARGIN;
    let public_url = settings.hub.public_url.clone();
    // Before anything is changed in a database that another hub works on; a new one has its folder only then.
    let location = open::location(&settings)?;
    let mut alone = location.hold_alone()?;
    let parts = Parts::open(settings).await?;
    if alone.is_none() {
        alone = location.hold_alone()?;
    }
    let (profiles, clock) = (Arc::clone(&parts.rules), parts.store.clock().clone());
    let reminding = tokio::spawn(remind_of_holidays(profiles, clock));
    let failure = parts.store.failure();
    let running = parts.start()?;
    tracing::info!(address = %running.address, %public_url, "the hub is at work");
    tokio::select! {
        signal = wait_for_signal() => signal?,
        () = end_at_failure(failure.clone()) => {}
    }
    tracing::info!("stopping: finishing what is under way");
    tokio::select! {
        () = running.stop() => {}
        () = end_at_failure(failure.clone()) => {}
        () = tokio::time::sleep(patience) => leave_off("what is under way hangs"),
        () = second_signal() => leave_off("told to stop once more"),
    }
    if let Some(what) = failure.borrow().clone() {
        return Err(CliError::Failed(failed(&what)));
    }
    reminding.abort();
    drop(alone);
    tracing::info!("stopped");
    Ok(())
}

/// Some that send a signal send it to the process and to its group: what comes at once is the same one.
async fn second_signal() {
    tokio::time::sleep(Duration::from_secs(1)).await;
    if wait_for_signal().await.is_err() {
        std::future::pending().await
    }
}

/// Ends the process with work under way.
fn leave_off(why: &str) {
    tracing::error!("{why}: ended; what is in doubt is settled at the next start");
    exit();
}

fn failed(what: &str) -> String {
    format!("{what}; nothing more is written, and what is there is proven at the next start")
}

/// Waits for a failed disk, and ends the process then: without closing, and without waiting for anybody, because
/// whatever was still written could be confirmed and not be there.
async fn end_at_failure(mut failure: watch::Receiver<Option<String>>) {
    let what = match failure.wait_for(Option::is_some).await {
        Ok(what) => what.clone().unwrap_or_default(),
        // The store is closed: nothing can fail any more.
        Err(_) => return std::future::pending().await,
    };
    tracing::error!("{}", failed(&what));
    exit();
}

fn exit() -> ! {
    logging::end();
    std::process::exit(1)
}

/// Once a day: a hub runs for years.
async fn remind_of_holidays(rules: Arc<Rules>, clock: Clock) {
    let mut daily = tokio::time::interval(Duration::from_secs(86_400));
    loop {
        daily.tick().await;
        warn_of_holidays(&rules, &clock);
    }
}

/// After the last year of the list, a bank's clock takes a holiday for a working day.
fn warn_of_holidays(rules: &Rules, clock: &Clock) {
    let last = rules.profiles.holidays_until();
    let soon = clock.now() + Duration::from_secs(60 * 86_400);
    let until = jiff::Timestamp::from_microsecond(soon.micros());
    let year = until.map_or(0, |at| at.to_zoned(rules.zone.clone()).year());
    if year > last {
        tracing::warn!(
            last,
            "the list of holidays ends with its last year: name a newer one in clocks.holidays_file"
        );
    }
}

async fn wait_for_signal() -> Result<(), CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed =
        |fault: std::io::Error| CliError::Failed(format!("cannot listen for signals: {fault}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// This process among those that share the database: the same again after a restart, so that it takes back
/// the leases it held; random where the port is.
fn node_id(listen: SocketAddr) -> Result<Uid, CliError> {
    let bytes: [u8; 16] = if listen.port() == 0 {
        vault::random()?
    } else {
        let host = rustix::system::uname();
        let name = format!("{}|{listen}", host.nodename().to_string_lossy());
        let hash = Digest::of(name.as_bytes()).0;
        std::array::from_fn(|place| hash[place])
    };
    Ok(Uid::from_bytes(bytes))
}

/// Free bytes where an embedded database lies; a server looks after its own disk.
fn free_space(database_url: &str) -> FreeSpace {
    let folder = match Location::parse(database_url) {
        Ok(Location::Sqlite(path)) => path.parent().map(std::path::Path::to_path_buf),
        _ => None,
    };
    Arc::new(move || storage::free_bytes(folder.as_ref()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::open::bounds;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_part_that_ends_before_the_stop_ends_the_hub_and_one_that_is_told_to_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Location::Sqlite(folder.path().join("kairan.db"));
        let vault = Arc::new(Vault::new([1; 32]));
        let bounds = bounds(&Settings::defaults());
        let store = Store::open(&place, bounds, Clock::new(), vault).expect("it opens");
        let (stop, stopping) = watch::channel(false);
        let watch = Watch {
            store: store.clone(),
            stopping: stopping.clone(),
        };
        let mut told = stopping.clone();
        let obeys = watch.over(async move { drop(told.changed().await) });
        watch
            .over(async { panic!("a defect") })
            .await
            .expect("caught");
        let what = store.failure().borrow().clone();
        assert_eq!(what.as_deref(), Some("a part of the hub panicked"));
        let other = Store::open(&place, bounds, Clock::new(), Arc::new(Vault::new([1; 32])));
        let other = Watch {
            store: other.expect("it opens"),
            stopping,
        };
        stop.send_replace(true);
        other.over(async {}).await.expect("no panic");
        obeys.await.expect("no panic");
        assert_eq!(*other.store.failure().borrow(), None);
    }
}

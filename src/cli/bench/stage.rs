//! What a scene plays on: its ground, the receivers, and the hub as its own process. All of it is gone with this
//! value.

use super::Place;
use super::control::Receivers;
use super::ground::{Cast, Ground, Ports, bank_url};
use super::hub::Hub;
use super::machine::{self, Used};
use crate::cli::{CliError, open};
use crate::storage::audit::{self, Finding};
use crate::storage::bare::Bare;
use tokio::task::block_in_place;

pub struct Stage {
    pub receivers: Receivers,
    pub hub: Hub,
    /// A connection of the bench's own beside the hub.
    pub beside: Bare,
    /// For plain commits: the same server, or a file in the same folder.
    pub bare: Bare,
    server_process: Option<i32>,
    // Last: it outlives what lies on it.
    pub ground: Ground,
}

impl Stage {
    /// Builds everything; the hub is at work afterwards.
    pub async fn build(place: &Place, cast: &Cast) -> Result<Self, CliError> {
        let silent_from = cast.healthy() + 1;
        let receivers = Receivers::start(cast.answer_ms, silent_from).await?;
        let ports = Ports {
            open: receivers.port,
            hole: receivers.hole,
        };
        let ground = Ground::lay(place, cast, ports).await?;
        let hub = Hub::start(
            &ground.file,
            ground.settings.listen.address,
            ground.folder(),
        )
        .await?;
        let (beside, bare, server_process) = block_in_place(|| connections(&ground))?;
        Ok(Self {
            receivers,
            hub,
            beside,
            bare,
            server_process,
            ground,
        })
    }

    pub fn server_used(&self) -> Option<Used> {
        self.server_process.and_then(machine::server_used)
    }

    /// The address at which a bank receives. Each has one of its own, as banks have.
    pub fn bank_url(&self, bank: usize) -> String {
        bank_url(bank, self.receivers.port)
    }

    /// Stops the hub in good order, then tries every rule of the self-check, if it is `judged`.
    pub async fn close(mut self, judged: bool) -> Result<Vec<Finding>, CliError> {
        self.hub.stop().await?;
        let mut findings = Vec::new();
        if judged {
            let (store, _vault) = open::open_store(&self.ground.settings).await?;
            let found = store.read(audit::findings).await;
            store.close();
            findings = found?;
        }
        self.receivers.stop().await;
        Ok(findings)
    }
}

fn connections(ground: &Ground) -> Result<(Bare, Bare, Option<i32>), CliError> {
    let mut beside = Bare::open(&ground.location()?)?;
    let bare = ground.bare()?;
    let server_process = beside.server_process()?;
    Ok((beside, bare, server_process))
}

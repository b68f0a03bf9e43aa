//! `kairan serve`: runs the hub until it is told to stop.

use super::{CliError, Done, logging};
use crate::config::Settings;
use crate::server;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(settings: Settings, _args: Args) -> Result<Done, CliError> {
    logging::start(&settings.log);
    server::run(settings).await?;
    Ok(Done::Well)
}

//! `kairan migrate`: brings the database's schema up to this program's, and says so. `serve` does the
//! same when it starts; this is for those who want the two apart.

use super::{CliError, Done, open, say};
use crate::config::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(settings: Settings, _args: Args) -> Result<Done, CliError> {
    let (store, _vault) = open::open_store(&settings).await?;
    store.close();
    let version = env!("CARGO_PKG_VERSION");
    say::line(format_args!(
        "{} has the schema of kairan {version}",
        settings.database.shown()
    ));
    Ok(Done::Well)
}

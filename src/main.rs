//! The command line as a table of contents. Decides exit codes.

use clap::{Parser, Subcommand};
use kairan::cli::{
    self, CliError, Done, admin, bench, check, demo, export, file, import, log, logging, migrate,
    receive, say, serve, verify,
};
use kairan::config::Settings;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed; the message says what to do. verify: what was looked at is broken
  2  a mistake in the settings, on the command line or in what was given; nothing was started
  3  a check found something. verify: sound, but something is missing
  4  the log refuses; the message says what to do";

/// Kairan: one incident filed once, every partner bank told, every stamp back, provable years later.
#[derive(Parser)]
#[command(name = "kairan", version, after_help = EXIT_CODES)]
struct CommandLine {
    /// The settings file; the defaults if not given
    #[arg(long, global = true, value_name = "FILE", env = "KAIRAN_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show it all on this machine: a hub, 35 invented banks, one incident
    Demo(demo::Args),
    #[command(hide = true)]
    DemoBanks(demo::BanksArgs),
    /// Run the hub
    Serve(serve::Args),
    /// Bring the database's schema up to this program's
    Migrate(migrate::Args),
    /// Try every rule of the self-check once
    Check(check::Args),
    /// Keys and first people, on the host
    Admin(admin::Args),
    /// The register from a file
    Import(import::Args),
    /// What is carried away: the log as files, or the evidence of one incident or bank
    Export(export::Args),
    /// How the log of evidence stands, and what to do where it refuses
    Log(log::Args),
    /// Post an incident, a revision or a withdrawal to a hub
    File(file::Args),
    /// The reference bank: take webhooks in, check them, confirm under the bank's own key
    Receive(receive::Args),
    /// Judge evidence offline: notices, bundles, certificates, heads, a whole log
    Verify(verify::Args),
    /// Figures of the whole hub on this machine, each beside its bare limit
    Bench(bench::Args),
    #[command(hide = true)]
    BenchReceivers(bench::receivers::Args),
}

/// Of SQLite too: its build takes the place of `malloc`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a command that has ended waits for what it let go of.
const LAST_READS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(done) => ExitCode::from(done.exit_code()),
        Err(error) => {
            say::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(line: CommandLine) -> Result<Done, CliError> {
    // Where evidence is verified, and at a bank, there need be no settings of a hub.
    let command = match line.command {
        Command::Verify(args) => return verify::run(args),
        Command::Receive(args) => return cli::runtime()?.block_on(receive::run(args)),
        command => command,
    };
    let settings = Settings::load(line.config.as_deref()).map_err(CliError::Settings)?;
    let runtime = cli::runtime()?;
    let done = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::DemoBanks(args) => demo::run_banks(args).await,
            Command::Serve(args) => serve::run(settings, args).await,
            Command::Migrate(args) => migrate::run(settings, args).await,
            Command::Check(args) => check::run(settings, args).await,
            Command::Admin(args) => admin::run(settings, args).await,
            Command::Import(args) => import::run(settings, args).await,
            Command::Export(args) => export::run(settings, args).await,
            Command::Log(args) => log::run(settings, args).await,
            Command::File(args) => file::run(settings, args).await,
            Command::Receive(args) => receive::run(args).await,
            Command::Bench(args) => bench::run(args).await,
            Command::BenchReceivers(args) => bench::receivers::run(args).await,
            Command::Verify(args) => verify::run(args),
        }
    });
    // Whatever still reads on a thread of its own, is asked by nobody any more.
    runtime.shutdown_timeout(LAST_READS);
    logging::end();
    done
}

//! `kairan admin`: what needs the host and no account: the key file, the first administrator, recovering an
//! account where nobody else can, and redeeming a link where no desk is at hand. Whoever may run this can read the key file anyway.

use super::{CliError, Done, open, say};
use crate::actions::accept_invitation::accept_invitation;
use crate::actions::bootstrap::bootstrap;
use crate::actions::issue_key::{self, KeyInput, KeyMade};
use crate::actions::recover;
use crate::actions::{self, Rules};
use crate::config::Settings;
use crate::storage::{Lane, Store, Tx, bank};
use crate::vault::{Vault, VaultFault, log_key};
use serde_json::json;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make the two key files that the settings name, the hub's and the log's; never overwrites one
    NewKey,
    /// Invite the first administrator: prints a link that works once, within half an hour
    Bootstrap(BootstrapArgs),
    /// Make a recovery link for a person who lost password or authenticator, where no second administrator can be asked
    Recover(RecoverArgs),
    /// Redeem an invitation here: prints the person's first API key, once
    Accept(AcceptArgs),
    /// Make a bank's first API key for its machines: prints it, once
    Key(KeyArgs),
}

#[derive(Debug, clap::Args)]
struct BootstrapArgs {
    #[arg(long)]
    name: String,
    #[arg(long)]
    email: String,
    /// ja or en
    #[arg(long, default_value = "ja")]
    language: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct RecoverArgs {
    #[arg(long)]
    email: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct AcceptArgs {
    /// The invitation's link, or the token at its end
    token: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct KeyArgs {
    /// The bank's code
    #[arg(long)]
    bank: String,
    /// What the key is for
    #[arg(long, default_value = "first key")]
    label: String,
    /// Days until it expires; as long as the settings allow if not given
    #[arg(long)]
    days: Option<u32>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    match args.command {
        Command::NewKey => new_key(&settings),
        Command::Bootstrap(args) => invite_first(&settings, args).await,
        Command::Recover(args) => recover(&settings, args).await,
        Command::Accept(args) => accept(&settings, args).await,
        Command::Key(args) => bank_key(&settings, args).await,
    }
}

type Make = fn(&Path) -> Result<(), VaultFault>;

fn new_key(settings: &Settings) -> Result<Done, CliError> {
    let evidence = &settings.evidence;
    let mut files: Vec<(&PathBuf, Make)> = vec![
        (&settings.keys.file, Vault::create_key_file),
        (&evidence.key_file, log_key::create),
    ];
    files.extend(
        evidence
            .next_key_file
            .iter()
            .map(|path| (path, log_key::create as Make)),
    );
    for (path, _) in &files {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            make_folder(folder)
                .map_err(|fault| CliError::file("make the folder", folder, &fault))?;
        }
    }
    // One that is there stays; only where all are is there nothing to do.
    if files.iter().all(|(path, _)| path.exists()) {
        return Err(VaultFault::Exists(files[0].0.display().to_string()).into());
    }
    for (path, make) in files {
        if !path.exists() {
            make(path)?;
            say::line(format_args!("made {}", path.display()));
        }
    }
    say::note(
        "keep copies of all in a safe place, apart from the backups: without the first the data cannot be read, without the second the log cannot be carried on",
    );
    Ok(Done::Well)
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Runs one action in a transaction of its own.
async fn act<T, F>(settings: &Settings, work: F) -> Result<T, CliError>
where
    F: FnMut(&mut Tx<'_>, &Rules) -> Result<T, actions::Error> + Send + 'static,
    T: Send + 'static,
{
    act_in(open::open_founded(settings), settings, work).await
}

async fn act_in<T, F>(
    opening: impl Future<Output = Result<(Store, Arc<Vault>), CliError>>,
    settings: &Settings,
    mut work: F,
) -> Result<T, CliError>
where
    F: FnMut(&mut Tx<'_>, &Rules) -> Result<T, actions::Error> + Send + 'static,
    T: Send + 'static,
{
    let rules = Arc::new(open::rules(settings)?);
    let (store, _vault) = opening.await?;
    let result = store.write(Lane::Front, move |tx| work(tx, &rules)).await;
    store.close();
    Ok(result?)
}

async fn invite_first(settings: &Settings, args: BootstrapArgs) -> Result<Done, CliError> {
    let BootstrapArgs {
        name,
        email,
        language,
        json,
    } = args;
    let opening = open::open_store(settings);
    let invited = act_in(opening, settings, move |tx, rules| {
        bootstrap(tx, rules, &name, &email, &language)
    })
    .await?;
    let expires_at = invited.expires_at.to_millis_string();
    if json {
        say::json(&json!({ "link": invited.link, "expires_at": expires_at }));
    } else {
        say::line(&invited.link);
        say::note(format_args!(
            "works once, until {expires_at}; redeem it with `kairan admin accept LINK`"
        ));
    }
    Ok(Done::Well)
}

async fn recover(settings: &Settings, args: RecoverArgs) -> Result<Done, CliError> {
    let email = args.email.clone();
    let made = act(settings, move |tx, rules| {
        match recover::on_host(tx, rules, &email) {
            Err(actions::Error::NotFound) => Ok(None),
            made => made.map(Some),
        }
    });
    let Some(made) = made.await? else {
        let message = format!("nobody has the address {:?}", args.email);
        return Err(CliError::Failed(message));
    };
    let expires_at = made.expires_at.to_millis_string();
    if args.json {
        say::json(&json!({ "link": made.link, "expires_at": expires_at }));
    } else {
        say::line(&made.link);
        say::note(format_args!(
            "works once, until {expires_at}; whoever opens it sets a new password, and the person is told by mail"
        ));
    }
    Ok(Done::Well)
}

async fn accept(settings: &Settings, args: AcceptArgs) -> Result<Done, CliError> {
    let token = token_of(&args.token).to_owned();
    let accepted = act(settings, move |tx, rules| {
        accept_invitation(tx, rules, &token)
    })
    .await?;
    if args.json {
        say::json(&json!({
            "person": accepted.person,
            "roles": accepted.roles,
            "key": accepted.key.key,
            "expires_at": accepted.key.expires_at.to_millis_string(),
        }));
    } else {
        show_key(&accepted.key);
        say::note(format_args!("roles: {}", accepted.roles.join(", ")));
    }
    Ok(Done::Well)
}

/// The token of a link, or the text itself.
fn token_of(text: &str) -> &str {
    text.trim()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

async fn bank_key(settings: &Settings, args: KeyArgs) -> Result<Done, CliError> {
    let input = KeyInput {
        label: args.label,
        days: args.days,
    };
    let code = args.bank.clone();
    let found = act(settings, move |tx, rules| {
        let Some(row) = bank::by_code(tx, &code)? else {
            return Ok(None);
        };
        issue_key::issue_first_key(tx, rules, row.id, &input).map(Some)
    });
    let Some(made) = found.await? else {
        let message = format!(
            "no bank has the code {:?}; enter it with `kairan import banks`",
            args.bank
        );
        return Err(CliError::Failed(message));
    };
    if args.json {
        let expires_at = made.expires_at.to_millis_string();
        say::json(&json!({ "bank": args.bank, "key": made.key, "expires_at": expires_at }));
    } else {
        show_key(&made);
    }
    Ok(Done::Well)
}

fn show_key(made: &KeyMade) {
    say::line(&made.key);
    let until = made.expires_at.to_millis_string();
    say::note(format_args!(
        "shown this once and stored nowhere; works until {until}"
    ));
}

#[cfg(test)]
mod tests {
    use super::token_of;

    #[test]
    fn an_invitation_is_redeemed_by_its_link_or_its_token() {
        for text in [
            "abc_-9",
            " https://kairan.operator.example/invitations/abc_-9\n",
            "http://h/invitations/abc_-9/",
        ] {
            assert_eq!(token_of(text), "abc_-9");
        }
    }
}

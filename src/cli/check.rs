//! `kairan check`: tries every rule of the standing self-check once, holds every fact against its entry, and looks
//! whether the log can go on. Ends with 3 if a rule was broken, with 4 if only the log refuses.

use super::log::{self, Refused};
use super::{CliError, Done, open, say};
use crate::actions::{self, Rules, watch_clocks};
use crate::config::Settings;
use crate::storage::audit::{self, Finding};
use crate::storage::facts::check::{self, Place, Tally};
use crate::storage::{Lane, Store, Tx};
use indicatif::ProgressBar;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rebuild first what facts alone determine: the status of notices, the tries of deliveries, the clocks
    #[arg(long)]
    rebuild: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(settings: Settings, args: Args) -> Result<Done, CliError> {
    let rules = open::rules(&settings)?;
    let (store, _vault) = open::open_founded(&settings).await?;
    // Drawn on a terminal only.
    let bar = ProgressBar::new_spinner().with_message("checking");
    bar.enable_steady_tick(Duration::from_millis(100));
    let result = find(&store, rules, args.rebuild).await;
    let standing = log::standing(&settings, &store).await;
    bar.finish_and_clear();
    store.close();
    let (rebuilt, findings) = result?;
    let refused = standing?;
    report(&args, rebuilt, &findings, refused.as_ref());
    Ok(match refused {
        _ if !findings.is_empty() => Done::Found,
        Some(_) => Done::LogRefuses,
        None => Done::Well,
    })
}

/// How many rows the rebuilding changed, and what is broken.
async fn find(
    store: &Store,
    rules: Rules,
    rebuild: bool,
) -> Result<(i64, Vec<Finding>), actions::Error> {
    let rebuilt = if rebuild {
        let work = move |tx: &mut Tx<'_>| {
            Ok::<_, actions::Error>(audit::rebuild(tx)? + watch_clocks::rebuild(tx, &rules)?)
        };
        store.write(Lane::Front, work).await?
    } else {
        0
    };
    let mut findings = store.read(audit::counted).await?;
    // A page a read: the hub may be at work beside this, and nothing of it waits.
    let mut all = Tally::default();
    let mut place = Some(Place::default());
    while let Some(here) = place {
        let (next, tally) = check::look(store, here).await?;
        all.take_in(tally);
        place = next;
    }
    findings.extend(all.findings());
    Ok((rebuilt, findings))
}

fn report(args: &Args, rebuilt: i64, findings: &[Finding], refused: Option<&Refused>) {
    if args.json {
        let found: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "rule": finding.rule, "table": finding.table, "count": finding.count }))
            .collect();
        let rebuilt = args.rebuild.then_some(rebuilt);
        say::json(&json!({
            "rules": audit::RULE_COUNT,
            "rebuilt": rebuilt,
            "findings": found,
            "log_refuses": refused.map(|refused| &refused.code),
        }));
        return;
    }
    if args.rebuild {
        say::line(format_args!("rebuilt: {rebuilt} rows differed"));
    }
    for finding in findings {
        say::line(format_args!("BROKEN {finding}"));
    }
    let broken: HashSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let kept = audit::RULE_COUNT - broken.len();
    say::line(format_args!("{kept} of {} rules hold", audit::RULE_COUNT));
    if let Some(refused) = refused {
        say::line(format_args!("the log refuses: {}", refused.detail));
    }
    if !findings.is_empty() {
        say::note(
            "keep a copy of the database as it is, and report what is broken; the hub goes on sending",
        );
    }
}

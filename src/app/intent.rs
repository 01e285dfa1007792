//! `ananke intent`: what the cluster is wanted to be. The ledger is the truth; the file is shown
//! beside it where the two differ.

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::{words, world};
use crate::adapters::clock::HostClock;
use crate::adapters::control::ControlClient;
use crate::adapters::disk::{IntentFile, JsonFiles};
use crate::cli::{Format, print_data, print_text};
use crate::model::intent::{Desired, Intent};
use crate::ports::Clock;

/// Shows the intent.
pub(super) async fn show(loaded: Loaded, format: Format) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let daemon = ControlClient::connect(&settings.run_dir).await.ok().flatten();
    let tick = match daemon {
        Some(mut daemon) => daemon.status().await.ok().flatten(),
        None => None,
    };
    let intent = match tick {
        Some(record) => record.decision.memory.durable.intent,
        None => {
            let clock = HostClock::new().map_err(|error| Failure::of(&error))?;
            world::remembered(settings, &clock.now())?.intent
        }
    };
    let printed = if format == Format::Text {
        let mut text = words_of(&intent);
        let file = JsonFiles::new(&settings.state_dir, &settings.policy.cluster).read_intent();
        if let Some(note) = differs(&file, &intent) {
            text = format!("{text}\n{note}");
        }
        print_text(&text)
    } else {
        print_data(format, &intent)
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}

fn words_of(intent: &Intent) -> String {
    let desired = match intent.desired {
        Desired::Up => "up",
        Desired::DownClusterOnly => "down (cluster only)",
        Desired::DownPoweroff => "down (power off)",
    };
    format!(
        "wanted     {desired}, by {} since {}\nwhy        {}\nprogress   {}\nepoch      {}",
        intent.by, intent.since, intent.reason, intent.progress, intent.epoch
    )
}

/// What is to be said about intent.json, if anything is.
fn differs(file: &IntentFile, intent: &Intent) -> Option<String> {
    let why = match file {
        IntentFile::Missing => return None,
        IntentFile::Whole(written) if written.content == *intent => return None,
        IntentFile::Whole(written) => format!("it says {}", written.content.progress),
        IntentFile::Torn { why } => format!("it is torn: {why}"),
        IntentFile::Changed { why } => format!("it was changed: {why}"),
        IntentFile::Future { found, .. } => format!("a newer ananke wrote it (schema {found})"),
        IntentFile::Foreign { found } => format!("it belongs to the cluster {found}"),
        IntentFile::Unreadable { why } => format!("it can't be read: {why}"),
    };
    Some(format!("note       intent.json differs, and the ledger wins: {why}"))
}

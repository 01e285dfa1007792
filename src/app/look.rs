//! `status`, `plan` and `why`: the daemon's newest tick, or one look of our own. Nothing changes.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::signals::interrupt;
use super::sink::RealSink;
use super::words;
use super::world::{self, NoLedger, NoRecorder};
use crate::adapters::control::ControlClient;
use crate::adapters::disk::{self, TickReader, tick_files};
use crate::adapters::host::nut;
use crate::cli::{Format, print_data, print_text};
use crate::config::settings::Settings;
use crate::decide::LIBRARY;
use crate::engine::{Run, Stop};
use crate::model::intent::Author;
use crate::model::record::TickRecord;
use crate::model::tick::{Order, Request, Verb};
use crate::ports::Clock;
use crate::report::{self, summary};

/// `ananke status`
pub(super) async fn status(loaded: Loaded, caller: &str, format: Format) -> Result<Ended, Failure> {
    let record = newest(&loaded.settings, caller).await?;
    print(format, &record, &report::status_text(&record))
}

/// `ananke plan`: what `startup --execute` would do.
pub(super) async fn plan(loaded: Loaded, caller: &str, format: Format) -> Result<Ended, Failure> {
    plan_for(&loaded.settings, vec![Order::Startup { by: caller.to_owned() }], format).await
}

/// The plan for any orders.
pub(super) async fn plan_for(
    settings: &Settings,
    orders: Vec<Order>,
    format: Format,
) -> Result<Ended, Failure> {
    let record = dry_look(settings, request(orders, false)).await?;
    print(format, &record, &report::plan_text(&record))
}

/// `ananke history`: read without the lock, so that it works beside a daemon and without one.
pub(super) fn history(loaded: &Loaded, last: usize, format: Format) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let kept = disk::history(&settings.state_dir, Some(&settings.policy.cluster));
    let history = report::history(&kept.map_err(|error| Failure::of(&error))?.records);
    let printed = match format {
        Format::Text => print_text(&report::history_text(&history, last)),
        Format::Json | Format::Yaml => print_data(format, &history),
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}

/// `ananke why`: also when the configuration is broken, then from the last recorded tick.
pub(super) async fn why(
    loaded: Result<Loaded, Failure>,
    caller: &str,
    name: Option<&str>,
    format: Format,
) -> Result<Ended, Failure> {
    let (record, before) = match loaded {
        Ok(loaded) => (newest(&loaded.settings, caller).await?, None),
        Err(broken) => (recorded(Path::new("/var/lib/ananke"), &broken)?, Some(broken)),
    };
    let text =
        report::why_text(&record, name).map_err(|error| Failure::Usage(error.to_string()))?;
    let power = name == Some(crate::gates::POWER.id.as_str());
    let has_ups = !record.input.policy.power.upses.is_empty();
    let text = match power && has_ups {
        true => text + &report::nut_traps(&record, &nut::nut_host()),
        false => text,
    };
    let text = match before {
        None => text,
        Some(broken) => format!(
            "{broken}\nananke can't look without a configuration; this is what it knew at {}\n\n\
             {text}",
            record.input.now.wall
        ),
    };
    print(format, &record, &text)
}

/// The last tick that the flight recorder of the installed state directory kept.
fn recorded(state_dir: &Path, broken: &Failure) -> Result<TickRecord, Failure> {
    let files = tick_files(state_dir);
    let readers = files.iter().rev().filter_map(|path| TickReader::open(path).ok());
    let newest = readers.filter_map(|ticks| ticks.filter_map(Result::ok).last()).next();
    newest.ok_or_else(|| Failure::Usage(broken.to_string()))
}

/// The daemon's newest tick, or one look of our own.
async fn newest(settings: &Settings, caller: &str) -> Result<TickRecord, Failure> {
    match ControlClient::connect(&settings.run_dir).await {
        Ok(Some(mut daemon)) => match daemon.status().await {
            Ok(Some(record)) => return Ok(*record),
            Ok(None) => {}
            Err(error) => tracing::warn!("the daemon does not answer: {}", words::chain(&error)),
        },
        Ok(None) => {}
        Err(error) => tracing::warn!("the daemon can't be asked: {}", words::chain(&error)),
    }
    let request = Request {
        verb: Verb::Status,
        execute: false,
        by: Author::Person { name: caller.to_owned() },
        orders: Vec::new(),
        stand_in: false,
    };
    dry_look(settings, request).await
}

fn print(format: Format, record: &TickRecord, text: &str) -> Result<Ended, Failure> {
    let summary = summary(record, &[]);
    let printed = match format {
        Format::Text => print_text(text),
        Format::Json | Format::Yaml => print_data(format, &summary),
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended(summary.result.exit_code()))
}

/// The request of a verb, with its orders, of which the first says which verb it is.
pub(super) fn request(orders: Vec<Order>, execute: bool) -> Request {
    let (verb, by) = match orders.first() {
        Some(Order::Startup { by }) => (Verb::Startup, Author::Person { name: by.clone() }),
        Some(Order::Shutdown { by, .. }) => (Verb::Shutdown, Author::Person { name: by.clone() }),
        Some(
            Order::Converge { .. }
            | Order::AllowOnBattery { .. }
            | Order::AllowPeer { .. }
            | Order::Pause { .. }
            | Order::Resume { .. }
            | Order::ClearIntent { .. }
            | Order::HostStops { .. }
            | Order::Ack { .. },
        )
        | None => (Verb::Converge, Author::Ananke),
    };
    Request { verb, execute, by, orders, stand_in: false }
}

/// A dry run of an order: one look, and what would be done.
async fn dry_look(settings: &Settings, request: Request) -> Result<TickRecord, Failure> {
    let outside = world::outside(settings)?;
    let now = outside.clock.now();
    let memory = world::remembered(settings, &now)?;
    let (_nobody, orders) = mpsc::channel(1);
    let run = Run {
        library: &LIBRARY,
        policy: settings.policy.clone(),
        request,
        memory,
        stop: Stop::FirstLook,
        orders,
    };
    let sink = RealSink::silent();
    let world = world::world(settings, outside, NoLedger, NoRecorder, sink);
    let (end, _sink) = run.run(world, interrupt()).await;
    Ok(Arc::unwrap_or_clone(end.last))
}

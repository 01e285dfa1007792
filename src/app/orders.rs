//! `pause`, `resume`, `ack` and `intent clear`: a person's word, written down at once. The daemon
//! takes it if one runs; else it goes into the ledger here.

use serde::Serialize;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::worker::{self, Worker};
use super::{answer, world};
use crate::adapters::control::OrderAnswer;
use crate::adapters::disk::{FileLedger, FileRecorder};
use crate::cli::Format;
use crate::config::settings::Settings;
use crate::decide::{LIBRARY, obeyed};
use crate::model::memory::Durable;
use crate::model::record::{FORMAT, LedgerRecord};
use crate::model::tick::Order;
use crate::model::time::Moment;
use crate::ports::{Clock, Ledger};

/// What was taken down, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Given<'a> {
    order: &'a Order,
    text: &'a str,
}

/// `ananke pause`
pub(super) async fn pause(
    loaded: Loaded,
    by: &str,
    why: String,
    format: Format,
) -> Result<Ended, Failure> {
    let order = Order::Pause { by: by.to_owned(), why };
    give(loaded, order, "paused: ananke resume ends it", format).await
}

/// `ananke resume`
pub(super) async fn resume(loaded: Loaded, by: &str, format: Format) -> Result<Ended, Failure> {
    give(loaded, Order::Resume { by: by.to_owned() }, "resumed", format).await
}

/// `ananke ack`
pub(super) async fn ack(
    loaded: Loaded,
    by: &str,
    name: String,
    format: Format,
) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let up = crate::gates::ALL.iter().map(|gate| &gate.id);
    let down = crate::gates::down::ALL.iter().map(|stage| &stage.gate.id);
    let gate = up.chain(down).any(|id| id.as_str() == name);
    let machine = settings.policy.machines.keys().any(|machine| machine.as_str() == name);
    if !gate && !machine {
        return Err(Failure::Usage(format!("there is no gate and no machine called {name}")));
    }
    let said = format!("{name}: what was tried is forgotten, ananke may try again");
    give(loaded, Order::Ack { by: by.to_owned(), name }, &said, format).await
}

/// `ananke intent clear`
pub(super) async fn clear_intent(
    loaded: Loaded,
    by: &str,
    format: Format,
) -> Result<Ended, Failure> {
    let order = Order::ClearIntent { by: by.to_owned() };
    give(loaded, order, "the cluster is wanted up", format).await
}

async fn give(loaded: Loaded, order: Order, said: &str, format: Format) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let clock = crate::adapters::clock::HostClock::new().map_err(|error| Failure::of(&error))?;
    let now = clock.now();
    match worker::find(settings, &now).await? {
        // A daemon that only observes has not locked the ledger, and keeps no orders.
        Worker::Daemon(daemon) if !daemon.daemon().executes => {
            let opened = world::ledger(settings, &now).map_err(|error| Failure::of(&error))?;
            write_down(settings, opened, now, order.clone())?;
        }
        Worker::Daemon(mut daemon) => {
            match daemon.order(order.clone()).await.map_err(|e| Failure::of(&e))? {
                OrderAnswer::Accepted { .. } => {}
                OrderAnswer::Refused { why } | OrderAnswer::Unknown { why } => {
                    return Err(Failure::Failed(why));
                }
            }
        }
        Worker::Here(opened) => write_down(settings, *opened, now, order.clone())?,
    }
    answer(format, said, &Given { order: &order, text: said })
}

/// The same for who knows that no loop runs.
pub(super) fn write_here(settings: &Settings, now: Moment, order: Order) -> Result<(), Failure> {
    let opened = world::ledger(settings, &now).map_err(|error| Failure::of(&error))?;
    write_down(settings, opened, now, order)
}

/// Without a daemon the order goes into the ledger; the next loop finds it obeyed.
fn write_down(
    settings: &Settings,
    (mut ledger, _, memory): (FileLedger, FileRecorder, Durable),
    now: Moment,
    order: Order,
) -> Result<(), Failure> {
    let memory = obeyed(&LIBRARY, &order, &now, &memory);
    let record = LedgerRecord {
        format: FORMAT,
        seq: ledger.next_seq(),
        at: now,
        cluster: settings.policy.cluster.clone(),
        orders: vec![order],
        outcomes: Vec::new(),
        begin: Vec::new(),
        memory,
    };
    ledger.append(&record).map_err(|error| Failure::of(&error))
}

//! `startup`, `converge` and `shutdown`: hand the wish to the daemon if one runs, else run the
//! loop here.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Environment;
use super::daemon::stop;
use super::failure::{Ended, Failure};
use super::load::{self, Loaded};
use super::look;
use super::progress::{self, Progress};
use super::publish::Publisher;
use super::signals::interrupt;
use super::sink::RealSink;
use super::worker::{self, Worker};
use super::{words, world};
use crate::adapters::clock::HostClock;
use crate::adapters::control::{ControlClient, ControlEvent, OrderAnswer};
use crate::adapters::disk::{FileLedger, FileRecorder};
use crate::adapters::host::systemd::ServiceManager;
use crate::cli::{Format, print_data, print_text};
use crate::decide::LIBRARY;
use crate::engine::{End, Run, Stop};
use crate::model::assessment::Phase;
use crate::model::memory::Durable;
use crate::model::record::TickRecord;
use crate::model::tick::Order;
use crate::model::time::Span;
use crate::ports::Clock;
use crate::report::{self, Deeds, ResultWord, Summary, summary};

/// What a person, or the boot unit, asks for.
pub(super) struct Wish {
    pub(super) order: Order,
    /// What a person allows besides: `--allow-on-battery` and its like.
    pub(super) consents: Vec<Order>,
    pub(super) execute: bool,
    /// In seconds.
    pub(super) timeout: Option<u64>,
}

impl Wish {
    /// The orders, in the order in which they are given: consent belongs to an open episode.
    fn orders(&self) -> Vec<Order> {
        std::iter::once(&self.order).chain(&self.consents).cloned().collect()
    }
}

/// Runs until it is as it is wanted, or a person is needed.
pub(super) async fn carry_out(
    loaded: Loaded,
    wish: Wish,
    environment: Environment<'_>,
    format: Format,
) -> Result<Ended, Failure> {
    let (orders, timeout) = (wish.orders(), wish.timeout);
    if !wish.execute {
        return look::plan_for(&loaded.settings, orders, format).await;
    }
    let now = HostClock::new().map_err(|error| Failure::of(&error))?.now();
    match worker::find(&loaded.settings, &now).await? {
        Worker::Daemon(daemon) => hand_over(daemon, orders, timeout, format).await,
        Worker::Here(opened) => {
            // The unit of the boot listens to it; for a person nobody does.
            let manager = ServiceManager::from_environment(environment)
                .map_err(|error| Failure::of(&error))?;
            run_here(&loaded, *opened, orders, timeout, (format, manager)).await
        }
    }
}

async fn run_here(
    loaded: &Loaded,
    (ledger, recorder, memory): (FileLedger, FileRecorder, Durable),
    orders: Vec<Order>,
    timeout: Option<u64>,
    (format, manager): (Format, ServiceManager),
) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let outside = world::outside(settings)?;
    let now = outside.clock.now();
    load::keep_last_good(loaded);
    let (wishes, told) = mpsc::channel(1);
    let kube = Arc::clone(&outside.kube);
    let publisher = Publisher::start(outside.clock.clone(), kube, wishes);
    let sink = RealSink::silent().with_effects(settings).with_cluster(publisher);
    let mut sink = sink.with_manager(manager.clone()).with_peers(outside.peers.clone());
    if format == Format::Text {
        sink = sink.with_terminal();
    }
    let by = timeout.map(|seconds| now.mono + Span::secs(seconds));
    let run = Run {
        library: &LIBRARY,
        policy: settings.policy.clone(),
        request: look::request(orders, true),
        memory,
        stop: Stop::Settled { by },
        orders: told,
    };
    let world = world::world(settings, outside, ledger, recorder, sink);
    let (end, sink) = run.run(world, stop(&manager)).await;
    sink.finish().await;
    let summary = summary(&end.last, &end.done);
    print_end(&end, &summary, format)
}

fn print_end(end: &End, summary: &Summary, format: Format) -> Result<Ended, Failure> {
    let printed = match format {
        Format::Json | Format::Yaml => print_data(format, summary),
        Format::Text => print_text(&end_text(&end.last, summary, end.interrupted)),
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    if let Some(unwritten) = &end.unwritten {
        let why = words::unwritten(unwritten);
        if summary.result == ResultWord::Converged {
            return Err(Failure::Failed(why));
        }
        // Nobody is left to tell if standard error is gone.
        drop(writeln!(std::io::stderr().lock(), "ananke: {why}"));
    }
    Ok(Ended(summary.result.exit_code()))
}

/// The last lines of a run.
fn end_text(record: &TickRecord, summary: &Summary, interrupted: bool) -> String {
    let actions = match summary.actions.len() {
        0 => "nothing had to be done".to_owned(),
        1 => "1 action was taken".to_owned(),
        n => format!("{n} actions were taken"),
    };
    let phase = record.decision.phase;
    let mut text = format!("\n{}\n{actions}", report::headline(record));
    if interrupted && summary.result == ResultWord::Pending {
        text += ". Interrupted: what was begun was waited for; run it again to go on.";
    } else if phase == Phase::Blocked {
        let new = record.decision.alarms.iter().any(|alarm| alarm.new);
        if !new {
            let standing = &record.decision.alarms;
            text = format!("\n{}\n{text}", report::at_the_end(record, standing));
        }
    } else if summary.result == ResultWord::Pending {
        text += ". Not there yet when the time was over: ananke why";
    } else if phase == Phase::Down && summary.result == ResultWord::Blocked {
        text += ". It is wanted down: sudo ananke startup --execute ends that";
    } else if phase == Phase::Held {
        text += ". Held by a person: ananke status";
    }
    text
}

/// Gives the order to the daemon and follows it. Ctrl-C detaches; the daemon goes on.
async fn hand_over(
    mut daemon: ControlClient,
    orders: Vec<Order>,
    timeout: Option<u64>,
    format: Format,
) -> Result<Ended, Failure> {
    let pid = daemon.daemon().pid;
    let mut from = 0;
    for order in orders {
        let answer = daemon.order(order).await.map_err(|error| Failure::of(&error))?;
        from = match answer {
            OrderAnswer::Accepted { tick } => tick,
            OrderAnswer::Refused { why } => {
                return Err(Failure::Failed(format!("the daemon (pid {pid}) refuses: {why}")));
            }
            OrderAnswer::Unknown { why } => {
                return Err(Failure::Failed(format!(
                    "the daemon (pid {pid}) may have taken it: {why}"
                )));
            }
        };
    }
    let terminal = std::io::stdout().is_terminal();
    if format == Format::Text && terminal {
        progress::print(&[format!("following the daemon (pid {pid}); Ctrl-C detaches")]);
    }
    let followed = follow(daemon, from, format);
    let end = match timeout {
        None => tokio::select! { end = followed => end?, () = interrupt() => None },
        Some(seconds) => tokio::select! {
            end = followed => end?,
            () = interrupt() => None,
            () = tokio::time::sleep(Span::secs(seconds).to_std()) => None,
        },
    };
    let Some((record, deeds)) = end else { return Ok(Ended::PENDING) };
    let summary = deeds.summary(&record);
    let end =
        End { last: Arc::from(record), done: Vec::new(), interrupted: false, unwritten: None };
    print_end(&end, &summary, format)
}

type Followed = (Box<TickRecord>, Deeds);

/// Follows the daemon until the cluster is settled.
async fn follow(
    daemon: ControlClient,
    from: u64,
    format: Format,
) -> Result<Option<Followed>, Failure> {
    let mut follow = daemon.follow().await.map_err(|error| Failure::of(&error))?;
    let mut progress = Progress::default();
    let mut deeds = Deeds::default();
    while let Some(event) = follow.next().await.map_err(|error| Failure::of(&error))? {
        let record = match event {
            ControlEvent::Tick(record) if record.input.memory.passing.tick < from => continue,
            ControlEvent::Tick(record) => record,
            ControlEvent::Done { why } | ControlEvent::Refused { why } => {
                return Err(Failure::Failed(format!("the daemon ended: {why}")));
            }
        };
        if format == Format::Text {
            progress::print(&progress.lines(&record));
        }
        deeds.learn(&record);
        let idle = record.decision.memory.durable.in_flight.is_empty();
        match record.decision.phase {
            Phase::Converged | Phase::Degraded | Phase::Blocked | Phase::Down | Phase::Held
                if idle && !record.turns_round() =>
            {
                return Ok(Some((record, deeds)));
            }
            Phase::Converged
            | Phase::Degraded
            | Phase::Blocked
            | Phase::Down
            | Phase::Held
            | Phase::GoingDown
            | Phase::Looking
            | Phase::Recovering
            | Phase::Soaking => {}
        }
    }
    Ok(None)
}

//! `daemon`: the only loop of the host, for as long as the host runs.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::publish::Publisher;
use super::sink::RealSink;
use super::web::Web;
use super::world::{self, NoLedger, NoRecorder};
use super::{Environment, leaving, load, signals, words};
use crate::adapters::control::{ControlServer, Orders, Stance};
use crate::adapters::heartbeat::Heartbeat;
use crate::adapters::host::inhibit::Inhibitor;
use crate::adapters::host::systemd::ServiceManager;
use crate::config::settings::Settings;
use crate::decide::LIBRARY;
use crate::engine::{Run, Stop};
use crate::model::intent::Author;
use crate::model::tick::{Request, Verb};
use crate::model::time::Span;
use crate::ports::{Clock, Told};

/// How many orders may wait for a tick. People type slower than that.
const ORDERS: usize = 16;

/// What reading a long ledger may take on a slow SD card. The service manager is asked for it
/// before, because nothing can be said meanwhile.
const OPENING: Span = Span::mins(5);

/// Runs until the service manager says stop.
pub(super) async fn daemon(
    loaded: Loaded,
    execute: bool,
    stand_in: bool,
    environment: Environment<'_>,
) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let manager =
        ServiceManager::from_environment(environment).map_err(|error| Failure::of(&error))?;
    let outside = world::outside(settings)?;
    let now = outside.clock.now();
    let stance = if execute { Stance::Executes } else { Stance::Observes };
    let (control, asked) = ControlServer::bind(&settings.run_dir, stance)
        .await
        .map_err(|error| Failure::of(&error))?;
    control.answer_peers(outside.peers.talk(outside.clock.clone()));
    let control = Arc::new(control);
    let (told, orders) = mpsc::channel(ORDERS);
    let relay = tokio::spawn(relay(asked, told.clone()));
    let sink = RealSink::silent().with_service(Arc::clone(&control), manager.clone());
    let sink = sink.with_peers(outside.peers.clone());
    let sink = sink.with_onlookers(page(settings).await, heartbeat(settings));
    let (verb, by) = (Verb::Daemon, Author::Ananke);
    let request = Request { verb, execute, by, orders: Vec::new(), stand_in };
    let run = |memory| Run {
        library: &LIBRARY,
        policy: settings.policy.clone(),
        request,
        memory,
        stop: Stop::Never,
        orders,
    };
    manager.extend_timeout(OPENING);
    let mut unwritten = None;
    if execute {
        let opened = world::ledger(settings, &now).map_err(|error| Failure::of(&error))?;
        let (ledger, recorder, memory) = opened;
        load::keep_last_good(&loaded);
        // Started by hand it takes no lock: nobody would end a child that a crash left behind.
        let leaving = manager
            .is_there()
            .then(|| tokio::spawn(leaving::watch(Inhibitor::installed(), told.clone())));
        let kube = Arc::clone(&outside.kube);
        let publisher = Publisher::start(outside.clock.clone(), kube, told);
        let sink = sink.with_effects(settings).with_cluster(publisher);
        let world = world::world(settings, outside, ledger, recorder, sink);
        let (end, sink) = run(memory).run(world, stop(&manager)).await;
        unwritten = end.unwritten;
        sink.finish().await;
        // Gives the lock back: the host may go.
        if let Some(leaving) = leaving {
            leaving.abort();
        }
    } else {
        tracing::info!("observing only: started without --execute");
        let memory = world::remembered(settings, &now)?;
        let world = world::world(settings, outside, NoLedger, NoRecorder, sink);
        let (_, sink) = run(memory).run(world, stop(&manager)).await;
        sink.finish().await;
    }
    relay.abort();
    if let Ok(control) = Arc::try_unwrap(control) {
        control.close("the daemon was stopped").await;
    }
    if let Some(unwritten) = unwritten {
        return Err(Failure::Failed(words::unwritten(&unwritten)));
    }
    Ok(Ended::GOOD)
}

/// A page that can't be served stops nothing.
async fn page(settings: &Settings) -> Option<Web> {
    match Web::open(settings.web?).await {
        Ok(web) => Some(web),
        Err(error) => {
            tracing::warn!("{}", words::chain(&error));
            None
        }
    }
}

fn heartbeat(settings: &Settings) -> Option<Heartbeat> {
    let (url, every) = settings.heartbeat.as_ref()?;
    match Heartbeat::start(url, *every) {
        Ok(heartbeat) => Some(heartbeat),
        Err(error) => {
            tracing::warn!("{}", words::chain(&error));
            None
        }
    }
}

/// Resolves when somebody ends this process. From then on each tick asks the service manager for
/// the time that what is under way still takes.
pub(super) async fn stop(manager: &ServiceManager) {
    signals::interrupt().await;
    manager.stopping("waiting for what is under way");
}

/// Carries orders from the socket to the loop.
async fn relay(mut asked: Orders, told: mpsc::Sender<Told>) {
    while let Some(ordered) = asked.next().await {
        let order = ordered.order.clone();
        let taken = Box::new(move |tick| ordered.accept(tick));
        if told.send(Told { order, taken }).await.is_err() {
            return;
        }
    }
}

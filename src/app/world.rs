//! Puts the real adapters together.

use std::sync::Arc;

use super::failure::Failure;
use super::hands::{RealHands, reply};
use super::observer::RealObserver;
use super::peers::Peers;
use super::switches::Switches;
use super::ways::FleetWays;
use crate::adapters::clock::HostClock;
use crate::adapters::disk::{FileLedger, FileRecorder, OpenError, history};
use crate::adapters::guard::parse;
use crate::adapters::host::poweroff::Systemctl;
use crate::adapters::host::timesync::{WallSync, ask_chrony};
use crate::adapters::kube::{KubeLink, KubeconfigFile};
use crate::adapters::probe::Unsealer;
use crate::adapters::ssh::Fleet;
use crate::config::settings::Settings;
use crate::engine::World;
use crate::model::command::Command;
use crate::model::facts::{Blind, BlindKind};
use crate::model::ids::MachineName;
use crate::model::memory::Durable;
use crate::model::policy::Role;
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::time::{Moment, Span};
use crate::ports::{Clock, Ledger, LedgerError, Recorder, Sink};

/// The port on which k3s servers serve the API.
const API_PORT: u16 = 6_443;

/// How often a time daemon other than systemd-timesyncd is asked whether the clock is right.
const ASK_TIME: Span = Span::mins(1);

/// How long the kubeconfig of a server may take, over SSH.
const KUBECONFIG: Span = Span::secs(10);

/// The outside that every loop has.
pub(super) struct Outside {
    pub(super) clock: HostClock,
    pub(super) fleet: Fleet,
    pub(super) kube: Arc<KubeLink>,
    pub(super) peers: Peers,
}

/// Connects to nobody yet, but starts to look at the API.
pub(super) fn outside(settings: &Settings) -> Result<Outside, Failure> {
    let clock = HostClock::new().map_err(|error| Failure::of(&error))?;
    tokio::spawn(watch_time(clock.clone()));
    let fleet = Fleet::new(&settings.ssh).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut kube = settings.kube.clone();
    let owner = &settings.policy.owner;
    let time = clock.clone();
    let now = move || time.now();
    let link = if let Some(path) = kube.kubeconfig.clone() {
        KubeLink::start(kube, owner, now, KubeconfigFile(path))
    } else {
        if kube.endpoints.is_empty() {
            kube.endpoints = server_endpoints(settings);
        }
        let servers: Vec<MachineName> = settings.policy.with_role(Role::Server).cloned().collect();
        let fleet = fleet.clone();
        KubeLink::start(kube, owner, now, move || from_a_server(fleet.clone(), servers.clone()))
    };
    let peers = Peers::new(settings, clock.now().mono);
    Ok(Outside { clock, fleet, kube: Arc::new(link), peers })
}

/// Learns from chrony whether the wall clock may be trusted, where timesyncd does not say.
async fn watch_time(clock: HostClock) {
    loop {
        clock.note_synchronised(ask_chrony().await == WallSync::Synchronised);
        tokio::time::sleep(ASK_TIME.to_std()).await;
    }
}

/// The API on each server's own address: in the kubeconfig of a server it is the loopback.
pub(super) fn server_endpoints(settings: &Settings) -> Vec<String> {
    let servers = settings.policy.with_role(Role::Server);
    servers
        .filter_map(|name| settings.ssh.machines.get(name))
        .map(|target| format!("https://{}:{API_PORT}", target.address))
        .collect()
}

/// The admin kubeconfig of the first server that gives it, through its guard.
pub(super) async fn from_a_server(
    fleet: Fleet,
    servers: Vec<MachineName>,
) -> Result<String, Blind> {
    let line = Command::Kubeconfig
        .render()
        .map_err(|error| Blind::new(BlindKind::Garbled, error.to_string()))?;
    let mut last = Blind::new(BlindKind::NotAsked, "no server to get a kubeconfig from");
    for server in servers {
        let answer = match fleet.run(&server, &line, None, KUBECONFIG).await {
            Ok(output) => parse::kubeconfig(&reply(output)),
            Err(error) => Err(Blind::new(error.kind(), error.to_string())),
        };
        match answer {
            Ok(yaml) => {
                tracing::info!(%server, "using the server's admin kubeconfig");
                return Ok(yaml);
            }
            Err(blind) => {
                let detail = format!("no kubeconfig from {server}: {blind}");
                last = Blind::new(blind.kind, detail);
            }
        }
    }
    Err(last)
}

/// What is remembered, read without taking the lock: for looks that change nothing.
pub(super) fn remembered(settings: &Settings, now: &Moment) -> Result<Durable, Failure> {
    let history = history(&settings.state_dir, Some(&settings.policy.cluster))
        .map_err(|error| Failure::of(&error))?;
    let last = history.records.into_iter().next_back();
    Ok(last.map_or_else(|| Durable::fresh(now), |record| record.memory))
}

/// The world of a loop that acts.
pub(super) type RealWorld<L, R, S> =
    World<HostClock, RealObserver, RealHands<HostClock, Systemctl>, L, R, S>;

/// Puts the world together around a ledger, a recorder and a sink.
pub(super) fn world<L: Ledger, R: Recorder, S: Sink>(
    settings: &Settings,
    outside: Outside,
    ledger: L,
    recorder: R,
    sink: S,
) -> RealWorld<L, R, S> {
    let Outside { clock, fleet, kube, peers } = outside;
    let observer = RealObserver::start(&clock, settings, &fleet, Arc::clone(&kube), peers);
    let switches = Switches::of(settings);
    let vaults = Unsealer::new(settings, clock.clone(), FleetWays(fleet.clone()));
    let host = Systemctl::installed();
    let hands = RealHands { clock: clock.clone(), fleet, kube, switches, vaults, host };
    let hands = Arc::new(hands);
    World { clock, observer, hands, ledger, recorder, sink }
}

/// The ledger of a loop that acts, with what it remembers.
pub(super) fn ledger(
    settings: &Settings,
    now: &Moment,
) -> Result<(FileLedger, FileRecorder, Durable), OpenError> {
    let (ledger, recovered) = FileLedger::open(&settings.state_dir, &settings.policy.cluster)?;
    for note in &recovered.notes {
        tracing::warn!("ledger: {note}");
    }
    let mut memory = recovered.memory.unwrap_or_else(|| Durable::fresh(now));
    if let Some(why) = ledger.behind() {
        tracing::error!("ledger: the newest record was damaged: {why}");
        memory.pass_over_lost();
    }
    let recorder = FileRecorder::new(&settings.state_dir);
    Ok((ledger, recorder, memory))
}

/// A dry run writes nothing down.
#[derive(Debug)]
pub(super) struct NoLedger;

impl Ledger for NoLedger {
    fn append(&mut self, _: &LedgerRecord) -> Result<(), LedgerError> {
        let why = "a dry run writes nothing";
        Err(LedgerError::Write(std::io::Error::new(std::io::ErrorKind::Unsupported, why)))
    }

    fn next_seq(&self) -> u64 {
        0
    }
}

/// A dry run keeps no ticks.
#[derive(Debug)]
pub(super) struct NoRecorder;

impl Recorder for NoRecorder {
    fn keep(&mut self, _: &Arc<TickRecord>) {}
}

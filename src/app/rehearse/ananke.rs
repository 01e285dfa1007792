//! ananke's own loop with its real adapters, before a simulated site on the loopback. Each life
//! has a runtime of its own, so that a killed one ends with everything that it had begun.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, oneshot};

use super::super::hands::RealHands;
use super::super::observer::RealObserver;
use super::super::peers::Peers;
use super::super::publish::Publisher;
use super::super::switches::Switches;
use super::super::ways::FleetWays;
use super::super::{orders, words, world};
use crate::adapters::disk::{FileLedger, FileRecorder};
use crate::adapters::kube::{KubeLink, KubeconfigFile};
use crate::adapters::probe::Unsealer;
use crate::adapters::ssh::Fleet;
use crate::config::settings::Settings;
use crate::decide::LIBRARY;
use crate::engine::{Run, World};
use crate::model::action::Action;
use crate::model::memory::Durable;
use crate::model::outcome::{ActionResult, Outcome};
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::tick::Order;
use crate::model::time::Span;
use crate::ports::{Clock, Hands, HostSwitch, Ledger, LedgerError, Sink, Told};
use crate::sim::faces::SimClock;
use crate::sim::faces::driver::{Ananke, Heard, Start, asked, exited, tell};
use crate::sim::faces::memory::{Fuse, Place};
use crate::sim::scenario::ast::Boundary;
use crate::sim::scenario::look::Process;

/// How many orders may wait for a tick.
const ORDERS: usize = 16;

/// How long a dead life's tasks may take to be gone.
const BURIAL: Duration = Duration::from_secs(2);

/// Threads of one life: the same as of the program itself.
const THREADS: usize = 2;

/// What a life leaves behind, and what it shares with its successors.
#[derive(Debug, Default)]
struct Legacy {
    heard: Mutex<Heard>,
    full: AtomicBool,
    news: Notify,
}

impl Legacy {
    fn note(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_one();
    }
}

/// One host's ananke, as it is shipped, in this process.
pub(super) struct RealAnanke {
    settings: Settings,
    clock: SimClock,
    legacy: Arc<Legacy>,
    life: Option<Life>,
}

struct Life {
    runtime: Runtime,
    fuse: Fuse,
    orders: mpsc::Sender<Told>,
    halt: Option<oneshot::Sender<()>>,
    ended: oneshot::Receiver<()>,
}

impl RealAnanke {
    /// Nothing runs yet.
    pub(super) fn new(settings: Settings, clock: SimClock) -> Self {
        Self { settings, clock, legacy: Arc::default(), life: None }
    }

    /// Ends what is left of a life. Waits for its files to be closed.
    async fn bury(&mut self) {
        let Some(life) = self.life.take() else { return };
        let gone = tokio::task::spawn_blocking(move || life.runtime.shutdown_timeout(BURIAL));
        if gone.await.is_err() {
            tracing::warn!("a life of ananke did not end in order");
        }
    }
}

impl Ananke for RealAnanke {
    fn begin(&mut self, start: Start, until: Option<&Boundary>) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .map_err(|error| words::chain(&error))?;
        let now = self.clock.now();
        let (ledger, recorder, memory) =
            world::ledger(&self.settings, &now).map_err(|error| words::chain(&error))?;
        let (told, orders) = mpsc::channel(ORDERS);
        let (halt, halted) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let fuse = Fuse::until(until);
        let birth = Birth {
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            legacy: Arc::clone(&self.legacy),
            fuse: fuse.clone(),
            start,
            ledger,
            recorder,
            memory,
            orders,
            told: told.clone(),
        };
        self.legacy.note(|heard| heard.process = Process::Running);
        runtime.spawn(async move {
            Box::pin(birth.live(asked(halted))).await;
            let _ = done.send(());
        });
        self.life = Some(Life { runtime, fuse, orders: told, halt: Some(halt), ended });
        Ok(())
    }

    fn runs(&self) -> bool {
        let heard = self.legacy.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.process == Process::Running
    }

    async fn kill(&mut self) {
        if let Some(life) = &self.life {
            life.fuse.burn();
            self.bury().await;
            self.legacy.note(|heard| heard.process = Process::Killed);
        }
    }

    async fn stop(&mut self) {
        if let Some(life) = &mut self.life
            && let Some(halt) = life.halt.take()
        {
            let _ = halt.send(());
            // A life that was dropped has ended too.
            let _ = (&mut life.ended).await;
        }
        self.bury().await;
    }

    async fn tell(&mut self, order: Order) -> Result<(), String> {
        match &self.life {
            Some(life) if self.runs() => tell(&life.orders, order).await,
            Some(_) | None => {
                self.bury().await;
                let now = self.clock.now();
                orders::write_here(&self.settings, now, order).map_err(|error| error.to_string())
            }
        }
    }

    fn fill_disk(&mut self, full: bool) {
        self.legacy.full.store(full, Ordering::Relaxed);
    }

    async fn seen(&mut self) -> Heard {
        if self.life.is_some() && !self.runs() {
            self.bury().await;
        }
        let mut heard = self.legacy.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let process = heard.process;
        std::mem::replace(&mut *heard, Heard { process, ..Heard::default() })
    }

    async fn news(&mut self) {
        self.legacy.news.notified().await;
    }
}

/// Everything that a life begins with.
struct Birth {
    settings: Settings,
    clock: SimClock,
    legacy: Arc<Legacy>,
    fuse: Fuse,
    start: Start,
    ledger: FileLedger,
    recorder: FileRecorder,
    memory: Durable,
    orders: mpsc::Receiver<Told>,
    told: mpsc::Sender<Told>,
}

impl Birth {
    async fn live(self, halt: impl Future<Output = ()>) {
        let Self { settings, clock, legacy, fuse, start, ledger, recorder, memory, orders, told } =
            self;
        let fleet = match Fleet::new(&settings.ssh) {
            Ok(fleet) => fleet,
            Err(error) => {
                tracing::error!("no way to the machines: {}", words::chain(&error));
                return legacy.note(|heard| heard.process = Process::Exited(2));
            }
        };
        let file = settings.kube.kubeconfig.clone().unwrap_or_default();
        let time = clock.clone();
        let owner = &settings.policy.owner;
        let kube = settings.kube.clone();
        let kube = Arc::new(KubeLink::start(kube, owner, move || time.now(), KubeconfigFile(file)));
        let peers = Peers::new(&settings, clock.now().mono);
        let observer = RealObserver::start(&clock, &settings, &fleet, Arc::clone(&kube), peers);
        let publisher =
            start.request.execute.then(|| Publisher::start(clock.clone(), Arc::clone(&kube), told));
        let switches = Switches::of(&settings);
        let vaults = Unsealer::new(&settings, clock.clone(), FleetWays(fleet.clone()));
        let host = SimulatedHost { clock: clock.clone(), fuse: fuse.clone() };
        let hands = RealHands { clock: clock.clone(), fleet, kube, switches, vaults, host };
        let world = World {
            clock,
            observer,
            hands: Arc::new(MortalHands { hands, fuse: fuse.clone() }),
            ledger: MortalLedger { ledger, fuse: fuse.clone(), legacy: Arc::clone(&legacy) },
            recorder,
            sink: Witness { legacy: Arc::clone(&legacy), fuse: fuse.clone(), publisher },
        };
        let Start { request, stop } = start;
        let policy = settings.policy.clone();
        let run = Run { library: &LIBRARY, policy, request, memory, stop, orders };
        let process = tokio::select! {
            biased;
            () = fuse.burnt() => Process::Killed,
            (end, sink) = run.run(world, halt) => {
                if let Some(publisher) = sink.publisher {
                    publisher.finish().await;
                }
                exited(&end)
            }
        };
        legacy.note(|heard| heard.process = process);
    }
}

/// The real ledger, on a disk that may be full, in a process that may die.
struct MortalLedger {
    ledger: FileLedger,
    fuse: Fuse,
    legacy: Arc<Legacy>,
}

impl Ledger for MortalLedger {
    fn append(&mut self, record: &LedgerRecord) -> Result<(), LedgerError> {
        let Self { ledger, fuse, legacy } = self;
        fuse.around(record, || {
            if legacy.full.load(Ordering::Relaxed) {
                return Err(LedgerError::Write(io::ErrorKind::StorageFull.into()));
            }
            ledger.append(record)?;
            legacy.note(|heard| heard.ledger.push(record.clone()));
            Ok(())
        })
    }

    fn next_seq(&self) -> u64 {
        self.ledger.next_seq()
    }
}

/// The real hands of a process that may die.
struct MortalHands {
    hands: RealHands<SimClock, SimulatedHost>,
    fuse: Fuse,
}

/// The host of a life that is not there: it goes off with all that runs on it, and the next life
/// begins in another boot. The host on which this is rehearsed hears nothing of it.
struct SimulatedHost {
    clock: SimClock,
    fuse: Fuse,
}

impl HostSwitch for SimulatedHost {
    async fn power_off(&self, _: Span) -> ActionResult {
        self.clock.boot_anew();
        self.fuse.burn();
        ActionResult::Unknown { why: "the host went off".to_owned() }
    }
}

impl Hands for MortalHands {
    async fn perform(&self, action: Action) -> Outcome {
        let lost = |action: &Action| {
            let now = self.hands.clock.now().mono;
            let why = "ananke died".to_owned();
            let result = ActionResult::Unknown { why };
            Outcome { action: action.id.clone(), result, began: now, ended: now }
        };
        if !self.fuse.pass(Place::Sent) {
            return lost(&action);
        }
        let outcome = self.hands.perform(action.clone()).await;
        if self.fuse.pass(Place::Acted) { outcome } else { lost(&action) }
    }
}

/// Hands every tick to whoever looks on, and publishes it in the simulated cluster.
struct Witness {
    legacy: Arc<Legacy>,
    fuse: Fuse,
    publisher: Option<Publisher>,
}

impl Sink for Witness {
    async fn publish(&mut self, record: &Arc<TickRecord>) {
        if !self.fuse.pass(Place::Shown) {
            std::future::pending::<()>().await;
        }
        if let Some(publisher) = &mut self.publisher {
            publisher.show(record);
        }
        self.legacy.note(|heard| heard.ticks.push(Arc::clone(record)));
    }
}

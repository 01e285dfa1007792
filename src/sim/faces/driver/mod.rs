//! Moves a simulated site as a scenario says. What befalls goes to the world; what becomes of
//! ananke goes to an [`Ananke`], which runs the loop in memory or over sockets.

mod memory;
mod truth;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

pub use memory::{MemoryAnanke, tell};
pub use truth::word;

use super::Stage;
use crate::engine::{End, Stop};
use crate::model::ids::MachineName;
use crate::model::intent::{Author, Desired};
use crate::model::record::{LedgerRecord, TickRecord};
use crate::model::tick::{Order, Request, Verb};
use crate::model::time::{Mono, Span};
use crate::model::verdict::Target;
use crate::ports::Clock;
use crate::report::ResultWord;
use crate::sim::scenario::Driver;
use crate::sim::scenario::ast::{Boundary, Event, Life};
use crate::sim::scenario::look::{Entry, Look, Process, Who};
use crate::sim::world::World;
use truth::Eye;

/// Who gives the commands of a rehearsal.
pub const CALLER: &str = "rehearsal";

/// Runs ananke's loop before a site, one life after the other on the same disk.
pub trait Ananke {
    /// Starts a life. It is killed at the boundary, if there is one.
    ///
    /// # Errors
    /// Why it can't be started.
    fn begin(&mut self, start: Start, until: Option<&Boundary>) -> Result<(), String>;

    /// Whether a life is under way.
    fn runs(&self) -> bool;

    /// `kill -9`.
    fn kill(&mut self) -> impl Future<Output = ()>;

    /// Asks it to end, and waits until it has.
    fn stop(&mut self) -> impl Future<Output = ()>;

    /// Tells the running loop something, and waits until the ledger has it.
    ///
    /// # Errors
    /// Nothing runs, or it could not be written down.
    fn tell(&mut self, order: Order) -> impl Future<Output = Result<(), String>>;

    /// From now on the disk takes nothing, or takes records again.
    fn fill_disk(&mut self, full: bool);

    /// The process, and what it left since the last call.
    fn seen(&mut self) -> impl Future<Output = Heard>;

    /// Returns when there may be something new.
    fn news(&mut self) -> impl Future<Output = ()>;
}

/// What ananke left since it was looked at last.
#[derive(Debug, Default)]
pub struct Heard {
    /// The process.
    pub process: Process,
    /// Its ticks, in order.
    pub ticks: Vec<Arc<TickRecord>>,
    /// Its ledger's new records, in order.
    pub ledger: Vec<LedgerRecord>,
}

/// What a life is for.
#[derive(Debug, Clone)]
pub struct Start {
    /// Who asks for what.
    pub request: Request,
    /// When it ends by itself.
    pub stop: Stop,
}

impl Start {
    /// As the command of this verb does it, with `--execute`.
    pub fn of(verb: Verb, flags: &str) -> Self {
        let by = CALLER.to_owned();
        let person = Author::Person { name: by.clone() };
        let (by, orders, stop) = match verb {
            Verb::Startup => (person, vec![Order::Startup { by }], Stop::Settled { by: None }),
            Verb::Shutdown => (person, vec![shutdown(flags)], Stop::Settled { by: None }),
            Verb::Converge => {
                (Author::Ananke, vec![Order::Converge { by }], Stop::Settled { by: None })
            }
            Verb::Daemon => (Author::Ananke, Vec::new(), Stop::Never),
            Verb::Status => (Author::Ananke, Vec::new(), Stop::FirstLook),
        };
        Self { request: Request { verb, execute: true, by, orders, stand_in: false }, stop }
    }
}

/// The order of `shutdown` with these flags.
fn shutdown(flags: &str) -> Order {
    let given = |flag: &str| flags.contains(flag);
    let poweroff = given("--mode poweroff");
    Order::Shutdown {
        by: CALLER.to_owned(),
        why: "the rehearsal says so".to_owned(),
        to: if poweroff { Desired::DownPoweroff } else { Desired::DownClusterOnly },
        drain: !given("--skip-drain"),
        snapshot: !given("--skip-etcd-snapshot"),
        host_stays: given("--keep-own-host").then(|| "the rehearsal says so".to_owned()),
    }
}

/// Resolves when somebody asks a life to end. Without anybody who could ask, nobody does.
pub async fn asked(halt: oneshot::Receiver<()>) {
    if halt.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What is left of a process whose run came to its end.
pub fn exited(end: &End) -> Process {
    let record = &end.last;
    let word = ResultWord::of_run(record.input.request.verb, record.decision.phase);
    Process::Exited(i32::from(word.exit_code()))
}

/// Why a simulated site can't be moved as the scenario says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// The site has no such thing.
    #[error(transparent)]
    Unfit(#[from] crate::sim::world::Unfit),
    /// ananke could not be started, or be told.
    #[error("{0}")]
    Ananke(String),
}

/// A simulated site with its ananke.
#[derive(Debug)]
pub struct StageDriver<A> {
    stage: Stage,
    ananke: A,
    began: Mono,
    last: Option<(Verb, String)>,
    eye: Eye,
    words: BTreeMap<MachineName, &'static str>,
    /// How long at most, in real time, until somebody looks again.
    pace: Option<Duration>,
}

impl<A: Ananke> StageDriver<A> {
    /// A site that is about to suffer. With a `pace` it is looked at so often in any case, for
    /// somebody who watches.
    pub fn new(stage: Stage, ananke: A, pace: Option<Duration>) -> Self {
        let began = stage.clock().mono();
        let (eye, words) = (Eye::default(), BTreeMap::new());
        Self { stage, ananke, began, last: None, eye, words, pace }
    }

    /// The stage.
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Ends what runs.
    pub async fn close(mut self) -> A {
        self.ananke.stop().await;
        self.ananke
    }

    async fn live(&mut self, life: &Life) -> Result<(), Stuck> {
        match life {
            // A command hands its wish to the loop that runs.
            Life::Runs { verb: Verb::Startup, .. } if self.ananke.runs() => {
                self.tell(Order::Startup { by: CALLER.to_owned() }).await
            }
            Life::Runs { verb: Verb::Converge, .. } if self.ananke.runs() => {
                self.tell(Order::Converge { by: CALLER.to_owned() }).await
            }
            Life::Shutdown { flags } if self.ananke.runs() => self.tell(shutdown(flags)).await,
            Life::Shutdown { flags } => {
                self.last = Some((Verb::Shutdown, flags.clone()));
                let start = Start::of(Verb::Shutdown, flags);
                self.ananke.begin(start, None).map_err(Stuck::Ananke)
            }
            Life::Runs { verb, until } => {
                self.last = Some((*verb, String::new()));
                self.ananke.begin(Start::of(*verb, ""), until.as_ref()).map_err(Stuck::Ananke)
            }
            Life::RunsAgain { until } => {
                let never = || Stuck::Ananke("it never ran".to_owned());
                let (verb, flags) = self.last.clone().ok_or_else(never)?;
                self.ananke.begin(Start::of(verb, &flags), until.as_ref()).map_err(Stuck::Ananke)
            }
            Life::Killed => {
                self.ananke.kill().await;
                Ok(())
            }
            // The walk through the scenario makes single deaths of it.
            Life::KilledAtRandom { .. } => Ok(()),
            Life::Stopped => {
                self.ananke.stop().await;
                Ok(())
            }
            Life::Paused { by, why } => {
                self.tell(Order::Pause { by: by.clone(), why: why.clone() }).await
            }
            Life::Resumed { by } => self.tell(Order::Resume { by: by.clone() }).await,
            Life::Acked { by, machine } => {
                let name = Target::Machine(machine.clone()).to_string();
                self.tell(Order::Ack { by: by.clone(), name }).await
            }
            Life::DiskFull => {
                self.ananke.fill_disk(true);
                Ok(())
            }
            Life::DiskFree => {
                self.ananke.fill_disk(false);
                Ok(())
            }
        }
    }

    async fn tell(&mut self, order: Order) -> Result<(), Stuck> {
        self.ananke.tell(order).await.map_err(Stuck::Ananke)
    }

    /// What machines did since the last look.
    fn happened(&mut self, world: &World, at: Span) -> Vec<Entry> {
        let mut happened = Vec::new();
        for name in world.site().machines.keys() {
            let word = word(&world.view(name));
            if self.words.insert(name.clone(), word).is_some_and(|before| before != word) {
                let who = Who::Machine(name.to_string());
                happened.push(Entry { at, who, text: word.to_owned() });
            }
        }
        happened
    }
}

impl<A: Ananke> Driver for StageDriver<A> {
    type Error = Stuck;

    fn now(&self) -> Span {
        self.stage.clock().mono().since(self.began)
    }

    async fn carry_out(&mut self, event: &Event) -> Result<(), Stuck> {
        match event {
            Event::Deed(deed) => Ok(self.stage.suffer(deed)?),
            Event::Ananke(life) => self.live(life).await,
        }
    }

    async fn look(&mut self) -> Result<Look, Stuck> {
        let Heard { process, ticks, ledger } = self.ananke.seen().await;
        let at = self.now();
        let stage = self.stage.clone();
        let (truth, happened) =
            stage.with(|world| (self.eye.truth(world), self.happened(world, at)));
        Ok(Look { ananke: process, ticks, ledger, truth, happened })
    }

    async fn pass(&mut self, until: Span) {
        let clock = self.stage.clock().clone();
        let mut changed = self.stage.changed();
        changed.mark_unchanged();
        let pace = self.pace;
        let paced = async move {
            match pace {
                Some(pace) => tokio::time::sleep(pace).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.ananke.news() => {}
            Ok(()) = changed.changed() => {}
            () = clock.sleep_until(self.began + until) => {}
            () = paced => {}
        }
    }
}

//! ananke's loop in memory, for scenarios under virtual time.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Ananke, Heard, Start, asked, exited};
use crate::config::settings::Settings;
use crate::engine::End;
use crate::model::tick::Order;
use crate::ports::{Clock, Told};
use crate::sim::faces::Stage;
use crate::sim::faces::memory::{Company, Disk, Fuse, Life, Ticks, all_well};
use crate::sim::scenario::ast::Boundary;
use crate::sim::scenario::look::Process;

/// How many orders may wait for a tick.
const ORDERS: usize = 16;

/// Ticks between two looks of a judge. He looks after each change, so one or two would do.
const TICKS_KEPT: usize = 64;

/// One host's ananke before a world in memory. Must be used within a current-thread runtime.
#[derive(Debug)]
pub struct MemoryAnanke {
    stage: Stage,
    settings: Settings,
    disk: Disk,
    ticks: Ticks,
    seen_ticks: u64,
    seen_records: usize,
    process: Process,
    life: Option<Running>,
    /// Told when a life ended.
    ended: Arc<Notify>,
}

#[derive(Debug)]
struct Running {
    task: JoinHandle<Option<End>>,
    fuse: Fuse,
    orders: mpsc::Sender<Told>,
    halt: Option<oneshot::Sender<()>>,
}

impl MemoryAnanke {
    /// Nothing runs yet, and the disk is empty.
    pub fn new(stage: Stage, settings: Settings) -> Self {
        Self {
            stage,
            settings,
            disk: Disk::new(),
            ticks: Ticks::keep(TICKS_KEPT),
            seen_ticks: 0,
            seen_records: 0,
            process: Process::Never,
            life: None,
            ended: Arc::default(),
        }
    }

    /// The disk, for who wants to judge the ledger.
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// How many ticks there were.
    pub fn ticks(&self) -> u64 {
        self.ticks.count()
    }

    /// Takes in the end of a life, if it has ended.
    async fn bury(&mut self) {
        let Some(running) = &mut self.life else { return };
        let end = (&mut running.task).await;
        self.process = match end {
            Ok(Some(end)) => exited(&end),
            Ok(None) | Err(_) => Process::Killed,
        };
        self.life = None;
    }
}

impl Ananke for MemoryAnanke {
    fn begin(&mut self, start: Start, until: Option<&Boundary>) -> Result<(), String> {
        if self.life.is_some() {
            return Err("it runs already".to_owned());
        }
        let (told, orders) = mpsc::channel(ORDERS);
        let (halt, halted) = oneshot::channel::<()>();
        let fuse = Fuse::until(until);
        let life = Life {
            settings: self.settings.clone(),
            request: start.request,
            stop: start.stop,
            orders,
            fuse: fuse.clone(),
            company: Company::default(),
        };
        let (stage, disk, ticks) = (self.stage.clone(), self.disk.clone(), self.ticks.clone());
        let ended = Arc::clone(&self.ended);
        let task = tokio::spawn(async move {
            let end = life.live(&stage, &disk, &ticks, all_well(), asked(halted)).await;
            ended.notify_one();
            end
        });
        self.process = Process::Running;
        self.life = Some(Running { task, fuse, orders: told, halt: Some(halt) });
        Ok(())
    }

    fn runs(&self) -> bool {
        self.life.as_ref().is_some_and(|running| !running.task.is_finished())
    }

    async fn kill(&mut self) {
        if let Some(running) = &self.life {
            running.fuse.burn();
            self.bury().await;
        }
    }

    async fn stop(&mut self) {
        if let Some(running) = &mut self.life
            && let Some(halt) = running.halt.take()
        {
            // A life that has just ended by itself needs no word.
            let _ = halt.send(());
            self.bury().await;
        }
    }

    async fn tell(&mut self, order: Order) -> Result<(), String> {
        match &self.life {
            Some(running) => tell(&running.orders, order).await,
            None => {
                let cluster = &self.settings.policy.cluster;
                let now = self.stage.clock().now();
                self.disk.obey(order, now, cluster).map_err(|error| error.to_string())
            }
        }
    }

    fn fill_disk(&mut self, full: bool) {
        self.disk.fill(full);
    }

    async fn seen(&mut self) -> Heard {
        if self.life.as_ref().is_some_and(|running| running.task.is_finished()) {
            self.bury().await;
        }
        let ticks = self.ticks.after(self.seen_ticks);
        self.seen_ticks = self.ticks.count();
        let ledger = self.disk.after(self.seen_records);
        self.seen_records += ledger.len();
        Heard { process: self.process, ticks, ledger }
    }

    async fn news(&mut self) {
        let ticks = self.ticks.clone();
        let seen = self.seen_ticks;
        tokio::select! {
            biased;
            () = self.ended.notified() => {}
            () = ticks.beyond(seen) => {}
        }
    }
}

/// Gives the loop an order, and waits until its ledger has it.
///
/// # Errors
/// The loop ended first, or its disk refused.
pub async fn tell(orders: &mpsc::Sender<Told>, order: Order) -> Result<(), String> {
    let (taken, heard) = oneshot::channel();
    let taken = Box::new(move |tick| {
        // Whoever asked may have gone away.
        let _ = taken.send(tick);
    });
    let gone = "ananke ended before it took the order";
    orders.send(Told { order, taken }).await.map_err(|_| gone)?;
    heard.await.map(drop).map_err(|_| "the order could not be written down".to_owned())
}

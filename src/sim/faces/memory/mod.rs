//! The world in memory: the loop's ports without sockets, files or tasks of their own, so that a
//! run under paused time is fast and the same each time.

mod company;
mod disk;
mod fuse;
mod hands;
mod kinds;
mod link;
mod looks;
mod observer;
mod power;
mod questions;
mod ticks;
mod vault;
mod write;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use company::Company;
pub use disk::{Disk, MemoryLedger};
pub use fuse::{Fuse, Place};
pub use hands::{Fate, Fates, MemoryHands, all_well};
pub use observer::MemoryObserver;
pub use ticks::Ticks;

use super::Stage;
use crate::config::settings::Settings;
use crate::decide::LIBRARY;
use crate::engine::{End, Run, Stop, World};
use crate::model::tick::Request;
use crate::ports::{Clock, Told};
use observer::Eyes;
use ticks::MemorySink;

/// One life of ananke's process before a world in memory.
#[derive(Debug)]
pub struct Life {
    /// Of the site: [`super::config::settings`].
    pub settings: Settings,
    /// What it is for.
    pub request: Request,
    /// When it ends by itself.
    pub stop: Stop,
    /// What a person tells it.
    pub orders: mpsc::Receiver<Told>,
    /// When it is killed.
    pub fuse: Fuse,
    /// The way to the other ananke hosts, if the settings name any.
    pub company: Company,
}

impl Life {
    /// Runs until [`Stop`], until `halt` resolves, or until the fuse burns: then there is no end
    /// to tell of, and whoever comes next finds the disk as it is.
    ///
    /// Actions that a killed process had sent are done or not, as they would be.
    pub async fn live(
        self,
        stage: &Stage,
        disk: &Disk,
        ticks: &Ticks,
        fates: Fates,
        halt: impl Future<Output = ()>,
    ) -> Option<End> {
        let Self { settings, request, stop, orders, fuse, company } = self;
        let clock = stage.clock().clone();
        let memory = disk.remembered(&clock.now());
        let eyes = Eyes::open(stage, &settings, company.clone());
        let policy = settings.policy.clone();
        let hands = MemoryHands {
            stage: stage.clone(),
            eyes: eyes.clone(),
            fuse: fuse.clone(),
            fates,
            settings,
        };
        let world = World {
            clock,
            observer: MemoryObserver::with(eyes, fuse.clone()),
            hands: Arc::new(hands),
            ledger: disk.ledger(fuse.clone()),
            recorder: ticks.recorder(fuse.clone()),
            sink: MemorySink { fuse: fuse.clone(), company: company.clone() },
        };
        let run = Run { library: &LIBRARY, policy, request, memory, stop, orders };
        let owner = run.policy.owner.clone();
        let end = tokio::select! {
            biased;
            () = fuse.burnt() => None,
            (end, _) = run.run(world, halt) => Some(end),
        };
        company.leave(&owner);
        end
    }
}

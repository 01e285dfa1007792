//! A site, its world on a stage, and lives of ananke before it.

use std::num::NonZeroU32;

use ananke::engine::{End, Stop};
use ananke::model::facts::Unit;
use ananke::model::intent::Author;
use ananke::model::tick::{Order, Request, Verb};
use ananke::model::time::{Mono, Span};
use ananke::ports::Clock;
use ananke::sim::deed::{Deed, Which};
use ananke::sim::faces::Stage;
use ananke::sim::faces::config::{self, Reach};
use ananke::sim::faces::memory::{Company, Disk, Fates, Fuse, Life, Ticks};
use ananke::sim::site::Site;
use ananke::sim::world::World;
use tokio::sync::mpsc;

/// A site, ananke's disk, and what was decided.
pub(crate) struct Theatre {
    pub(crate) site: Site,
    pub(crate) stage: Stage,
    pub(crate) disk: Disk,
    pub(crate) ticks: Ticks,
}

impl Theatre {
    /// Must be called within a runtime.
    pub(crate) fn open(site: &Site, seed: u64) -> Self {
        let stage = Stage::new(World::new(site, seed), NonZeroU32::MIN);
        Self { site: site.clone(), stage, disk: Disk::new(), ticks: Ticks::keep(10_000) }
    }

    pub(crate) async fn pass(&self, span: Span) {
        let clock = self.stage.clock();
        clock.sleep_until(clock.mono() + span).await;
    }

    pub(crate) fn suffer(&self, deed: &Deed) {
        self.stage.suffer(deed).expect("the site has it");
    }

    /// All power goes for a minute, and no unit starts by itself when it is back.
    pub(crate) async fn blackout(&self) {
        self.suffer(&Deed::UnitNotAtBoot(Which::Servers, Unit::K3s));
        self.suffer(&Deed::UnitNotAtBoot(Which::Agents, Unit::K3sAgent));
        self.suffer(&Deed::PowerOff(Which::All));
        self.pass(Span::mins(1)).await;
        self.suffer(&Deed::PowerOn(Which::All));
    }

    /// `ananke startup --execute`, for an hour at most. `None`: it was killed.
    pub(crate) async fn startup(&self, fuse: Fuse, fates: Fates) -> Option<End> {
        let settings = config::settings(&self.site, &Reach::nowhere()).expect("a configuration");
        let by = Some(self.stage.clock().mono() + Span::mins(60));
        let (_nobody, orders) = mpsc::channel(1);
        let request = Request {
            verb: Verb::Startup,
            execute: true,
            by: Author::Person { name: "tester".to_owned() },
            orders: vec![Order::Startup { by: "tester".to_owned() }],
            stand_in: false,
        };
        let (stop, company) = (Stop::Settled { by }, Company::default());
        let life = Life { settings, request, stop, orders, fuse, company };
        life.live(&self.stage, &self.disk, &self.ticks, fates, std::future::pending()).await
    }

    pub(crate) fn now(&self) -> Mono {
        self.stage.clock().mono()
    }
}

/// Runs under virtual time.
pub(crate) fn virtually<T>(what: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().expect("a runtime").block_on(what)
}

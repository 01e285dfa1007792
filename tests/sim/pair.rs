//! Two ananke hosts before one site: whatever dies or is cut, no guard ever takes the word of one
//! after that of a newer one, and the cluster comes up.

use ananke::engine::{End, Stop};
use ananke::model::assessment::Phase;
use ananke::model::ids::MachineName;
use ananke::model::intent::Author;
use ananke::model::peers::{Coordination, HostRole, Standing};
use ananke::model::tick::{Order, Request, Verb};
use ananke::model::time::Span;
use ananke::ports::Clock;
use ananke::remedies::budget;
use ananke::replay::verify;
use ananke::sim::faces::config::{self, Reach};
use ananke::sim::faces::memory::{Company, Disk, Fuse, Life, Ticks, all_well};
use ananke::sim::site::Site;
use tokio::sync::{mpsc, oneshot};

use crate::stage::{Theatre, virtually};

const COORDINATOR: &str = "watch-1";
const PEER: &str = "watch-2";

/// How long the peer waits for the coordinator.
const FAILOVER: Span = Span::secs(60);

/// One ananke host: what outlives its processes.
struct Host {
    name: &'static str,
    other: &'static str,
    role: HostRole,
    disk: Disk,
    ticks: Ticks,
}

impl Host {
    fn new(name: &'static str, other: &'static str, role: HostRole) -> Self {
        Self { name, other, role, disk: Disk::new(), ticks: Ticks::keep(10) }
    }

    /// Its boot unit and its daemon, in one: brings the cluster up, and stays if it is to.
    async fn run(
        &self,
        theatre: &Theatre,
        company: &Company,
        stays: bool,
        fuse: Fuse,
        halt: impl Future<Output = ()>,
    ) -> Option<End> {
        let mut settings =
            config::settings(&theatre.site, &Reach::nowhere()).expect("a configuration");
        self.name.clone_into(&mut settings.policy.owner);
        settings.policy.coordination = Coordination {
            role: self.role,
            peers: vec![MachineName::new(self.other)],
            failover_after: FAILOVER,
        };
        let by = Some(theatre.stage.clock().mono() + Span::mins(60));
        let request = Request {
            verb: Verb::Daemon,
            execute: true,
            by: Author::Ananke,
            orders: vec![Order::Converge { by: "root".to_owned() }],
            stand_in: true,
        };
        let stop = if stays { Stop::Never } else { Stop::Settled { by } };
        let (_nobody, orders) = mpsc::channel(1);
        let company = company.clone();
        let life = Life { settings, request, stop, orders, fuse, company };
        life.live(&theatre.stage, &self.disk, &self.ticks, all_well(), halt).await
    }
}

struct Pair {
    theatre: Theatre,
    company: Company,
    coordinator: Host,
    peer: Host,
}

impl Pair {
    /// A good day, on which both have learned what is normal, and whose word counts.
    async fn open(seed: u64) -> Self {
        let pair = Self {
            theatre: Theatre::open(&Site::of("quick", 3, 2), seed),
            company: Company::default(),
            coordinator: Host::new(COORDINATOR, PEER, HostRole::Coordinator),
            peer: Host::new(PEER, COORDINATOR, HostRole::Peer),
        };
        let (_, peer) = pair.both(Fuse::never()).await;
        let peer = peer.expect("nobody kills it");
        assert_eq!(peer.last.decision.phase, Phase::Converged);
        assert!(peer.done.is_empty(), "it follows: {:?}", peer.done);
        pair
    }

    /// Both run until the peer is done. The coordinator may be killed on the way.
    async fn both(&self, fuse: Fuse) -> (Option<End>, Option<End>) {
        let (done, ended) = oneshot::channel::<()>();
        let halt = async { drop(ended.await) };
        let coordinator = self.coordinator.run(&self.theatre, &self.company, true, fuse, halt);
        let coordinator = Box::pin(coordinator);
        let peer = async {
            let halt = std::future::pending();
            let end = self.peer.run(&self.theatre, &self.company, false, Fuse::never(), halt).await;
            drop(done);
            end
        };
        tokio::join!(coordinator, peer)
    }

    /// Whose word each guard took in this boot, one after the other: never an older one, and never
    /// two under one number.
    fn is_fenced(&self) {
        for machine in self.theatre.site.machines.keys() {
            let log = self.theatre.stage.with(|world| world.guard_log(machine));
            for pair in log.windows(2) {
                let same = pair[0].owner == pair[1].owner;
                let newer = pair[0].epoch < pair[1].epoch;
                assert!(newer || (same && pair[0].epoch == pair[1].epoch), "{machine}: {log:?}");
            }
        }
        for disk in [&self.coordinator.disk, &self.peer.disk] {
            assert_eq!(verify(&disk.records(), &budget), []);
        }
    }

    fn owners(&self) -> Vec<String> {
        let machines = self.theatre.site.machines.keys();
        let logs = machines.map(|it| self.theatre.stage.with(|world| world.guard_log(it)));
        let mut owners: Vec<_> = logs.flatten().map(|claim| claim.owner).collect();
        owners.sort();
        owners.dedup();
        owners
    }
}

#[test]
fn after_an_outage_the_coordinator_starts_and_the_peer_ends_with_it() {
    virtually(async {
        let pair = Pair::open(11).await;
        pair.theatre.blackout().await;
        let (_, peer) = pair.both(Fuse::never()).await;
        let peer = peer.expect("nobody kills it");
        assert_eq!(peer.last.decision.phase, Phase::Converged);
        assert!(peer.done.is_empty(), "{:?}", peer.done);
        assert_eq!(pair.owners(), [COORDINATOR]);
        pair.is_fenced();
    });
}

#[test]
fn a_peer_brings_up_what_a_coordinator_began_that_died_on_the_way() {
    for place in [20, 60, 100] {
        virtually(async {
            let pair = Pair::open(12).await;
            pair.theatre.blackout().await;
            let (coordinator, peer) = pair.both(Fuse::at(place)).await;
            assert!(coordinator.is_none(), "place {place}");
            let peer = peer.expect("nobody kills it");
            assert_eq!(peer.last.decision.phase, Phase::Converged, "place {place}");
            assert!(matches!(peer.last.decision.standing, Standing::Acts { .. }), "place {place}");
            pair.is_fenced();
            // It comes back, and its peer lets go: the newest word is the coordinator's again.
            let theirs = peer.last.decision.memory.durable.epoch;
            pair.theatre.blackout().await;
            let (coordinator, peer) = pair.both(Fuse::never()).await;
            let ours = coordinator.expect("nobody kills it").last;
            assert!(ours.decision.memory.durable.epoch > theirs, "place {place}");
            assert!(peer.expect("nobody kills it").done.is_empty(), "place {place}");
            pair.is_fenced();
        });
    }
}

#[test]
fn two_hosts_that_are_cut_off_from_each_other_do_not_both_act() {
    for after in [20, 100, 130, 200] {
        virtually(async {
            let pair = Pair::open(13).await;
            pair.theatre.blackout().await;
            let (clock, company) = (pair.theatre.stage.clock().clone(), pair.company.clone());
            let at = clock.mono() + Span::secs(after);
            tokio::spawn(async move {
                clock.sleep_until(at).await;
                company.cut(true);
            });
            let (coordinator, peer) = pair.both(Fuse::never()).await;
            let peer = peer.expect("nobody kills it");
            assert_eq!(peer.last.decision.phase, Phase::Converged, "cut after {after} s");
            let coordinator = coordinator.expect("nobody kills it").last;
            let standing = &coordinator.decision.standing;
            // One that was done before anybody stood in for it has nothing left to act on.
            let done = coordinator.decision.phase == Phase::Converged;
            let overtaken = matches!(standing, Standing::Overtaken { .. });
            assert!(overtaken || done, "cut after {after} s: {standing:?}");
            pair.is_fenced();
        });
    }
}

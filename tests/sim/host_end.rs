//! The end of ananke's own host: in which order it comes, and what its next boot makes of it.

use ananke::engine::End;
use ananke::model::assessment::Phase;
use ananke::model::intent::Progress;
use ananke::model::tick::Verb;
use ananke::ports::Clock;
use ananke::remedies::budget;
use ananke::replay::verify;
use ananke::report::shutdown_report;
use ananke::sim::faces::config::{self, Reach};
use ananke::sim::faces::driver::Start;
use ananke::sim::faces::memory::{Company, Fuse, Life, all_well};
use ananke::sim::scenario::ast::Setting;
use ananke::sim::site::Site;
use tokio::sync::mpsc;

use crate::stage::{Theatre, virtually};

/// A life of a host that may switch itself off. `None`: it was killed, or its host went off.
async fn life(theatre: &Theatre, verb: Verb, fuse: Fuse) -> Option<End> {
    let own = Setting { key: "shutdown.own_host".to_owned(), value: "poweroff".to_owned() };
    let settings = config::with(&theatre.site, &Reach::nowhere(), &[own]).expect("a configuration");
    let (_nobody, orders) = mpsc::channel(1);
    let Start { request, stop } = Start::of(verb, "--mode poweroff --skip-drain");
    let company = Company::default();
    let life = Life { settings, request, stop, orders, fuse, company };
    let (stage, disk, ticks) = (&theatre.stage, &theatre.disk, &theatre.ticks);
    life.live(stage, disk, ticks, all_well(), std::future::pending()).await
}

fn open() -> Theatre {
    Theatre::open(&Site::of("quick", 3, 2), 3)
}

#[test]
fn this_host_goes_off_after_the_record_and_the_report_and_knows_it_after_its_boot() {
    let places = virtually(async {
        let theatre = open();
        let before = theatre.stage.clock().now().boot;
        let fuse = Fuse::never();
        assert!(life(&theatre, Verb::Shutdown, fuse.clone()).await.is_none(), "its host goes off");
        assert_ne!(theatre.stage.clock().now().boot, before);
        let record = theatre.disk.records().pop().expect("a record");
        assert!(record.begin.iter().any(|action| action.effect.ends_host()), "{record:#?}");
        let tick = theatre.ticks.last().expect("a tick");
        let report = shutdown_report(&tick).expect("a report");
        assert_eq!(report.off.len(), 5, "{report:#?}");
        // A person wanted it down: the boot changes nothing of that.
        let end = life(&theatre, Verb::Converge, Fuse::never()).await.expect("nobody kills it");
        assert_eq!(end.last.decision.phase, Phase::Down);
        let intent = &end.last.decision.memory.durable.intent;
        assert_eq!(intent.progress, Progress::ShutdownComplete);
        assert_eq!(verify(&theatre.disk.records(), &budget), []);
        fuse.places()
    });
    // The last place is the word to the host; before it the tick is shown, and before that written.
    for place in [places - 2, places - 1] {
        virtually(async {
            let theatre = open();
            let before = theatre.stage.clock().now().boot;
            assert!(life(&theatre, Verb::Shutdown, Fuse::at(place)).await.is_none());
            assert_eq!(theatre.stage.clock().now().boot, before, "place {place} of {places}");
            let again = life(&theatre, Verb::Shutdown, Fuse::never()).await;
            assert!(again.is_none(), "it goes on with it");
            assert_ne!(theatre.stage.clock().now().boot, before);
            assert_eq!(verify(&theatre.disk.records(), &budget), [], "place {place}");
        });
    }
}

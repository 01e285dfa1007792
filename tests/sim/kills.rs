//! ananke killed at the places that make a difference, and started again on the same disk.

use std::sync::Arc;

use crate::stage::{Theatre, virtually};
use ananke::model::action::Action;
use ananke::model::assessment::Phase;
use ananke::model::time::Span;
use ananke::remedies::budget;
use ananke::replay::verify;
use ananke::sim::faces::memory::{Fate, Fuse, all_well};
use ananke::sim::site::Site;

/// Every how many places one is killed at; a prime, so that all kinds of places come.
const STRIDE: usize = 5;

#[test]
fn a_run_that_is_killed_anywhere_is_gone_on_with_and_nothing_is_done_twice() {
    let site = Site::of("quick", 3, 2);
    let places = virtually(async {
        let theatre = Theatre::open(&site, 3);
        theatre.blackout().await;
        let fuse = Fuse::never();
        theatre.startup(fuse.clone(), all_well()).await.expect("nobody kills it");
        fuse.places()
    });
    assert!(places > 50, "{places} places");
    for place in (1..=places).step_by(STRIDE) {
        virtually(async {
            let theatre = Theatre::open(&site, 3);
            theatre.blackout().await;
            let killed = theatre.startup(Fuse::at(place), all_well()).await;
            assert!(killed.is_none(), "place {place} of {places}");
            // The service manager starts it again.
            theatre.pass(Span::secs(5)).await;
            let end = theatre.startup(Fuse::never(), all_well()).await.expect("it goes on");
            assert_eq!(end.last.decision.phase, Phase::Converged, "place {place}");
            assert_eq!(verify(&theatre.disk.records(), &budget), [], "place {place}");
        });
    }
}

#[test]
fn a_full_disk_begins_nothing_and_a_mended_one_goes_on() {
    virtually(async {
        let theatre = Theatre::open(&Site::of("quick", 3, 2), 5);
        theatre.blackout().await;
        theatre.disk.fill(true);
        let end = theatre.startup(Fuse::never(), all_well()).await.expect("nobody kills it");
        assert_eq!(end.last.decision.phase, Phase::Blocked);
        assert!(end.done.is_empty(), "{:?}", end.done);
        assert_eq!(theatre.disk.records(), []);
        theatre.disk.fill(false);
        let end = theatre.startup(Fuse::never(), all_well()).await.expect("nobody kills it");
        assert_eq!(end.last.decision.phase, Phase::Converged);
        assert_eq!(verify(&theatre.disk.records(), &budget), []);
    });
}

#[test]
fn answers_that_get_lost_are_unknown_and_do_not_keep_the_cluster_down() {
    for fate in [Fate::AnswerLost, Fate::Slow(Span::secs(3)), Fate::NeverArrives, Fate::Refused] {
        virtually(async {
            let theatre = Theatre::open(&Site::of("quick", 3, 2), 6);
            theatre.blackout().await;
            // Every third action, so that no target is hit each time.
            let fates = Arc::new(move |action: &Action| {
                let number = action.id.as_str().rsplit('-').next().unwrap_or_default();
                let hit = number.parse::<u64>().is_ok_and(|number| number % 3 == 0);
                if hit { fate } else { Fate::Well }
            });
            let end = theatre.startup(Fuse::never(), fates).await.expect("nobody kills it");
            assert_eq!(end.last.decision.phase, Phase::Converged, "{fate:?}");
            assert_eq!(verify(&theatre.disk.records(), &budget), [], "{fate:?}");
        });
    }
}

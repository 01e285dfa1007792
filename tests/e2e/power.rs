//! What is known of a UPS, and for how long it counts.

use std::time::Duration;

use serde_json::json;

use crate::daemon::daemon;
use crate::process::{Answer, until};
use crate::scene::Scene;

/// upsd believes a silent driver for 15 s; a driver that goes on is heard within seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Which UPS hangs, and which one does not.
const HUNG: &str = "ups-b@10.77.0.1";
const WELL: &str = "ups-a@10.77.0.1";

/// Looks until the screen has all of these words.
fn shows(scene: &Scene, what: &str, words: &[&str]) -> Answer {
    until(LIMIT, what, || {
        let screen = scene.status();
        words.iter().all(|it| screen.has(it)).then_some(screen)
    })
}

#[test]
fn stale_data_of_a_ups_is_shown_as_unknown_with_its_reason() {
    let mut scene = Scene::open("stale ups");
    scene.set("power.upses", &json!(scene.site.list("ups")));
    let daemon = daemon(&scene);
    let (hung, well) = (format!("{HUNG} on mains"), format!("{WELL} on mains"));
    shows(&scene, "both UPSes are heard", &[&hung, &well]);

    scene.site.make(&["ups-freeze", "ups-b"]);
    let unknown = format!("{HUNG} unknown for");
    let reason = format!("{HUNG}: nothing is heard of it");
    let last = "not on battery when last heard";
    let words: [&str; 5] = [&unknown, last, &reason, "(DATA-STALE)", &well];
    let screen = shows(&scene, "the hung one is unknown, the other one is not", &words);
    assert!(!screen.has(&hung), "an old answer is shown as one of now: {screen}");
    // One that looks for the first time knows no more, and says so, too.
    daemon.terminate().exits(0);
    shows(&scene, "one look says the same", &[&unknown, "(DATA-STALE)", &well]);

    scene.site.make(&["ups-thaw", "ups-b"]);
    shows(&scene, "it is heard again", &[&hung, &well]);
    scene.close();
}

//! `kill -9` at every named boundary of the loop while it repairs; then the same command again.

use std::collections::BTreeSet;

use crate::scene::Scene;
use crate::site::AGENT;

const KILL: i32 = 9;

/// Each boundary twice: where it is reached first, which is around the write canary, and then
/// where it is reached around the agent's start, or a little before.
const BOUNDARIES: [[&str; 2]; 4] = [
    ["decided", "decided@5"],
    ["written", "written@5"],
    ["acted", "acted@2"],
    ["learned", "learned@2"],
];

#[test]
fn killed_at_any_boundary_it_goes_on_and_repeats_nothing() {
    let scene = Scene::open("kills");
    for boundaries in BOUNDARIES {
        scene.site.stop_agent();
        let mark = scene.mark();
        for boundary in boundaries {
            let order = ["startup", "--execute", "--failpoint", boundary];
            let killed = scene.ananke(&order);
            assert_eq!(killed.signal, Some(KILL), "{boundary}: {killed}");
            scene.ananke(&["replay", "--verify"]).exits(0).says("clean");
        }
        scene.startup(0);
        assert_eq!(scene.site.unit(AGENT, "k3s-agent"), "active", "{boundaries:?}");
        let begun = scene.begun_since(mark);
        // Nothing is repeated: the unit is looked at before it is started again.
        assert_eq!(begun.len(), 1, "{boundaries:?}: {begun:?}");
        scene.ananke(&["replay", "--verify"]).exits(0).says("clean");
        every_start_is_in_the_ledger(&scene, &begun, boundaries[1]);
    }
    let all = scene.site.begun(AGENT);
    let ids: BTreeSet<_> = all.iter().map(|line| line.split(' ').next()).collect();
    assert_eq!(ids.len(), all.len(), "an id came twice: {all:?}");
    scene.replays();
    scene.close();
}

/// What the guard did was written down before, and counted as an attempt.
fn every_start_is_in_the_ledger(scene: &Scene, begun: &[String], boundary: &str) {
    let ledger = scene.ledger();
    for line in begun {
        let id = line.split(' ').nth(1).unwrap();
        let counted = ledger.iter().any(|record| {
            record.begin.iter().any(|action| {
                let tried = record.memory.attempts.get(&action.remedy);
                let count = tried.and_then(|targets| targets.get(&action.target));
                action.id.as_str() == id && count.is_some_and(|attempts| attempts.count >= 1)
            })
        });
        assert!(counted, "{boundary}: {line} is not in the ledger");
    }
}

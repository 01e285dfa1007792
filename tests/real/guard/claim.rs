//! The claim of an ananke host: what a guard keeps of it, shows of it, and refuses for it.

use ananke::adapters::guard::parse::host_facts;
use ananke::model::command::GUARD_SCRIPT;
use ananke::model::ids::Epoch;
use ananke::model::peers::{Claim, Fence};

use super::rig::{Rig, SHELLS, stdout};

fn shown(rig: &Rig) -> Fence {
    let facts = host_facts(&rig.guard(&["facts"])).expect("facts");
    facts.fence.expect("root sees whose word counts")
}

fn claim(epoch: u64, owner: &str) -> Claim {
    Claim { epoch: Epoch(epoch), owner: owner.to_owned() }
}

#[test]
fn a_claim_changes_nothing_but_whose_word_counts_and_a_look_shows_it() {
    for shell in SHELLS {
        let rig = Rig::with(shell);
        rig.write("self", GUARD_SCRIPT);
        assert_eq!(shown(&rig), Fence::default(), "{shell:?}");
        let status = |words: &[&str]| rig.change("claim", words).status;
        assert_eq!(status(&["action=1-1"]), Some(0), "{shell:?}");
        assert_eq!(shown(&rig), Fence { claim: Some(claim(5, "atlas")), down: None }, "{shell:?}");
        // The same number of another host, and an older one: neither becomes the newest.
        for epoch in ["epoch=5", "epoch=4"] {
            assert_eq!(status(&[epoch, "owner=rhea", "action=2-1"]), Some(11), "{epoch}");
        }
        assert_eq!(status(&["epoch=9", "owner=rhea", "action=2-2"]), Some(0));
        let reply = rig.change("start", &["action=1-2"]);
        assert!(stdout(&reply).contains("reason=old-epoch have=9 got=5 by=rhea"), "{reply:?}");
        assert_eq!(shown(&rig).claim, Some(claim(9, "rhea")));
        assert!(rig.calls().is_empty(), "{:?}", rig.calls());
        assert_eq!(rig.read("state/epoch"), "9 rhea\n");
    }
}

#[test]
fn who_brings_a_machine_down_is_shown_until_a_newer_claim() {
    let rig = Rig::new();
    rig.write("self", GUARD_SCRIPT);
    assert_eq!(rig.change("claim", &["action=1-1"]).status, Some(0));
    let down = rig.change("stop", &["epoch=3", "owner=rhea", "action=2-1"]);
    assert_eq!(down.status, Some(0), "{down:?}");
    let fence = shown(&rig);
    assert_eq!(fence, Fence { claim: Some(claim(5, "atlas")), down: Some(claim(5, "rhea")) });
    assert!(!fence.accepts(Epoch(5), "atlas"));
    assert_eq!(rig.change("claim", &["action=1-2"]).status, Some(11));
    assert_eq!(rig.change("claim", &["epoch=6", "action=1-3"]).status, Some(0));
    assert!(shown(&rig).accepts(Epoch(6), "atlas"));
    assert_eq!(rig.change("start", &["epoch=6", "action=1-4"]).status, Some(0));
}

#[test]
fn a_torn_claim_is_none_and_a_look_writes_nothing_down() {
    let rig = Rig::new();
    rig.write("self", GUARD_SCRIPT);
    assert_eq!(rig.change("claim", &["action=1-1"]).status, Some(0));
    let log = rig.read("state/log");
    rig.write("state/epoch", "7 rh");
    rig.write("run/epoch", "x");
    assert_eq!(shown(&rig).claim, None);
    assert_eq!(rig.read("state/log"), log);
}

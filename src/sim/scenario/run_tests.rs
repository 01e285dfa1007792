//! The walk through a scenario, over a small site that is moved by hand.

use super::ast::{Event, Life};
use super::look::{Body, Look, Node, Process};
use super::outcome::{Outcome, Word};
use super::{Next, Roster, Run, Scenario, parse, shipped};
use crate::model::ids::{BootId, MachineName};
use crate::model::time::Span;

fn scenario(steps: &str) -> Scenario {
    let text = format!("scenario it\ntitle It happens.\nsite 1 server 1 agent\n{steps}\n");
    parse(&text, "it.txt").expect("it is sound")
}

/// Everything on and Ready, apart from the agent if it is not `well`.
fn look(well: bool, ananke: Process) -> Look {
    let mut look = Look { ananke, ..Look::default() };
    look.truth.api = true;
    for name in ["titan-01", "titan-02"] {
        let boot_id = BootId::fixed("b1");
        let ready = well || name == "titan-01";
        let node = Node {
            ready,
            boot_id: boot_id.clone(),
            unschedulable: false,
            ours: false,
            manual: false,
        };
        let body =
            Body { boot_id: Some(boot_id), active: Some(ready), node: Some(node), changes: 7 };
        look.truth.machines.insert(MachineName::fixed(name), body);
    }
    look
}

/// Runs it: `site` shows the site at a time, given what was done so far.
fn walk(
    steps: &str,
    seed: u64,
    site: impl Fn(Span, &[(Span, Event)]) -> Look,
) -> (Outcome, Vec<(Span, Event)>) {
    let scenario = scenario(steps);
    let mut run = Run::new(&scenario, scenario.site.roster(), seed).expect("its own site");
    let (mut now, mut done) = (Span::ZERO, Vec::new());
    loop {
        run.see(now, &site(now, &done));
        match run.what_next() {
            Next::Do(event) => done.push((now, event)),
            // A second at a time, so that what changes meanwhile is seen.
            Next::Wait { until } => now = (now + Span::secs(1)).min(until),
            Next::End => return (run.outcome().expect("it ended"), done),
        }
    }
}

fn said(done: &[(Span, Event)]) -> Vec<String> {
    done.iter().map(|(at, event)| format!("{at} {event}")).collect()
}

#[test]
fn steps_follow_each_other_and_what_is_for_later_comes_later() {
    let steps = "power off all\nafter 90s: power on agent-1\nwait 1m\nthe api is down\n\
                 wait 1m\nexpect well";
    let (outcome, done) = walk(steps, 1, |_, _| look(true, Process::Never));
    let wanted = ["0s power off all", "1m the api is down", "1m 30s power on titan-02"];
    assert_eq!(said(&done), wanted);
    assert_eq!((outcome.result, outcome.took_ms), (Word::Passed, Span::mins(2)));
    assert_eq!(outcome.timeline.len(), 3);
}

#[test]
fn within_is_as_long_as_it_says_and_stays_is_from_end_to_end() {
    let well_at = |at: u64| move |now: Span, _: &[_]| look(now >= Span::secs(at), Process::Never);
    let table: [(&str, u64, Word, u64, &str); 6] = [
        ("expect well within 30s", 30, Word::Passed, 30, ""),
        (
            "expect well within 30s",
            31,
            Word::Failed,
            30,
            "not Ready in the boot that runs: titan-02",
        ),
        ("expect stays broken for 30s", 31, Word::Passed, 30, ""),
        ("expect stays broken for 30s", 20, Word::Failed, 20, "after 20s: the site is well"),
        ("expect well", 1, Word::Failed, 0, "not Ready in the boot that runs: titan-02"),
        ("expect never node titan-02 ready\nwait 9s", 5, Word::Failed, 5, "it was so"),
    ];
    for (steps, at, result, took, instead) in table {
        let (outcome, _) = walk(steps, 1, well_at(at));
        let text = outcome.to_string();
        assert_eq!(
            (outcome.result, outcome.took_ms),
            (result, Span::secs(took)),
            "{steps}: {text}"
        );
        assert_eq!(outcome.instead.unwrap_or_default(), instead, "{steps}");
        assert_eq!(outcome.line, (result == Word::Failed).then_some(4), "{steps}");
    }
}

#[test]
fn a_boot_of_before_is_not_ready() {
    let steps = "expect node titan-02 not ready\nexpect unit k3s-agent on titan-02 running";
    let (outcome, _) = walk(steps, 1, |_, _| {
        let mut look = look(true, Process::Never);
        for body in look.truth.machines.values_mut() {
            body.boot_id = Some(BootId::fixed("b2"));
        }
        look
    });
    assert_eq!(outcome.result, Word::Passed, "{outcome}");
}

#[test]
fn changes_count_from_the_beginning_of_the_run() {
    let steps = "wait 5s\nexpect 2 changes on all\nexpect 0 changes on titan-01";
    let (outcome, _) = walk(steps, 1, |now, _| {
        let mut look = look(true, Process::Never);
        let agent = look.truth.machines.get_mut(&MachineName::fixed("titan-02"));
        agent.expect("it is there").changes += if now > Span::ZERO { 2 } else { 0 };
        look
    });
    assert_eq!(outcome.result, Word::Passed, "{outcome}");
}

#[test]
fn who_ended_is_not_waited_for() {
    let steps = "ananke runs startup\nexpect converged within 1h";
    let (outcome, _) = walk(steps, 1, |now, _| {
        look(true, if now < Span::secs(20) { Process::Running } else { Process::Exited(4) })
    });
    assert_eq!(outcome.took_ms, Span::secs(20));
    let instead = outcome.instead.expect("it failed");
    assert!(instead.starts_with("ananke exited with 4 after 20s"), "{instead}");
}

#[test]
fn chance_is_the_same_for_the_same_seed_and_spares_the_dead() {
    let steps =
        "ananke runs daemon\nananke is killed at random every 40s for 5m\nwait 6m\nexpect well";
    let lives = |_: Span, done: &[(Span, Event)]| match done.last() {
        Some((_, Event::Ananke(Life::Killed))) => look(true, Process::Killed),
        Some(_) => look(true, Process::Running),
        None => look(true, Process::Never),
    };
    let (first, second) = (walk(steps, 7, lives).1, walk(steps, 7, lives).1);
    assert_eq!(first, second);
    assert_ne!(first, walk(steps, 8, lives).1);
    let deaths = first.iter().filter(|(_, event)| *event == Event::Ananke(Life::Killed));
    let deaths: Vec<Span> = deaths.map(|(at, _)| *at).collect();
    assert!((5..=15).contains(&deaths.len()), "{deaths:?}");
    assert!(deaths.iter().all(|at| *at <= Span::mins(5)), "{deaths:?}");
    let ended = |_: Span, done: &[(Span, Event)]| match done.len() {
        0 => look(true, Process::Never),
        _ => look(true, Process::Exited(0)),
    };
    assert_eq!(walk(steps, 7, ended).1.len(), 1, "who has ended is not started again");
}

#[test]
fn what_is_not_built_says_so_and_what_is_does_not() {
    let gates = ["nodes", "workers"];
    let outcome =
        |name| Outcome::not_built(&shipped::shipped(name).expect("it is there"), 1, &gates);
    let branch = outcome("wrong-branch").expect("there is no such gate");
    let needs = "gate flux-source, gate kustomizations";
    assert_eq!(branch.to_string(), format!("wrong-branch: not built yet: {needs}"));
    assert_eq!(serde_json::json!(branch)["result"], "not-built");
    assert_eq!(outcome("cold-start"), None);
}

#[test]
fn a_site_that_is_too_small_is_refused() {
    let scenario = shipped::shipped("cold-start").expect("it is there");
    let small = Roster { servers: vec![MachineName::fixed("cp-1")], ..Roster::default() };
    let error = Run::new(&scenario, small, 1).expect_err("it has no agents");
    assert!(error.to_string().starts_with("this site has no titan-"), "{error}");
}

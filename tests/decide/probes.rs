//! Answers from outside: a green status of something that is dead opens no gate, and what nobody
//! could ask is not called dead.

use std::collections::{BTreeMap, BTreeSet};

use ananke::model::assessment::{GateState, Phase};
use ananke::model::cluster::Ingress;
use ananke::model::ids::GateId;
use ananke::model::ingress::IngressHost;
use ananke::model::probe::{Answer, Ask, HttpAnswer, HttpAsk, Probe, ProbeName};
use ananke::model::tick::{Decision, Verb};
use ananke::model::time::Span;
use ananke::model::verdict::Verdict;

use crate::answers::Answered;
use crate::cluster::{Cluster, path};
use crate::rig::{Rig, gate, story};
use crate::site::name;
use crate::wall::wall;

fn status(status: u16) -> Answer {
    Answer::Http(HttpAnswer { status, wrong: Vec::new(), certificate_until: None })
}

fn dead() -> Answer {
    Answer::Nothing { why: "connection refused".to_owned() }
}

/// A service that has to answer with 200.
fn service(rig: &mut Rig, name: &'static str, gate: &'static str) {
    let ask = HttpAsk {
        url: format!("https://{name}.example/"),
        at: None,
        statuses: BTreeSet::from([200]),
        body: None,
        json: None,
        redirect: None,
        challenge: None,
        or_at: Vec::new(),
        unverified: false,
    };
    let probe = Probe { gate: GateId::fixed(gate), ask: Ask::Http(ask), via: None };
    rig.policy.probes.insert(ProbeName::new(name), probe);
}

fn answer(rig: &mut Rig, name: &'static str, answer: Answer) {
    rig.world.answers.0.insert(name, Answered::Now(answer));
}

/// A site with Flux, a git server that is asked from outside, and a person who wants it up.
fn with_git(first: Answer) -> Rig {
    let mut rig = Rig::startup(1, 1);
    rig.world.cluster = Cluster::with_flux();
    service(&mut rig, "git", "git");
    answer(&mut rig, "git", first);
    rig
}

/// A site whose ingresses name these hosts.
fn with_hosts(hosts: &[&str]) -> Rig {
    let mut rig = Rig::startup(1, 1);
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let ingress = Ingress { hosts, services: BTreeSet::new() };
    rig.policy.ingress.check = true;
    rig.world.cluster.ingresses = Some(BTreeMap::from([(path("apps/all"), ingress)]));
    rig
}

fn said(decision: &Decision, id: &str, target: &str) -> String {
    let view =
        decision.assessment.gates.iter().find(|view| view.id.as_str() == id).expect("a gate");
    let found = view.findings.iter().find(|finding| finding.target.to_string() == target);
    found.map_or_else(String::new, |finding| match &finding.verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Settling { why, .. } => format!("settling: {why}"),
        Verdict::Fail { why } => format!("fail: {why}"),
        Verdict::Unknown { why } => format!("unknown: {why}"),
        Verdict::Skipped { why } => format!("skipped: {why}"),
    })
}

#[test]
fn what_answers_opens_its_gate() {
    let mut rig = with_git(status(200));
    let decision = rig.converged();
    assert_eq!(said(&decision, "git", "service git"), "", "{}", story(&decision));
    assert_eq!(*gate(&decision, "git"), GateState::Open);
}

#[test]
fn a_git_server_that_is_dead_below_green_statuses_holds_flux_back() {
    for (answer, why) in
        [(dead(), "connection refused"), (status(502), "it answers with status 502")]
    {
        let mut rig = with_git(answer);
        rig.throughout(120, |decision| {
            matches!(gate(decision, "flux-source"), GateState::Waiting { .. })
        });
        let decision = rig.step(5);
        assert_eq!(said(&decision, "git", "service git"), format!("settling: {why}"));
        let decision = rig
            .until(300, |decision| said(decision, "git", "service git") == format!("fail: {why}"));
        assert_eq!(*gate(&decision, "git"), GateState::Closed);
        let told = |decision: &Decision| {
            decision.alarms.iter().find(|alarm| alarm.gate.as_str() == "git").cloned()
        };
        let decision = rig.until(1_800, |decision| told(decision).is_some());
        assert_eq!(decision.phase, Phase::Blocked);
        let alarm = told(&decision).unwrap();
        assert_eq!(alarm.by_hand, ["curl -sSi -m 10 'https://git.example/'"]);
        assert!(rig.repairs().is_empty(), "{:?}", rig.repairs());
        let asked = rig.taken.iter().any(|it| it.effect.to_string().starts_with("ask Flux"));
        assert!(!asked, "Flux was asked: {:?}", rig.taken);
    }
}

#[test]
fn what_nobody_could_ask_is_unknown() {
    let old = Answered::Old(Span::secs(61), status(200));
    for (answered, why) in [
        (None, "not asked yet"),
        (Some(Answered::Blind("cp-1 can't be used")), "cp-1 can't be used"),
        (Some(old), "last seen 1m 1s ago"),
    ] {
        let mut rig = with_git(status(200));
        rig.world.answers.0.clear();
        rig.world.answers.0.extend(answered.map(|answered| ("git", answered)));
        rig.throughout(300, |decision| !gate(decision, "git").is_open());
        let decision = rig.step(5);
        let said = said(&decision, "git", "service git");
        assert_eq!(said, format!("unknown: nobody could ask: {why}"));
    }
}

#[test]
fn an_answer_may_be_as_old_as_the_next_one_takes() {
    let mut rig = with_git(status(200));
    rig.world.answers.0.insert("git", Answered::Old(Span::secs(59), status(200)));
    assert_eq!(rig.converged().phase, Phase::Converged);
}

#[test]
fn without_a_probe_a_gate_is_skipped_and_says_which_key_would_ask() {
    let mut rig = Rig::startup(1, 1);
    let decision = rig.converged();
    for id in ["network", "secrets", "database", "load-balancer", "git", "registry", "services"] {
        let said = said(&decision, id, "(cluster)");
        assert!(said.starts_with("skipped: ") && said.contains("`services`"), "{id}: {said}");
    }
    let decision = with_hosts(&[]).converged();
    assert_eq!(said(&decision, "ingress", "(cluster)"), "skipped: no ingress names a host here");
}

#[test]
fn an_ingress_that_answers_for_an_application_that_is_gone_stays_closed() {
    for code in [404, 502, 503, 504] {
        let mut rig = with_hosts(&["wiki.example", "git.example", "*.preview.example"]);
        answer(&mut rig, "wiki.example", status(code));
        answer(&mut rig, "git.example", status(401));
        rig.throughout(300, |decision| !gate(decision, "ingress").is_open());
        let decision = rig.step(5);
        let why = said(&decision, "ingress", "service wiki.example");
        assert_eq!(why, format!("fail: it answers with status {code}"));
        assert_eq!(said(&decision, "ingress", "service git.example"), "");
        answer(&mut rig, "wiki.example", status(302));
        assert_eq!(rig.converged().phase, Phase::Converged);
    }
}

#[test]
fn a_host_is_left_out_or_asked_as_the_configuration_says() {
    let mut rig = with_hosts(&["old.example", "api.example", "wiki.example"]);
    let skip = IngressHost { skip: Some("switched off".to_owned()), ..IngressHost::default() };
    rig.policy.ingress.hosts.insert("old.example".to_owned(), skip);
    let own = BTreeSet::from([404]);
    let own = IngressHost { statuses: Some(own), ..IngressHost::default() };
    rig.policy.ingress.hosts.insert("api.example".to_owned(), own);
    service(&mut rig, "wiki.example", "services");
    answer(&mut rig, "api.example", status(404));
    answer(&mut rig, "wiki.example", status(302));
    let decision = rig.until(400, |decision| gate(decision, "ingress").is_open());
    assert_eq!(said(&decision, "ingress", "service old.example"), "skipped: switched off");
    // Its name is an ingress' as well, but the configuration wants exactly 200.
    assert_eq!(said(&decision, "ingress", "service wiki.example"), "");
    assert!(!gate(&decision, "services").is_open(), "{}", story(&decision));
    rig.policy.ingress.check = false;
    let decision = rig.step(5);
    assert!(said(&decision, "ingress", "(cluster)").contains("ingress.check"));
}

#[test]
fn a_service_that_falls_during_the_soak_resets_it() {
    let mut rig = with_git(status(200));
    service(&mut rig, "shop", "services");
    answer(&mut rig, "shop", status(200));
    let soaks = |decision: &Decision| matches!(gate(decision, "soak"), GateState::Soaking { .. });
    rig.until(600, soaks);
    rig.throughout(40, soaks);
    answer(&mut rig, "shop", status(503));
    let decision = rig.step(5);
    assert!(matches!(gate(&decision, "soak"), GateState::Waiting { .. }), "{}", story(&decision));
    answer(&mut rig, "shop", status(200));
    rig.throughout(55, soaks);
    assert_eq!(rig.converged().phase, Phase::Converged);
}

#[test]
fn nobody_is_late_while_what_it_needs_is_down() {
    let mut rig = with_git(dead());
    rig.world.power_off(&name("s-1"));
    rig.throughout(480, |decision| decision.phase != Phase::Blocked);
    rig.world.power_on(&name("s-1"), 20);
    rig.until(300, |decision| *gate(decision, "git") == GateState::Closed);
    // By now it has not answered for longer than anything is waited for.
    rig.throughout(240, |decision| decision.phase != Phase::Blocked);
    answer(&mut rig, "git", status(200));
    assert_eq!(rig.converged().phase, Phase::Converged);
}

#[test]
fn on_a_quiet_day_it_is_only_said() {
    let mut rig = with_git(status(200));
    rig.converged();
    rig.request.verb = Verb::Daemon;
    rig.taken.clear();
    answer(&mut rig, "git", dead());
    let decision = rig
        .until(300, |decision| said(decision, "git", "service git") == "fail: connection refused");
    assert!(decision.memory.durable.episode.as_ref().is_some_and(|it| it.end.is_some()));
    rig.throughout(600, |decision| !gate(decision, "git").is_open());
    assert!(rig.repairs().is_empty(), "{:?}", rig.repairs());
    answer(&mut rig, "git", status(200));
    assert_eq!(rig.converged().phase, Phase::Converged);
}

#[test]
fn a_certificate_that_has_ended_is_not_good_and_a_wrong_clock_says_nothing_of_it() {
    let mut rig = with_git(status(200));
    let until = Some(wall(rig.world.now - 60));
    let ended =
        Answer::Http(HttpAnswer { status: 200, wrong: Vec::new(), certificate_until: until });
    answer(&mut rig, "git", ended);
    let decision = rig.step(5);
    let why = said(&decision, "git", "service git");
    assert!(why.contains("its certificate ended"), "{why}");
    rig.trusted = false;
    let decision = rig.step(5);
    assert_eq!(said(&decision, "git", "service git"), "", "{}", story(&decision));
}

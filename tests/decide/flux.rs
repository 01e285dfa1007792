//! Flux: what survived the outage proves nothing, and what is not known is not repaired.

use ananke::model::assessment::{GateState, Phase};
use ananke::model::cluster::{Kustomization, Source, Suspended};
use ananke::model::facts::Ready;
use ananke::model::tick::{Decision, Order};
use ananke::model::verdict::Verdict;

use crate::cluster::{Cluster, path};
use crate::rig::{Rig, gate, story};

const SOURCE: &str = "flux-source";
const APPLIED: &str = "kustomizations";

/// A site whose cluster has Flux, and a person who ran `startup --execute`.
fn startup(prepare: impl FnOnce(&mut Cluster)) -> Rig {
    let mut rig = Rig::startup(1, 1);
    rig.world.cluster = Cluster::with_flux();
    prepare(&mut rig.world.cluster);
    rig
}

fn asked(rig: &Rig) -> Vec<String> {
    let asked = rig.taken.iter().map(|action| action.effect.to_string());
    asked.filter_map(|text| text.strip_prefix("ask Flux to look at ").map(str::to_owned)).collect()
}

/// What is said of one target of a gate.
pub(crate) fn said(decision: &Decision, id: &str, target: &str) -> String {
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
fn source_then_root_then_what_comes_after_what_is_good() {
    let mut rig = startup(|_| {});
    rig.converged();
    assert_eq!(
        asked(&rig),
        [
            "GitRepository flux-system/flux-system",
            "Kustomization flux-system/flux-system",
            "Kustomization flux-system/infra",
            "Kustomization flux-system/apps"
        ]
    );
}

#[test]
fn green_statuses_of_a_flux_that_is_dead_keep_its_gates_closed() {
    let mut rig = startup(|cluster| cluster.flux_dead = true);
    rig.throughout(900, |decision| !gate(decision, SOURCE).is_open());
    let decision = rig.step(5);
    assert_eq!(*gate(&decision, SOURCE), GateState::Closed);
    let why = said(&decision, SOURCE, "GitRepository flux-system/flux-system");
    assert!(why.contains("not proven yet"), "{why}");
    let why = said(&decision, APPLIED, "Kustomization flux-system/apps");
    assert!(why.contains("not proven yet"), "{why}");
    // Nothing that comes from a source is asked for before the source is good.
    assert!(asked(&rig).iter().all(|name| name.starts_with("GitRepository")), "{:?}", asked(&rig));
}

#[test]
fn a_kind_that_may_not_be_seen_is_unknown_and_nothing_else_suffers() {
    for (kind, id, other) in
        [(Source::GIT, SOURCE, None), (Kustomization::KIND, APPLIED, Some(SOURCE))]
    {
        let mut rig = startup(|cluster| {
            cluster.denied.insert(kind, "403: forbidden");
        });
        for _ in 0..60 {
            rig.step(5);
        }
        let decision = rig.step(5);
        let why = said(&decision, id, "(cluster)");
        assert_eq!(why, format!("unknown: {kind}: 403: forbidden"));
        assert_eq!(*gate(&decision, id), GateState::Closed);
        assert!(gate(&decision, "fresh-ready").is_open(), "{}", story(&decision));
        if let Some(other) = other {
            assert!(gate(&decision, other).is_open(), "{}", story(&decision));
        }
    }
}

#[test]
fn a_cluster_without_flux_converges_and_says_so() {
    let mut rig = Rig::startup(1, 1);
    let decision = rig.converged();
    assert_eq!(
        said(&decision, SOURCE, "(cluster)"),
        "skipped: the cluster serves no such kind",
        "{}",
        story(&decision)
    );
}

#[test]
fn ready_at_another_revision_than_the_source_is_not_applied() {
    let mut rig = startup(|_| {});
    rig.converged();
    let source = rig.world.cluster.source();
    source.revision = "main@sha1:bbbb".to_owned();
    // On a quiet day Flux is on its way to a new commit, and nothing is wrong.
    let decision = rig.step(5);
    assert!(gate(&decision, APPLIED).is_open(), "{}", story(&decision));
    // In an episode it has to get there.
    let mut rig = startup(|cluster| {
        cluster.kustomization("flux-system/apps").applied = "main@sha1:0000".to_owned();
    });
    let decision = rig.step(5);
    let why = said(&decision, APPLIED, "Kustomization flux-system/apps");
    assert_eq!(why, "fail: it has applied main@sha1:0000, and its source has main@sha1:aaaa");
}

#[test]
fn what_a_person_suspended_stays_so_and_what_ananke_suspended_is_resumed() {
    let mut rig = startup(|cluster| {
        cluster.kustomization("flux-system/infra").progress.suspended = Suspended::ByUs;
        cluster.kustomization("flux-system/apps").progress.suspended = Suspended::ByOthers;
    });
    let decision = rig.converged();
    assert_eq!(rig.repairs(), ["resume Kustomization flux-system/infra"]);
    let why = said(&decision, APPLIED, "Kustomization flux-system/apps");
    assert_eq!(why, "skipped: suspended by somebody else: kept");
    assert!(!asked(&rig).iter().any(|name| name.ends_with("/apps")), "{:?}", asked(&rig));
}

#[test]
fn a_git_server_that_comes_late_is_asked_again_within_its_back_off() {
    let mut rig = startup(|cluster| cluster.head = None);
    rig.throughout(240, |decision| !gate(decision, SOURCE).is_open());
    rig.world.cluster.head = Some("main@sha1:cccc".to_owned());
    rig.until(300, |decision| gate(decision, APPLIED).is_open());
    assert_eq!(rig.world.cluster.kustomization("flux-system/apps").applied, "main@sha1:cccc");
}

#[test]
fn a_token_of_before_the_servers_went_down_again_proves_nothing() {
    let mut rig = startup(|_| {});
    rig.until(600, |decision| gate(decision, APPLIED).is_open());
    // The power goes again within the same episode, and Flux does not come back with it.
    let server = crate::site::name("s-1");
    rig.world.power_off(&server);
    rig.step(30);
    rig.world.cluster.flux_dead = true;
    rig.world.power_on(&server, 20);
    let boots = rig.world.host("s-1").boots;
    rig.until(600, |decision| {
        gate(decision, "fresh-ready").is_open() && gate(decision, "control-plane").is_open()
    });
    assert_eq!(rig.world.host("s-1").boots, boots + 1);
    rig.throughout(300, |decision| !gate(decision, SOURCE).is_open());
}

#[test]
fn another_branch_than_expected_is_held_and_not_asked_for() {
    let mut rig = startup(|_| {});
    rig.policy.flux.branch = Some("production".to_owned());
    rig.throughout(600, |decision| !gate(decision, SOURCE).is_open());
    let decision = rig.step(5);
    let why = said(&decision, SOURCE, "GitRepository flux-system/flux-system");
    assert!(why.contains("follows the branch \"main\", and \"production\" is expected"), "{why}");
    assert_eq!(asked(&rig), [""; 0]);
}

#[test]
fn a_kustomization_that_asks_for_our_own_status_is_left_out() {
    let mut rig = startup(|cluster| {
        let it = cluster.kustomization("flux-system/apps");
        (it.asks_us, it.progress.ready) = (true, Ready::Unknown);
    });
    assert_eq!(rig.converged().phase, Phase::Converged);
}

/// A site whose agent stays off, and whose Flux says so of its Kustomizations.
fn without_an_agent(infra: &'static str, apps: &'static str) -> Rig {
    let mut rig = startup(|cluster| {
        cluster.unwell.insert("flux-system/infra", infra);
        cluster.unwell.insert("flux-system/apps", apps);
    });
    rig.world.power_off(&crate::site::name("a-01"));
    rig
}

const DEPENDS: &str = "DependencyNotReady: dependency 'flux-system/infra' is not ready";

#[test]
fn what_waits_for_a_missing_machine_does_not_keep_the_end_from_being_degraded() {
    for why in [
        "HealthCheckFailed: health check failed after 5m0s: timeout waiting for: [DaemonSet/s/csi]",
        "ReconciliationFailed: health check failed after 5m0s: timeout waiting for: [Pod/s/x]",
    ] {
        let mut rig = without_an_agent(why, DEPENDS);
        let decision = rig.until(3_000, |decision| decision.phase == Phase::Degraded);
        for name in ["infra", "apps"] {
            let said = said(&decision, APPLIED, &format!("Kustomization flux-system/{name}"));
            assert!(said.starts_with("skipped: it waits while a-01 is missing: "), "{said}");
        }
    }
}

#[test]
fn what_fails_by_itself_is_not_laid_on_a_missing_machine() {
    for why in ["BuildFailed: kustomize build failed", "ReconciliationFailed: dry-run failed"] {
        let mut rig = without_an_agent(why, DEPENDS);
        rig.throughout(1_800, |decision| !gate(decision, APPLIED).is_open());
        let decision = rig.step(5);
        let why = said(&decision, APPLIED, "Kustomization flux-system/infra");
        assert!(why.starts_with("fail: not Ready: "), "{why}");
    }
    // With every machine there, a health check that fails is a failure.
    let mut rig = startup(|cluster| {
        cluster.unwell.insert("flux-system/infra", "HealthCheckFailed: timeout waiting for: x");
    });
    rig.throughout(1_800, |decision| !gate(decision, APPLIED).is_open());
}

#[test]
fn what_was_there_on_a_good_day_and_is_gone_is_named() {
    let mut rig = startup(|_| {});
    rig.converged();
    rig.world.cluster.kustomizations.as_mut().unwrap().remove(&path("flux-system/apps"));
    let decision = rig.step(5);
    assert!(gate(&decision, APPLIED).is_open(), "a quiet day: {}", story(&decision));
    rig.world.cluster = Cluster::default();
    rig.order(Order::Startup { by: "brad".to_owned() });
    let decision = rig.step(5);
    let why = said(&decision, APPLIED, "Kustomization flux-system/infra");
    assert!(why.contains("there on a good day"), "{}", story(&decision));
}

#[test]
fn a_dry_run_asks_nothing_and_says_that_it_is_unproven() {
    let mut rig = startup(|_| {});
    rig.step(5);
    rig.request.execute = false;
    let decision = rig.step(5);
    let why = said(&decision, SOURCE, "GitRepository flux-system/flux-system");
    assert!(why.starts_with("skipped: Ready, unproven"), "{}", story(&decision));
}

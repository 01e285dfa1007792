//! Workloads and pods: counts that outlived the outage prove nothing, and a back-off is cut short
//! only once its cause is over.

use ananke::checks;
use ananke::model::assessment::{GateState, Phase};
use ananke::model::cluster::{Answerers, Ingress, Pods, Trouble, Workload};
use ananke::model::ids::CheckId;
use ananke::model::tick::{Decision, Order};
use ananke::model::verdict::Verdict;

use crate::bench::Starts;
use crate::cluster::{Cluster, path, workload};
use crate::rig::{Rig, gate, story};
use crate::site::name;

const LOADS: &str = "workloads";

/// A site with so many applications, and a person who ran `startup --execute`.
fn startup(applications: usize, prepare: impl FnOnce(&mut Cluster)) -> Rig {
    let mut rig = Rig::startup(1, 1);
    rig.world.cluster = Cluster::with_workloads(applications);
    prepare(&mut rig.world.cluster);
    rig
}

/// What a check of the gate says of a target.
fn said(decision: &Decision, check: &CheckId, target: &str) -> String {
    let view = decision.assessment.gates.iter().find(|view| view.id.as_str() == LOADS);
    let found = view
        .expect("a gate")
        .findings
        .iter()
        .find(|finding| finding.check == *check && finding.target.to_string() == target);
    found.map_or_else(String::new, |finding| match &finding.verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Settling { why, .. } => format!("settling: {why}"),
        Verdict::Fail { why } => format!("fail: {why}"),
        Verdict::Unknown { why } => format!("unknown: {why}"),
        Verdict::Skipped { why } => format!("skipped: {why}"),
    })
}

fn deleted(rig: &Rig) -> Vec<String> {
    let taken = rig.taken.iter().map(|action| action.effect.to_string());
    taken.filter_map(|text| text.strip_prefix("delete the pod ").map(str::to_owned)).collect()
}

#[test]
fn a_site_whose_workloads_are_whole_converges_and_nothing_is_touched() {
    let mut rig = startup(3, |_| {});
    rig.converged();
    assert_eq!(rig.repairs(), [""; 0]);
}

/// The power goes and comes back, the agent later, so that its old status is seen for a while.
fn outage(rig: &mut Rig) {
    for machine in ["s-1", "a-01"] {
        rig.world.power_off(&name(machine));
    }
    rig.step(30);
    rig.world.power_on(&name("s-1"), 5);
    rig.world.power_on(&name("a-01"), 60);
    for _ in 0..120 {
        rig.step(1);
    }
}

#[test]
fn green_counts_of_before_the_outage_keep_the_gate_closed() {
    let mut rig = startup(3, |cluster| {
        let on = &mut cluster.pods.as_mut().unwrap().on;
        on.get_mut(&name("a-01")).unwrap().oldest = Some(1);
    });
    outage(&mut rig);
    rig.until(600, |decision| gate(decision, "fresh-ready").is_open());
    rig.throughout(200, |decision| !gate(decision, LOADS).is_open());
    let decision = rig.step(5);
    let why = said(&decision, &checks::WORKLOADS_CONVERGED.id, "a-01");
    assert!(why.contains("last heard of before its boot"), "{}", story(&decision));
    let pods = rig.world.cluster.pods.as_mut().unwrap();
    pods.on.get_mut(&name("a-01")).unwrap().oldest = Some(1_000_000);
    rig.until(60, |decision| gate(decision, LOADS).is_open());
}

#[test]
fn while_a_node_that_carries_pods_is_not_proven_fresh_no_count_passes() {
    let mut rig = startup(3, |_| {});
    rig.world.host("a-01").starts = Starts::Hangs;
    outage(&mut rig);
    let decision = rig.step(5);
    assert!(!gate(&decision, LOADS).is_open(), "{}", story(&decision));
    let why = said(&decision, &checks::WORKLOADS_CONVERGED.id, "a-01");
    assert!(why.starts_with("unknown: 3 pods say Ready there"), "{}", story(&decision));
    let view = decision.assessment.gates.iter().find(|view| view.id.as_str() == LOADS).unwrap();
    assert!(view.passing <= 5, "only what is not about pods passes: {}", view.passing);
}

#[test]
fn pods_that_may_not_be_seen_are_unknown_and_nothing_else_suffers() {
    let mut rig = startup(3, |cluster| {
        cluster.denied.insert(Pods::KIND, "403: forbidden");
    });
    for _ in 0..60 {
        rig.step(5);
    }
    let decision = rig.step(5);
    for check in [&checks::WORKLOADS_CONVERGED.id, &checks::PODS_UNTROUBLED.id] {
        assert_eq!(said(&decision, check, "(cluster)"), "unknown: Pod: 403: forbidden");
    }
    assert_eq!(*gate(&decision, LOADS), GateState::Closed);
    for other in ["fresh-ready", "kustomizations"] {
        assert!(gate(&decision, other).is_open(), "{}", story(&decision));
    }
    assert_eq!(rig.repairs(), [""; 0]);
}

#[test]
fn a_pod_that_waits_for_its_image_is_made_anew_once_its_registry_answers_and_not_before() {
    let mut rig = startup(2, |cluster| {
        let why = "ImagePullBackOff: Back-off pulling image \"hub.example/web:1\"";
        cluster.trouble(1, Trouble::NoImage, why);
        let services = [path("hub/core")].into();
        let hub = Ingress { hosts: ["hub.example".to_owned()].into(), services };
        cluster.ingresses = Some([(path("hub/core"), hub)].into());
        cluster.endpoints = Some([(path("hub/core"), Answerers::default())].into());
        cluster.deployments.as_mut().unwrap().insert(path("hub/core"), workload(1));
    });
    rig.throughout(300, |decision| !gate(decision, LOADS).is_open());
    assert_eq!(deleted(&rig), [""; 0]);
    let on = [(name("a-01"), 1)].into();
    let answerers = Answerers { on, ..Answerers::default() };
    rig.world.cluster.endpoints = Some([(path("hub/core"), answerers)].into());
    rig.until(60, |decision| gate(decision, LOADS).is_open());
    assert_eq!(deleted(&rig), ["apps/web-001-x, to be made anew"]);
    rig.converged();
}

#[test]
fn an_image_of_somewhere_else_is_for_a_person() {
    let mut rig = startup(1, |cluster| {
        cluster.trouble(0, Trouble::NoImage, "ErrImagePull: image \"far.example/typo:1\": 404");
    });
    let decision = rig.until(1_800, |decision| decision.phase == Phase::Blocked);
    assert_eq!(deleted(&rig), [""; 0]);
    let by_hand = decision.alarms.iter().flat_map(|alarm| &alarm.by_hand);
    let lines: Vec<_> = by_hand.cloned().collect();
    assert!(lines.contains(&"kubectl -n apps delete pod web-000-x".to_owned()), "{lines:?}");
}

#[test]
fn a_crash_loop_is_cut_short_only_while_all_that_it_may_wait_for_stands() {
    let mut rig = startup(1, |cluster| {
        cluster.trouble(0, Trouble::BacksOff, "CrashLoopBackOff: back-off 5m0s");
        let data = Workload { lacking: 1, ..workload(1) };
        cluster.stateful_sets.as_mut().unwrap().insert(path("data/postgres"), data);
    });
    rig.throughout(300, |decision| !gate(decision, LOADS).is_open());
    assert_eq!(deleted(&rig), [""; 0]);
    let data = rig.world.cluster.stateful_sets.as_mut().unwrap();
    data.insert(path("data/postgres"), workload(1));
    rig.until(60, |decision| gate(decision, LOADS).is_open());
    assert_eq!(deleted(&rig).len(), 1);
}

#[test]
fn a_budget_that_is_spent_calls_a_person() {
    let mut rig = startup(1, |cluster| {
        cluster.troubles_last = true;
        cluster.trouble(0, Trouble::BacksOff, "CrashLoopBackOff: back-off 5m0s");
    });
    let decision = rig.until(3_000, |decision| decision.phase == Phase::Blocked);
    assert_eq!(deleted(&rig).len(), 3, "{:?}", deleted(&rig));
    let told = decision.alarms.iter().any(|alarm| {
        alarm.by_hand.iter().any(|line| line.starts_with("kubectl -n apps delete pod web-000-x"))
            && alarm.tried.iter().any(|tried| tried.attempts == 3)
    });
    assert!(told, "{:#?}", decision.alarms);
    rig.throughout(900, |_| true);
    assert_eq!(deleted(&rig).len(), 3, "and nothing more is done");
}

#[test]
fn a_storm_of_pods_in_trouble_is_bounded() {
    let mut rig = startup(300, |cluster| {
        cluster.troubles_last = true;
        for n in 0..24 {
            cluster.trouble(n, Trouble::BacksOff, "CrashLoopBackOff: back-off 5m0s");
        }
        cluster.pods.as_mut().unwrap().more = 276;
    });
    for _ in 0..200 {
        let decision = rig.step(5);
        let view = decision.assessment.gates.iter().find(|view| view.id.as_str() == LOADS);
        assert!(view.unwrap().findings.len() <= 60, "{}", story(&decision));
        let tried = &rig.memory.durable.attempts;
        let tried = tried.iter().filter(|(remedy, _)| remedy.as_str() == "delete-stuck-pod");
        let open = tried.flat_map(|(_, all)| all.values());
        let open = open.filter(|tried| tried.verify_until.is_some()).count();
        assert!(open <= rig.policy.limits.wave, "{open} at once");
    }
    assert!(!deleted(&rig).is_empty());
    assert!(deleted(&rig).len() <= 24 * 3);
}

#[test]
fn what_is_left_over_of_a_workload_is_taken_away_and_what_nobody_makes_anew_is_kept() {
    let prepare = |cluster: &mut Cluster| {
        for n in [0, 1] {
            cluster.trouble(n, Trouble::LeftOver, "Evicted: the node was low on memory");
            let of = path(&format!("apps/web-{n:03}")).of_kind(Workload::DEPLOYMENT);
            cluster.workload(&of).unwrap().lacking = 0;
        }
        cluster.troubled().get_mut(&path("apps/web-001-x")).unwrap().of = None;
    };
    let mut rig = startup(2, prepare);
    let decision = rig.converged();
    assert_eq!(deleted(&rig), ["apps/web-000-x, to be made anew"]);
    let why = said(&decision, &checks::PODS_UNTROUBLED.id, "Pod apps/web-001-x");
    assert!(why.starts_with("skipped: a record that nobody makes anew"), "{why}");
    // On a quiet day they stay, and close nothing.
    prepare(&mut rig.world.cluster);
    rig.throughout(120, |decision| gate(decision, LOADS).is_open());
    assert_eq!(deleted(&rig).len(), 1);
}

#[test]
fn what_stands_at_zero_after_an_outage_is_restored() {
    let mut rig = startup(2, |_| {});
    rig.converged();
    let of = path("apps/web-001").of_kind(Workload::DEPLOYMENT);
    rig.world.cluster.workload(&of).unwrap().wanted = 0;
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.until(600, |decision| decision.phase == Phase::Converged);
    assert_eq!(rig.repairs(), ["scale Deployment apps/web-001 to 1"]);
}

#[test]
fn what_a_person_scaled_on_a_quiet_day_is_normal_from_then_on() {
    let mut rig = startup(2, |_| {});
    rig.converged();
    let of = path("apps/web-001").of_kind(Workload::DEPLOYMENT);
    rig.world.cluster.workload(&of).unwrap().wanted = 0;
    rig.throughout(60, |decision| gate(decision, LOADS).is_open());
    rig.order(Order::Startup { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(rig.repairs(), [""; 0]);
}

#[test]
fn whatever_somebody_else_scales_is_left_alone() {
    let mut rig = startup(2, |_| {});
    rig.converged();
    let of = path("apps/web-001").of_kind(Workload::DEPLOYMENT);
    let it = rig.world.cluster.workload(&of).unwrap();
    (it.wanted, it.left_alone) = (0, "an autoscaler scales it".to_owned());
    rig.order(Order::Startup { by: "brad".to_owned() });
    let decision = rig.step(5);
    let why = said(&decision, &checks::REPLICAS_AS_RECORDED.id, "Deployment apps/web-001");
    assert!(why.contains("an autoscaler scales it"), "{why}");
    rig.converged();
    assert_eq!(rig.repairs(), [""; 0]);
}

#[test]
fn a_missing_machines_share_is_left_out_with_its_name_and_what_fails_elsewhere_is_not() {
    for fails in [false, true] {
        let mut rig = startup(2, |cluster| {
            let share = cluster.daemon_sets.as_mut().unwrap();
            share.insert(path("storage/csi"), Workload { lacking: 1, ..workload(2) });
            let web = cluster.deployments.as_mut().unwrap();
            web.insert(path("apps/web-001"), Workload { lacking: 1, ..workload(1) });
            cluster.pods.as_mut().unwrap().on.remove(&name("a-01"));
            if fails {
                cluster.troubles_last = true;
                cluster.trouble(1, Trouble::BacksOff, "CrashLoopBackOff: back-off 5m0s");
                let pod = cluster.troubled().values_mut().next().unwrap();
                pod.node = Some(name("s-1"));
            }
        });
        rig.world.power_off(&name("a-01"));
        let wanted = if fails { Phase::Blocked } else { Phase::Degraded };
        let decision = rig.until(6_000, |decision| decision.phase == wanted);
        let check = &checks::WORKLOADS_CONVERGED.id;
        let why = said(&decision, check, "DaemonSet storage/csi");
        assert_eq!(why, "skipped: 1 of 2 pods are not ready, while a-01 is missing");
        let why = said(&decision, check, "Deployment apps/web-001");
        let word = if fails { "fail: " } else { "skipped: " };
        assert!(why.starts_with(word), "{why}");
    }
}

//! The gate `host-hygiene`: what the nodes need below Kubernetes.

use std::collections::BTreeMap;

use ananke::model::assessment::GateState;
use ananke::model::facts::UnitActive;
use ananke::model::hygiene::{DiskFacts, HygieneFacts, ServiceFacts};
use ananke::model::policy::{HostNeeds, Needs};
use ananke::model::tick::Decision;
use ananke::model::verdict::Verdict;

use crate::rig::{Rig, gate, on, story};

fn one(name: &str) -> std::collections::BTreeSet<String> {
    std::iter::once(name.to_owned()).collect()
}

fn needs() -> HostNeeds {
    let needs = Needs {
        packages: one("nfs-common"),
        programs: one("iscsiadm"),
        modules: one("iscsi_tcp"),
        services: one("iscsid"),
    };
    HostNeeds {
        servers: needs.clone(),
        agents: needs,
        disks: one("/"),
        full_below: 3,
        default_route: true,
    }
}

/// A cold start of a site that needs all of it, and on which this is so for every server.
fn cold(amiss: impl Fn(&mut HygieneFacts)) -> Rig {
    let mut rig = Rig::startup(3, 1);
    rig.policy.hosts = needs();
    let names: Vec<_> = rig.world.hosts.keys().cloned().collect();
    for name in &names {
        rig.world.stop(name.as_str(), UnitActive::Inactive, "success");
        if name.as_str().starts_with("s-") {
            amiss(rig.world.host(name.as_str()).hygiene.as_mut().expect("looked at"));
        }
    }
    rig
}

fn finding(decision: &Decision, check: &str, machine: &str) -> Verdict {
    let gates = &decision.assessment.gates;
    let gate = gates.iter().find(|gate| gate.id.as_str() == "host-hygiene").expect("the gate");
    let mut findings = gate.findings.iter();
    let found = findings.find(|it| it.check.as_str() == check && it.target == on(machine));
    found.map_or(Verdict::Pass, |finding| finding.verdict.clone())
}

fn disk(read_only: bool, free: u8, inodes: u8) -> BTreeMap<String, Option<DiskFacts>> {
    BTreeMap::from([(
        "/".to_owned(),
        Some(DiskFacts { read_only, free, free_inodes: Some(inodes) }),
    )])
}

#[test]
fn a_site_that_names_nothing_is_asked_for_nothing() {
    let mut rig = Rig::startup(1, 1);
    rig.policy.hosts = HostNeeds::default();
    for host in rig.world.hosts.values_mut() {
        host.hygiene = None;
    }
    rig.converged();
}

#[test]
fn a_host_that_lacks_what_it_needs_starts_nothing_whatever_its_units_say() {
    type Amiss = fn(&mut HygieneFacts);
    let table: [(&str, Amiss, &str); 5] = [
        ("disks-writable", |it| it.disks = disk(true, 60, 90), "/ is read-only"),
        ("disks-writable", |it| it.disks = disk(false, 2, 90), "/ has 2 % free"),
        ("disks-writable", |it| it.disks = disk(false, 60, 0), "/ has 0 % of its inodes free"),
        ("packages-there", |it| it.missing_programs = one("iscsiadm"), "not installed: iscsiadm"),
        ("route-there", |it| it.default_route = false, "there is no default route"),
    ];
    for (check, amiss, why) in table {
        let mut rig = cold(amiss);
        let is_closed = |decision: &Decision| finding(decision, check, "s-1") == Verdict::fail(why);
        rig.until(60, is_closed);
        rig.throughout(120, |d| *gate(d, "host-hygiene") == GateState::Closed && is_closed(d));
        assert_eq!(rig.repairs(), Vec::<String>::new(), "{check}");
    }
}

#[test]
fn what_nobody_could_look_at_is_unknown_and_holds() {
    type Amiss = fn(&mut HygieneFacts);
    let table: [(&str, Amiss); 3] = [
        ("disks-writable", |it| it.disks = BTreeMap::from([("/".to_owned(), None)])),
        ("packages-there", |it| it.missing_packages = None),
        ("services-run", |it| it.idle_services = None),
    ];
    for (check, amiss) in table {
        let mut rig = cold(amiss);
        rig.throughout(120, |decision| {
            matches!(finding(decision, check, "s-1"), Verdict::Unknown { .. })
                && *gate(decision, "host-hygiene") == GateState::Closed
        });
        assert_eq!(rig.repairs(), Vec::<String>::new(), "{check}");
    }
    let mut rig = cold(|_| {});
    for name in ["s-1", "s-2"] {
        rig.world.host(name).hygiene = None;
    }
    let decision = rig.step(5);
    for check in ["disks-writable", "packages-there", "modules-loaded", "services-run"] {
        assert!(matches!(finding(&decision, check, "s-1"), Verdict::Unknown { .. }), "{check}");
    }
    assert!(matches!(gate(&decision, "control-plane"), GateState::Waiting { .. }));
}

#[test]
fn what_can_be_mended_is_mended_before_k3s_is_started() {
    type Amiss = fn(&mut HygieneFacts);
    let table: [(Amiss, &str); 3] = [
        (|it| it.missing_packages = Some(one("nfs-common")), "install nfs-common on s-1"),
        (|it| it.missing_modules = one("iscsi_tcp"), "load the module iscsi_tcp on s-1"),
        (
            |it| {
                let active = Some(UnitActive::Failed);
                let failed = ServiceFacts { active, result: "exit-code".to_owned() };
                it.idle_services = Some(BTreeMap::from([("iscsid".to_owned(), failed)]));
            },
            "start iscsid on s-1",
        ),
    ];
    for (amiss, repair) in table {
        let mut rig = cold(amiss);
        let decision = rig.converged();
        let repairs = rig.repairs();
        let at = |what: &str| repairs.iter().position(|it| it == what);
        let (mended, started) = (at(repair), at("start k3s on s-1"));
        assert!(mended.is_some() && mended < started, "{repairs:?} {}", story(&decision));
    }
}

#[test]
fn a_service_that_a_person_masked_is_not_started() {
    let mut rig = cold(|it| {
        let masked = ServiceFacts { active: None, result: "masked".to_owned() };
        it.idle_services = Some(BTreeMap::from([("iscsid".to_owned(), masked)]));
    });
    rig.throughout(120, |decision| decision.plan.steps.iter().all(|it| it.effect.is_proof()));
}

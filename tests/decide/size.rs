//! How large a recorded tick is, and that a large site is decided the same each time. How planning
//! grows with the site is measured by `benches/plan.rs`.

use ananke::decide::{LIBRARY, tick};
use ananke::model::cluster::Trouble;
use ananke::model::facts::UnitActive;
use ananke::model::record::TickRecord;

use crate::bench::Starts;
use crate::cluster::Cluster;
use crate::rig::Rig;

/// The design's limit for a recorded tick of 25 nodes.
const RECORD_MAX: usize = 64 * 1_024;

/// With everything that Flux has on such a site, and nothing of it proven, the record is larger
/// than that: this bounds what is, not what should be.
const RECORD_MAX_FLUX: usize = 92 * 1_024;

/// As many as such a site has.
const KUSTOMIZATIONS: usize = 60;
const SOURCES: usize = 6;

/// The same with as many workloads as such a site has, and a pod in trouble of every tenth.
const RECORD_MAX_LOADS: usize = 116 * 1_024;
const APPLICATIONS: usize = 150;

/// A site in trouble: every third agent is down and does not start, every fifth one hangs.
fn trouble(servers: usize, agents: usize, objects: (usize, usize)) -> Rig {
    let mut rig = Rig::good_day(servers, agents);
    for n in 1..=agents {
        let agent = format!("a-{n:02}");
        if n % 3 == 0 {
            rig.world.stop(&agent, UnitActive::Failed, "exit-code");
            rig.world.host(&agent).starts = Starts::Fails;
        } else if n % 5 == 0 {
            let host = rig.world.host(&agent);
            (host.boots, host.hung, host.alive_since) = (2, true, None);
        }
    }
    rig.world.cluster = Cluster::with_many(objects.0, objects.1);
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig
}

/// How large the parts of a record are, in bytes, the largest first.
fn parts(record: &serde_json::Value) -> Vec<(String, usize)> {
    let fields = |value: &serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let mut sizes = Vec::new();
    for (side, value) in fields(record) {
        for (name, value) in fields(&value) {
            sizes.push((format!("{side}.{name}"), value.to_string().len()));
            let inner = fields(&value).into_iter();
            sizes.extend(inner.map(|(n, v)| (format!("{side}.{name}.{n}"), v.to_string().len())));
        }
    }
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sizes.truncate(16);
    sizes
}

#[test]
fn a_recorded_tick_of_25_nodes_in_trouble_fits() {
    for (objects, most) in [((0, 0), RECORD_MAX), ((KUSTOMIZATIONS, SOURCES), RECORD_MAX_FLUX)] {
        let mut rig = trouble(3, 22, objects);
        let (mut largest, mut of) = (0, Vec::new());
        for _ in 0..120 {
            rig.step(5);
            let last = rig.last.as_ref().unwrap();
            let record = serde_json::to_vec(last).unwrap();
            if record.len() > largest {
                largest = record.len();
                of = parts(&serde_json::to_value(last).unwrap());
            }
            assert_eq!(serde_json::from_slice::<TickRecord>(&record).unwrap(), *last);
        }
        println!("the largest of 120 records with {objects:?} of Flux: {largest} bytes");
        assert!(largest <= most, "{largest} bytes: {of:?}");
    }
}

#[test]
fn workloads_that_are_good_make_a_record_little_larger() {
    let mut rig = trouble(3, 22, (KUSTOMIZATIONS, SOURCES));
    let mut loads = Cluster::with_workloads(APPLICATIONS);
    for n in (0..APPLICATIONS).step_by(10) {
        loads.trouble(n, Trouble::BacksOff, &"CrashLoopBackOff: back-off 5m0s ".repeat(4));
    }
    let cluster = &mut rig.world.cluster;
    (cluster.deployments, cluster.pods) = (loads.deployments, loads.pods);
    (cluster.stateful_sets, cluster.daemon_sets) = (loads.stateful_sets, loads.daemon_sets);
    let mut largest = 0;
    for _ in 0..120 {
        rig.step(5);
        let record = serde_json::to_vec(rig.last.as_ref().unwrap()).unwrap();
        largest = largest.max(record.len());
    }
    println!("the largest of 120 records with {APPLICATIONS} applications: {largest} bytes");
    assert!(largest <= RECORD_MAX_LOADS, "{largest} bytes");
}

#[test]
fn planning_a_large_site_decides_the_same_each_time() {
    let mut rig = trouble(3, 297, (KUSTOMIZATIONS, SOURCES));
    rig.collect = Some(Vec::new());
    rig.step(5);
    let record = rig.last.take().unwrap();
    assert_eq!(tick(&LIBRARY, &record.input), record.decision);
}

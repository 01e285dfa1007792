//! How large a recorded tick is, and that a large site is decided the same each time. How planning
//! grows with the site is measured by `benches/plan.rs`.

use std::collections::BTreeMap;

use ananke::decide::{LIBRARY, tick};
use ananke::model::facts::UnitActive;
use ananke::model::record::TickRecord;

use crate::bench::Starts;
use crate::cluster::Cluster;
use crate::rig::Rig;

/// A recorded tick of 25 nodes with a pod list to come; the design's limit for the record.
const RECORD_MAX: usize = 64 * 1_024;

/// As many as such a site has.
const KUSTOMIZATIONS: usize = 60;
const SOURCES: usize = 6;

/// A site in trouble: every third agent is down and does not start, every fifth one hangs.
fn trouble(servers: usize, agents: usize) -> Rig {
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
    rig.world.cluster = Cluster::with_many(KUSTOMIZATIONS, SOURCES);
    rig.order(ananke::model::tick::Order::Startup { by: "brad".to_owned() });
    rig
}

#[test]
fn a_recorded_tick_of_25_nodes_in_trouble_fits() {
    let mut rig = trouble(3, 22);
    let cluster = &rig.world.cluster;
    assert_eq!(cluster.kustomizations.as_ref().map(BTreeMap::len), Some(KUSTOMIZATIONS));
    assert_eq!(cluster.sources.as_ref().map(BTreeMap::len), Some(SOURCES));
    let mut largest = 0;
    for _ in 0..120 {
        rig.step(5);
        let last = rig.last.as_ref().unwrap();
        let record = serde_json::to_vec(last).unwrap();
        largest = largest.max(record.len());
        assert_eq!(serde_json::from_slice::<TickRecord>(&record).unwrap(), *last);
    }
    println!("the largest of 120 records: {largest} bytes");
    assert!(largest <= RECORD_MAX, "{largest} bytes");
}

#[test]
fn planning_a_large_site_decides_the_same_each_time() {
    let mut rig = trouble(3, 297);
    rig.collect = Some(Vec::new());
    rig.step(5);
    let record = rig.last.take().unwrap();
    assert_eq!(tick(&LIBRARY, &record.input), record.decision);
}

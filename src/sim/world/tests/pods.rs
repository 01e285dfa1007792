//! Pods after an outage.

use super::*;

fn working(world: &World) -> Vec<usize> {
    let names = ["coredns", "longhorn-csi-plugin", "backend", "web"];
    names.iter().map(|name| world.working_pods(name)).collect()
}

const ALL_WORK: [usize; 4] = [1, 7, 2, 2];

/// The pods that back off.
fn backing_off(world: &World) -> Vec<String> {
    let pods = world.store().list(&kinds::PODS, None);
    let waits = pods.filter(|(_, pod)| {
        let state = &pod["status"]["containerStatuses"][0]["state"];
        state["waiting"]["reason"] == "CrashLoopBackOff"
    });
    waits.map(|(key, pod)| format!("{} on {}", key.name, pod["spec"]["nodeName"])).collect()
}

#[test]
fn pods_come_back_with_their_machines() {
    for seed in 0..10 {
        let mut world = blackout(seed, &[]);
        assert_eq!(working(&world), [0; 4], "whatever the API will say");
        world.pass(Span::mins(12));
        assert_eq!(working(&world), ALL_WORK, "seed {seed}");
        let ready = |world: &World| {
            let pods = world.store().list(&kinds::PODS, None);
            pods.filter(|(_, pod)| objects::ready(pod) == Some("True")).count()
        };
        assert_eq!(ready(&world), ready(&self::world(seed)), "seed {seed}");
    }
}

#[test]
fn what_needs_a_lost_pod_backs_off_until_it_is_made_elsewhere() {
    let mut world = world(59);
    let pods = world.store().list(&kinds::PODS, Some("kube-system"));
    let (_, dns) = pods.into_iter().find(|(key, _)| key.name.starts_with("coredns")).expect("one");
    let node = MachineName::new(dns["spec"]["nodeName"].as_str().expect("bound"));
    let lost = Which::Named(vec![node]);
    suffer(&mut world, &[Deed::PowerOff(All), Deed::NeverBoots(lost.clone()), Deed::PowerOn(All)]);
    world.pass(Span::mins(5));
    assert_eq!(world.working_pods("coredns"), 0);
    assert!(backing_off(&world).len() >= 2, "its users");
    // Grace period, 300 s of the taint, 6 min of a volume that is still attached, and up to 300 s
    // of back-off for each of those that wait for one another.
    world.pass(Span::mins(40));
    assert_eq!(working(&world)[0], 1, "evicted, and made elsewhere");
    assert_eq!(working(&world)[2..], [2, 2]);
    // Harbor's database is a StatefulSet: its pod is made nowhere else while the node may run it.
    let in_vain = backing_off(&world);
    assert!(in_vain.iter().all(|pod| pod.starts_with("harbor-")), "{in_vain:?}");
}

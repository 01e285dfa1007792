//! The inside of the cluster by itself: what heals, what stays broken, and what lies.

mod asked;
mod vault;

use serde_json::{Value, json};

use super::super::World;
use super::super::store::kinds::{
    CSI_NODES, DEPLOYMENTS, ENDPOINT_SLICES, GIT_REPOSITORIES, KUSTOMIZATIONS, PDBS, PODS,
    VOLUME_ATTACHMENTS,
};
use super::super::store::{
    Key, Part as Whole, PatchKind, Writer, evict, patch_scale, remove, scale,
};
use super::conditions;
use super::{FLUX, PARTS, row};
use crate::model::ids::MachineName;
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which, Within};
use crate::sim::site::Site;

fn world(seed: u64) -> World {
    World::new(&Site::of("test", 3, 4), seed)
}

fn suffer(world: &mut World, deeds: &[Deed]) {
    for deed in deeds {
        world.suffer(deed).expect("the site has it");
    }
}

fn inside(within: Within) -> Deed {
    Deed::Inside(within)
}

/// Thirty seconds without power, with what was prepared before.
fn blackout(world: &mut World, before: &[Deed]) {
    suffer(world, before);
    world.pass(Span::secs(30));
    suffer(world, &[Deed::PowerOff(Which::All)]);
    world.pass(Span::secs(30));
    suffer(world, &[Deed::PowerOn(Which::All)]);
}

fn idle(world: &World) -> Vec<&'static str> {
    world.works_of_all().filter(|(_, works)| !works).map(|(name, _)| name).collect()
}

fn kustomization(world: &World, name: &str) -> Value {
    let key = Key::of(&KUSTOMIZATIONS, FLUX, name);
    (**world.store().get(&key).expect("a Kustomization")).clone()
}

fn git(world: &World) -> Value {
    let key = Key::of(&GIT_REPOSITORIES, FLUX, FLUX);
    (**world.store().get(&key).expect("a source")).clone()
}

fn not_ready(world: &World) -> Vec<&'static str> {
    let ready = |name: &str| conditions::is_true(&kustomization(world, name), "Ready");
    PARTS.iter().map(|part| part.name).filter(|name| !ready(name)).collect()
}

/// Asks for a run as `flux reconcile` does.
fn ask(world: &mut World, key: &Key, token: &str) {
    let annotate = |object: &mut Value| {
        object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"] = token.into();
    };
    world.store_mut().change(key, annotate).expect("there");
}

fn within(world: &mut World, minutes: u64, so: impl Fn(&World) -> bool) -> bool {
    let end = world.now() + Span::mins(minutes);
    while !so(world) && world.now() < end {
        world.pass(Span::secs(1));
    }
    so(world)
}

fn message(object: &Value) -> &str {
    let ready = conditions::get(object, "Ready");
    ready.and_then(|it| it["message"].as_str()).unwrap_or_default()
}

#[test]
fn a_settled_site_is_well_and_stays_so_by_itself() {
    let mut world = world(1);
    for minutes in [0, 1, 30] {
        world.pass(Span::mins(minutes));
        assert_eq!((idle(&world), not_ready(&world)), (vec![], vec![]), "after {minutes} min");
    }
    let revision = git(&world)["status"]["artifact"]["revision"].clone();
    for part in &PARTS {
        let object = kustomization(&world, part.name);
        assert_eq!(object["status"]["lastAppliedRevision"], revision, "{}", part.name);
        assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);
    }
    let slices: Vec<_> = world.store().list(&ENDPOINT_SLICES, None).collect();
    assert!(slices.len() > 10, "{} Services", slices.len());
    for (key, slice) in slices {
        assert_eq!(slice["endpoints"][0]["conditions"]["ready"], true, "{}", key.name);
    }
    let pods = world.store().list(&PODS, None).count();
    assert!(pods < 40, "{pods} pods on seven nodes");
}

#[test]
fn a_blackout_heals_by_itself_and_flux_answers_after_its_old_lease() {
    for seed in 0..8 {
        let mut world = world(seed);
        blackout(&mut world, &[]);
        assert_eq!(idle(&world).len(), 21, "nothing works");
        assert_eq!(not_ready(&world), Vec::<&str>::new(), "and every status says it does");
        let root = Key::of(&KUSTOMIZATIONS, FLUX, FLUX);
        assert!(within(&mut world, 20, |it| idle(it).is_empty()), "{seed}: {:?}", idle(&world));
        ask(&mut world, &root, "a token");
        let heard = |world: &World| {
            kustomization(world, FLUX)["status"]["lastHandledReconcileAt"] == "a token"
        };
        assert!(within(&mut world, 3, heard), "seed {seed}");
        assert!(within(&mut world, 15, |it| not_ready(it).is_empty()), "{:?}", not_ready(&world));
    }
}

#[test]
fn a_status_from_before_the_outage_stays_until_the_lease_has_run_out() {
    let mut world = world(3);
    blackout(&mut world, &[inside(Within::KustomizationFails { name: FLUX.into(), on: true })]);
    // It failed in the 30 seconds before the power went, or not; from here on it must.
    let works = |name: &'static str| move |world: &World| world.working_pods(name) > 0;
    assert!(within(&mut world, 20, works("kustomize-controller")));
    let before = kustomization(&world, FLUX);
    world.pass(Span::secs(34));
    assert_eq!(kustomization(&world, FLUX), before, "nobody is there to write");
    let fails = |world: &World| message(&kustomization(world, FLUX)).contains("build failed");
    assert!(within(&mut world, 5, fails));
    let object = kustomization(&world, FLUX);
    let reconciling = conditions::get(&object, "Reconciling").expect("it will try again");
    assert_eq!(reconciling["reason"], "ProgressingWithRetry");
    assert_eq!(conditions::get(&object, "Ready").expect("said")["reason"], "BuildFailed");
}

#[test]
fn a_source_whose_git_is_down_backs_off_up_to_a_quarter_of_an_hour() {
    let mut world = world(5);
    suffer(&mut world, &[inside(Within::Mute { workload: "gitea".into(), on: true })]);
    world.pass(Span::mins(70));
    let object = git(&world);
    assert!(message(&object).contains("connection refused"), "{}", message(&object));
    assert!(conditions::is_true(&object, "FetchFailed"));
    assert!(conditions::is_true(&object, "ArtifactInStorage"), "the old one is served on");
    assert_eq!(not_ready(&world), ["git"], "what is mute is not healthy; the rest is applied on");
    let waits_long = |world: &World| world.source_again_in() > Some(Span::mins(10));
    assert!(within(&mut world, 20, waits_long));
}

#[test]
fn what_storage_and_services_say_outlives_the_outage() {
    let mut world = world(17);
    blackout(&mut world, &[]);
    assert_eq!(idle(&world).len(), 21, "nothing works");
    let nodes: Vec<_> = world.store().list(&CSI_NODES, None).collect();
    assert_eq!(nodes.len(), 7);
    for (key, node) in nodes {
        assert_eq!(node["spec"]["drivers"][0]["name"], "driver.longhorn.io", "{}", key.name);
    }
    for (key, slice) in world.store().list(&ENDPOINT_SLICES, None) {
        let endpoint = &slice["endpoints"][0];
        assert_eq!(endpoint["conditions"]["ready"], true, "{}", key.name);
        assert!(endpoint["nodeName"].is_string(), "{}", key.name);
    }
    for (key, attachment) in world.store().list(&VOLUME_ATTACHMENTS, None) {
        assert_eq!(attachment["status"]["attached"], true, "{}", key.name);
    }
}

#[test]
fn a_suspended_object_takes_the_token_and_does_nothing() {
    let mut world = world(7);
    let scaled = Within::Scaled { workload: "gitea".into(), replicas: 0 };
    let key = Key::of(&KUSTOMIZATIONS, FLUX, "git");
    world.store_mut().change(&key, |it| it["spec"]["suspend"] = true.into()).expect("there");
    suffer(&mut world, &[inside(scaled)]);
    ask(&mut world, &key, "now");
    world.pass(Span::mins(30));
    assert_eq!(kustomization(&world, "git")["status"]["lastHandledReconcileAt"], "now");
    assert_eq!(idle(&world), ["gitea"]);
    let resume = |it: &mut Value| it["spec"]["suspend"] = false.into();
    world.store_mut().change(&key, resume).expect("there");
    ask(&mut world, &key, "again");
    assert!(within(&mut world, 3, |it| idle(it).is_empty()), "it is applied");
}

#[test]
fn flux_mends_what_was_scaled_unless_the_glass_was_broken() {
    let mut world = world(9);
    let key = Key::of(&DEPLOYMENTS, "media", "jellyfin");
    let annotations = json!({"kustomize.toolkit.fluxcd.io/reconcile": "disabled"});
    let glass = |it: &mut Value| it["metadata"]["annotations"] = annotations;
    world.store_mut().change(&key, glass).expect("there");
    for workload in ["jellyfin", "wiki"] {
        suffer(&mut world, &[inside(Within::Scaled { workload: workload.into(), replicas: 0 })]);
    }
    world.pass(Span::secs(20));
    assert_eq!(idle(&world), ["jellyfin", "wiki"]);
    world.pass(Span::mins(12));
    assert_eq!(idle(&world), ["jellyfin"]);
}

#[test]
fn storage_whose_image_lies_in_the_registry_that_lies_on_storage_stays_down() {
    let mut world = world(11);
    blackout(&mut world, &[inside(Within::ImageGone("longhorn-csi-plugin".into()))]);
    for _ in 0..3 {
        world.pass(Span::mins(20));
        let idle = idle(&world);
        for name in ["longhorn-csi-plugin", "postgres", "harbor-registry", "gitea"] {
            assert!(idle.contains(&name), "{name} works, of all: {idle:?}");
        }
    }
    let pods = world.store().list(&PODS, Some("longhorn-system"));
    let reasons: Vec<_> = pods
        .map(|(_, it)| it["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].clone())
        .filter(|reason| reason == "ImagePullBackOff")
        .collect();
    assert_eq!(reasons.len(), 7);
}

#[test]
fn git_that_only_flux_would_start_and_flux_that_only_git_would_feed_stay_down() {
    let mut world = world(13);
    let deeds = [
        inside(Within::Scaled { workload: "gitea".into(), replicas: 0 }),
        inside(Within::PodsDeleted("source-controller".into())),
    ];
    blackout(&mut world, &deeds);
    for _ in 0..3 {
        world.pass(Span::mins(20));
        assert_eq!(idle(&world), ["gitea"]);
        let object = git(&world);
        assert!(object["status"]["artifact"].is_null(), "{object:#}");
        let said = kustomization(&world, "git");
        assert_eq!(message(&said), "Source artifact not found, retrying in 30s");
    }
    // Whoever starts git by hand cuts the knot.
    suffer(&mut world, &[inside(Within::Scaled { workload: "gitea".into(), replicas: 1 })]);
    assert!(within(&mut world, 20, |it| idle(it).is_empty() && not_ready(it).is_empty()));
}

#[test]
fn a_new_pod_pulls_at_once_where_the_old_one_backs_off() {
    let mut world = world(15);
    let names = || "registry is muted".to_owned();
    let mute = |on| inside(Within::Mute { workload: "harbor-core".into(), on });
    let gone = inside(Within::ImageGone("homeassistant".into()));
    suffer(&mut world, &[mute(true), gone]);
    suffer(&mut world, &[inside(Within::PodsDeleted("homeassistant".into()))]);
    world.pass(Span::mins(20));
    assert_eq!(idle(&world), ["harbor-core", "homeassistant"], "{}", names());
    suffer(&mut world, &[mute(false)]);
    world.pass(Span::secs(20));
    assert_eq!(idle(&world), ["homeassistant"], "its back-off outlives its cause");
    suffer(&mut world, &[inside(Within::PodsDeleted("homeassistant".into()))]);
    assert!(within(&mut world, 1, |it| idle(it).is_empty()), "nudged");
}

#[test]
fn a_pod_that_is_deleted_by_its_uid_is_made_anew_with_a_fresh_back_off() {
    let mut world = world(23);
    let mute = |on| inside(Within::Mute { workload: "harbor-core".into(), on });
    suffer(&mut world, &[mute(true), inside(Within::ImageGone("homeassistant".into()))]);
    suffer(&mut world, &[inside(Within::PodsDeleted("homeassistant".into()))]);
    world.pass(Span::mins(20));
    suffer(&mut world, &[mute(false)]);
    let pod = |world: &World| {
        let mut pods = world.store().list(&PODS, Some("home"));
        let (key, pod) = pods.next().expect("a pod");
        (key.name.clone(), pod["metadata"]["uid"].clone())
    };
    let (name, uid) = pod(&world);
    let mut delete = |uid: &Value| {
        let at = world.wall();
        let (kind, part) = (&PODS, Whole::Whole);
        let writer =
            Writer { kind, namespace: "home", name: name.as_str(), part, manager: "t", at };
        let options = json!({"preconditions": {"uid": uid}});
        let done = remove(world.store_mut(), &writer, &options).map(drop);
        world.hear();
        done.map_err(|fault| fault.code)
    };
    assert_eq!(delete(&json!("another")), Err(409), "a successor is left alone");
    assert_eq!(delete(&uid), Ok(()));
    assert!(within(&mut world, 1, |it| idle(it).is_empty()), "{:?}", idle(&world));
    assert_ne!(pod(&world), (name, uid));
}

#[test]
fn what_is_scaled_through_its_own_door_gets_its_pods() {
    let mut world = world(25);
    suffer(&mut world, &[inside(Within::Scaled { workload: "grafana".into(), replicas: 0 })]);
    world.pass(Span::mins(30));
    assert_eq!(idle(&world), ["grafana"], "Helm corrects no drift");
    let at = world.wall();
    let (kind, part) = (&DEPLOYMENTS, Whole::Whole);
    let writer = Writer { kind, namespace: "monitoring", name: "grafana", part, manager: "t", at };
    let now = scale(world.store(), &writer).expect("it has one");
    let version = &now["metadata"]["resourceVersion"];
    let one = json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": 1}});
    patch_scale(world.store_mut(), &writer, PatchKind::Merge, &one).expect("it is the same");
    world.hear();
    assert!(within(&mut world, 2, |it| idle(it).is_empty()), "{:?}", idle(&world));
}

#[test]
fn a_volume_of_a_dead_node_is_detached_by_force_once_its_pod_is_forced_away() {
    let mut world = world(17);
    let wiki = row("jellyfin").expect("a row");
    let pod = |world: &World| {
        let found = world.pods.values().find(|pod| pod.workload == wiki).expect("a pod");
        (found.key.clone(), found.node.clone())
    };
    let (key, node) = pod(&world);
    suffer(&mut world, &[Deed::PowerOff(Which::Named(vec![node.clone()]))]);
    world.pass(Span::mins(20));
    let on = |world: &World| {
        let all = world.store().list(&VOLUME_ATTACHMENTS, None);
        let volume = super::WORKLOADS[wiki].pv();
        let ours = all.filter(|(_, it)| it["spec"]["source"]["persistentVolumeName"] == volume);
        let names = ours.filter_map(|(_, it)| it["spec"]["nodeName"].as_str());
        names.map(MachineName::new).collect::<Vec<_>>()
    };
    assert_eq!(on(&world), std::slice::from_ref(&node), "a pod that only ends still has it");
    assert!(idle(&world).contains(&"jellyfin"));
    world.store_mut().delete(&key).expect("a person forces it");
    world.pass(Span::mins(5));
    assert_eq!(on(&world), std::slice::from_ref(&node));
    world.pass(Span::mins(2));
    assert_ne!(on(&world), [node], "after six minutes");
    assert!(within(&mut world, 5, |it| !idle(it).contains(&"jellyfin")));
}

#[test]
fn a_budget_of_one_lets_nobody_go_and_one_of_two_lets_one() {
    let mut world = world(19);
    let budget = |world: &World, namespace: &str, name: &str| {
        let budget = world.store().get(&Key::of(&PDBS, namespace, name)).expect("a budget");
        budget["status"]["disruptionsAllowed"].as_u64()
    };
    assert_eq!(budget(&world, "database", "postgres"), Some(0));
    assert_eq!(budget(&world, "default", "backend"), Some(1));
    let pods = world.store().list(&PODS, Some("default"));
    let backends: Vec<String> = pods
        .filter(|(key, _)| key.name.starts_with("backend"))
        .map(|it| it.0.name.clone())
        .collect();
    let at = world.wall();
    let mut said = Vec::new();
    for name in &backends {
        let writer = Writer {
            kind: &PODS,
            namespace: "default",
            name,
            part: Whole::Whole,
            manager: "t",
            at,
        };
        let eviction = json!({"kind": "Eviction", "metadata": {"name": name}});
        said.push(evict(world.store_mut(), &writer, &eviction).map_err(|fault| fault.code));
    }
    assert_eq!(said, [Ok(()), Err(429)]);
    assert!(within(&mut world, 2, |it| budget(it, "default", "backend") == Some(1)), "made anew");
}

#[test]
fn a_vault_that_needs_its_key_waits_for_it() {
    let mut world = world(21);
    blackout(&mut world, &[inside(Within::VaultSeals(true))]);
    world.pass(Span::mins(20));
    assert_eq!(idle(&world), ["vault"]);
    let pod = world.store().get(&Key::of(&PODS, "vault", "vault-0")).expect("a pod");
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["status"]["containerStatuses"][0]["ready"], false);
    assert!(not_ready(&world).contains(&"secrets"), "its health check waits");
    assert!(world.unseal());
    assert_eq!(idle(&world), Vec::<&str>::new());
}

//! The link against a simulated API server under paused time: faults that a real one is hard to
//! bring into, and hours that no test can wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::model::cordon::CordonMark;
use crate::model::facts::{BlindKind, Link, Seen};
use crate::model::ids::{BootId, CordonId};
use crate::model::time::Mono;

use super::simulated::{Mode, Simulated, WatchMode};
use super::*;

const A: &str = "https://a:6443";
const B: &str = "https://b:6443";

struct Rig {
    api: Simulated,
    link: KubeLink,
    began: Instant,
    reads: Arc<AtomicUsize>,
    kubeconfig: Arc<AtomicBool>,
}

fn moment(began: Instant) -> Moment {
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    Moment {
        boot: BootId::fixed("here"),
        mono: Mono(1_000 + ms),
        wall: jiff::Timestamp::from_millisecond(1_700_000_000_000 + ms as i64).unwrap(),
        wall_trusted: true,
    }
}

fn rig(prepare: impl FnOnce(&Simulated)) -> Rig {
    let api = Simulated::new();
    api.put("n1", &json!({}));
    prepare(&api);
    let settings = KubeSettings {
        kubeconfig: None,
        endpoints: vec![A.to_owned(), B.to_owned()],
        request: Span::secs(5),
        namespace: "ananke".to_owned(),
    };
    let began = Instant::now();
    let (reads, kubeconfig) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let (count, there) = (Arc::clone(&reads), Arc::clone(&kubeconfig));
    let source = move || {
        count.fetch_add(1, SeqCst);
        let there = there.load(SeqCst);
        async move {
            let missing =
                || crate::model::facts::Blind::new(BlindKind::Denied, "no server gave it");
            there.then(String::new).ok_or_else(missing)
        }
    };
    let link = KubeLink::start_with(settings, "atlas", move || moment(began), source, api.clone());
    Rig { api, link, began, reads, kubeconfig }
}

impl Rig {
    fn now(&self) -> Mono {
        moment(self.began).mono
    }

    /// Waits, at most `seconds` of virtual time, and says how long it took.
    async fn until(&self, seconds: u64, what: &str, test: impl Fn(&ApiFacts) -> bool) -> Duration {
        let began = Instant::now();
        let wait = async {
            while !test(&self.link.facts()) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let end = timeout(Duration::from_secs(seconds), wait).await;
        assert!(end.is_ok(), "not within {seconds} s: {what}; {:#?}", self.link.facts());
        began.elapsed()
    }

    fn nodes_at(&self) -> Mono {
        match self.link.facts().nodes {
            Seen::Known { at, .. } => at,
            Seen::Unknown { why, .. } => panic!("no nodes: {why}"),
        }
    }
}

fn up_on(endpoint: &str) -> impl Fn(&ApiFacts) -> bool {
    move |facts| matches!(&facts.link, Link::Up { endpoint: e, .. } if e == endpoint)
}

fn down_by(kind: BlindKind) -> impl Fn(&ApiFacts) -> bool {
    move |facts| matches!(&facts.link, Link::Down { why, .. } if why.kind == kind)
}

fn has_nodes(names: &[&str]) -> impl Fn(&ApiFacts) -> bool {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    move |facts| {
        facts.nodes.any_age().is_some_and(|nodes| nodes.keys().map(MachineName::as_str).eq(&names))
    }
}

#[tokio::test(start_paused = true)]
async fn it_comes_up_on_the_first_good_endpoint_and_sees_nodes_come() {
    let rig = rig(|_| {});
    assert_eq!(rig.link.facts().link, Link::Probing);
    rig.until(2, "up", up_on(A)).await;
    rig.until(2, "one node", has_nodes(&["n1"])).await;
    rig.until(2, "the version", |f| f.version.as_deref() == Some("v1.33.0+k3s1")).await;
    let mut changed = rig.link.changed();
    changed.mark_unchanged();
    rig.api.put("n2", &json!({}));
    timeout(Duration::from_secs(1), changed.changed()).await.unwrap().unwrap();
    rig.until(1, "two nodes", has_nodes(&["n1", "n2"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_keeps_facts_fresh_and_wakes_nobody() {
    let rig = rig(|_| {});
    rig.until(2, "nodes", has_nodes(&["n1"])).await;
    sleep(Duration::from_secs(20)).await;
    let mut changed = rig.link.changed();
    changed.mark_unchanged();
    for _ in 0..360 {
        sleep(Duration::from_secs(10)).await;
        let age = rig.now().since(rig.nodes_at());
        assert!(age <= Span::secs(12), "facts aged {age} although the API is well");
    }
    assert!(!changed.has_changed().unwrap(), "a quiet hour woke the loop");
    assert_eq!(rig.api.count("PATCH"), 0, "nothing may be written unasked");
    assert_eq!(rig.api.count("leases"), 0, "steady state reads no Leases");
    assert_eq!(rig.reads.load(SeqCst), 1, "the kubeconfig is not read without need");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_server_is_noticed_and_facts_grow_old_visibly() {
    let rig = rig(|_| {});
    rig.until(2, "nodes", has_nodes(&["n1"])).await;
    rig.api.all(&Mode::Hangs);
    rig.api.with(|state| state.watch = WatchMode::Silent);
    let took = rig.until(30, "down", down_by(BlindKind::TimedOut)).await;
    assert!(took <= Duration::from_secs(15), "noticed after {took:?}");
    let last = rig.nodes_at();
    sleep(Duration::from_secs(1_200)).await;
    assert_eq!(rig.nodes_at(), last, "nobody saw the nodes since");
    assert!(matches!(
        rig.link.facts().nodes.fresh(rig.now(), Span::secs(30)),
        Err(why) if why.kind == BlindKind::Stale
    ));
    let connects = rig.api.with(|state| state.connects);
    rig.api.all(&Mode::Well);
    rig.api.with(|state| state.watch = WatchMode::Well);
    let took = rig.until(30, "up again", up_on(A)).await;
    assert!(took <= Duration::from_secs(6), "came back after {took:?}");
    rig.until(5, "fresh nodes", |f| f.nodes.fresh(rig.now(), Span::secs(5)).is_ok()).await;
    assert_eq!(rig.api.with(|state| state.connects), connects + 1, "rebuilt once");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_ready_is_down_without_a_storm_of_requests() {
    let rig = rig(|api| api.all(&Mode::Well));
    rig.until(2, "up", up_on(A)).await;
    rig.api.all(&Mode::Says(503, "[-]etcd failed".to_owned()));
    rig.until(15, "down", down_by(BlindKind::NotYet)).await;
    let Link::Down { why, .. } = rig.link.facts().link else { panic!("not down") };
    assert!(why.detail.contains("etcd failed"), "{why}");
    assert!(matches!(rig.link.facts().endpoints[A], Seen::Known { value: false, .. }));
    let before = rig.api.count("");
    sleep(Duration::from_secs(600)).await;
    let asked = rig.api.count("") - before;
    assert!(asked <= 2 * 601, "{asked} requests in 10 minutes to two endpoints");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_counts_only_after_the_server_had_time_to_load_its_roles() {
    let rig = rig(|api| {
        api.with(|state| {
            for endpoint in [A, B] {
                let mode = Mode::Says(403, r#"{"message":"forbidden"}"#.to_owned());
                state.readyz.insert(endpoint.to_owned(), mode);
            }
        });
    });
    rig.until(2, "not ready yet", down_by(BlindKind::NotYet)).await;
    sleep(Duration::from_secs(10)).await;
    assert!(down_by(BlindKind::NotYet)(&rig.link.facts()), "{:?}", rig.link.facts().link);
    rig.until(10, "denied", down_by(BlindKind::Denied)).await;
    let Link::Down { why, .. } = rig.link.facts().link else { panic!("not down") };
    assert!(why.detail.contains("refuses our credentials (403 Forbidden: forbidden)"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_read_again_but_not_in_a_storm() {
    let rig = rig(|_| {});
    rig.until(2, "nodes", has_nodes(&["n1"])).await;
    sleep(Duration::from_secs(60)).await;
    let reads = rig.reads.load(SeqCst);
    rig.api.with(|state| state.watch = WatchMode::Code(401));
    sleep(Duration::from_secs(100)).await;
    let more = rig.reads.load(SeqCst) - reads;
    assert!((1..=11).contains(&more), "read {more} times in 100 s");
    rig.api.with(|state| state.watch = WatchMode::Well);
    sleep(Duration::from_secs(15)).await;
    rig.api.put("n2", &json!({}));
    rig.until(2, "the watch goes on", has_nodes(&["n1", "n2"])).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_kubeconfig_the_reason_is_shown_and_it_is_asked_for_again() {
    let rig = rig(|_| {});
    rig.kubeconfig.store(false, SeqCst);
    rig.until(2, "down", down_by(BlindKind::Denied)).await;
    let facts = rig.link.facts();
    assert!(matches!(facts.nodes, Seen::Unknown { ref why, .. } if why.detail.contains("gave it")));
    sleep(Duration::from_secs(100)).await;
    assert!(rig.reads.load(SeqCst) <= 12, "asked {} times", rig.reads.load(SeqCst));
    rig.kubeconfig.store(true, SeqCst);
    rig.until(12, "up", up_on(A)).await;
}

#[tokio::test(start_paused = true)]
async fn another_endpoint_takes_over_and_keeps_the_link() {
    let rig = rig(|_| {});
    rig.until(2, "up", up_on(A)).await;
    rig.api.with(|state| state.readyz.insert(A.to_owned(), Mode::Breaks));
    rig.until(10, "the other endpoint", up_on(B)).await;
    rig.api.with(|state| state.readyz.insert(A.to_owned(), Mode::Well));
    sleep(Duration::from_secs(60)).await;
    assert!(up_on(B)(&rig.link.facts()), "a good endpoint is not left");
    assert!(matches!(rig.link.facts().endpoints[A], Seen::Known { value: true, .. }));
    rig.api.with(|state| state.readyz.insert(A.to_owned(), Mode::Breaks));
    let lost = |facts: &ApiFacts| matches!(facts.endpoints[A], Seen::Unknown { .. });
    rig.until(10, "the first one is lost", lost).await;
    let since = rig.link.facts().endpoints[A].clone();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.link.facts().endpoints[A], since, "lost since then, not since the last look");
}

#[tokio::test(start_paused = true)]
async fn missing_rights_are_not_asked_for_in_a_storm() {
    let rig = rig(|api| {
        api.with(|state| state.rest = Mode::Says(403, r#"{"message":"no nodes"}"#.to_owned()));
    });
    rig.link.watch_leases([MachineName::fixed("n1")].into());
    let denied = |facts: &ApiFacts| match &facts.nodes {
        Seen::Unknown { why, .. } => why.kind == BlindKind::Denied,
        Seen::Known { .. } => false,
    };
    rig.until(2, "the right is named", denied).await;
    sleep(Duration::from_secs(600)).await;
    assert!(up_on(A)(&rig.link.facts()), "the link itself is well");
    assert!(rig.api.count("/nodes") <= 125, "{} lists", rig.api.count("/nodes"));
    assert!(rig.api.count("/leases") <= 62, "{} lists", rig.api.count("/leases"));
    rig.api.with(|state| state.rest = Mode::Well);
    rig.until(9, "seen once it may be", has_nodes(&["n1"])).await;
}

#[tokio::test(start_paused = true)]
async fn one_failed_probe_ends_nothing() {
    let rig = rig(|_| {});
    rig.until(2, "up", up_on(A)).await;
    let probes = rig.api.count("/readyz");
    rig.api.with(|state| state.readyz.insert(A.to_owned(), Mode::Breaks));
    while rig.api.count("/readyz") < probes + 2 {
        sleep(Duration::from_millis(10)).await;
    }
    rig.api.with(|state| state.readyz.insert(A.to_owned(), Mode::Well));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(rig.reads.load(SeqCst), 1, "the link was never rebuilt");
    assert!(up_on(A)(&rig.link.facts()));
}

#[tokio::test(start_paused = true)]
async fn whatever_a_watch_sends_the_next_list_mends_it() {
    let line = |text: &str| WatchMode::Line(text.to_owned());
    let gone = json!({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}});
    let table = [
        WatchMode::Code(410),
        WatchMode::Code(500),
        WatchMode::Code(403),
        WatchMode::Silent,
        line(&gone.to_string()),
        line("{\"type\":\"ADDED\""),
        line("null"),
        line(r#"{"type":"ADDED","object":{"metadata":{"resourceVersion":"x"}}}"#),
        line(&"x".repeat(5 << 20)),
    ];
    for mode in table {
        let rig = rig(|_| {});
        rig.until(2, "nodes", has_nodes(&["n1"])).await;
        rig.api.with(|state| state.watch = mode.clone());
        rig.api.put("n2", &json!({}));
        // The first watch is still a good one; it ends within its ten seconds.
        sleep(Duration::from_secs(15)).await;
        rig.api.put("n3", &json!({}));
        rig.api.with(|state| state.watch = WatchMode::Well);
        rig.until(15, &format!("{mode:?}"), has_nodes(&["n1", "n2", "n3"])).await;
        rig.link.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_silent_too_long_does_not_look_fresh() {
    let rig = rig(|_| {});
    rig.until(2, "nodes", has_nodes(&["n1"])).await;
    rig.api.with(|state| {
        state.watch = WatchMode::Silent;
        state.rest = Mode::Well;
    });
    sleep(Duration::from_secs(12)).await;
    rig.api.with(|state| state.rest = Mode::Hangs);
    sleep(Duration::from_secs(60)).await;
    let age = rig.now().since(rig.nodes_at());
    assert!(age >= Span::secs(45), "the nodes look {age} old although nothing was seen");
    assert!(up_on(A)(&rig.link.facts()), "/readyz is well, so the link is up");
}

#[tokio::test(start_paused = true)]
async fn one_absurd_node_hides_no_other() {
    let rig = rig(|api| {
        api.put(
            "odd",
            &json!({"metadata": {"uid": 7, "annotations": {"ananke.bstein.dev/cordon":
            {"id": 1}}}, "status": {"conditions": "none", "nodeInfo": {"bootID": ["x"]}}}),
        );
    });
    rig.until(2, "nodes", has_nodes(&["n1", "odd"])).await;
    let facts = rig.link.facts();
    let odd = &facts.nodes.any_age().unwrap()[&MachineName::fixed("odd")];
    assert_eq!((odd.uid.as_str(), &odd.cordon), ("", &CordonMark::Garbled));
}

#[tokio::test(start_paused = true)]
async fn leases_are_read_only_while_they_are_wanted() {
    let rig = rig(|api| api.put("n2", &json!({})));
    rig.until(2, "nodes", has_nodes(&["n1", "n2"])).await;
    rig.link.watch_leases([MachineName::fixed("n1")].into());
    let lease = |facts: &ApiFacts, name: &'static str| {
        facts.nodes.any_age().and_then(|n| n[&MachineName::fixed(name)].lease.clone())
    };
    rig.until(2, "a lease", |facts| lease(facts, "n1").is_some()).await;
    assert_eq!(lease(&rig.link.facts(), "n2"), None);
    rig.link.watch_leases(BTreeSet::new());
    sleep(Duration::from_secs(3)).await;
    assert_eq!(lease(&rig.link.facts(), "n1"), None);
    let before = rig.api.count("leases");
    sleep(Duration::from_secs(600)).await;
    assert_eq!(rig.api.count("leases"), before);
}

#[tokio::test(start_paused = true)]
async fn every_answer_to_a_write_is_classified() {
    let says = |code, message: &str| Mode::Says(code, json!({ "message": message }).to_string());
    let whole_422 = |details| {
        let status = json!({"kind": "Status", "reason": "Invalid", "details": details});
        Mode::Says(422, status.to_string())
    };
    let table = [
        (Mode::Well, "done", ""),
        (says(409, "the object has been modified"), "refused", "changed meanwhile"),
        (whole_422(json!({})), "refused", "changed meanwhile"),
        (whole_422(json!({"name": "n1", "causes": []})), "failed", "422"),
        (says(422, "no details at all"), "failed", "no details"),
        (says(404, "nodes \"n1\" not found"), "refused", "not there"),
        (says(403, "may not"), "failed", "RBAC"),
        (says(401, "Unauthorized"), "failed", "credentials"),
        (says(429, "too many"), "failed", "overloaded"),
        (says(500, "etcdserver: request timed out"), "unknown", "etcdserver"),
        (says(504, "Timeout"), "unknown", "Timeout"),
        (Mode::Hangs, "unknown", "no answer"),
        (Mode::Breaks, "unknown", "connection reset"),
    ];
    for (mode, word, reason) in table {
        let rig = rig(|api| {
            api.with(|state| state.patch = Some(mode.clone()));
            api.put(
                "n1",
                &json!({"spec": {"unschedulable": true}, "metadata": {"annotations":
                {"ananke.bstein.dev/cordon": record("7").to_string()}}}),
            );
        });
        rig.until(2, "up", up_on(A)).await;
        let effect = Effect::Uncordon { node: MachineName::fixed("n1"), id: CordonId::fixed("7") };
        let began = Instant::now();
        let result = rig.link.perform(&effect, &Expect::default(), Span::secs(4)).await;
        assert!(began.elapsed() <= Duration::from_secs(4), "{mode:?} took {:?}", began.elapsed());
        assert_eq!(result.word(), word, "{mode:?}: {result:?}");
        assert!(result.why().unwrap_or_default().contains(reason), "{mode:?}: {result:?}");
        assert_eq!(rig.api.count("PATCH"), 1, "{mode:?}: a write is never repeated");
    }
}

fn record(id: &str) -> serde_json::Value {
    json!({"id": id, "owner": "atlas", "kind": "recovery", "priorUnschedulable": false,
        "acquiredAt": "2026-01-01T00:00:00Z", "expiresAt": "2026-01-01T01:00:00Z", "bootId": "b"})
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_it_can_not_be_judged() {
    let node = |name: &'static str| MachineName::fixed(name);
    let uncordon = |name| Effect::Uncordon { node: node(name), id: CordonId::fixed("7") };
    let unit = crate::model::facts::Unit::K3s;
    let table = [
        (Mode::Hangs, uncordon("n1"), "failed", "can't be read"),
        (Mode::Says(403, "{}".into()), uncordon("n1"), "failed", "can't be read"),
        (Mode::Says(200, "garbage".into()), uncordon("n1"), "failed", "not JSON"),
        (Mode::Says(200, "[]".into()), uncordon("n1"), "refused", "no name"),
        (Mode::Well, uncordon("n9"), "refused", "no such node"),
        (Mode::Well, uncordon("../pods"), "refused", "name of a node"),
        (Mode::Well, Effect::StartUnit { host: node("n1"), unit }, "refused", "no matter"),
    ];
    for (mode, effect, word, reason) in table {
        let rig = rig(|_| {});
        rig.until(2, "up", up_on(A)).await;
        rig.api.with(|state| state.rest = mode.clone());
        let result = rig.link.perform(&effect, &Expect::default(), Span::secs(20)).await;
        assert_eq!(result.word(), word, "{mode:?}: {result:?}");
        assert!(result.why().unwrap_or_default().contains(reason), "{mode:?}: {result:?}");
        assert_eq!(rig.api.count("PATCH"), 0, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_while_the_link_is_down_fails_at_once_with_the_links_reason() {
    let rig = rig(|api| api.all(&Mode::Well));
    rig.kubeconfig.store(false, SeqCst);
    rig.until(2, "down", down_by(BlindKind::Denied)).await;
    let began = Instant::now();
    let expect = Expect::default();
    let result = rig.link.perform(&Effect::WriteCanary, &expect, Span::secs(20)).await;
    assert_eq!((result.word(), began.elapsed()), ("failed", Duration::ZERO));
    assert!(result.why().unwrap_or_default().contains("gave it"), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_new_version_proves_no_write() {
    let lease = |version: &str| {
        Some(Mode::Says(200, json!({"metadata": {"resourceVersion": version}}).to_string()))
    };
    let rig = rig(|_| {});
    rig.until(2, "up", up_on(A)).await;
    for (answer, word) in [
        (lease("41"), "done"),
        (lease("41"), "failed"),
        (lease(""), "failed"),
        (Some(Mode::Says(200, "ok".into())), "failed"),
        (lease("42"), "done"),
    ] {
        rig.api.with(|state| state.patch = answer);
        let result =
            rig.link.perform(&Effect::WriteCanary, &Expect::default(), Span::secs(5)).await;
        assert_eq!(result.word(), word, "{result:?}");
    }
    let facts = rig.link.facts();
    assert_eq!(facts.canary.any_age().map(|c| c.resource_version.as_str()), Some("42"));
}

const APPLIED: &str = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations";
const SOURCES: &str = "/apis/source.toolkit.fluxcd.io/v1beta2/gitrepositories";

fn flux(state: &mut super::simulated::State) {
    let object = |name: &str| {
        json!({"metadata": {"name": name, "namespace": "flux-system", "generation": 1},
            "status": {"observedGeneration": 1,
                "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    state.kinds.insert(SOURCES, Ok(vec![object("flux-system")]));
    state.kinds.insert(APPLIED, Ok(vec![object("apps"), object("infra")]));
}

impl Rig {
    /// Waits for what is said of the kinds.
    async fn kinds(
        &self,
        seconds: u64,
        what: &str,
        test: impl Fn(&crate::model::cluster::ClusterFacts) -> bool,
    ) {
        self.until(seconds, what, |_| test(&self.link.cluster())).await;
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_are_found_in_the_version_that_is_served_and_stay_fresh() {
    let rig = rig(|api| api.with(flux));
    rig.kinds(5, "an older version", |it| {
        it.git_repositories.any_age().is_some_and(|all| all.len() == 1)
            && it.kustomizations.any_age().is_some_and(|all| all.len() == 2)
    })
    .await;
    let none = rig.link.cluster().helm_releases;
    assert!(matches!(none, Seen::Unknown { why, .. } if why.kind == BlindKind::NotAsked));
    sleep(Duration::from_secs(20)).await;
    let mut changed = rig.link.changed();
    changed.mark_unchanged();
    for _ in 0..360 {
        sleep(Duration::from_secs(10)).await;
        let seen = rig.link.cluster().kustomizations;
        let age = seen.fresh(rig.now(), Span::secs(12)).map(drop);
        assert_eq!(age, Ok(()), "facts aged although the API is well");
    }
    assert!(!changed.has_changed().unwrap(), "a quiet hour woke the loop");
    let lists = rig.api.count(&format!("{APPLIED}?limit"));
    assert!(lists <= 4, "{lists} lists in an hour: a watch is no polling");
}

#[tokio::test(start_paused = true)]
async fn one_kind_that_may_not_be_seen_is_unknown_and_nothing_else_suffers() {
    let forbidden = json!({"kind": "Status", "message": "kustomizations is forbidden"}).to_string();
    let rig = rig(|api| {
        api.with(|state| {
            flux(state);
            state.kinds.insert(APPLIED, Err(Mode::Says(403, forbidden)));
        });
    });
    rig.kinds(5, "it is denied", |it| {
        matches!(&it.kustomizations, Seen::Unknown { why, .. }
            if why.kind == BlindKind::Denied && why.detail.contains("is forbidden"))
    })
    .await;
    rig.kinds(5, "the other is seen", |it| it.git_repositories.any_age().is_some()).await;
    assert!(has_nodes(&["n1"])(&rig.link.facts()), "and so are the nodes");
    // The right is given: nobody has to restart anything.
    rig.api.with(flux);
    rig.kinds(60, "it is seen", |it| it.kustomizations.any_age().is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_later_is_found_and_one_that_hangs_grows_old() {
    let rig = rig(|_| {});
    rig.kinds(5, "not served", |it| {
        matches!(&it.kustomizations, Seen::Unknown { why, .. } if why.kind == BlindKind::NotAsked)
    })
    .await;
    rig.api.with(flux);
    rig.kinds(60, "it is found", |it| it.kustomizations.any_age().is_some()).await;
    rig.api.with(|state| {
        state.kinds.insert(APPLIED, Err(Mode::Hangs));
    });
    sleep(Duration::from_secs(60)).await;
    let seen = rig.link.cluster().kustomizations;
    let stale = seen.fresh(rig.now(), Span::secs(30)).map(drop).map_err(|blind| blind.kind);
    assert_eq!(stale, Err(BlindKind::Stale));
}

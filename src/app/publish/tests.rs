//! The writer before the simulated API servers, in a world whose time passes fifty times as fast.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;
use crate::config::settings::KubeSettings;
use crate::model::assessment::Phase;
use crate::replay::samples;
use crate::sim::deed::{Deed, Which};
use crate::sim::faces::Stage;
use crate::sim::faces::sockets::ApiServers;
use crate::sim::faces::sockets::api::Cluster;
use crate::sim::site::Site;
use crate::sim::world::World;
use crate::sim::world::store::Key;
use crate::sim::world::store::kinds::RECOVERY_STATUSES;

/// Nothing here takes so long, also on a machine under load.
const LIMIT: Duration = Duration::from_secs(60);

struct Before {
    stage: Stage,
    kube: Arc<KubeLink>,
    _servers: ApiServers,
    _time: JoinSet<()>,
}

impl Before {
    async fn open() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let speed = NonZeroU32::new(50).expect("not zero");
        let stage = Stage::new(World::new(&Site::small(), 1), speed);
        let mut time = JoinSet::new();
        time.spawn(stage.clone().drive());
        let servers = ApiServers::open(&stage).expect("servers");
        let settings = KubeSettings {
            kubeconfig: None,
            endpoints: servers.endpoints(),
            request: Span::secs(5),
            namespace: "kube-system".to_owned(),
        };
        let text = servers.kubeconfig().to_owned();
        let source = move || {
            let text = text.clone();
            async move { Ok(text) }
        };
        let clock = stage.clock().clone();
        let kube = Arc::new(KubeLink::start(settings, "jump", move || clock.now(), source));
        let mut changed = kube.changed();
        while !matches!(kube.facts().link, Link::Up { .. }) {
            timeout(LIMIT, changed.changed()).await.expect("a link").expect("a link");
        }
        Self { stage, kube, _servers: servers, _time: time }
    }

    /// A tick of this moment.
    fn tick(&self, phase: Phase, up: bool) -> Arc<TickRecord> {
        let mut record = samples::tick(1);
        record.input.now = self.stage.clock().now();
        record.decision.phase = phase;
        let (since, endpoint) = (Mono(0), "https://a".to_owned());
        record.input.observation.api.link =
            if up { Link::Up { since, endpoint } } else { Link::Probing };
        Arc::new(record)
    }

    fn object(&self) -> Value {
        let key = Key::global(&RECOVERY_STATUSES, "home");
        self.stage.look(|store, _| store.get(&key).map_or(Value::Null, |it| (**it).clone()))
    }

    /// Shows ticks of one phase until the object is so.
    async fn until(&self, publisher: &mut Publisher, phase: Phase, want: impl Fn(&Value) -> bool) {
        let mut changed = self.stage.changed();
        let wait = async {
            while !want(&self.object()) {
                publisher.show(&self.tick(phase, true));
                changed.changed().await.expect("the stage");
            }
        };
        let end = timeout(LIMIT, wait).await;
        assert!(end.is_ok(), "never: {:#}", self.object());
    }
}

fn ready(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    ready.next().map(|it| format!("{} {}", it["status"], it["reason"])).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_follows_the_ticks_and_an_outage_takes_it_back() {
    let site = Before::open().await;
    let (told, _orders) = mpsc::channel(4);
    let clock = site.stage.clock().clone();
    let mut publisher = Publisher::start(clock, Arc::clone(&site.kube), told);
    let unproven = |it: &Value| ready(it) == r#""Unknown" "NotProvenYet""#;
    let good = |it: &Value| ready(it) == r#""True" "Converged""#;
    site.until(&mut publisher, Phase::Converged, unproven).await;
    site.until(&mut publisher, Phase::Converged, good).await;
    let version = site.object()["metadata"]["resourceVersion"].clone();
    assert_eq!(site.object()["status"]["observedGeneration"], 1);
    assert_eq!(site.object()["status"]["hosts"][0]["name"], "jump");

    // The same again is no news; it is written once a minute, and not before.
    let before = site.stage.clock().now().mono;
    site.until(&mut publisher, Phase::Converged, |it| it["metadata"]["resourceVersion"] != version)
        .await;
    let passed = site.stage.clock().now().mono.since(before);
    assert!(passed >= Span::secs(50), "written after {passed}");

    // The link was down in between: the next word is not what was good before.
    publisher.show(&site.tick(Phase::Recovering, false));
    site.until(&mut publisher, Phase::Converged, unproven).await;
    site.until(&mut publisher, Phase::Blocked, |it| ready(it).contains("ManualAction")).await;
    publisher.show(&site.tick(Phase::Converged, true));
    publisher.finish().await;
    assert!(good(&site.object()), "the last word is written: {:#}", site.object());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_in_the_object_becomes_an_order_and_so_does_its_end() {
    let site = Before::open().await;
    let (told, mut orders) = mpsc::channel(4);
    let clock = site.stage.clock().clone();
    let mut publisher = Publisher::start(clock, Arc::clone(&site.kube), told);
    site.until(&mut publisher, Phase::Converged, |it| ready(it).contains("Converged")).await;
    let key = Key::global(&RECOVERY_STATUSES, "home");
    site.stage.write(|store, _| {
        let set = |it: &mut Value| it["spec"] = json!({"pause": {"reason": "new switch"}});
        store.change(&key, set).expect("the object");
    });
    let version = site.object()["metadata"]["resourceVersion"].clone();
    site.until(&mut publisher, Phase::Converged, |it| it["metadata"]["resourceVersion"] != version)
        .await;
    let told = timeout(LIMIT, orders.recv()).await.expect("an order").expect("an order");
    let by = || "recoverystatus/home".to_owned();
    assert_eq!(told.order, Order::Pause { by: by(), why: "new switch".to_owned() });

    // Taken away while ananke did not run: a new life ends the pause that an older one made.
    publisher.finish().await;
    site.stage.write(|store, _| {
        store.change(&key, |it| it["spec"] = json!({})).expect("the object");
    });
    let (told, mut orders) = mpsc::channel(4);
    let clock = site.stage.clock().clone();
    let mut publisher = Publisher::start(clock, Arc::clone(&site.kube), told);
    let mut record = (*site.tick(Phase::Held, true)).clone();
    let since = record.input.now.wall;
    let why = "new switch".to_owned();
    record.decision.memory.durable.paused =
        Some(crate::model::memory::Pause { by: by(), why, since });
    publisher.show(&Arc::new(record));
    let told = timeout(LIMIT, orders.recv()).await.expect("an order").expect("an order");
    assert_eq!(told.order, Order::Resume { by: by() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_silent_costs_the_loop_nothing() {
    let site = Before::open().await;
    let (told, _orders) = mpsc::channel(4);
    let clock = site.stage.clock().clone();
    let mut publisher = Publisher::start(clock, Arc::clone(&site.kube), told);
    site.stage.suffer(&Deed::PowerOff(Which::All)).expect("power is there");
    let begin = tokio::time::Instant::now();
    for _ in 0..100 {
        publisher.show(&site.tick(Phase::Recovering, true));
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    publisher.finish().await;
    assert_eq!(site.object(), Value::Null);
}

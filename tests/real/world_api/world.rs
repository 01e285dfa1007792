//! The API servers of a whole simulated site, through a loss of power.

use std::num::NonZeroU32;
use std::time::Duration;

use ananke::adapters::kube::KubeLink;
use ananke::config::settings::KubeSettings;
use ananke::model::action::{Effect, Expect};
use ananke::model::facts::{ApiFacts, Link, Ready};
use ananke::model::outcome::ActionResult;
use ananke::model::policy::Role;
use ananke::model::time::Span;
use ananke::ports::Clock;
use ananke::sim::deed::{Deed, Which};
use ananke::sim::faces::Stage;
use ananke::sim::faces::sockets::ApiServers;
use ananke::sim::site::Site;
use ananke::sim::world::World;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// So many times as fast as the real world: a boot takes a second or two.
const SPEED: NonZeroU32 = NonZeroU32::new(40).unwrap();

struct Scene {
    stage: Stage,
    servers: ApiServers,
    driver: JoinHandle<()>,
}

impl Scene {
    fn open(site: &Site) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let stage = Stage::new(World::new(site, 7), SPEED);
        let servers = ApiServers::open(&stage).unwrap();
        let driver = tokio::spawn(stage.clone().drive());
        Self { stage, servers, driver }
    }

    fn link(&self) -> KubeLink {
        let settings = KubeSettings {
            kubeconfig: None,
            endpoints: self.servers.endpoints(),
            request: Span::secs(2),
            namespace: "kube-system".to_owned(),
        };
        let text = self.servers.kubeconfig().to_owned();
        let source = move || {
            let text = text.clone();
            async move { Ok(text) }
        };
        let clock = self.stage.clock().clone();
        KubeLink::start(settings, "atlas", move || clock.now(), source)
    }

    fn suffer(&self, deed: &Deed) {
        self.stage.suffer(deed).unwrap();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn until(link: &KubeLink, what: &str, test: impl Fn(&ApiFacts) -> bool) {
    let wait = async {
        while !test(&link.facts()) {
            // poll: the facts, until the deadline below
            sleep(Duration::from_millis(20)).await;
        }
    };
    let end = timeout(Duration::from_secs(60), wait).await;
    assert!(end.is_ok(), "never: {what}; {:#?}", link.facts());
}

fn ready(facts: &ApiFacts, count: usize) -> bool {
    let nodes = facts.nodes.any_age().into_iter().flatten();
    nodes.filter(|(_, node)| node.ready == Ready::True).count() == count
}

fn is_up(facts: &ApiFacts) -> bool {
    matches!(facts.link, Link::Up { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_goes_with_the_power_and_comes_with_quorum() {
    let scene = Scene::open(&Site::small());
    let link = scene.link();
    until(&link, "four nodes", |facts| is_up(facts) && ready(facts, 4)).await;
    let canary = link.perform(&Effect::WriteCanary, &Expect::default(), Span::secs(5)).await;
    assert_eq!(canary, ActionResult::Done);
    let boots = |facts: &ApiFacts| -> Vec<String> {
        let nodes = facts.nodes.any_age().into_iter().flatten();
        nodes.map(|(_, node)| node.boot_id.as_str().to_owned()).collect()
    };
    let before = boots(&link.facts());
    scene.suffer(&Deed::PowerOff(Which::All));
    until(&link, "down", |facts| matches!(facts.link, Link::Down { .. })).await;
    scene.suffer(&Deed::PowerOn(Which::All));
    let anew = |facts: &ApiFacts| {
        is_up(facts)
            && ready(facts, 4)
            && boots(facts).iter().zip(&before).all(|(now, before)| now != before)
    };
    until(&link, "four nodes of another boot", anew).await;
    link.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_that_hangs_is_left_for_another() {
    let scene = Scene::open(&Site::small());
    let link = scene.link();
    until(&link, "up", is_up).await;
    let endpoint = |facts: &ApiFacts| match &facts.link {
        Link::Up { endpoint, .. } => endpoint.clone(),
        Link::Probing | Link::Down { .. } => String::new(),
    };
    let first = endpoint(&link.facts());
    let servers = scene.stage.with(|world| world.site().clone()).machines;
    let servers = servers.into_iter().filter(|(_, it)| it.role == Role::Server);
    let mut named = servers.zip(scene.servers.endpoints());
    let ((name, _), _) = named.find(|(_, endpoint)| *endpoint == first).unwrap();
    scene.suffer(&Deed::Freeze(Which::Named(vec![name])));
    let other = |facts: &ApiFacts| is_up(facts) && endpoint(facts) != first;
    until(&link, "another server", other).await;
    link.stop().await;
}

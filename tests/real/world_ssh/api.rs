//! The Kubernetes API of the same world, in memory and through the real link over TLS.

use ananke::adapters::kube::{KubeLink, KubeconfigFile};
use ananke::model::action::{Effect, Expect};
use ananke::model::cordon::{CordonKind, CordonRecord};
use ananke::model::facts::{ApiFacts, BlindKind, Link, NodeFacts, Seen, Unit};
use ananke::model::ids::{CordonId, MachineName};
use ananke::model::outcome::ActionResult;
use ananke::model::time::Span;
use ananke::ports::{Clock, Observer};
use ananke::sim::deed::{Deed, Which};
use ananke::sim::faces::config::OWNER;
use ananke::sim::faces::memory::MemoryObserver;

use super::site::{AGENT, SERVER, Simulated, eventually};

/// What is seen of the API, whenever it was seen and whatever the endpoints are called.
#[derive(Debug, PartialEq)]
struct Api {
    link: &'static str,
    endpoints: Vec<Result<bool, BlindKind>>,
    version: Option<String>,
    nodes: Option<Vec<(MachineName, NodeFacts)>>,
    serves: Vec<String>,
}

impl Api {
    fn of(facts: ApiFacts) -> Self {
        let word = |seen: Seen<bool>| match seen {
            Seen::Known { value, .. } => Ok(value),
            Seen::Unknown { why, .. } => Err(why.kind),
        };
        let nodes = facts
            .nodes
            .any_age()
            .map(|nodes| nodes.iter().map(|(name, node)| (name.clone(), node.clone())).collect());
        // In whatever order their names stand.
        let mut endpoints: Vec<_> = facts.endpoints.into_values().map(word).collect();
        endpoints.sort_unstable();
        Self {
            link: match facts.link {
                Link::Up { .. } => "up",
                Link::Down { .. } => "down",
                Link::Probing => "probing",
            },
            endpoints,
            version: facts.version,
            nodes,
            serves: facts.serves,
        }
    }
}

fn real_link(site: &Simulated) -> KubeLink {
    let clock = site.stage.clock().clone();
    let kubeconfig = KubeconfigFile(site.files.kubeconfig());
    KubeLink::start(site.settings.kube.clone(), OWNER, move || clock.now(), kubeconfig)
}

async fn alike(
    what: &str,
    link: &KubeLink,
    observer: &MemoryObserver,
    as_it_should: impl Fn(&Api) -> bool,
) -> Api {
    eventually(what, || async {
        let (real, memory) = (Api::of(link.facts()), Api::of(observer.snapshot().api));
        if real == memory && as_it_should(&real) {
            Ok(real)
        } else {
            Err(format!("over TLS: {real:#?}\nin memory: {memory:#?}"))
        }
    })
    .await
}

#[tokio::test]
async fn the_same_api_is_seen_in_memory_and_through_the_real_link() {
    let site = Simulated::open(1).await;
    let (link, observer) = (real_link(&site), MemoryObserver::start(&site.stage, &site.settings));
    let all = alike("all is well", &link, &observer, |api| api.link == "up").await;
    assert_eq!(all.nodes.map(|nodes| nodes.len()), Some(5));

    site.suffer(&Deed::Cordon(AGENT.clone()));
    let cordoned = |api: &Api| {
        let nodes = api.nodes.iter().flatten();
        nodes.clone().any(|(name, node)| *name == AGENT && node.unschedulable)
    };
    alike("a person cordons", &link, &observer, cordoned).await;

    let one = Which::Named(vec![SERVER.clone()]);
    site.suffer(&Deed::UnitStopped(one, Unit::K3s));
    let two = |api: &Api| {
        api.endpoints.iter().filter(|it| **it == Ok(true)).count() == 2 && api.link == "up"
    };
    alike("one server is stopped", &link, &observer, two).await;

    site.suffer(&Deed::ApiDown);
    let gone = |api: &Api| api.link == "down";
    alike("the API answers nobody", &link, &observer, gone).await;
    link.stop().await;
}

#[tokio::test]
async fn our_writes_arrive_and_are_refused_for_the_node_that_was_not_meant() {
    let site = Simulated::open(1).await;
    let (link, observer) = (real_link(&site), MemoryObserver::start(&site.stage, &site.settings));
    alike("all is well", &link, &observer, |api| api.link == "up").await;
    let limit = Span::secs(10);
    let nobody = Expect::default();
    let canary = link.perform(&Effect::WriteCanary, &nobody, limit).await;
    assert_eq!(canary, ActionResult::Done);
    let now = site.stage.clock().now();
    let record = CordonRecord {
        id: CordonId::fixed("l.1-1"),
        owner: OWNER.to_owned(),
        kind: CordonKind::Recovery,
        prior_unschedulable: false,
        acquired_at: now.wall,
        expires_at: now.wall,
        boot_id: now.boot,
    };
    let cordon = Effect::Cordon { node: AGENT.clone(), record };
    let other = Expect { uid: Some("another".to_owned()), ..Expect::default() };
    let refused = link.perform(&cordon, &other, limit).await;
    assert!(matches!(refused, ActionResult::Refused { .. }), "{refused:?}");
    assert_eq!(link.perform(&cordon, &nobody, limit).await, ActionResult::Done);
    assert_eq!(link.perform(&cordon, &nobody, limit).await, ActionResult::AlreadyDone);
    let ours = |api: &Api| {
        let nodes = api.nodes.iter().flatten();
        nodes.clone().any(|(name, node)| *name == AGENT && node.unschedulable)
    };
    alike("our cordon is seen", &link, &observer, ours).await;
    link.stop().await;
}

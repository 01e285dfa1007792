//! What questions from outside find: the truth, whatever any status says.

use serde_json::{Value, json};

use super::{idle, inside, not_ready, suffer, within, world};
use crate::model::ids::MachineName;
use crate::model::probe::{Answer, Ask, HttpAsk};
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which, Within};
use crate::sim::world::World;
use crate::sim::world::doors::Door;
use crate::sim::world::store::Key;
use crate::sim::world::store::kinds::SERVICES;

/// An agent, through which Services can be asked.
static AGENT: MachineName = MachineName::fixed("titan-04");

/// `GET URL`, with more that is wished for.
fn get(url: &str, mut wish: Value) -> Ask {
    wish["url"] = url.into();
    wish["statuses"] = json!([200]);
    Ask::Http(serde_json::from_value::<HttpAsk>(wish).expect("a question"))
}

fn tcp(host: &str, port: u16) -> Ask {
    Ask::Tcp { host: host.to_owned(), port }
}

fn dns(name: &str) -> Ask {
    Ask::Dns { server: "10.43.0.10".to_owned(), port: 53, name: name.to_owned() }
}

/// The answer in short: a status with what else is wrong, or the words.
fn said(world: &World, ask: &Ask, via: Option<&MachineName>) -> String {
    match world.asked(ask, via) {
        None => "nobody could ask".to_owned(),
        Some(Answer::Http(it)) => format!("{} {}", it.status, it.wrong.join("; ")),
        Some(Answer::Seal(it)) => it.seal.to_string(),
        Some(Answer::Accepted) => "accepted".to_owned(),
        Some(Answer::Resolved) => "resolved".to_owned(),
        Some(Answer::NoSuchName) => "no such name".to_owned(),
        Some(Answer::Nothing { why }) => why,
    }
}

fn healthy_git() -> Ask {
    let wish = json!({"json": {"pointer": "/status", "value": "pass"}});
    get("https://git.test.example/api/healthz?full", wish)
}

#[test]
fn a_settled_site_answers_whoever_asks_from_the_right_place() {
    let world = world(23);
    let here = |ask: &Ask| said(&world, ask, None);
    let there = |ask: &Ask| said(&world, ask, Some(&AGENT));
    for ask in [healthy_git(), get("http://git.test.example/", json!({"at": "titan-02"}))] {
        assert_eq!((here(&ask), there(&ask)), ("200 ".to_owned(), "200 ".to_owned()), "{ask:?}");
    }
    let Some(Answer::Http(answer)) = world.asked(&healthy_git(), None) else { panic!("HTTP") };
    assert!(answer.certificate_until.is_some_and(|until| until > world.wall()));
    let realm = json!({"challenge": "Bearer realm=\"https://harbor.test.example/"});
    assert_eq!(here(&get("https://harbor.test.example/v2/", realm)), "401 ");
    let login = json!({"redirect": "https://grafana.test.example/login"});
    assert_eq!(here(&get("https://grafana.test.example", login)), "302 ");
    assert_eq!(here(&get("https://nobody.test.example/", json!({}))), "404 ");
    let plain = get("https://git.test.example/", json!({"at": "titan-02:80"}));
    assert_eq!(here(&plain), "it does not speak TLS");

    let vault = get("http://vault.vault.svc.cluster.local:8200/v1/sys/health", json!({}));
    assert_eq!(there(&vault), "200 ");
    assert_eq!(there(&tcp("postgres.database.svc", 5432)), "accepted");
    assert_eq!(there(&tcp("postgres.database.svc", 1)), "no answer", "not a port of it");
    assert_eq!(there(&tcp("nobody.database.svc", 5432)), "the name does not resolve");
    assert_eq!(there(&dns("kubernetes.default.svc.cluster.local")), "resolved");
    assert_eq!(there(&dns("git.test.example")), "resolved");
    assert_eq!(there(&dns("nobody.default.svc.cluster.local")), "no such name");
    // From ananke's host there is no way to any of these.
    assert_eq!(here(&vault), "the name does not resolve");
    assert_eq!(here(&dns("git.test.example")), "no answer");
}

#[test]
fn after_a_blackout_nobody_answers_while_every_status_is_green_and_then_everybody_does() {
    let mut world = world(25);
    let database = tcp("postgres.database.svc", 5432);
    suffer(&mut world, &[Deed::PowerOff(Which::All)]);
    assert_eq!(said(&world, &database, Some(&AGENT)), "nobody could ask");
    assert_eq!(said(&world, &healthy_git(), None), "no answer");
    suffer(&mut world, &[Deed::PowerOn(Which::All)]);

    assert!(within(&mut world, 5, |it| it.ssh_door(&AGENT) == Door::Open));
    assert_eq!(not_ready(&world), Vec::<&str>::new(), "every status is from before");
    assert_eq!(said(&world, &database, Some(&AGENT)), "the name does not resolve");
    assert_eq!(said(&world, &healthy_git(), None), "connection refused");
    let jellyfin = get("https://media.test.example/health", json!({"body": "Healthy"}));
    assert_eq!(said(&world, &jellyfin, None), "connection refused");

    assert!(within(&mut world, 20, |it| idle(it).is_empty()), "{:?}", idle(&world));
    assert!(within(&mut world, 2, |it| said(it, &healthy_git(), None) == "200 "));
    assert!(within(&mut world, 2, |it| said(it, &jellyfin, None) == "200 "));
    assert_eq!(said(&world, &database, Some(&AGENT)), "accepted");
}

#[test]
fn what_is_broken_says_so_to_whoever_asks() {
    let mut world = world(27);
    let address = |world: &World, namespace: &str, name: &str| {
        let service = world.store().get(&Key::of(&SERVICES, namespace, name)).expect("a Service");
        service["spec"]["clusterIP"].as_str().expect("an address").to_owned()
    };
    let by_address = tcp(&address(&world, "gitea", "gitea"), 3000);
    let by_name = tcp("gitea.gitea.svc.cluster.local", 3000);
    let mute = |workload: &str, on| inside(Within::Mute { workload: workload.into(), on });

    suffer(&mut world, &[mute("coredns", true)]);
    world.pass(Span::secs(20));
    assert_eq!(said(&world, &dns("git.test.example"), Some(&AGENT)), "connection refused");
    assert_eq!(said(&world, &by_name, Some(&AGENT)), "the name does not resolve");
    assert_eq!(said(&world, &by_address, Some(&AGENT)), "accepted", "it needs no name");
    suffer(&mut world, &[mute("coredns", false), mute("postgres", true)]);
    let failing = said(&world, &healthy_git(), None);
    assert!(failing.starts_with("503 ") && failing.contains("stands \"fail\""), "{failing}");
    suffer(&mut world, &[mute("postgres", false), mute("gitea", true)]);
    assert_eq!(said(&world, &healthy_git(), None), "no answer", "whatever its slice says");
    world.pass(Span::secs(20));
    assert_eq!(said(&world, &by_address, Some(&AGENT)), "connection refused", "not any more");
    suffer(&mut world, &[mute("gitea", false)]);
    world.pass(Span::secs(20));
    assert_eq!(said(&world, &healthy_git(), None), "200 ");

    suffer(&mut world, &[inside(Within::Scaled { workload: "wiki".into(), replicas: 0 })]);
    world.pass(Span::secs(20));
    assert!(said(&world, &get("https://wiki.test.example/", json!({})), None).starts_with("503"));
    suffer(&mut world, &[inside(Within::IngressForgets)]);
    assert!(said(&world, &healthy_git(), None).starts_with("404"));
}

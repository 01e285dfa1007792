//! What files that are right mean.

use super::settings::Encryption;
use super::*;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::power::{OnLow, UpsName};
use crate::model::probe::Ask;
use crate::model::time::Span;

#[test]
fn a_minimal_file_is_enough() {
    let settings = settings(MINIMAL);
    assert_eq!(said(MINIMAL), []);
    let name = MachineName::fixed("cp-1");
    assert_eq!(settings.policy.machines[&name].role, Role::Server);
    assert!(settings.policy.machines[&name].managed);
    let target = &settings.ssh.machines[&name];
    assert_eq!((target.address.as_str(), target.port, target.via_jump), ("192.0.2.11", 22, false));
    assert_eq!(target.user, "ananke");
    assert_eq!(settings.policy.owner, "titan-db");
    assert_eq!(settings.policy.timing.cordon_lease, Span::mins(60));
    assert_eq!(settings.kube.kubeconfig, None);
}

#[test]
fn encodings_of_the_same_file_mean_the_same() {
    let plain = settings(MINIMAL);
    assert_eq!(settings(&MINIMAL.replace('\n', "\r\n")), plain, "CRLF");
    assert_eq!(settings(&format!("\u{feff}{MINIMAL}")), plain, "byte order mark");
    assert_eq!(settings(&format!("---\n{MINIMAL}...\n")), plain, "document marks");
    assert_eq!(settings(MINIMAL.trim_end()), plain, "no line break at the end");
    let name = "a.yaml";
    let latin = parse_bytes(b"ssh_user: a\ncluster: caf\xe9\n", name, &context()).unwrap_err();
    assert_eq!((latin[0].code, latin[0].line, latin[0].column), (Code::NotUtf8, Some(2), Some(13)));
}

#[test]
fn places_are_right_behind_a_byte_order_mark_and_in_crlf() {
    let text = format!("\u{feff}{MINIMAL}ssh_prot: 1\n").replace('\n', "\r\n");
    let problems = said(&text);
    assert_eq!((problems[0].line, problems[0].column), (Some(5), Some(1)));
    assert!(problems[0].snippet.contains("5 | ssh_prot: 1\n"), "{}", problems[0].snippet);
}

#[test]
fn aliases_stand_for_their_value() {
    let text = "ssh_user: a\nssh_identity_file: /k\nssh_node_hosts: {cp-1: 192.0.2.1}\n\
                nodes: {servers: &all [cp-1]}\nssh_managed_nodes: *all\n";
    assert!(settings(text).policy.machines[&MachineName::fixed("cp-1")].managed);
}

#[test]
fn the_jump_host_is_never_reached_through_itself() {
    let base = "ssh_user: a\nssh_port: 2277\nssh_identity_file: /k\n\
                ssh_node_hosts: {cp-1: 192.0.2.1, w-1: 192.0.2.2, bastion: bastion.lan}\n\
                ssh_node_users: {bastion: jump}\nssh_node_ports: {bastion: 22}\n\
                nodes: {servers: [cp-1], agents: [w-1], others: [bastion]}\n";
    for jump in ["bastion", "BASTION.lan:22"] {
        let ssh = settings(&format!("{base}ssh_jump_host: {jump}\nssh_node_direct: [w-1]\n")).ssh;
        let via: Vec<_> =
            ssh.machines.iter().map(|(name, target)| (name.as_str(), target.via_jump)).collect();
        assert_eq!(via, [("bastion", false), ("cp-1", true), ("w-1", false)], "{jump}");
        let target = ssh.jump.unwrap();
        assert_eq!((target.user.as_str(), target.port), ("jump", 22), "{jump}");
    }
    let ssh = settings(&format!("{base}ssh_jump_host: 192.0.2.9\nssh_jump_user: me\n")).ssh;
    let target = ssh.jump.unwrap();
    assert_eq!(
        (target.address.as_str(), target.port, target.user.as_str()),
        ("192.0.2.9", 2277, "me")
    );
    assert!(ssh.machines.values().all(|target| target.via_jump));
}

#[test]
fn only_the_machines_of_the_list_are_managed() {
    let base = "ssh_user: a\nssh_identity_file: /k\n\
                ssh_node_hosts: {cp-1: 192.0.2.1, w-1: 192.0.2.2, nas: 192.0.2.3}\n\
                nodes: {servers: [cp-1], agents: [w-1], others: [nas]}\n";
    let managed = |text: &str| -> Vec<String> {
        let machines = settings(text).policy.machines.into_iter();
        machines.filter(|(_, m)| m.managed).map(|(name, _)| name.to_string()).collect()
    };
    assert_eq!(managed(base), ["cp-1", "w-1"]);
    assert_eq!(managed(&format!("{base}ssh_managed_nodes: [nas, cp-1]\n")), ["cp-1", "nas"]);
    assert!(managed(&format!("{base}ssh_managed_nodes: []\n")).is_empty());
}

#[test]
fn one_ups_is_enough_to_be_watched() {
    for text in ["rack@Localhost", "[rack@localhost]", "{rack@localhost: }", "{rack@localhost: {}}"]
    {
        let settings = settings(&format!("{MINIMAL}power: {{upses: {text}}}\n"));
        let power = &settings.policy.power;
        let name = UpsName::parse("rack@localhost").unwrap();
        assert_eq!(power.upses.keys().collect::<Vec<_>>(), [&name], "{text}");
        assert_eq!(settings.nut.upses.get(&name), Some(&Encryption::Off), "{text}");
        assert_eq!((power.on_low, power.start_on_battery), (None, false), "{text}");
    }
    assert!(settings(MINIMAL).policy.power.upses.is_empty());
}

#[test]
fn what_differs_for_one_ups_counts_for_it_only() {
    let text = "default_budget_seconds: 200\nruntime_safety_factor: 1.5\npower:\n  upses:\n    \
                a@x:\n    b@y:3494: {certificate: ~/upsd.pem, charge_floor: 40, low_for: 10s}\n  \
                charge_floor: 20\n  certificate: /c\n  on_low: cluster-only\n  domains:\n    \
                z: {upses: [B@y:3494], machines: [cp-1], carries_orders: true}\n    \
                a: {upses: [a@x, b@y:3494], need: 2, machines: [], carries_orders: true}\n";
    let settings = settings(&format!("{MINIMAL}{text}"));
    let power = &settings.policy.power;
    let [a, b] = ["a@x", "b@y:3494"].map(|name| UpsName::parse(name).unwrap());
    assert_eq!((power.upses[&a].charge_floor, power.upses[&b].charge_floor), (Some(20), Some(40)));
    assert_eq!((power.upses[&a].low_for, power.upses[&b].low_for), (Span::ZERO, Span::secs(10)));
    let pinned = |file: &str| Encryption::Pinned { file: file.into() };
    assert_eq!(settings.nut.upses[&a], pinned("/c"));
    assert_eq!(settings.nut.upses[&b], pinned("/srv/op/upsd.pem"));
    let named = |name: &str| power.domains.iter().find(|domain| domain.name == name).unwrap();
    // The name is the one that is watched, however a domain spells it; the order is the file's.
    assert_eq!(power.domains[0].name, "z");
    assert_eq!(named("z").feeds.iter().collect::<Vec<_>>(), [&b]);
    assert_eq!((named("z").need, named("a").need), (1, 2));
    assert_eq!(power.budget.factor_percent, 150);
    assert_eq!(power.budget.default, Span::secs(200));
    assert_eq!(power.on_low, Some(OnLow::ClusterOnly));
}

/// Every file lies where this user may not look.
#[derive(Debug)]
struct Closed;

impl Files for Closed {
    fn look(&self, _path: &Path) -> FileFact {
        FileFact::Denied("permission denied".to_owned())
    }
}

#[test]
fn who_may_not_look_is_only_warned() {
    let text = format!("{MINIMAL}kubeconfig: /k\nssh_known_hosts_file: /h\n");
    let checked = parse(&text, "a.yaml", &Context { files: &Closed, ..context() }).unwrap();
    let codes: Vec<_> = checked.warnings.iter().map(|p| (p.code, p.line)).collect();
    let denied = |line| (Code::UnreadableFile, Some(line));
    assert_eq!(codes, [denied(2), denied(5), denied(6)]);
}

#[test]
fn without_statuses_exactly_one_answer_is_good() {
    let text = "services:\n  a: {url: https://a/}\n  b: {url: https://b/, challenge: Basic}\n  \
                c: {url: https://c/, redirect: https://d/}\n  d: {url: https://d/, statuses: 204}\n";
    let probes = settings(&format!("{MINIMAL}{text}")).policy.probes;
    let statuses: Vec<Vec<u16>> = probes
        .values()
        .map(|probe| match &probe.ask {
            Ask::Http(ask) => ask.statuses.iter().copied().collect(),
            Ask::Tcp { .. } | Ask::Dns { .. } | Ask::Vault(_) => panic!("no URL"),
        })
        .collect();
    assert_eq!(statuses, [vec![200], vec![401], vec![301, 302, 303, 307, 308], vec![204]]);
    assert!(probes.values().all(|probe| probe.gate.as_str() == "services"));
}

#[test]
fn what_is_asked_after_the_start_has_the_names_of_its_numbers() {
    let text = "startup: {post_start_probes: [http://a/, {tcp: \"db:5432\", gate: database}]}\n";
    let probes = settings(&format!("{MINIMAL}{text}")).policy.probes;
    let gates: Vec<_> =
        probes.iter().map(|(name, probe)| (name.as_str(), probe.gate.as_str())).collect();
    assert_eq!(gates, [("post-start-1", "services"), ("post-start-2", "database")]);
    let left_out = text.replace("{post", "{require_post_start_probes: false, post");
    assert!(settings(&format!("{MINIMAL}{left_out}")).policy.probes.is_empty());
}

#[test]
fn ingress_hosts_are_asked_at_the_servers_that_are_reached_directly() {
    let base = "ssh_user: a\nssh_identity_file: /k\n\
                ssh_node_hosts: {cp-1: 192.0.2.1, cp-2: 192.0.2.2, w-1: 192.0.2.3, j: 192.0.2.9}\n\
                nodes: {servers: [cp-1, cp-2], agents: [w-1], others: [j]}\n";
    let at = |more: &str| settings(&format!("{base}{more}")).policy.ingress.at;
    assert_eq!(at(""), ["192.0.2.1", "192.0.2.2"]);
    assert!(at("ssh_jump_host: j\n").is_empty());
    assert_eq!(at("ssh_jump_host: j\nssh_node_direct: [cp-2]\n"), ["192.0.2.2"]);
    assert_eq!(at("ingress: {at: \"192.0.2.7:8443\"}\n"), ["192.0.2.7:8443"]);
}

#[test]
fn budgets_give_way_only_where_and_when_it_is_said() {
    assert!(settings(MINIMAL).policy.shutdown.against_budgets.is_empty(), "no default");
    let with = |more: &str| format!("{MINIMAL}shutdown: {{against_budgets: {more}}}\n");
    let given = settings(&with("{shop: 30s, vault: 2m}")).policy.shutdown.against_budgets;
    let given: Vec<_> = given.iter().map(|(name, time)| (name.as_str(), *time)).collect();
    assert_eq!(given, [("shop", Span::secs(30)), ("vault", Span::mins(2))]);
    let cases = [
        ("{shop: 150s}", Code::Conflict, "half of `shutdown.drain_time` (5m)"),
        ("{shop: 30s}, drain_time: 1m", Code::Conflict, "half of `shutdown.drain_time` (1m)"),
        ("{longhorn-system: 30s}", Code::NoEffect, "never evicted"),
        ("{shop: 0s}", Code::OutOfRange, "out of range"),
        ("{Shop: 30s}", Code::BadValue, "Shop"),
    ];
    for (more, code, words) in cases {
        let said = said(&with(more));
        let [problem] = said.as_slice() else { panic!("{more}: {said:?}") };
        assert_eq!((problem.code, problem.line), (code, Some(5)), "{more}");
        assert!(problem.message.contains(words), "{more}: {problem:?}");
    }
}

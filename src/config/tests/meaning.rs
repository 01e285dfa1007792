//! What files that are right mean.

use super::*;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
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

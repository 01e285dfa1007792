//! What is said, and what is not, of the ways to switch machines on.

use std::net::SocketAddr;

use super::*;
use crate::config::settings::{MagicPacket, TurnOn};
use crate::model::ids::MachineName;

const BASE: &str = "\
ssh_user: a
ssh_identity_file: /k
ssh_node_hosts: {cp-1: 192.0.2.1, w-1: 192.0.2.2, titan-db: 192.0.2.3}
nodes: {servers: [cp-1], agents: [w-1], others: [titan-db]}
power:
";

fn with(lines: &str) -> String {
    format!("{BASE}{lines}")
}

/// The kind, the line and the message of each problem.
fn told(lines: &str) -> Vec<(Code, Option<usize>, String)> {
    let problems = said(&with(lines));
    problems.into_iter().map(|it| (it.code, it.line, it.message)).collect()
}

#[test]
fn each_way_means_what_it_says() {
    let settings = settings(&with(
        "  upses: rack@localhost\n  upsd_user: ananke\n  upsd_login_file: /p\n  turn_on:\n    \
         cp-1: {wake: {mac: 52-54-00-12-34-AB, broadcast: 192.0.2.255, from: 192.0.2.9}}\n    \
         w-1: {outlet: {ups: RACK@localhost, outlet: 2}}\n",
    ));
    let ways = &settings.turn_on.ways;
    let to: SocketAddr = "192.0.2.255:9".parse().unwrap();
    let from = vec!["192.0.2.9".parse().unwrap()];
    let packet = MagicPacket { mac: [0x52, 0x54, 0, 0x12, 0x34, 0xab], to, from };
    assert_eq!(ways[&MachineName::fixed("cp-1")], TurnOn::Packet(packet));
    let TurnOn::Outlet { ups, outlet } = &ways[&MachineName::fixed("w-1")] else {
        panic!("{ways:?}");
    };
    assert_eq!((ups.to_string().as_str(), *outlet), ("rack@localhost", 2));
    assert!(settings.policy.shutdown.wakes.iter().eq(ways.keys()));
}

#[test]
fn nobody_is_switched_on_by_default() {
    let settings = settings(MINIMAL);
    assert!(settings.turn_on.ways.is_empty());
    assert!(settings.policy.shutdown.wakes.is_empty());
}

#[test]
fn without_a_ups_too_what_is_shown_means_the_same() {
    let first = settings(&with(
        "  turn_on: {w-1: {command: [/usr/local/sbin/on, 'w 1']}, cp-1: {wake: \
         {mac: '52:54:00:12:34:56', from: ['192.0.2.8', '192.0.2.9']}}}\n",
    ));
    let shown = resolved(&first);
    assert_eq!(settings(&shown), first, "{shown}");
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let one = |way: &str| told(&format!("  turn_on:\n    w-1: {way}\n"));
    let cases = [
        ("{wake: {mac: 'ff:ff:ff:ff:ff:ff'}}", Code::BadValue, "no hardware address of a machine"),
        ("{wake: {mac: '12:34'}}", Code::BadValue, "no hardware address of a machine"),
        ("{wake: {}}", Code::MissingKey, "`mac` is missing here"),
        ("{wake: {mac: '52:54:00:12:34:56', port: 9}}", Code::UnknownKey, "`port`"),
        (
            "{wake: {mac: '52:54:00:12:34:56', broadcast: rack.lan}}",
            Code::BadValue,
            "no address of a network",
        ),
        (
            "{wake: {mac: '52:54:00:12:34:56', from: 'fe80::1'}}",
            Code::Conflict,
            "nothing gets to 255.255.255.255",
        ),
        ("{}", Code::Conflict, "not said how this machine is switched on"),
        (
            "{wake: {mac: '52:54:00:12:34:56'}, command: [/bin/true]}",
            Code::Conflict,
            "2 ways to switch one machine on",
        ),
        ("{command: []}", Code::BadValue, "no program in this list"),
        ("{command: [ipmitool, power, 'on']}", Code::BadValue, "not an absolute path"),
        ("{outlet: {outlet: 2}}", Code::MissingKey, "`ups` is missing here"),
        ("{outlet: {ups: r@h, outlet: 0}}", Code::OutOfRange, "out of range"),
    ];
    for (way, code, message) in cases {
        let told = one(way);
        assert_eq!(told.len(), 1, "{way}: {told:?}");
        assert_eq!((told[0].0, told[0].1), (code, Some(7)), "{way}: {told:?}");
        assert!(told[0].2.contains(message), "{way}: {told:?}");
    }
}

#[test]
fn what_contradicts_the_rest_of_the_file_is_an_error() {
    let mac = "{wake: {mac: '52:54:00:12:34:56'}}";
    let told_of = |lines: &str| {
        let told = told(lines);
        assert_eq!(told.len(), 1, "{told:?}");
        told.into_iter().next().unwrap()
    };
    let stranger = told_of(&format!("  turn_on: {{w-2: {mac}}}\n"));
    assert_eq!(stranger.0, Code::UnknownMachine, "{stranger:?}");
    let own = told_of(&format!("  turn_on: {{titan-db: {mac}}}\n"));
    assert!(own.2.contains("can't switch itself on"), "{own:?}");
    let twins = told_of(&format!("  turn_on: {{cp-1: {mac}, w-1: {mac}}}\n"));
    assert!(twins.2.contains("two machines with one `mac`"), "{twins:?}");
    let outlet = "  turn_on: {w-1: {outlet: {ups: rack@localhost, outlet: 2}}}\n";
    let login = "  upsd_user: a\n  upsd_login_file: /p\n";
    let unwatched = told_of(&format!("{login}{outlet}"));
    assert_eq!(unwatched.0, Code::UnknownUps, "{unwatched:?}");
    let nobody = told(&format!("  upses: rack@localhost\n{outlet}"));
    let missing = |it: &&(Code, Option<usize>, String)| it.0 == Code::MissingKey;
    let missing = nobody.iter().find(missing).expect("somebody has to log in");
    assert!(missing.2.contains("power.upsd_user"), "{missing:?}");
    let far =
        "  upses: rack@192.0.2.9\n  turn_on: {w-1: {outlet: {ups: rack@192.0.2.9, outlet: 2}}}\n";
    let far = told(&format!("{login}{far}"));
    assert!(far.iter().any(|it| it.2.contains("is not on this host")), "{far:?}");
    let idle = told_of(login);
    assert_eq!(idle.0, Code::NoEffect, "{idle:?}");
}

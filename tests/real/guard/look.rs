//! Looking: the same facts through the guard and without one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::thread::JoinHandle;

use ananke::adapters::guard::parse::{host_facts, kubeconfig};
use ananke::adapters::guard::{Reply, version};
use ananke::model::command::{Command, GUARD_SCRIPT};
use ananke::model::facts::{
    BlindKind, Datastore, EtcdFacts, GuardState, HostFacts, Sudo, Unit, UnitActive, UnitLoad,
};
use ananke::model::time::Span;

use super::rig::{Rig, SHELLS, need, owned, run, stdout};

/// What an etcd member serves on 127.0.0.1:2381.
pub(crate) struct Etcd {
    pub(crate) address: String,
    thread: Option<JoinHandle<()>>,
}

impl Etcd {
    pub(crate) fn serve(health: (&'static str, &'static str), has: u8, is: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let noise =
            "etcd_debugging_mvcc_db_total_size_in_bytes{le=\"0.001\"} 3.7e+06\n".repeat(900);
        let metrics = format!(
            "# HELP etcd_server_has_leader Whether or not a leader exists.\n{noise}\
             etcd_server_has_leader {has}\netcd_server_is_leader {is}\n{noise}"
        );
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if let Some(path) = request(&stream) {
                    let (status, body) = match path.as_str() {
                        "/health" => health,
                        "/metrics" => ("200 OK", metrics.as_str()),
                        _ => return,
                    };
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
                    let close = "Connection: close\r\n\r\n";
                    // A client that is done early may be gone.
                    stream.write_all(format!("{head}{close}{body}").as_bytes()).ok();
                }
            }
        });
        Self { address, thread: Some(thread) }
    }
}

fn request(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    for line in lines {
        if line.ok()?.is_empty() {
            return Some(path);
        }
    }
    None
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(&self.address) {
            stream.write_all(b"GET /stop HTTP/1.0\r\n\r\n").ok();
        }
        self.thread.take().map(JoinHandle::join);
    }
}

/// The units without the time that goes by between two looks.
fn states(facts: &HostFacts) -> Vec<(Unit, UnitLoad, UnitActive)> {
    facts.units.iter().map(|(unit, facts)| (*unit, facts.load, facts.active)).collect()
}

/// The rendered look, as a login shell would run it, in the rig's folder.
fn look(rig: &Rig) -> Reply {
    run(&owned(&["dash", "-c", &rig.moved(&Command::Facts.render().unwrap())]), None)
}

#[test]
fn the_guard_tells_everything_in_every_shell() {
    for shell in SHELLS {
        let rig = Rig::with(shell);
        rig.write("self", GUARD_SCRIPT);
        std::fs::create_dir_all(rig.path("server/db/etcd")).unwrap();
        let etcd = Etcd::serve(("200 OK", "{\"health\":\"true\",\"reason\":\"\"}"), 1, 0);
        rig.set("ETCD", &etcd.address);
        let facts = host_facts(&rig.guard(&["facts"])).unwrap();
        assert_eq!(facts.guard, GuardState::Current);
        assert_eq!(facts.sudo, Sudo::Works);
        assert_eq!(facts.boot_id.as_str(), "25aa4055-f836-4828-8291-af00e03d980a");
        assert_eq!(facts.machine_id.as_str(), "3d1219c7c4c5404aaa1f6d2a48adfda4");
        assert_eq!(facts.units.len(), 1, "k3s-agent is not there");
        let k3s = &facts.units[&Unit::K3s];
        assert_eq!((k3s.load, k3s.active), (UnitLoad::Loaded, UnitActive::Activating));
        assert_eq!((k3s.result.as_str(), k3s.restarts), ("exit-code", 4));
        assert!(k3s.for_time.unwrap() > Span::ZERO);
        assert_eq!(facts.datastore, Some(Datastore::Etcd));
        let member = EtcdFacts { healthy: true, has_leader: true, is_leader: false };
        assert_eq!(facts.etcd, Some(member), "{shell:?}");
        // The second that the kernel takes before process 1, and what a busy machine needs.
        let uptime: f64 = std::fs::read_to_string("/proc/uptime")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(facts.up_for.as_secs() as f64 <= uptime);
    }
}

#[test]
fn each_http_client_asks_the_member_and_none_is_not_a_guess() {
    let answers = [
        (("200 OK", "{\"health\":\"true\"}"), 1, 1, (true, true, true)),
        (
            ("503 Service Unavailable", "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}"),
            0,
            0,
            (false, false, false),
        ),
        (("200 OK", ""), 1, 0, (false, true, false)),
    ];
    for client in ["curl", "wget", "bash", "none"] {
        let rig = Rig::new();
        rig.write("self", GUARD_SCRIPT);
        std::fs::create_dir(rig.path("only")).unwrap();
        for tool in ["timeout", "sha256sum", "date", "grep", "head", "cat", client] {
            if tool != "none" {
                need(tool);
                symlink(format!("/usr/bin/{tool}"), rig.path("only").join(tool)).unwrap();
            }
        }
        rig.set("PATH", &format!("{}:{}", rig.at("bin"), rig.at("only")));
        for (health, has, is, (healthy, has_leader, is_leader)) in answers {
            let etcd = Etcd::serve(health, has, is);
            rig.set("ETCD", &etcd.address);
            let facts = host_facts(&rig.guard(&["facts"])).unwrap();
            let expected = EtcdFacts { healthy, has_leader, is_leader };
            assert_eq!(facts.etcd, (client != "none").then_some(expected), "{client} {health:?}");
        }
    }
}

#[test]
fn the_datastore_is_what_lies_there_and_unknown_where_nobody_can_look() {
    let table = [
        (vec!["server/db/etcd/member"], Some(Datastore::Etcd)),
        (vec!["server/db/etcd/member", "server/db/state.db"], Some(Datastore::Etcd)),
        (vec!["server/db/state.db"], Some(Datastore::Sqlite)),
        (vec!["server/db/other"], Some(Datastore::External)),
        (vec![], None),
    ];
    for (paths, datastore) in table {
        let rig = Rig::new();
        rig.write("self", GUARD_SCRIPT);
        rig.set("ETCD", "127.0.0.1:9");
        for path in &paths {
            std::fs::create_dir_all(rig.path(path)).unwrap();
        }
        let facts = host_facts(&rig.guard(&["facts"])).unwrap();
        assert_eq!((facts.datastore, facts.etcd), (datastore, None), "{paths:?}");
    }
    let rig = Rig::new();
    std::fs::create_dir_all(rig.path("server/db/etcd")).unwrap();
    rig.write(
        "units",
        "Id=k3s.service\nLoadState=not-found\nActiveState=inactive\nResult=success\n\
        NRestarts=0\nStateChangeTimestampMonotonic=0\n\nId=k3s-agent.service\nLoadState=masked\n\
        ActiveState=failed\nResult=start-limit-hit\nNRestarts=0\nStateChangeTimestampMonotonic=5\n",
    );
    let facts = host_facts(&rig.guard(&["facts"])).unwrap();
    assert_eq!(facts.datastore, None, "an agent is no server, whatever lies on its disk");
    assert_eq!(facts.units[&Unit::K3sAgent].load, UnitLoad::Masked);
    assert_eq!(facts.units[&Unit::K3sAgent].result, "start-limit-hit");
}

#[test]
fn one_line_looks_through_the_guard_and_by_hand_where_there_is_none() {
    let rig = Rig::new();
    let bare = host_facts(&look(&rig)).unwrap();
    assert_eq!((&bare.guard, &bare.sudo), (&GuardState::Absent, &Sudo::Works));
    rig.write("sudo-says", "sudo: a password is required\n");
    let refused = host_facts(&look(&rig)).unwrap();
    let why = "sudo: a password is required".to_owned();
    assert_eq!((&refused.guard, &refused.sudo), (&GuardState::Absent, &Sudo::Refused { why }));
    assert_eq!(states(&refused), states(&bare));

    rig.write("self", GUARD_SCRIPT);
    let locked_out = host_facts(&look(&rig)).unwrap();
    let GuardState::Other { version: other } = &locked_out.guard else { panic!("{locked_out:?}") };
    assert!(version().starts_with(other.as_str()), "there, but not ours to use: {other}");
    assert_eq!(locked_out.sudo, refused.sudo);

    rig.remove("sudo-says");
    let through = host_facts(&look(&rig)).unwrap();
    assert_eq!((&through.guard, &through.sudo), (&GuardState::Current, &Sudo::Works));
    assert_eq!((states(&through), &through.boot_id), (states(&bare), &bare.boot_id));
    rig.write("self", "#!/bin/sh\n");
    let GuardState::Other { .. } = host_facts(&look(&rig)).unwrap().guard else { panic!() };
    assert!(rig.calls().is_empty(), "a look changes nothing");
    assert!(!rig.path("state").exists() && !rig.path("run").exists(), "and leaves nothing");
}

#[test]
fn a_systemd_that_hangs_costs_its_limit_and_is_not_read_as_no_units() {
    let rig = Rig::new();
    rig.remove("units");
    assert_eq!(run(&owned(&["mkfifo", &rig.at("units")]), None).status, Some(0));
    let reply = rig.guard(&["facts"]);
    assert!(stdout(&reply).ends_with("end=1\n"), "{reply:?}");
    assert_eq!(host_facts(&reply).unwrap_err().kind, BlindKind::TimedOut);
}

#[test]
fn a_part_of_an_answer_is_not_an_answer() {
    let rig = Rig::new();
    let whole = rig.guard(&["facts"]);
    assert!(host_facts(&whole).is_ok());
    for end in 0..whole.stdout.len() - 1 {
        let part = Reply { stdout: whole.stdout[..end].to_vec(), ..Reply::default() };
        assert_eq!(host_facts(&part).unwrap_err().kind, BlindKind::TimedOut, "{end}");
    }
}

#[test]
fn the_kubeconfig_is_printed_or_refused_and_never_half() {
    let rig = Rig::new();
    let refused = kubeconfig(&rig.guard(&["kubeconfig"])).unwrap_err();
    assert_eq!(refused.kind, BlindKind::Denied);
    assert!(refused.detail.contains("no k3s kubeconfig"), "{refused}");
    let text = "apiVersion: v1\nclusters: []\ncontexts: []\nusers:\n- name: SECRET\n";
    rig.write("k3s.yaml", text);
    assert_eq!(kubeconfig(&rig.guard(&["kubeconfig"])).unwrap(), text);
    let mut lost = rig.guard(&["kubeconfig"]);
    lost.status = None;
    assert_eq!(kubeconfig(&lost).unwrap_err().kind, BlindKind::TimedOut);
    rig.write("k3s.yaml", "SECRET");
    let garbled = kubeconfig(&rig.guard(&["kubeconfig"])).unwrap_err();
    assert_eq!(garbled.kind, BlindKind::Garbled);
    assert!(!garbled.detail.contains("SECRET"));
}

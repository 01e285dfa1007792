//! The same lines to both sides, and the same answers.

use ananke::adapters::guard::{Reply, parse};
use ananke::adapters::ssh::Fleet;
use ananke::model::command::{Command, Envelope, GUARD_SCRIPT, GuardVerb};
use ananke::model::facts::{HostFacts, Unit};
use ananke::model::ids::{ActionId, BootId, Epoch, MachineId, MachineName};
use ananke::model::time::Span;
use ananke::sim::deed::{Deed, Which};

use super::site::{AGENT, SERVER, Simulated, ask};
use crate::guard::look::Etcd;
use crate::guard::rig::Rig;
use crate::ssh::rig::{N1, Site, Sshd};

/// A real sshd whose login user finds the real script, run by dash in a folder of its own, with
/// stand-ins for sudo and systemctl.
struct Real {
    rig: Rig,
    _sshd: Sshd,
    fleet: Fleet,
    _site: Site,
}

impl Real {
    fn start() -> Self {
        let rig = Rig::new();
        rig.write("self", GUARD_SCRIPT);
        let (site, sshd) = Site::with_sshd();
        Self { rig, _sshd: sshd, fleet: site.fleet(), _site: site }
    }

    async fn ask(&self, line: &str) -> Reply {
        let line = if line.starts_with("exec sh") {
            self.rig.moved(line)
        } else {
            format!("PATH={}:$PATH; {line}", self.rig.at("bin"))
        };
        ask(&self.fleet, &N1, &line, Span::secs(20)).await.expect("a real sshd answers")
    }

    fn is_an_agent(&self) {
        self.rig.write(
            "units",
            "Id=k3s.service\nLoadState=not-found\nActiveState=inactive\nResult=success\n\
             NRestarts=0\nStateChangeTimestampMonotonic=0\n\nId=k3s-agent.service\n\
             LoadState=loaded\nActiveState=active\nResult=success\nNRestarts=0\n\
             StateChangeTimestampMonotonic=1000000\n",
        );
    }

    fn is_a_server(&self) {
        self.rig.write(
            "units",
            "Id=k3s.service\nLoadState=loaded\nActiveState=active\nResult=success\nNRestarts=0\n\
             StateChangeTimestampMonotonic=1000000\n\nId=k3s-agent.service\n\
             LoadState=not-found\nActiveState=inactive\nResult=success\nNRestarts=0\n\
             StateChangeTimestampMonotonic=0\n",
        );
        std::fs::create_dir_all(self.rig.path("server/db/etcd")).expect("a folder");
    }
}

fn facts(reply: &Reply) -> HostFacts {
    parse::host_facts(reply).unwrap_or_else(|blind| panic!("{blind}: {reply:?}"))
}

fn look() -> String {
    Command::Facts.render().expect("a line")
}

/// What both sides must say alike: the keys with their order, and every value that is not the
/// machine's own.
fn shape(reply: &Reply) -> Vec<String> {
    let text = String::from_utf8_lossy(&reply.stdout);
    let own = ["boot_id", "machine_id", "wall", "uptime", "pid1_start"];
    text.lines()
        .map(|line| match line.split_once('=') {
            Some((key, _)) if own.contains(&key) => key.to_owned(),
            // All but the times of the last change and of the start.
            Some((key, value)) if key.starts_with("unit.") => {
                let words: Vec<&str> = value.split(' ').collect();
                format!("{key}={} of {}", words[..4].join(" "), words.len())
            }
            _ => line.to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_look_has_the_same_lines_on_an_agent_a_server_and_where_sudo_refuses() {
    let (real, simulated) = (Real::start(), Simulated::open(1).await);
    real.is_an_agent();
    let ours = simulated.ask(&AGENT, &look()).await.expect("an answer");
    let theirs = real.ask(&look()).await;
    assert_eq!(shape(&ours), shape(&theirs));
    assert_eq!((ours.status, &ours.stderr), (theirs.status, &theirs.stderr));
    facts(&ours);

    simulated.suffer(&Deed::SudoRefused(Which::Named(vec![AGENT.clone()])));
    real.rig.write("sudo-says", "sudo: a password is required\n");
    let ours = simulated.ask(&AGENT, &look()).await.expect("an answer");
    let theirs = real.ask(&look()).await;
    assert_eq!(shape(&ours), shape(&theirs));
    let (ours, theirs) = (facts(&ours), facts(&theirs));
    assert_eq!((ours.guard, ours.sudo), (theirs.guard, theirs.sudo));
    real.rig.remove("sudo-says");

    real.is_a_server();
    let said = simulated.ask(&SERVER, &look()).await.expect("an answer");
    let member = facts(&said).etcd.expect("a member");
    let (has, is) = (u8::from(member.has_leader), u8::from(member.is_leader));
    let etcd = Etcd::serve(("200 OK", "{\"health\":\"true\",\"reason\":\"\"}"), has, is);
    real.rig.set("ETCD", &etcd.address);
    let theirs = real.ask("sudo -n /usr/local/sbin/ananke-guard facts").await;
    let ours = simulated.ask(&SERVER, "sudo -n /usr/local/sbin/ananke-guard facts").await;
    let ours = ours.expect("an answer");
    assert_eq!(shape(&ours), shape(&theirs));
    assert_eq!(facts(&ours).datastore, facts(&theirs).datastore);
}

/// Which machine is meant, and for which boot.
struct Identity {
    boot: BootId,
    machine: MachineId,
}

/// One step: the verb, and what differs from a good envelope.
#[derive(Clone)]
struct Step {
    what: &'static str,
    verb: GuardVerb,
    action: &'static str,
    epoch: u64,
    owner: &'static str,
    other_boot: bool,
    other_machine: bool,
}

const GOOD: Step = Step {
    what: "start",
    verb: GuardVerb::Start(Unit::K3sAgent),
    action: "l.3-1",
    epoch: 5,
    owner: "atlas",
    other_boot: false,
    other_machine: false,
};

fn steps() -> [Step; 12] {
    [
        GOOD,
        Step { what: "repeated", ..GOOD },
        Step { what: "id reused", verb: GuardVerb::Stop(Unit::K3sAgent), ..GOOD },
        Step { what: "other boot", action: "l.3-2", other_boot: true, ..GOOD },
        Step { what: "other machine", action: "l.3-2", other_machine: true, ..GOOD },
        Step { what: "other owner", action: "l.3-3", owner: "oceanus", ..GOOD },
        Step { what: "older epoch", action: "l.3-4", epoch: 4, ..GOOD },
        Step {
            what: "newer epoch",
            verb: GuardVerb::Restart(Unit::K3sAgent),
            action: "l.3-5",
            epoch: 6,
            owner: "oceanus",
            ..GOOD
        },
        Step { what: "epoch now old", action: "l.3-6", ..GOOD },
        Step { what: "repeated, now of an old epoch", ..GOOD },
        Step {
            what: "reset",
            verb: GuardVerb::ResetFailed(Unit::K3sAgent),
            action: "l.3-7",
            epoch: 6,
            owner: "oceanus",
            ..GOOD
        },
        Step {
            what: "stop",
            verb: GuardVerb::Stop(Unit::K3sAgent),
            action: "l.3-8",
            epoch: 6,
            owner: "oceanus",
            ..GOOD
        },
    ]
}

impl Step {
    fn command(&self, identity: &Identity) -> Command {
        let other_boot = BootId::fixed("00000000-0000-4000-8000-000000000000");
        let other_machine = MachineId::fixed("00000000000000000000000000000000");
        let envelope = Envelope {
            epoch: Epoch(self.epoch),
            owner: self.owner.to_owned(),
            boot_id: if self.other_boot { other_boot } else { identity.boot.clone() },
            machine_id: if self.other_machine { other_machine } else { identity.machine.clone() },
            action: ActionId::fixed(self.action),
            limit: Span::secs(20),
        };
        Command::Guarded { verb: self.verb.clone(), envelope }
    }
}

/// An answer with the machine's own ids taken out.
fn plain(reply: &Reply, identity: &Identity) -> (Option<u32>, String, String) {
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .replace(identity.boot.as_str(), "BOOT")
            .replace(identity.machine.as_str(), "MACHINE")
    };
    (reply.status, text(&reply.stdout), text(&reply.stderr))
}

async fn identities(real: &Real, simulated: &Simulated, name: &MachineName) -> [Identity; 2] {
    let ours = facts(&simulated.ask(name, &look()).await.expect("an answer"));
    let theirs = facts(&real.ask(&look()).await);
    [theirs, ours].map(|it| Identity { boot: it.boot_id, machine: it.machine_id })
}

#[tokio::test]
async fn each_change_gets_the_same_answer_and_means_the_same() {
    let (real, simulated) = (Real::start(), Simulated::open(1).await);
    let [theirs, ours] = identities(&real, &simulated, &AGENT).await;
    for step in steps() {
        let (to_real, to_ours) = (step.command(&theirs), step.command(&ours));
        let said = real.ask(&to_real.render().expect("a line")).await;
        let line = to_ours.render().expect("a line");
        let answered = simulated.ask(&AGENT, &line).await.expect("an answer");
        assert_eq!(plain(&answered, &ours), plain(&said, &theirs), "{}", step.what);
        let (expected, result) =
            (parse::action_result(&to_real, &said), parse::action_result(&to_ours, &answered));
        assert_eq!(result.word(), expected.word(), "{}", step.what);
    }
}

#[tokio::test]
async fn what_systemctl_can_not_do_is_failed_and_remembered_as_that() {
    let (real, simulated) = (Real::start(), Simulated::open(1).await);
    let [theirs, ours] = identities(&real, &simulated, &AGENT).await;
    // systemd 252: systemctl start of a unit that is not there.
    real.rig.write("says", "Failed to start k3s.service: Unit k3s.service not found.\n");
    real.rig.write("code", "5");
    let step = Step { verb: GuardVerb::Start(Unit::K3s), ..GOOD };
    for what in ["first", "again"] {
        let (to_real, to_ours) = (step.command(&theirs), step.command(&ours));
        let said = real.ask(&to_real.render().expect("a line")).await;
        let line = to_ours.render().expect("a line");
        let answered = simulated.ask(&AGENT, &line).await.expect("an answer");
        assert_eq!(plain(&answered, &ours), plain(&said, &theirs), "{what}");
        assert_eq!(parse::action_result(&to_ours, &answered).word(), "failed", "{what}");
    }
}

#[tokio::test]
async fn nonsense_is_refused_in_the_same_words() {
    let (real, simulated) = (Real::start(), Simulated::open(1).await);
    let good = "unit=k3s-agent epoch=1 owner=atlas boot=0a machine=0b action=3-1 limit=20";
    let table = [
        String::new(),
        "reboot".to_owned(),
        "Reboot".to_owned(),
        "sh\\ -c".to_owned(),
        "set-clock".to_owned(),
        format!("set-clock {good}"),
        format!("end-pods {good}"),
        "kubeconfig".to_owned(),
        "start".to_owned(),
        format!("start {good} more=1"),
        format!("start {good} unit=k3s"),
        format!("start {good} unit=k3s unit=k3s-agent"),
        format!("start {}", good.replace("unit=k3s-agent", "unit=sshd")),
        format!("start {}", good.replace("epoch=1", "epoch=01")),
        format!("start {}", good.replace("epoch=1", "epoch=-1")),
        format!("start {}", good.replace("epoch=1 ", "")),
        format!("start {}", good.replace("owner=atlas", "owner=")),
        format!("start {}", good.replace("owner=atlas", "owner='a b'")),
        format!("start {}", good.replace("owner=atlas", &format!("owner={}", "x".repeat(65)))),
        format!("start {}", good.replace("boot=0a", "boot=0A")),
        format!("start {}", good.replace("limit=20", "limit=0")),
        format!("start {}", good.replace("limit=20", "limit=901")),
        format!("start {}", good.replace("limit=20", "limit")),
        format!("restart {}", good.replace("action=3-1", "action=../x")),
    ];
    let [theirs, ours] = identities(&real, &simulated, &AGENT).await;
    for words in table {
        let line = format!("sudo -n /usr/local/sbin/ananke-guard {words}");
        let said = real.ask(&line).await;
        let answered = simulated.ask(&AGENT, &line).await.expect("an answer");
        assert_eq!(plain(&answered, &ours), plain(&said, &theirs), "{words}");
    }
    assert!(real.rig.calls().is_empty(), "none of it was carried out");
}

#[tokio::test]
async fn a_kubeconfig_is_given_by_servers_only_and_sudo_refuses_alike() {
    let (real, simulated) = (Real::start(), Simulated::open(1).await);
    let text = "apiVersion: v1\nclusters: []\ncontexts: []\nusers: []\n";
    simulated.doors.set_kubeconfig(text.to_owned());
    real.rig.write("k3s.yaml", text);
    let line = Command::Kubeconfig.render().expect("a line");
    let (said, answered) = (real.ask(&line).await, simulated.ask(&SERVER, &line).await);
    assert_eq!(answered.expect("an answer"), said);
    let agent = simulated.ask(&AGENT, &line).await.expect("an answer");
    real.rig.remove("k3s.yaml");
    assert_eq!(agent, real.ask(&line).await);

    simulated.suffer(&Deed::SudoRefused(Which::All));
    real.rig.write("sudo-says", "sudo: a password is required\n");
    let [theirs, ours] = identities(&real, &simulated, &AGENT).await;
    for line in [line, GOOD.command(&ours).render().expect("a line")] {
        let (said, answered) = (real.ask(&line).await, simulated.ask(&AGENT, &line).await);
        let answered = answered.expect("an answer");
        assert_eq!(plain(&answered, &ours), plain(&said, &theirs));
        let result = parse::action_result(&GOOD.command(&ours), &answered);
        assert_eq!(result, parse::action_result(&GOOD.command(&theirs), &said));
    }
}

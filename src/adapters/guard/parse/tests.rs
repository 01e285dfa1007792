//! Answers that machines give, whole, spoilt and refused.

use super::*;
use crate::model::command::{Envelope, GuardVerb};
use crate::model::ids::{ActionId, Epoch};
use proptest::prelude::*;

const LOOK: &str = "Welcome!\nananke-facts=1\nvia=plain\nguard=absent\nsudo=works\n\
    boot_id=25aa4055-f836-4828-8291-af00e03d980a\n\
    machine_id=3d1219c7c4c5404aaa1f6d2a48adfda4\nwall=1970-01-01T00:02:10Z\n\
    unit.k3s=not-found inactive success 0 0 - -\n\
    unit.k3s-agent=loaded active success 2 60000000 1970-01-01T00:00:40Z 40000000\n\
    uptime=130.50\npid1_start=50\nleftovers=12 3\nend=1\n";

fn reply(status: Option<u32>, stdout: &str, stderr: &str) -> Reply {
    Reply { status, stdout: stdout.into(), stderr: stderr.into() }
}

#[test]
fn a_board_that_booted_in_1970_is_read_as_it_is() {
    let facts = host_facts(&reply(Some(0), LOOK, "")).unwrap();
    assert_eq!(facts.up_for, Span::millis(130_000));
    assert_eq!(facts.wall.to_string(), "1970-01-01T00:02:10Z");
    let agent = &facts.units[&Unit::K3sAgent];
    assert_eq!((agent.restarts, agent.for_time), (2, Some(Span::millis(70_500))));
    assert_eq!((facts.units.len(), facts.datastore, facts.etcd), (1, None, None));
}

#[test]
fn time_since_boot_is_that_of_the_first_process() {
    let table = [
        ("uptime=2000.00", "pid1_start=100000", 1_000_000),
        ("uptime=2000.00", "pid1_start=", 2_000_000),
        ("uptime=2000.00", "pid1_start=300000", 2_000_000),
    ];
    for (uptime, start, ms) in table {
        let text = LOOK.replace("uptime=130.50", uptime).replace("pid1_start=50", start);
        let facts = host_facts(&reply(Some(0), &text, "")).unwrap();
        assert_eq!(facts.up_for, Span::millis(ms), "{uptime} {start}");
    }
}

#[test]
fn a_clock_that_was_set_since_the_unit_began_is_told_by_the_two_clocks_of_its_start() {
    let table = [
        ("wall=1970-01-01T00:02:10Z", "wall=1970-01-01T00:02:10Z", Some(-500)),
        ("wall=1970-01-01T00:02:10Z", "wall=1970-01-01T02:02:10Z", Some(7_199_500)),
        ("wall=1970-01-01T00:02:10Z", "wall=1970-01-01T00:01:10Z", Some(-60_500)),
        (" 1970-01-01T00:00:40Z 40000000", " - -", None),
        (" 1970-01-01T00:00:40Z 40000000", " -T-Z 0", None),
    ];
    for (old, new, ms) in table {
        let facts = host_facts(&reply(Some(0), &LOOK.replace(old, new), "")).unwrap();
        assert_eq!(facts.units[&Unit::K3sAgent].clock_set, ms.map(Skew::millis), "{new}");
    }
}

#[test]
fn what_makes_no_sense_is_not_read_as_anything() {
    use BlindKind::{Garbled, TimedOut};
    let table = [
        ("Welcome!\n", "Hello!\nsudo=refused\n", None),
        ("boot_id=25aa4055-", "boot_id=", Some(Garbled)),
        ("machine_id=3d12", "machine_id=XXXX", Some(Garbled)),
        ("wall=1970", "wall=soon", Some(Garbled)),
        ("loaded active", "loaded dancing", Some(Garbled)),
        ("leftovers=12 3", "leftovers=12", Some(Garbled)),
        ("leftovers=12 3", "leftovers=unknown 3", None),
        ("unit.k3s=", "unit.sshd=", Some(Garbled)),
        ("unit.k3s=not-found inactive success 0 0 - -", "unit.k3s=", Some(Garbled)),
        ("success 0 0 - -", "success 0 0", Some(Garbled)),
        ("success 2 6", "success -2 6", Some(Garbled)),
        ("uptime=130.50", "uptime=130", Some(Garbled)),
        ("end=1\n", "end=1\nguard=absent\n", Some(Garbled)),
        ("end=1\n", "datastore=mysql\nend=1\n", Some(Garbled)),
        ("end=1\n", "units=unknown\nend=1\n", Some(TimedOut)),
        ("end=1\n", "", Some(TimedOut)),
        ("ananke-facts=1\n", "", Some(Garbled)),
        ("via=plain", "via=pigeon", Some(Garbled)),
        ("end=1\n", "fence=7 titan-db\ndown=-\nend=1\n", None),
        ("end=1\n", "fence=seven titan-db\nend=1\n", Some(Garbled)),
        ("end=1\n", "fence=7 a;b\nend=1\n", Some(Garbled)),
    ];
    for (old, new, kind) in table {
        assert!(LOOK.contains(old), "{old}");
        let result = host_facts(&reply(Some(0), &LOOK.replace(old, new), ""));
        assert_eq!(result.err().map(|blind| blind.kind), kind, "{old} -> {new}");
    }
}

fn guarded(status: Option<u32>, stdout: &str, stderr: &str) -> ActionResult {
    let envelope = Envelope {
        epoch: Epoch(1),
        owner: "atlas".to_owned(),
        boot_id: BootId::fixed("b"),
        machine_id: MachineId::fixed("m"),
        action: ActionId::fixed("3-1"),
        limit: Span::secs(1),
    };
    let sent = Command::Guarded { verb: GuardVerb::Stop(Unit::K3s), envelope };
    action_result(&sent, &reply(status, stdout, stderr))
}

#[test]
fn only_a_whole_answer_with_its_own_exit_status_is_believed() {
    let done = "ananke-guard 1 done action=3-1 verb=stop unit=k3s disk=ok\n";
    let table = [
        (Some(0), done, "", "done"),
        (Some(0), &done.replace(" action", " note=x action"), "", "done"),
        (None, done, "", "unknown"),
        (Some(11), done, "", "unknown"),
        (Some(0), &done.replace("3-1", "3-2"), "", "unknown"),
        (Some(0), &done.replace(" 1 ", " 2 "), "", "unknown"),
        (Some(0), done.trim_end(), "", "unknown"),
        (Some(0), "", "", "unknown"),
        (Some(255), "", "", "unknown"),
        (Some(137), "", "", "unknown"),
        (Some(10), "ananke-guard 1 already was=done code=0 action=3-1\n", "", "already done"),
        (Some(10), "ananke-guard 1 already was=failed code=5 action=3-1\n", "", "failed"),
        (Some(10), "ananke-guard 1 already was=? action=3-1\n", "", "unknown"),
        (Some(11), "ananke-guard 1 refused reason=busy action=3-1\n", "", "refused"),
        (Some(11), "ananke-guard 1 refused reason=missing action=-\n", "", "refused"),
        (Some(12), "ananke-guard 1 failed code=5 action=3-1\n", "masked", "failed"),
        (Some(13), "ananke-guard 1 unknown reason=limit action=3-1\n", "", "unknown"),
        (Some(1), "", "sudo: a password is required\n", "refused"),
        (Some(1), "", "Sorry, user ananke may not run sudo on n1.\n", "refused"),
        (Some(127), "", "sh: 1: sudo: not found\n", "refused"),
        (Some(127), "", "bash: line 1: sudo: command not found\n", "refused"),
        (Some(1), "", "sudo: unable to resolve host n1: Name not known\n", "unknown"),
        (None, "", "sudo: a password is required\n", "unknown"),
    ];
    for (status, stdout, stderr, word) in table {
        let result = guarded(status, stdout, stderr);
        assert_eq!(result.word(), word, "{status:?} {stdout:?} {stderr:?} {result:?}");
    }
}

#[test]
fn a_plain_start_is_failed_by_systemd_and_refused_by_sudo() {
    let table = [
        (Some(0), "", "done"),
        (Some(0), "sudo: unable to resolve host n1\n", "done"),
        (Some(1), "Job for k3s.service failed.\n", "failed"),
        (Some(5), "", "failed"),
        (Some(1), "sudo: a password is required\n", "refused"),
        (None, "", "unknown"),
    ];
    for (status, stderr, word) in table {
        let sent = Command::PlainStart { unit: Unit::K3s };
        let result = action_result(&sent, &reply(status, "", stderr));
        assert_eq!(result.word(), word, "{status:?} {stderr:?}");
    }
}

proptest! {
    #[test]
    fn nothing_that_a_machine_sends_breaks_the_reader(
        stdout in prop::collection::vec(any::<u8>(), 0..300),
        at in 0..LOOK.len(),
        status in prop::option::of(0..256_u32),
    ) {
        let bytes = LOOK.as_bytes();
        let spoilt = [&bytes[..at], &stdout, &bytes[at..]].concat();
        for stdout in [stdout, spoilt] {
            let reply = Reply { status, stdout: stdout.clone(), stderr: stdout };
            let shown = host_facts(&reply).err().map(|blind| blind.detail);
            let result = action_result(&Command::PlainStop { unit: Unit::K3s }, &reply);
            for text in [shown.as_deref(), result.why()].into_iter().flatten() {
                prop_assert!(text.len() < 2_000 && !text.chars().any(char::is_control));
            }
        }
    }
}

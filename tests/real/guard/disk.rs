//! Full and read-only disks, in mount namespaces of their own.

use super::rig::{Rig, as_strs, envelope, owned, run, stdout};
use ananke::adapters::guard::Reply;

/// One page of memory as a disk. `full` leaves no room, `ro` takes no write.
fn mount(rig: &Rig, name: &str, how: &str) -> String {
    let at = rig.at(name);
    let new = format!("mount -t tmpfs -o size=4k,mode=700 tmpfs '{at}'");
    let held = format!("cp '{at}.held/'* '{at}/' 2>/dev/null || :");
    match how {
        "ro" => format!("{new}; {held}; mount -o remount,ro '{at}'; "),
        "full" => format!("{new}; {held}; head -c 9999 /dev/zero >'{at}/full' 2>/dev/null || :; "),
        _ => String::new(),
    }
}

/// Runs the guard where `state` and `run` are such disks.
fn guard(rig: &Rig, state: &str, run_dir: &str, args: &[&str]) -> Reply {
    for dir in ["state", "run"] {
        std::fs::create_dir_all(rig.path(dir)).unwrap();
    }
    let script =
        format!("set -e; {}{}exec \"$@\"", mount(rig, "state", state), mount(rig, "run", run_dir));
    let mut line = owned(&["unshare", "-m", "--propagation", "private", "sh", "-c", &script, "sh"]);
    line.extend(rig.line(args));
    run(&line, None)
}

fn change(rig: &Rig, state: &str, run_dir: &str, verb: &str, words: &[&str]) -> Reply {
    guard(rig, state, run_dir, &as_strs(&envelope(verb, words)))
}

#[test]
fn a_full_or_read_only_disk_refuses_nothing_and_says_so() {
    for state in ["ro", "full"] {
        let rig = Rig::new();
        for (id, verb) in [("1-1", "start"), ("1-2", "restart"), ("1-3", "stop")] {
            let reply = change(&rig, state, "good", verb, &[&format!("action={id}")]);
            let line =
                format!("ananke-guard 1 done action={id} verb={verb} unit=k3s disk=broken\n");
            assert_eq!((reply.status, stdout(&reply)), (Some(0), line), "{state} {reply:?}");
        }
        assert_eq!(rig.calls().len(), 3);
        let old = stdout(&change(&rig, state, "good", "start", &["epoch=4", "action=1-4"]));
        assert!(old.contains("refused reason=old-epoch have=5"), "/run alone counts: {old}");
        let again = change(&rig, state, "good", "start", &["action=1-1"]);
        assert_eq!(again.status, Some(10), "{state}");
        assert!(rig.read("run/log").contains("action=1-2"), "the log goes to /run: {state}");
    }
}

#[test]
fn what_a_broken_disk_remembers_still_counts() {
    for state in ["ro", "full"] {
        let rig = Rig::new();
        std::fs::create_dir(rig.path("state.held")).unwrap();
        rig.write("state.held/epoch", "9 rhea\n");
        let reply = stdout(&change(&rig, state, "good", "start", &[]));
        assert!(reply.contains("refused reason=old-epoch have=9 got=5 by=rhea"), "{reply}");
    }
}

#[test]
fn a_full_run_is_replaced_by_the_disk() {
    let rig = Rig::new();
    let table = [("1-1", Some(0)), ("1-1", Some(10)), ("1-2", Some(0))];
    for (id, status) in table {
        let reply = change(&rig, "good", "full", "restart", &[&format!("action={id}")]);
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(stdout(&reply).ends_with("disk=ok\n"), "{reply:?}");
    }
    assert_eq!(rig.calls().len(), 2);
}

#[test]
fn where_nothing_can_be_recorded_only_a_stop_is_done() {
    for how in ["ro", "full"] {
        let rig = Rig::new();
        for verb in ["start", "restart", "reset-failed"] {
            let reply = change(&rig, how, how, verb, &[]);
            assert_eq!(reply.status, Some(11), "{reply:?}");
            let line = stdout(&reply);
            let reason = if how == "ro" { "no-lock" } else { "no-record" };
            assert!(line.contains(&format!("refused reason={reason}")), "{line}");
        }
        assert!(rig.calls().is_empty());
        let stop = change(&rig, how, how, "stop", &[]);
        assert_eq!(stop.status, Some(0), "{stop:?}");
        assert_eq!(rig.calls().len(), 1);
    }
}

#[test]
fn looking_needs_no_disk() {
    let rig = Rig::new();
    let reply = guard(&rig, "full", "full", &["facts"]);
    assert!(stdout(&reply).ends_with("end=1\n"), "{reply:?}");
}

//! Changes: what is refused, what is remembered, what survives a kill.

use ananke::adapters::guard::Reply;
use ananke::adapters::guard::parse::action_result;
use ananke::model::command::{Command, Envelope, GuardVerb, VERBS, quote};
use ananke::model::facts::Unit;
use ananke::model::ids::{ActionId, BootId, Epoch, MachineId};
use ananke::model::outcome::ActionResult;
use ananke::model::time::Span;

use super::rig::{Rig, SHELLS, as_strs, envelope, need, owned, run, stdout, until};

fn sent(action: &str) -> Command {
    Command::Guarded {
        verb: GuardVerb::Start(Unit::K3s),
        envelope: Envelope {
            epoch: Epoch(5),
            owner: "atlas".to_owned(),
            boot_id: BootId::fixed("25aa4055-f836-4828-8291-af00e03d980a"),
            machine_id: MachineId::fixed("3d1219c7c4c5404aaa1f6d2a48adfda4"),
            action: ActionId::new(action),
            limit: Span::secs(20),
        },
    }
}

#[test]
fn shellcheck_finds_nothing() {
    need("shellcheck");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/guard/ananke-guard");
    let reply = run(&owned(&["shellcheck", script]), None);
    assert_eq!((reply.status, stdout(&reply)), (Some(0), String::new()));
}

#[test]
fn each_verb_runs_exactly_its_systemctl_in_every_shell() {
    for shell in SHELLS {
        let table = [
            ("start", "--no-ask-password --no-block start k3s.service"),
            ("restart", "--no-ask-password --no-block restart k3s.service"),
            ("stop", "--no-ask-password stop k3s.service"),
            ("reset-failed", "--no-ask-password reset-failed k3s.service"),
        ];
        for (verb, call) in table {
            let rig = Rig::with(shell);
            let reply = rig.change(verb, &[]);
            let line = format!("ananke-guard 1 done action=3-1 verb={verb} unit=k3s disk=ok\n");
            assert_eq!((reply.status, stdout(&reply)), (Some(0), line), "{shell:?}");
            assert_eq!(rig.calls(), [call], "{shell:?}");
            assert_eq!(rig.read("state/log").lines().count(), 2, "before and after, {shell:?}");
            // Debian's busybox runs its own logger, past the stand-in.
            let journal = if shell[0] == "busybox" { 0 } else { 2 };
            assert_eq!(rig.read("journal").lines().count(), journal, "{shell:?}");
        }
    }
}

#[test]
fn the_cards_and_the_script_know_the_same_verbs() {
    let rig = Rig::new();
    rig.write("k3s.yaml", "apiVersion: v1\n");
    for card in VERBS {
        let reply = rig.guard(&[card.verb]);
        assert!(!stdout(&reply).contains("unknown-verb"), "{}", card.verb);
        let wants_envelope = stdout(&reply).contains("reason=missing key=");
        assert_eq!(wants_envelope, card.changes, "{}", card.verb);
    }
    for verb in ["reboot", "", "-h", "start;id", "facts\nstart"] {
        let reply = rig.guard(&[verb]);
        assert_eq!(reply.status, Some(11), "{verb:?}");
        assert!(stdout(&reply).contains("reason=unknown-verb"), "{verb:?}");
    }
    assert!(rig.calls().is_empty());
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let long = format!("owner={}", "a".repeat(65));
    let table = [
        (vec!["unit=sshd"], "bad-value key=unit"),
        (vec!["unit=k3s k3s-agent"], "bad-value key=unit"),
        (vec!["epoch=-1"], "bad-value key=epoch"),
        (vec!["epoch=007"], "bad-value key=epoch"),
        (vec!["epoch=9223372036854775808"], "bad-value key=epoch"),
        (vec!["limit=0"], "bad-value key=limit"),
        (vec!["limit=901"], "bad-value key=limit"),
        (vec!["limit=1e3"], "bad-value key=limit"),
        (vec!["owner="], "missing key=owner"),
        (vec!["owner=$(touch PWNED)"], "bad-value key=owner"),
        (vec!["owner=`touch PWNED`"], "bad-value key=owner"),
        (vec!["owner=a b"], "bad-value key=owner"),
        (vec!["owner=a\nb"], "bad-value key=owner"),
        (vec!["owner=ä"], "bad-value key=owner"),
        (vec!["owner=a]b"], "bad-value key=owner"),
        (vec![long.as_str()], "bad-value key=owner"),
        (vec!["action=../../etc"], "bad-value key=action"),
        (vec!["action=*"], "bad-value key=action"),
        (vec!["boot=00000000-0000-0000-0000-000000000000"], "other-boot"),
        (vec!["boot=x"], "bad-value key=boot"),
        (vec!["machine=00000000000000000000000000000000"], "other-machine"),
    ];
    for shell in SHELLS {
        let rig = Rig::with(shell);
        for (words, reason) in &table {
            let reply = rig.change("start", words);
            let refused = format!("ananke-guard 1 refused reason={reason}");
            assert_eq!(reply.status, Some(11), "{words:?} {shell:?}");
            assert!(stdout(&reply).starts_with(&refused), "{words:?} {shell:?} {reply:?}");
            let result = action_result(&sent("3-1"), &reply);
            assert!(matches!(result, ActionResult::Refused { .. }), "{words:?} {result:?}");
        }
        let envelope = envelope("start", &[]);
        let mut twice = as_strs(&envelope);
        twice[2] = "unit=k3s-agent";
        assert!(stdout(&rig.guard(&twice)).contains("reason=twice key=unit"));
        twice[2] = "PATH=/tmp";
        assert!(stdout(&rig.guard(&twice)).contains("reason=unknown-argument"));
        twice.extend(["a=b", "a=b"]);
        assert!(stdout(&rig.guard(&twice)).contains("reason=too-many-arguments"));
        assert!(rig.calls().is_empty(), "{shell:?}");
        assert!(!rig.path("run/epoch").exists(), "a refused epoch is not learned");
    }
}

#[test]
fn an_older_epoch_and_another_owner_of_the_same_one_are_refused() {
    for lost in ["none", "run", "state"] {
        let rig = Rig::new();
        assert_eq!(rig.change("start", &["epoch=7", "action=1-1"]).status, Some(0));
        if lost != "none" {
            rig.remove(lost);
        }
        let table: [(&[&str], &str); 5] = [
            (&["epoch=6", "action=1-2"], "refused reason=old-epoch have=7 got=6 by=atlas"),
            (&["epoch=7", "owner=rhea", "action=1-2"], "refused reason=other-owner have=atlas"),
            (&["epoch=7", "action=1-2"], "done"),
            (&["epoch=10", "owner=rhea", "action=1-2"], "done"),
            (&["epoch=7", "action=1-3"], "refused reason=old-epoch have=10 got=7 by=rhea"),
        ];
        for (words, answer) in table {
            let reply = stdout(&rig.change("start", words));
            assert!(reply.starts_with(&format!("ananke-guard 1 {answer}")), "{lost}: {reply}");
        }
    }
}

#[test]
fn a_torn_epoch_is_not_a_number_and_the_other_copy_holds() {
    for torn in ["", "7", "7 atlas", "7 atlas x\n", "seven atlas\n", "99999999999999999999 a\n"] {
        let rig = Rig::new();
        assert_eq!(rig.change("start", &["epoch=7"]).status, Some(0));
        rig.write("state/epoch", torn);
        let reply = stdout(&rig.change("start", &["epoch=6", "action=1-2"]));
        assert!(reply.contains("reason=old-epoch have=7"), "{torn:?}: {reply}");
        assert!(rig.read("state/log").contains("unreadable-epoch"), "{torn:?}");
        assert_eq!(rig.change("start", &["epoch=7", "action=1-3"]).status, Some(0));
        assert_eq!(rig.read("state/epoch"), "7 atlas\n", "mended by the next change");
    }
}

#[test]
fn a_repeated_action_is_answered_from_memory() {
    for shell in SHELLS {
        let rig = Rig::with(shell);
        assert_eq!(action_result(&sent("3-1"), &rig.change("start", &[])), ActionResult::Done);
        let again = action_result(&sent("3-1"), &rig.change("start", &[]));
        assert_eq!(again, ActionResult::AlreadyDone);
        let other = stdout(&rig.change("stop", &[]));
        assert!(other.contains("refused reason=id-reused was=start/k3s"), "{other}");
        rig.write("code", "5");
        rig.write("says", "Unit k3s.service is masked.\n\u{1b}[31m");
        for _ in 0..2 {
            let failed = action_result(&sent("3-2"), &rig.change("start", &["action=3-2"]));
            let ActionResult::Failed { why } = failed else { panic!("{failed:?}") };
            assert!(why == "Unit k3s.service is masked." || why.contains("ended with 5"), "{why}");
        }
        assert_eq!(rig.calls().len(), 2, "{shell:?}");
    }
}

#[test]
fn the_last_64_actions_are_remembered_and_no_more() {
    let rig = Rig::new();
    for n in 0..66 {
        assert_eq!(rig.change("start", &[&format!("action=1-{n}")]).status, Some(0));
    }
    assert_eq!(rig.read("run/actions").lines().count(), 128);
    assert_eq!(rig.change("start", &["action=1-2"]).status, Some(10), "the 64th from the end");
    assert_eq!(rig.change("start", &["action=1-1"]).status, Some(0), "forgotten");
}

#[test]
fn the_log_is_bounded() {
    let rig = Rig::new();
    rig.set("LOG_MAX", "500");
    for n in 0..12 {
        rig.change("start", &[&format!("action=1-{n}")]);
    }
    for file in ["state/log", "state/log.1"] {
        let log = rig.read(file);
        assert!((1..700).contains(&log.len()), "{file}: {}", log.len());
        assert!(log.contains("epoch=5 owner=atlas action=1-"), "{log}");
    }
}

#[test]
fn killed_in_the_middle_it_says_unknown_and_never_does_it_twice() {
    for shell in SHELLS {
        let rig = Rig::with(shell);
        rig.close_gate();
        let words = envelope("restart", &["limit=15"]);
        let mut guard = rig.guard_started(&as_strs(&words));
        until("systemctl runs", || rig.calls().len() == 1);
        guard.kill().unwrap();
        guard.wait().unwrap();
        let busy = stdout(&rig.guard(&as_strs(&words)));
        assert!(busy.contains("refused reason=busy"), "the verb still holds the lock: {busy}");
        rig.open_gate();
        let mut reply = Reply::default();
        until("the verb has ended", || {
            reply = rig.guard(&as_strs(&words));
            !stdout(&reply).contains("reason=busy")
        });
        let line = stdout(&reply);
        assert!(line.starts_with("ananke-guard 1 unknown reason=killed action=3-1"), "{line}");
        let result = action_result(&sent("3-1"), &reply);
        assert!(matches!(result, ActionResult::Unknown { .. }), "{result:?}");
        assert_eq!(rig.calls().len(), 1, "{shell:?}");
    }
}

#[test]
fn two_at_once_one_waits_or_is_refused() {
    let rig = Rig::new();
    rig.close_gate();
    let first = rig.guard_started(&as_strs(&envelope("stop", &["action=1-1", "limit=15"])));
    until("the first runs", || rig.calls().len() == 1);
    let busy = rig.change("start", &["action=1-2"]);
    assert!(stdout(&busy).contains("refused reason=busy action=1-2"), "{busy:?}");
    rig.set("LOCK_WAIT", "15");
    let second = rig.guard_started(&as_strs(&envelope("start", &["action=1-3"])));
    rig.open_gate();
    for (child, id) in [(first, "1-1"), (second, "1-3")] {
        let output = child.wait_with_output().unwrap();
        let line = String::from_utf8(output.stdout).unwrap();
        assert!(line.starts_with(&format!("ananke-guard 1 done action={id}")), "{line}");
    }
    assert_eq!(rig.calls().len(), 2);
}

#[test]
fn a_verb_that_does_not_end_is_unknown_at_its_limit() {
    let rig = Rig::new();
    rig.close_gate();
    for _ in 0..2 {
        let reply = rig.change("stop", &["limit=1"]);
        assert_eq!(reply.status, Some(13));
        assert!(stdout(&reply).starts_with("ananke-guard 1 unknown reason=limit"), "{reply:?}");
    }
    assert_eq!(rig.calls().len(), 1);
}

#[test]
fn a_reader_that_went_away_does_not_stop_the_record() {
    let rig = Rig::new();
    rig.close_gate();
    let mut guard = rig.guard_started(&as_strs(&envelope("stop", &["limit=15"])));
    until("systemctl runs", || rig.calls().len() == 1);
    drop(guard.stdout.take());
    let pid = guard.id().to_string();
    for signal in ["-HUP", "-TERM"] {
        assert_eq!(run(&owned(&["kill", signal, &pid]), None).status, Some(0));
    }
    rig.open_gate();
    guard.wait().unwrap();
    assert!(rig.read("run/actions").ends_with("3-1 5 atlas stop k3s done 0\n"));
}

#[test]
fn hostile_values_reach_the_guard_as_one_word_and_are_refused_there() {
    let rig = Rig::new();
    let shown = rig.at("bin/sudo");
    let shown = format!(
        "#!/bin/sh\nshift\nprintf '<%s>' \"$@\"\nexec dash '{}/../script' \"$2\" \
         \"$3\" \"$4\" \"$5\" \"$6\" \"$7\" \"$8\" \"$9\" >>'{shown}.answer'\n",
        rig.at("bin")
    );
    rig.program("bin/sudo", &shown);
    for owner in [
        "it's",
        "'",
        "''",
        "$(touch PWNED)",
        "`touch PWNED`",
        "a;touch PWNED",
        "a|b",
        "a b",
        "*",
        "~root",
        "\\",
        "\\'",
        "!x",
        "a\"b",
        "#",
        "-n",
        "${IFS}",
        "ä\u{202e}",
        "a=b",
        "{a,b}",
    ] {
        let mut command = sent("3-1");
        if let Command::Guarded { envelope, .. } = &mut command {
            owner.clone_into(&mut envelope.owner);
        }
        let line = format!("PATH={}:$PATH; {}", rig.at("bin"), command.render().unwrap());
        let reply = run(&owned(&["dash", "-c", &line]), None);
        assert!(stdout(&reply).contains(&format!("<owner={owner}>")), "{owner:?}: {reply:?}");
        let echoed = run(&owned(&["dash", "-c", &format!("printf %s {}", quote(owner))]), None);
        assert_eq!(stdout(&echoed), owner);
    }
    let answers = rig.read("bin/sudo.answer");
    assert_eq!(answers.lines().count(), 20);
    // "-n" alone is a name of the allowed characters; everything else is refused.
    assert_eq!(answers.matches("refused reason=bad-value key=owner").count(), 19, "{answers}");
    assert_eq!(rig.calls().len(), 1);
}

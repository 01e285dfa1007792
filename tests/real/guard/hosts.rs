//! What the guard puts right below Kubernetes, and the closer look that finds it.

use std::time::{SystemTime, UNIX_EPOCH};

use ananke::adapters::guard::Reply;
use ananke::adapters::guard::hygiene::hygiene_facts;
use ananke::model::command::{Command, HYGIENE_SCRIPT};
use ananke::model::policy::Needs;

use super::rig::{Rig, SHELLS, as_strs, need, owned, run, stdout};

#[expect(clippy::disallowed_methods, reason = "a test compares with the clock of its own machine")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// How long this machine has been up, as the guard counts it.
fn up() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let stat = std::fs::read_to_string("/proc/1/stat").unwrap();
    let start: u64 =
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    uptime.split('.').next().unwrap().parse::<u64>().unwrap() - start / 100
}

fn set(at: u64, up: u64, action: &str) -> Vec<String> {
    vec![format!("at={at}"), format!("up={up}"), format!("action={action}")]
}

#[test]
fn a_clock_is_set_forward_only_and_by_what_was_right_a_moment_ago() {
    // Not with busybox, whose own `date` would be taken in the place of the stand-in.
    for shell in [SHELLS[0], SHELLS[2]] {
        let rig = Rig::with(shell);
        let began = now();
        let table = [
            (set(now() + 5_000, up(), "1-1"), "done"),
            (set(now() - 5_000, up(), "1-2"), "refused reason=not-forward"),
            (set(now() + 5_000, up() - 600, "1-3"), "refused reason=too-late"),
            (set(now() + 5_000, up() + 600, "1-4"), "refused reason=too-late"),
            (set(4_102_444_900, up(), "1-5"), "refused reason=bad-value key=at"),
        ];
        for (words, said) in table {
            let reply = rig.change("set-clock", &as_strs(&words));
            let line = stdout(&reply);
            assert!(line.starts_with(&format!("ananke-guard 1 {said}")), "{words:?} {line}");
        }
        let [call]: [String; 1] = rig.calls().try_into().unwrap();
        let to: u64 = call.strip_prefix("date -u -s @").unwrap().parse().unwrap();
        assert!((5_000..5_030).contains(&(to - began)), "what passed since is added: {call}");
    }
}

#[test]
fn a_time_daemon_is_told_to_ask_again() {
    let rig = Rig::new();
    assert_eq!(rig.change("resync-clock", &[]).status, Some(0));
    assert_eq!(rig.calls(), ["chronyc -n tracking", "chronyc makestep"]);
    let rig = Rig::new();
    // Not installed, or it has no daemon.
    rig.program("bin/chronyc", "#!/bin/sh\nexit 1\n");
    assert_eq!(rig.change("resync-clock", &[]).status, Some(0));
    assert_eq!(rig.calls(), ["--no-ask-password restart systemd-timesyncd.service"]);
}

#[test]
fn only_what_prepare_wrote_down_is_loaded_started_or_installed() {
    // Not with busybox, whose own `modprobe` would be taken in the place of the stand-in.
    for shell in [SHELLS[0], SHELLS[2]] {
        let table = [
            ("load-module", "module=iscsi_tcp", vec!["modprobe -b -- iscsi_tcp"]),
            (
                "start-service",
                "service=iscsid.socket",
                vec![
                    "--no-ask-password reset-failed iscsid.socket",
                    "--no-ask-password --no-block start iscsid.socket",
                ],
            ),
            ("install-packages", "packages=dmsetup,nfs-common", vec![]),
        ];
        for (verb, word, calls) in table {
            let rig = Rig::with(shell);
            let refused = stdout(&rig.change(verb, &[word]));
            assert!(refused.contains("refused reason=not-allowed"), "{refused} {shell:?}");
            rig.write(
                "allow",
                "# a comment\nmodule iscsi_tcp\nservice iscsid.socket\npackage dmsetup\n",
            );
            let said = rig.change(verb, &[word]);
            if verb == "install-packages" {
                let line = stdout(&said);
                assert!(line.contains("reason=not-allowed kind=package"), "one of two: {line}");
                rig.write("allow", "package dmsetup\npackage nfs-common\n");
                let line = stdout(&rig.change(verb, &[word]));
                assert!(line.contains("refused reason=no-cache"), "{line}");
                std::fs::create_dir(rig.path("packages")).unwrap();
                assert_eq!(rig.change(verb, &[word]).status, Some(0));
                let [call]: [String; 1] = rig.calls().try_into().unwrap();
                let starts = call.starts_with("apt-get -y --no-download");
                assert!(starts && call.ends_with("install dmsetup nfs-common"), "{call}");
            } else {
                assert_eq!(said.status, Some(0), "{said:?} {shell:?}");
                assert_eq!(rig.calls(), calls, "{shell:?}");
                assert_eq!(rig.change(verb, &[word]).status, Some(10), "remembered");
            }
            for bad in ["module=a b", "module=a;b", "module=.*", "unit=k3s", "packages=a,B"] {
                let reply = rig.change(verb, &[bad]);
                assert_eq!(reply.status, Some(11), "{bad} {reply:?}");
            }
        }
    }
}

fn closer(rig: &Rig, shell: &[&str], script: &str, needs: &Needs) -> Reply {
    let disks = ["/".to_owned(), "/no/such/folder".to_owned()].into();
    let ask = Command::Hygiene { needs: needs.clone(), disks };
    let line = ask.render().unwrap();
    let (_, words) = line.rsplit_once(" hygiene ").unwrap();
    let mut all = owned(shell);
    all.extend(owned(&["-c", script, "hygiene"]));
    all.extend(words.split(' ').map(str::to_owned));
    let mut timed = owned(&["env", &format!("PATH={}:/usr/bin:/bin", rig.at("bin"))]);
    timed.append(&mut all);
    run(&timed, None)
}

#[test]
fn a_closer_look_tells_the_same_in_every_shell() {
    need("dpkg-query");
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let needs = Needs {
        packages: set(&["dpkg", "no-such-package"]),
        programs: set(&["dash", "no-such-program"]),
        modules: set(&["no-such-module", "kernel"]),
        services: set(&["k3s", "k3s-agent"]),
    };
    for shell in SHELLS {
        let rig = Rig::with(shell);
        let script = HYGIENE_SCRIPT
            .replace("\nPATH=", &format!("\nPATH={}:", rig.at("bin")))
            .replace("\nMODULES=/sys/module", "\nMODULES=/sys");
        rig.program(
            "bin/chronyc",
            "#!/bin/sh\necho '00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,\
             Not synchronised'\n",
        );
        let reply = closer(&rig, shell, &script, &needs);
        let facts = hygiene_facts(&reply, &needs).unwrap_or_else(|why| panic!("{why} {reply:?}"));
        assert_eq!(facts.synchronised, Some(false), "{shell:?}");
        let disk = facts.disks["/"].expect("an answer");
        assert!(!disk.read_only && disk.free <= 100, "{disk:?}");
        assert_eq!(facts.disks.len(), 1, "what is not there is not asked about");
        assert_eq!(facts.missing_packages, Some(set(&["no-such-package"])), "{shell:?}");
        assert_eq!(facts.missing_programs, set(&["no-such-program"]), "{shell:?}");
        assert_eq!(facts.missing_modules, set(&["no-such-module"]), "{shell:?}");
        let idle = facts.idle_services.unwrap();
        assert_eq!(idle.keys().collect::<Vec<_>>(), ["k3s", "k3s-agent"]);
        assert_eq!(idle["k3s-agent"].result, "not-found", "{shell:?}");
        assert!(rig.calls().is_empty(), "a look changes nothing");
    }
}

#[test]
fn a_disk_that_went_read_only_and_a_time_daemon_s_flag_are_seen() {
    let rig = Rig::new();
    rig.write("flag", "");
    rig.write("mounts", "/dev/sda1 / ext4 ro,relatime 0 0\n");
    let script = HYGIENE_SCRIPT
        .replace("/run/systemd/timesync/synchronized", &rig.at("flag"))
        .replace("\nMOUNTS=/proc/mounts", &format!("\nMOUNTS={}", rig.at("mounts")));
    let reply = closer(&rig, SHELLS[0], &script, &Needs::default());
    let facts = hygiene_facts(&reply, &Needs::default()).unwrap();
    assert_eq!(facts.synchronised, Some(true));
    assert!(facts.disks["/"].expect("an answer").read_only);
    assert!(!facts.is_good());
}

#[test]
fn shellcheck_finds_nothing_in_the_closer_look() {
    need("shellcheck");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/guard/hygiene");
    let reply = run(&owned(&["shellcheck", script]), None);
    assert_eq!((reply.status, stdout(&reply)), (Some(0), String::new()));
}

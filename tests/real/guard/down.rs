//! The way down: what is fenced apart, what is ended in real cgroups, and a power-off that no disk
//! can refuse.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use ananke::adapters::guard::parse::host_facts;

use super::rig::{Rig, as_strs, command, envelope, owned, run, stdout, until};

fn said(rig: &Rig, verb: &str, words: &[&str]) -> String {
    let line = stdout(&rig.change(verb, words));
    line.split(" action=").next().unwrap_or_default().to_owned()
}

#[test]
fn shutdown_verbs_are_fenced_apart_and_hold_starts_of_others_back() {
    let rig = Rig::new();
    let done = "ananke-guard 1 done";
    assert_eq!(said(&rig, "start", &["action=1-1"]), done);
    // An older epoch of another host: a dying power domain asks nobody.
    assert_eq!(said(&rig, "stop", &["epoch=3", "owner=rhea", "action=2-1"]), done);
    assert_eq!(rig.read("state/epoch"), "5 atlas\n", "an old epoch never becomes the newest");
    for (verb, words) in [("start", vec![]), ("restart", vec![]), ("resync-clock", vec![])] {
        let words: Vec<&str> = words.into_iter().chain(["action=1-2"]).collect();
        let refused = "ananke-guard 1 refused reason=going-down have=5 got=5 by=rhea";
        assert_eq!(said(&rig, verb, &words), refused, "{verb}");
    }
    // Whoever brings it down may think otherwise; so may a newer claim.
    assert_eq!(said(&rig, "stop", &["owner=atlas", "action=1-3"]), done);
    assert_eq!(said(&rig, "start", &["owner=atlas", "action=1-4"]), done);
    assert_eq!(said(&rig, "stop", &["epoch=3", "owner=rhea", "action=2-2"]), done);
    assert_eq!(said(&rig, "start", &["epoch=6", "action=1-5"]), done);
    let other = said(&rig, "stop", &["boot=00000000-0000-0000-0000-000000000000"]);
    assert!(other.contains("refused reason=other-boot"), "{other}");
}

#[test]
fn a_copy_of_the_datastore_is_made_by_k3s_and_brings_nothing_down() {
    let rig = Rig::new();
    let words = ["name=ananke-a.3-17", "action=1-1"];
    assert_eq!(said(&rig, "save-datastore", &words), "ananke-guard 1 refused reason=no-k3s");
    let calls = rig.at("calls");
    rig.program("k3s", &format!("#!/bin/sh\necho \"k3s $*\" >>'{calls}'\n"));
    assert_eq!(said(&rig, "save-datastore", &words), "ananke-guard 1 done");
    assert_eq!(rig.calls(), ["k3s etcd-snapshot save --name ananke-a.3-17"]);
    assert_eq!(said(&rig, "start", &["epoch=5", "action=1-2"]), "ananke-guard 1 done");
}

/// Runs the guard where nothing can be written: neither its disk nor `/run`.
fn without_disks(rig: &Rig, how: &str, args: &[&str]) -> ananke::adapters::guard::Reply {
    let mut script = "set -e; ".to_owned();
    for name in ["state", "run"] {
        std::fs::create_dir_all(rig.path(name)).unwrap();
        let at = rig.at(name);
        script += &format!("mount -t tmpfs -o size=4k,mode=700 tmpfs '{at}'; ");
        script += &match how {
            "ro" => format!("mount -o remount,ro '{at}'; "),
            _ => format!("head -c 9999 /dev/zero >'{at}/full' 2>/dev/null || :; "),
        };
    }
    script += "exec \"$@\"";
    let mut line = owned(&["unshare", "-m", "--propagation", "private", "sh", "-c", &script, "sh"]);
    line.extend(rig.line(args));
    run(&line, None)
}

/// The answer comes first: a session does not outlive the beginning of a power-off.
const LATER: &str = "systemd-run --quiet --collect --on-active=1s \
    --timer-property=AccuracySec=100ms systemctl --no-ask-password --no-block poweroff";

#[test]
fn a_power_off_that_process_1_does_not_take_is_begun_at_once() {
    let rig = Rig::new();
    rig.write("code", "1");
    let reply = rig.guard(&as_strs(&envelope("poweroff", &[])));
    assert!(stdout(&reply).contains("failed code=1"), "{}", stdout(&reply));
    let at_once = ["--no-ask-password --no-block poweroff", "--no-ask-password --force poweroff"];
    assert_eq!(rig.calls(), [&[LATER], &at_once[..]].concat());
}

#[test]
fn a_power_off_is_never_refused_for_a_disk_or_for_a_verb_that_hangs() {
    for how in ["ro", "full"] {
        let rig = Rig::new();
        let reply = without_disks(&rig, how, &as_strs(&envelope("poweroff", &[])));
        let line = "ananke-guard 1 done action=3-1 verb=poweroff unit=- disk=broken\n";
        assert_eq!((reply.status, stdout(&reply).as_str()), (Some(0), line), "{how}");
        assert_eq!(rig.calls(), [LATER], "{how}");
    }
    let rig = Rig::new();
    rig.close_gate();
    let words = envelope("stop", &["action=1-1"]);
    let mut hangs = rig.guard_started(&as_strs(&words));
    until("the stop hangs", || rig.calls().len() == 1);
    let busy = stdout(&rig.change("start", &["action=1-2"]));
    assert!(busy.contains("refused reason=busy"), "{busy}");
    let off = rig.guard_started(&as_strs(&envelope("poweroff", &["action=1-3"])));
    until("it is powered off all the same", || rig.calls().len() == 2);
    rig.open_gate();
    hangs.wait().unwrap();
    finish(off);
}

/// The stand-in systemctl waits at the same gate.
fn finish(mut child: Child) {
    child.kill().ok();
    child.wait().ok();
}

/// Where this kernel has cgroups: version 2, or the hierarchies of version 1 beside it.
fn hierarchies() -> Vec<PathBuf> {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"];
    let usable = roots.iter().map(Path::new).filter(|root| root.join("cgroup.procs").exists());
    usable.map(Path::to_path_buf).collect()
}

/// A cgroup of the test's own with pods in it, which goes when the test does.
struct Pods {
    root: PathBuf,
    processes: Vec<Child>,
}

impl Pods {
    fn new(hierarchy: &Path) -> Self {
        let root = hierarchy.join(format!("ananke-test-{}", std::process::id()));
        let mut pods = Self { root, processes: Vec::new() };
        pods.run("c1", "exec sleep 300");
        pods.run("c2", "trap '' TERM; while :; do sleep 1; done");
        pods
    }

    fn run(&mut self, container: &str, script: &str) {
        let folder = self.root.join("kubepods/burstable/pod1").join(container);
        std::fs::create_dir_all(&folder).expect("root may make cgroups");
        let script = format!("echo $$ >'{}'; {script}", folder.join("cgroup.procs").display());
        let line = owned(&["sh", "-c", &script]);
        self.processes.push(command(&line).stdout(Stdio::null()).spawn().unwrap());
        let inside = folder.join("cgroup.procs");
        until("it is in its cgroup", || {
            std::fs::read_to_string(&inside).is_ok_and(|text| !text.is_empty())
        });
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        for child in &mut self.processes {
            child.kill().ok();
            child.wait().ok();
        }
        for folder in ["burstable/pod1/c1", "burstable/pod1/c2", "burstable/pod1", "burstable", ""]
        {
            let folder = self.root.join("kubepods").join(folder);
            // A shell's last child may need a moment to leave.
            until("the cgroup is empty", || {
                std::fs::remove_dir(&folder).is_ok() || !folder.exists()
            });
        }
        std::fs::remove_dir(&self.root).ok();
    }
}

#[test]
fn what_is_left_of_pods_is_ended_and_counted_in_cgroups_of_both_versions() {
    let hierarchies = hierarchies();
    assert!(!hierarchies.is_empty(), "this test needs cgroups, and root");
    for hierarchy in hierarchies {
        let rig = Rig::new();
        let mut pods = Pods::new(&hierarchy);
        rig.set("CGROUPS", pods.root.to_str().unwrap());
        let before = host_facts(&rig.guard(&["facts"])).unwrap().leftovers;
        assert_ne!(before.tasks, Some(0), "{before:?}");
        let reply = rig.change("end-pods", &["limit=12"]);
        let line = "ananke-guard 1 done left=0 mounts=0 action=3-1 verb=end-pods unit=- disk=ok\n";
        assert_eq!((reply.status, stdout(&reply).as_str()), (Some(0), line), "{hierarchy:?}");
        for child in &mut pods.processes {
            assert!(child.wait().unwrap().code().is_none(), "ended by a signal");
        }
        let after = || host_facts(&rig.guard(&["facts"])).unwrap().leftovers.tasks;
        until("nothing is left", || after().is_none_or(|tasks| tasks == 0));
    }
}

#[test]
fn what_kubelet_mounted_is_taken_away() {
    let rig = Rig::new();
    // Only in this mount namespace: a folder of kubelet's own, with two mounts, one in the other.
    let script = "set -e; mount -t tmpfs tmpfs /var/lib; mkdir -p '/var/lib/kubelet/pods/a b'; \
        mount -t tmpfs tmpfs '/var/lib/kubelet/pods/a b'; mkdir '/var/lib/kubelet/pods/a b/c'; \
        mount -t tmpfs tmpfs '/var/lib/kubelet/pods/a b/c'; \"$@\"; \
        grep -c /var/lib/kubelet /proc/mounts";
    let line = |args: &[&str]| {
        let mut line =
            owned(&["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]);
        line.extend(rig.line(args));
        line
    };
    let facts = run(&line(&["facts"]), None);
    assert_eq!(host_facts(&facts).unwrap().leftovers.mounts, 2);
    let ended = run(&line(&as_strs(&envelope("end-pods", &["limit=12"]))), None);
    let text = stdout(&ended);
    assert!(text.starts_with("ananke-guard 1 done left=0 mounts=0 "), "{text}");
    assert!(text.ends_with("disk=ok\n0\n"), "{text}");
}

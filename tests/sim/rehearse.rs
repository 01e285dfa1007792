//! `ananke rehearse`, as a person runs it: the built program, real sockets, real time made faster.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

/// Those that show most of what the sockets do, besides the cold start of all: a cordon and its
/// patches, a changed host key, a program that dies at its boundaries, a key that a service takes.
const SHOWN: [&str; 4] =
    ["hung-kubelet", "host-key-changed", "killed-at-boundaries", "sealed-vault"];

/// The most memory that 25 machines may take with all their servers and the loop before them.
const MOST_KB: u64 = 150 * 1_024;

#[expect(clippy::disallowed_methods, reason = "the program under test is started as it is")]
fn ananke(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ananke"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}\n{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[test]
fn scenarios_over_sockets_end_as_they_say() {
    let runs = SHOWN.map(|name| {
        thread::spawn(move || {
            let output = ananke(&["rehearse", name, "-o", "json"]).output().expect("it runs");
            let said: serde_json::Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|_| panic!("{}", text(&output)));
            assert_eq!(said["result"], "passed", "{name}: {said:#}");
            assert_eq!(said["again"], format!("ananke rehearse {name} --seed 1"), "{name}");
            assert!(said["actions"].is_array() && said["left"].is_array(), "{name}: {said:#}");
            assert_eq!(output.status.code(), Some(0), "{name}");
        })
    });
    for run in runs {
        run.join().expect("a rehearsal failed");
    }
}

/// The most memory that a process has had so far. None once it has ended.
fn most_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn the_default_scenario_on_25_machines_passes_in_little_memory() {
    let mut child = ananke(&["rehearse"]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut running = Running(child);
    let out = running.0.stdout.take().expect("its standard output");
    // It says something at each step, and the kernel keeps the maximum: the last look counts.
    let (mut said, mut most) = (Vec::new(), 0);
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        most = most_memory(running.0.id()).unwrap_or(most);
        said.push(line);
    }
    let said = said.join("\n");
    assert_eq!(running.0.wait().expect("its end").code(), Some(0), "{said}");
    assert!(said.contains("cold-start: passed"), "{said}");
    assert!(said.contains("start k3s-agent on titan-09: done"), "{said}");
    assert!(said.contains("again      ananke rehearse cold-start --seed 1"), "{said}");
    println!("a rehearsal of 25 machines took at most {most} kB");
    assert!((1..=MOST_KB).contains(&most), "{most} kB, at most {MOST_KB}");
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let output = ananke(&["rehearse", "cold-sart"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("did you mean cold-start?"), "{}", text(&output));
}

/// Ended by its own process id, also when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let mut child = ananke(&["rehearse", "cold-start"]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut running = Running(child);
    let out = running.0.stdout.take().expect("its standard output");
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("kubectl --kubeconfig")).expect("where to look");
    let kubeconfig = line.split_whitespace().nth(2).map(PathBuf::from).expect("a path");
    assert!(kubeconfig.exists(), "{line}");
    let pid = Pid::from_child(&running.0);
    kill_process(pid, Signal::INT).expect("it can be told");
    // Its output ends when it does.
    for _ in lines.by_ref() {}
    let status = running.0.wait().expect("its end");
    assert_eq!(status.code(), Some(1));
    assert!(!kubeconfig.parent().is_some_and(std::path::Path::exists), "{line}");
}

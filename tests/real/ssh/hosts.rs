//! Host keys: no command without the right one, day one, and agreement with OpenSSH.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use ananke::adapters::process::{ChildSpec, End, run as run_program};
use ananke::adapters::ssh::known_hosts::{
    HostName, KnownHosts, KnownHostsError, Verdict, accept, fingerprint,
};
use ananke::adapters::ssh::{Doorway, Fleet, HostKeyError, SshError};
use ananke::model::facts::BlindKind;
use ananke::model::time::Span;
use russh::keys::{Algorithm, PublicKey};
use serde_json::Value;
use tokio::time::Instant;

use super::liar::mute;
use super::rig::{N1, Site, Sshd, eventually, new_key, run, tool};

/// Tries to run a command and returns why it was not run, having made sure that it was not.
async fn refused(site: &Site, sshd: &Sshd) -> HostKeyError {
    let mark = site.dir.path().join("ran");
    let error = run(&site.fleet(), &format!("touch {}", mark.display())).await;
    let error = error.expect_err("refused");
    assert!(!mark.exists(), "the command ran: {error}");
    assert_eq!(sshd.logins(), 0, "it logged in: {}", sshd.log());
    assert_eq!(error.kind(), BlindKind::Identity, "{error}");
    assert!(!error.may_have_run());
    let SshError::HostKey(error) = error else { panic!("{error}") };
    *error
}

#[tokio::test]
async fn no_command_runs_without_the_right_host_key() {
    let (site, sshd) = Site::with_sshd();
    let other = new_key(Algorithm::Ed25519);
    let shown = fingerprint(sshd.ed25519.public_key());

    site.know("");
    let unknown = refused(&site, &sshd).await;
    assert!(matches!(unknown.verdict, Verdict::Unknown { .. }), "{unknown}");
    assert!(unknown.to_string().contains("ananke hosts accept n1"), "{unknown}");

    site.know(&format!("# a comment\n{}", sshd.line(&other)));
    let changed = refused(&site, &sshd).await;
    assert!(matches!(changed.verdict, Verdict::Changed { .. }), "{changed}");
    let recorded = format!("{} in line 2", fingerprint(other.public_key()));
    assert!(changed.to_string().contains(&recorded), "{changed}");
    assert!(changed.to_string().contains("ananke hosts scan n1"), "{changed}");

    site.know(&format!(
        "{}@revoked * {}",
        sshd.line(&sshd.ed25519),
        &sshd.line(&sshd.ed25519).split_once(' ').unwrap().1
    ));
    let revoked = refused(&site, &sshd).await;
    assert_eq!(revoked.verdict, Verdict::Revoked { line: 2 });

    for error in [unknown, changed, revoked] {
        let text = error.to_string();
        assert!(text.contains(&shown), "{text}");
        assert!(text.contains(&site.settings.known_hosts.display().to_string()), "{text}");
    }
}

#[tokio::test]
async fn a_key_revoked_while_the_session_is_open_ends_it() {
    let (site, sshd) = Site::with_sshd();
    let fleet = site.fleet();
    run(&fleet, "true").await.unwrap();
    let line = sshd.line(&sshd.ed25519);
    site.know(&format!("{line}@revoked {line}"));
    let error =
        eventually("the open session is given up", || async { run(&fleet, "true").await.err() });
    let error = error.await;
    assert_eq!(error.kind(), BlindKind::Identity, "{error}");
}

#[tokio::test]
async fn a_file_that_is_missing_or_malformed_is_an_error_of_its_own() {
    let (site, sshd) = Site::with_sshd();
    fs::remove_file(&site.settings.known_hosts).unwrap();
    let error = Fleet::new(&site.settings).unwrap_err();
    assert!(matches!(error, SshError::KnownHosts(KnownHostsError::Unreadable { .. })), "{error}");
    assert!(error.to_string().contains("ananke hosts"), "{error}");
    site.know(&format!("{}@revoked n1 rubbish\n", sshd.line(&sshd.ed25519)));
    let error = Fleet::new(&site.settings).unwrap_err();
    assert!(
        matches!(error, SshError::KnownHosts(KnownHostsError::Malformed { line: 2, .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_disk_that_fails_later_does_not_take_the_machines_away() {
    let (site, _sshd) = Site::with_sshd();
    let fleet = site.fleet();
    fs::remove_file(&site.settings.known_hosts).unwrap();
    assert_eq!(run(&fleet, "true").await.unwrap().status, Some(0));
}

#[tokio::test]
async fn day_one_scan_compare_accept() {
    let (site, sshd) = Site::with_sshd();
    site.know("");
    let shown = site.fleet().scan(Doorway::Machine(&N1)).await.unwrap();
    let offered: Vec<_> = shown.iter().map(|key| key.algorithm.as_str()).collect();
    assert_eq!(offered, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    for (key, file) in shown.iter().zip(["host_ed25519", "host_ecdsa"]) {
        let told = tool("ssh-keygen").arg("-lf").arg(sshd.dir.path().join(file)).output().unwrap();
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.contains(&key.fingerprint), "{told} does not have {}", key.fingerprint);
    }
    assert_eq!(sshd.logins(), 0);

    let host = HostName::new("127.0.0.1", sshd.port);
    let keys: Vec<_> = shown.into_iter().map(|key| key.key).collect();
    let accepted = accept(&site.settings.known_hosts, &host, &keys).unwrap();
    assert_eq!((accepted.added, accepted.replaced), (2, vec![]));
    assert_eq!(run(&site.fleet(), "true").await.unwrap().status, Some(0));
    // What we wrote is what ssh itself reads.
    let ssh = tool("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-p"])
        .arg(sshd.port.to_string())
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", site.settings.known_hosts.display()))
        .arg("-i")
        .arg(site.id())
        .args(["127.0.0.1", "true"])
        .output()
        .unwrap();
    assert!(ssh.status.success(), "{}", String::from_utf8_lossy(&ssh.stderr));
}

/// What `ananke hosts ARGS -o json` ends with, prints, and says on standard error.
async fn ananke_hosts(site: &Site, args: &[&str]) -> (End, Value, String) {
    let program = ChildSpec::new(env!("CARGO_BIN_EXE_ananke"), Span::secs(60));
    let config = site.dir.path().join("ananke.yaml");
    let program = program.args(["-c".into(), config]).args(["-o", "json", "hosts"]).args(args);
    let finished = run_program(program).await.expect("it runs");
    let said = finished.stderr.text();
    let printed = finished.stdout.text();
    let lines =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}\n{said}"));
    (finished.end, lines, said)
}

/// `MACHINE VERDICT` of each key that was found.
fn verdicts(lines: &Value) -> Vec<String> {
    let words = |line: &Value| format!("{} {}", line["machine"], line["verdict"]).replace('"', "");
    lines.as_array().expect("a list").iter().map(words).collect()
}

#[tokio::test]
async fn day_one_behind_a_jump_host_among_machines_that_hang() {
    let (site, target) = Site::with_sshd();
    let jump = Sshd::start(&[&site.key]);
    fs::remove_file(&site.settings.known_hosts).unwrap();
    let mut ports = format!("cp-1: {}", target.port);
    for n in 1..=3 {
        let (silent, _) = mute(b"").await;
        ports += &format!(", w-{n}: {}", silent.port());
    }
    let dir = site.dir.path().display();
    let config = format!(
        "ssh_user: {}\nssh_identity_file: {dir}/id\nssh_known_hosts_file: {dir}/known_hosts\n\
         nodes: {{servers: [cp-1], agents: [w-1, w-2, w-3]}}\nssh_node_ports: {{{ports}}}\n\
         ssh_node_hosts: {{cp-1: 127.0.0.1, w-1: 127.0.0.1, w-2: 127.0.0.1, w-3: 127.0.0.1}}\n\
         ssh_jump_host: 127.0.0.1:{}\nssh: {{handshake_timeout: 4s}}\n\
         state_dir: {dir}/state\nrun_dir: {dir}/run\n",
        super::rig::me(),
        jump.port
    );
    fs::write(site.dir.path().join("ananke.yaml"), config).unwrap();

    let began = Instant::now();
    let (end, lines, said) = ananke_hosts(&site, &["scan"]).await;
    let took = began.elapsed();
    assert_eq!(end, End::Exited(1), "{said}");
    assert!(["w-1: ", "w-2: ", "w-3: "].iter().all(|name| said.contains(name)), "{said}");
    let unknown = ["cp-1 unknown", "cp-1 unknown", "127.0.0.1 unknown", "127.0.0.1 unknown"];
    assert_eq!(verdicts(&lines), unknown, "{said}");
    assert!(took < Duration::from_secs(8), "one deadline for all of them, not {took:?}");
    assert!(!site.settings.known_hosts.exists(), "a scan accepts no key");
    assert_eq!((jump.logins(), target.logins()), (0, 0), "nobody vouched for the jump host");

    let (end, lines, said) = ananke_hosts(&site, &["accept", "cp-1", "127.0.0.1"]).await;
    assert_eq!(end, End::Exited(0), "{said}");
    assert_eq!(lines.as_array().unwrap().len(), 4, "{lines:#}");
    assert_eq!((jump.logins(), target.logins()), (1, 0), "through the jump host: {}", jump.log());
    let (end, lines, said) = ananke_hosts(&site, &["scan", "cp-1"]).await;
    assert_eq!(end, End::Exited(0), "{said}");
    assert_eq!(verdicts(&lines), ["cp-1 known", "cp-1 known"], "{said}");
    assert_eq!((jump.logins(), target.logins()), (2, 0), "through the jump host: {}", jump.log());
}

#[test]
fn accept_replaces_the_file_as_a_whole_and_keeps_mode_and_link() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    let old = new_key(Algorithm::Ed25519);
    let new = new_key(Algorithm::Ed25519).public_key().clone();
    let other = format!("n2 {}\n", old.public_key().to_openssh().unwrap());
    fs::write(&real, format!("n1 {}\n{other}", old.public_key().to_openssh().unwrap())).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&real, &link).unwrap();
    let host = HostName::new("n1", 22);
    let accepted = accept(&link, &host, std::slice::from_ref(&new)).unwrap();
    assert_eq!((accepted.added, accepted.replaced), (1, vec![1]));
    let bare = PublicKey::from(new.key_data().clone()).to_openssh().unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), format!("{other}n1 {bare}\n"));
    assert!(link.is_symlink(), "the link stays a link");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");

    let made = dir.path().join("made");
    accept(&made, &host, std::slice::from_ref(&new)).unwrap();
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o7777, 0o644);
    let nowhere = accept(Path::new("/nowhere/known_hosts"), &host, &[new]);
    assert!(matches!(nowhere, Err(KnownHostsError::Unwritable { .. })), "{nowhere:?}");
}

/// The lines for a host that `ssh-keygen -F` finds, and whether they are revoked.
fn openssh_finds(file: &Path, host: &str) -> Vec<usize> {
    let out =
        tool("ssh-keygen").args(["-F", host, "-f"]).arg(file).output().expect("ssh-keygen runs");
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| {
            line.strip_prefix("# Host ")?
                .rsplit_once("found: line ")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .collect()
}

#[test]
fn the_lines_for_a_host_are_those_that_openssh_finds() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let recorded = new_key(Algorithm::Ed25519);
    let shown = new_key(Algorithm::Ed25519);
    let key = recorded.public_key().to_openssh().unwrap();
    let key = key.as_str();
    let hosts = [
        "n1",
        "N1",
        "n1.lan",
        "n1,10.0.0.1",
        "n*",
        "n?",
        "n??",
        "*.lan",
        "n*,!n1",
        "!n1,n*",
        "!n9,n1",
        "[n1]:2222",
        "[N1]:2222",
        "[n*]:2222",
        "[n1]:22",
        "[::1]:2222",
        "::1",
        "*",
        "?",
        "n1,",
        ",n1",
        "n**1",
        "*n*1*",
        "!*,n1",
        "[n1]:*",
    ];
    let asked = [("n1", 22), ("n1.lan", 22), ("n1", 2222), ("10.0.0.1", 22), ("::1", 2222)];
    for hashed in [false, true] {
        for pattern in hosts {
            fs::write(&file, format!("{pattern} {key}\n")).unwrap();
            if hashed {
                let done = tool("ssh-keygen").arg("-Hf").arg(&file).output().unwrap();
                assert!(done.status.success());
            }
            let known = KnownHosts::parse(&fs::read(&file).unwrap()).unwrap();
            for (address, port) in asked {
                let host = HostName::new(address, port);
                let ours =
                    matches!(known.judge(&host, shown.public_key()), Verdict::Changed { .. });
                let theirs = !openssh_finds(&file, host.as_str()).is_empty();
                let written = fs::read_to_string(&file).unwrap();
                assert_eq!(ours, theirs, "{host} in {written} (from {pattern})");
            }
        }
    }
}

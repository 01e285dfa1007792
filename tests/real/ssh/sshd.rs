//! Real sshd: commands, sessions, jump host, forwarding, keys.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ananke::adapters::ssh::{Fleet, IdentityError, SshError, Stage};
use ananke::config::settings::SshTarget;
use ananke::model::facts::BlindKind;
use ananke::model::ids::MachineName;
use ananke::model::time::Span;
use russh::keys::Algorithm;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::liar::{Relay, mute};
use super::rig::{ECDSA, N1, Site, Sshd, known_line, me, new_key, run, tool, write_key};

#[tokio::test]
async fn commands_give_what_the_shell_gives() {
    let (site, sshd) = Site::with_sshd();
    let fleet = site.fleet();
    let table = [
        ("true", Some(0), None, "", ""),
        ("echo out; echo err >&2; exit 7", Some(7), None, "out\n", "err\n"),
        ("no-such-program-here 2>/dev/null", Some(127), None, "", ""),
        ("kill -KILL $$", None, Some("KILL"), "", ""),
        ("printf '%s' \"it's \\\"quoted\\\"\"", Some(0), None, "it's \"quoted\"", ""),
    ];
    for (command, status, signal, stdout, stderr) in table {
        let output = run(&fleet, command).await.expect(command);
        assert_eq!(output.status, status, "{command}");
        assert_eq!(output.signal.as_deref(), signal, "{command}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{command}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), stderr, "{command}");
        assert!(!output.is_lost(), "{command}");
    }
    assert_eq!(sshd.logins(), 1, "one session for all commands: {}", sshd.log());
    fleet.close().await;
    assert_eq!(run(&fleet, "true").await, Err(SshError::Closed));
}

#[tokio::test]
async fn input_reaches_the_command_also_when_it_is_larger_than_the_window() {
    let (site, _sshd) = Site::with_sshd();
    let fleet = site.fleet();
    let input = vec![b'i'; 5 << 20];
    let counted = fleet.run(&N1, "wc -c", Some(input.clone()), Span::secs(20)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), input.len().to_string());
    let unread = fleet.run(&N1, "exit 3", Some(input), Span::secs(20)).await.unwrap();
    assert_eq!(unread.status, Some(3), "a command may ignore its input");
}

#[tokio::test]
async fn ecdsa_keys_on_both_sides() {
    let mut site = Site::with_key(new_key(ECDSA));
    let sshd = Sshd::start(&[&site.key]);
    site.add("n1", sshd.target(&site.id()));
    // The server would show its ed25519 key to a client that does not ask for the recorded one.
    site.know(&sshd.line(&sshd.ecdsa));
    assert_eq!(run(&site.fleet(), "true").await.unwrap().status, Some(0));
}

#[tokio::test]
async fn the_second_identity_is_tried_and_a_stranger_is_denied() {
    let (mut site, sshd) = Site::with_sshd();
    let stranger = site.dir.path().join("stranger");
    write_key(&stranger, &new_key(Algorithm::Ed25519));
    let target = sshd.target(&site.id());
    let both = vec![stranger.clone(), site.id()];
    site.add("n1", SshTarget { identities: both, ..target.clone() });
    assert_eq!(run(&site.fleet(), "true").await.unwrap().status, Some(0));
    site.add("n1", SshTarget { identities: vec![stranger], ..target });
    let error = run(&site.fleet(), "true").await.unwrap_err();
    assert_eq!(error.kind(), BlindKind::Denied, "{error}");
    assert!(!error.may_have_run());
    let text = error.to_string();
    assert!(text.contains(&me()) && text.contains("stranger (SHA256:"), "{text}");
}

#[tokio::test]
async fn a_session_that_died_is_replaced_and_no_command_runs_twice() {
    let (site, sshd) = Site::with_sshd();
    let fleet = site.fleet();
    let marks = site.dir.path().join("marks");
    let mark = format!("echo x >> {}", marks.display());
    run(&fleet, &mark).await.unwrap();
    // $PPID of the login shell is the sshd process of this connection.
    let lost = run(&fleet, &format!("{mark}; kill -KILL $PPID")).await.unwrap();
    assert!(lost.is_lost(), "nobody knows what became of it: {lost:?}");
    run(&fleet, &mark).await.unwrap();
    assert_eq!(fs::read_to_string(&marks).unwrap(), "x\nx\nx\n");
    assert_eq!(sshd.logins(), 2, "{}", sshd.log());
}

#[tokio::test]
async fn a_command_over_its_limit_may_have_run_and_holds_up_nobody() {
    let (site, _sshd) = Site::with_sshd();
    let fleet = site.fleet();
    run(&fleet, "true").await.unwrap();
    let limit = Span::millis(300);
    let slow = fleet.run(&N1, "sleep 8", None, limit);
    let (slow, quick) = tokio::join!(slow, run(&fleet, "echo quick"));
    let error = slow.unwrap_err();
    assert_eq!(error, SshError::TimedOut { stage: Stage::Command, limit });
    assert!(error.may_have_run());
    assert_eq!(error.kind(), BlindKind::TimedOut);
    assert_eq!(quick.unwrap().stdout, b"quick\n");
    assert_eq!(run(&fleet, "echo after").await.unwrap().stdout, b"after\n");
}

#[tokio::test]
async fn a_flood_is_an_error_and_the_next_command_works() {
    let (site, _sshd) = Site::with_sshd();
    let fleet = site.fleet();
    for (command, wanted) in
        [("head -c 100000000 /dev/zero", "stdout"), ("head -c 100000000 /dev/zero >&2", "stderr")]
    {
        let error = run(&fleet, command).await.unwrap_err();
        assert!(
            matches!(error, SshError::TooMuchOutput { stream, .. } if stream == wanted),
            "{error}"
        );
        assert!(error.may_have_run());
    }
    let most = run(&fleet, "head -c 262144 /dev/zero").await.unwrap();
    assert_eq!(most.stdout.len(), 262_144);
}

#[tokio::test]
async fn a_child_that_keeps_the_output_open_does_not_hide_the_status() {
    let (site, _sshd) = Site::with_sshd();
    let output = run(&site.fleet(), "sleep 6 & echo started; exit 4").await.unwrap();
    assert_eq!((output.status, output.stdout.as_slice()), (Some(4), b"started\n".as_slice()));
}

#[tokio::test]
async fn forwarding_reaches_what_only_the_machine_can_see() {
    let (site, _sshd) = Site::with_sshd();
    let fleet = site.fleet();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let mut tunnel = fleet.forward(&N1, "127.0.0.1", port).await.unwrap();
    let sent = vec![7; 300_000];
    let mut back = vec![0; sent.len()];
    let (mut read, mut write) = tokio::io::split(&mut tunnel);
    let exchange = async { tokio::join!(write.write_all(&sent), read.read_exact(&mut back)) };
    let (out, back_in) = tokio::time::timeout(Duration::from_secs(20), exchange).await.unwrap();
    out.unwrap();
    back_in.unwrap();
    assert_eq!(back, sent);
    drop(tunnel);
    let ended = tokio::time::timeout(Duration::from_secs(20), echo).await;
    ended.expect("dropping the tunnel ends the connection").unwrap();
    let Err(error) = fleet.forward(&N1, "127.0.0.1", port).await else { panic!("nobody listens") };
    assert_eq!(error.kind(), BlindKind::Unreachable, "{error}");
}

#[tokio::test]
async fn a_tunnel_that_is_not_read_does_not_hold_up_commands() {
    let (site, _sshd) = Site::with_sshd();
    let fleet = site.fleet();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let block = vec![0; 64 << 10];
        while stream.write_all(&block).await.is_ok() {}
    });
    let _unread = fleet.forward(&N1, "127.0.0.1", port).await.unwrap();
    for _ in 0..3 {
        assert_eq!(run(&fleet, "echo alive").await.unwrap().stdout, b"alive\n");
    }
}

/// A jump host, a target behind it, and where each is.
fn behind_a_jump_host() -> (Site, Sshd, Sshd) {
    let (mut site, target) = Site::with_sshd();
    let jump = Sshd::start(&[&site.key]);
    let through = SshTarget { via_jump: true, ..target.target(&site.id()) };
    site.add("n1", through);
    site.settings.jump = Some(jump.target(&site.id()));
    site.know(&(target.line(&target.ed25519) + &jump.line(&jump.ed25519)));
    (site, jump, target)
}

#[tokio::test]
async fn the_jump_host_is_used_where_it_is_asked_for() {
    let (site, jump, target) = behind_a_jump_host();
    let fleet = site.fleet();
    let output = run(&fleet, "echo $SSH_CLIENT; exit 5").await.unwrap();
    assert_eq!(output.status, Some(5));
    assert_eq!((jump.logins(), target.logins()), (1, 1));
    run(&fleet, "true").await.unwrap();
    assert_eq!((jump.logins(), target.logins()), (1, 1), "both sessions are kept");
}

#[tokio::test]
async fn a_dead_jump_host_is_gone_around_and_left_alone_for_a_while() {
    let (mut site, _jump, target) = behind_a_jump_host();
    // Takes connections and never says a word.
    let (mute, _) = mute(b"").await;
    let jump = site.settings.jump.as_mut().unwrap();
    jump.port = mute.port();
    site.settings.deadlines.handshake = Span::secs(3);
    let fleet = site.fleet();
    assert_eq!(run(&fleet, "true").await.unwrap().status, Some(0));
    assert_eq!(target.logins(), 1);
    // A new connection, since the first one is killed: it must not pay for the jump host again.
    assert!(run(&fleet, "kill -KILL $PPID").await.unwrap().is_lost());
    let began = Instant::now();
    assert_eq!(run(&fleet, "true").await.unwrap().status, Some(0));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "the jump host's deadline was paid twice: {took:?}");
}

#[tokio::test]
async fn a_jump_host_that_answers_as_a_machine_is_used_again_at_once() {
    let (mut site, jump, target) = behind_a_jump_host();
    site.add("j1", jump.target(&site.id()));
    site.know(&target.line(&target.ed25519));
    let fleet = site.fleet();
    run(&fleet, "true").await.unwrap();
    assert_eq!((jump.logins(), target.logins()), (0, 1), "nobody knows the jump host's key");
    site.know(&(target.line(&target.ed25519) + &jump.line(&jump.ed25519)));
    let j1 = MachineName::fixed("j1");
    let deadline = Instant::now() + Duration::from_secs(10);
    while fleet.run(&j1, "true", None, Span::secs(10)).await.is_err() {
        assert!(Instant::now() < deadline, "the new key is never seen");
        // poll: known_hosts is looked at once in a while
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(run(&fleet, "kill -KILL $PPID").await.unwrap().is_lost());
    run(&fleet, "true").await.unwrap();
    assert_eq!((jump.logins(), target.logins()), (2, 2), "once as j1, once as the way to n1");
}

#[tokio::test]
async fn a_jump_host_that_dies_with_the_session_open_is_gone_around() {
    let (mut site, jump, target) = behind_a_jump_host();
    let relay = Relay::to((Ipv4Addr::LOCALHOST, jump.port).into()).await;
    site.settings.jump.as_mut().unwrap().port = relay.address.port();
    site.know(&(target.line(&target.ed25519) + &known_line(relay.address.port(), &jump.ed25519)));
    site.settings.deadlines.connect = Span::secs(3);
    let fleet = site.fleet();
    run(&fleet, "true").await.unwrap();
    assert_eq!((jump.logins(), target.logins()), (1, 1));
    relay.freeze();
    assert_eq!(run(&fleet, "true").await.unwrap().status, Some(0));
    assert_eq!((jump.logins(), target.logins()), (1, 2));
}

#[tokio::test]
async fn when_both_ways_fail_the_error_names_both() {
    let (mut site, jump, target) = behind_a_jump_host();
    site.settings.jump.as_mut().unwrap().port = target.port;
    site.know(&jump.line(&jump.ed25519));
    let error = run(&site.fleet(), "true").await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SshError::BothPaths { .. }), "{text}");
    assert!(text.contains("jump host 127.0.0.1") && text.contains("directly: "), "{text}");
    assert_eq!(error.kind(), BlindKind::Identity);
    assert_eq!(target.logins(), 0);
}

#[tokio::test]
async fn a_target_that_is_off_behind_a_living_jump_host_is_unreachable() {
    let (mut site, _jump, target) = behind_a_jump_host();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let off = SshTarget { via_jump: true, port: gone, ..target.target(&site.id()) };
    site.add("n1", off);
    let error = run(&site.fleet(), "true").await.unwrap_err();
    assert_eq!(error.kind(), BlindKind::Unreachable, "{error}");
    assert!(error.to_string().contains("the jump host 127.0.0.1 can't reach it"), "{error}");
}

#[tokio::test]
async fn key_files_that_are_not_safe_are_refused() {
    let (mut site, sshd) = Site::with_sshd();
    let file = site.dir.path().join("other");
    let keygen = |kind: &str, phrase: &str| {
        drop(fs::remove_file(&file));
        let mut ssh_keygen = tool("ssh-keygen");
        ssh_keygen.args(["-q", "-t", kind, "-N", phrase, "-f"]).arg(&file);
        assert!(ssh_keygen.status().unwrap().success());
    };
    site.add("n1", SshTarget { identities: vec![file.clone()], ..sshd.target(&file) });
    let refused = |site: &Site| match Fleet::new(&site.settings) {
        Err(SshError::Identity(error)) => error,
        other => panic!("not refused: {other:?}"),
    };
    assert!(matches!(refused(&site), IdentityError::Unreadable { .. }));
    for mode in [0o644, 0o640, 0o604, 0o660] {
        keygen("ed25519", "");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let error = refused(&site);
        assert!(matches!(error, IdentityError::OpenToOthers { .. }), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    keygen("ed25519", "open sesame");
    assert!(matches!(refused(&site), IdentityError::Encrypted { .. }));
    keygen("rsa", "");
    assert!(matches!(refused(&site), IdentityError::Unsupported { .. }), "{}", refused(&site));
    fs::write(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n").unwrap();
    let error = refused(&site);
    assert!(matches!(error, IdentityError::Malformed { .. }));
    assert!(!error.to_string().contains("c2Vj"), "no key material in messages");
    site.add("n1", SshTarget { identities: vec![], ..sshd.target(&file) });
    assert!(matches!(refused(&site), IdentityError::Missing { .. }));
}

#[tokio::test]
async fn a_machine_that_is_not_in_the_inventory() {
    let (site, _sshd) = Site::with_sshd();
    let nobody = MachineName::fixed("n9");
    let error = site.fleet().run(&nobody, "true", None, Span::secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), BlindKind::NotAsked);
}

//! Servers that hang, lie and die cost their own deadline, and never anybody else's.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ananke::adapters::ssh::{Fleet, SshError, Stage};
use ananke::model::facts::BlindKind;
use ananke::model::ids::MachineName;
use ananke::model::time::Span;
use tokio::time::Instant;

use super::liar::{Liar, Lie, Relay, mute, target};
use super::rig::{N1, Site, eventually, known_line, run};

const SHORT: Span = Span::millis(500);

fn short(site: &mut Site) {
    site.settings.deadlines.handshake = SHORT;
    site.settings.deadlines.auth = SHORT;
    site.settings.deadlines.connect = SHORT;
}

#[tokio::test]
async fn each_stage_has_a_deadline() {
    for (greeting, what) in
        [(b"".as_slice(), "no version"), (b"SSH-2.0-OpenSSH_9.2\r\n", "no key exchange")]
    {
        let mut site = Site::new();
        let (address, ended) = mute(greeting).await;
        site.add("n1", target(address, &site));
        short(&mut site);
        let error = run(&site.fleet(), "true").await.unwrap_err();
        assert_eq!(error, SshError::TimedOut { stage: Stage::Handshake, limit: SHORT }, "{what}");
        assert_eq!(error.kind(), BlindKind::TimedOut);
        assert!(!error.may_have_run());
        eventually("our side of the connection is closed", || async {
            (ended.load(Ordering::SeqCst) == 1).then_some(())
        })
        .await;
    }
    for (lie, stage) in [(Lie::AuthStall, Stage::Auth), (Lie::ChannelStall, Stage::Channel)] {
        let (mut site, liar) = Liar::site(lie).await;
        // A channel has the time of a connect. The other stages work and may take their time.
        let deadlines = &mut site.settings.deadlines;
        let hanging =
            if stage == Stage::Auth { &mut deadlines.auth } else { &mut deadlines.connect };
        *hanging = SHORT;
        let error = run(&site.fleet(), "true").await.unwrap_err();
        assert_eq!(error, SshError::TimedOut { stage, limit: SHORT }, "{lie:?}");
        assert!(!error.may_have_run());
        assert_eq!(liar.commands.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn what_does_not_speak_ssh() {
    let table: [(&[u8], BlindKind); 3] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", BlindKind::TimedOut),
        // A server may say something before its version (RFC 4253 section 4.2), so one more line
        // could follow.
        (b"SSH-1.5-ancient\r\n", BlindKind::TimedOut),
        (&[b'x'; 70_000], BlindKind::Garbled),
    ];
    for (greeting, kind) in table {
        let mut site = Site::new();
        site.add("n1", target(mute(greeting).await.0, &site));
        short(&mut site);
        let error = run(&site.fleet(), "true").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}: {:?}", &greeting[..8]);
    }
    let mut site = Site::new();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    site.add("n1", target(address, &site));
    let error = run(&site.fleet(), "true").await.unwrap_err();
    assert_eq!(error.kind(), BlindKind::Refused, "{error}");
}

#[tokio::test]
async fn what_is_not_known_is_not_called_a_success() {
    for lie in [Lie::NoStatus, Lie::Vanish] {
        let (site, liar) = Liar::site(lie).await;
        let output = run(&site.fleet(), "true").await.unwrap();
        assert!(output.is_lost() && output.status.is_none(), "{lie:?}: {output:?}");
        assert_eq!(output.stdout, b"ok\n", "{lie:?}");
        assert_eq!(liar.commands.load(Ordering::SeqCst), 1, "{lie:?}: never sent twice");
    }
    let (site, _liar) = Liar::site(Lie::NeverClose).await;
    assert_eq!(run(&site.fleet(), "true").await.unwrap().status, Some(0), "the status is enough");
    let (site, _liar) = Liar::site(Lie::ExecRefused).await;
    let error = run(&site.fleet(), "true").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (BlindKind::Denied, false), "{error}");
}

#[tokio::test]
async fn output_is_bounded_and_bytes_stay_bytes() {
    let (site, liar) = Liar::site(Lie::Flood).await;
    let error = run(&site.fleet(), "true").await.unwrap_err();
    assert!(matches!(error, SshError::TooMuchOutput { stream: "stdout", .. }), "{error}");
    assert_eq!(liar.commands.load(Ordering::SeqCst), 1);
    let (site, _liar) = Liar::site(Lie::Bytes).await;
    let output = run(&site.fleet(), "true").await.unwrap();
    assert_eq!(output.stdout, [0xff, 0xfe, 0x00, b'a', 0xc3]);
    assert_eq!(output.status, Some(0), "the status may come after the end of the data");
}

#[tokio::test]
async fn a_half_open_session_is_noticed_before_the_command_is_sent() {
    let liar = Liar::start(Lie::Honest).await;
    let relay = Relay::to(liar.address).await;
    let mut site = Site::new();
    site.add("n1", target(relay.address, &site));
    site.know(&known_line(relay.address.port(), &liar.key));
    let fleet = site.fleet();
    run(&fleet, "true").await.unwrap();
    relay.freeze();
    let began = Instant::now();
    assert_eq!(run(&fleet, "true").await.unwrap().status, Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(liar.commands.load(Ordering::SeqCst), 2, "once each");
}

/// `count` machines of which every tenth hangs, and whether a machine is one of those.
async fn crowd(count: usize) -> (Site, impl Fn(&MachineName) -> bool) {
    let liar = Liar::start(Lie::Honest).await;
    let (silent, _) = mute(b"").await;
    let mut site = Site::new();
    site.know(&known_line(liar.address.port(), &liar.key));
    for i in 0..count {
        let address = if i % 10 == 0 { silent } else { liar.address };
        let machine = MachineName::new(format!("n{i:04}"));
        let target = target(address, &site);
        site.settings.machines.insert(machine, target);
    }
    let hangs = |machine: &MachineName| machine.as_str().ends_with('0');
    (site, hangs)
}

/// One command on every machine, with the time each took.
async fn round(fleet: &Fleet, site: &Site) -> Vec<(MachineName, bool, Duration)> {
    let began = Instant::now();
    let all = site.settings.machines.keys().map(|machine| async move {
        let done = fleet.run(machine, "true", None, Span::secs(10)).await;
        (machine.clone(), done.is_ok(), began.elapsed())
    });
    futures::future::join_all(all).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_that_hang_cost_their_own_deadline_only() {
    let (mut site, hangs) = crowd(50).await;
    let deadline = Span::secs(6);
    site.settings.deadlines.handshake = deadline;
    site.settings.fan_out = 50;
    let took = round(&site.fleet(), &site).await;
    for (machine, fine, took) in took {
        assert_eq!(fine, !hangs(&machine), "{machine}");
        if hangs(&machine) {
            assert!(took >= deadline.to_std(), "{machine} {took:?}");
            assert!(took < deadline.to_std() + Duration::from_secs(2), "{machine} {took:?}");
        } else {
            assert!(took < deadline.to_std(), "{machine} waited for others: {took:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_small_fan_out_the_hanging_wait_for_each_other_only() {
    let (mut site, hangs) = crowd(40).await;
    let deadline = Span::secs(3);
    site.settings.deadlines.handshake = deadline;
    site.settings.fan_out = 2;
    let fleet = site.fleet();
    round(&fleet, &site).await;
    // From the second round on it is known who hangs.
    for (machine, fine, took) in round(&fleet, &site).await {
        assert_eq!(fine, !hangs(&machine), "{machine}");
        assert!(hangs(&machine) || took < deadline.to_std(), "{machine} waited: {took:?}");
    }
}

#[tokio::test]
async fn all_who_wait_for_one_machine_share_its_deadline() {
    let mut site = Site::new();
    site.add("n1", target(mute(b"").await.0, &site));
    short(&mut site);
    let fleet = site.fleet();
    let began = Instant::now();
    let four = futures::future::join_all((0..4).map(|_| run(&fleet, "true"))).await;
    assert!(four.iter().all(Result::is_err));
    let took = began.elapsed();
    assert!(took < 3 * SHORT.to_std(), "one after the other: {took:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_machine_usable() {
    let (site, liar) = Liar::site(Lie::Honest).await;
    let fleet = site.fleet();
    drop(tokio::time::timeout(Duration::from_millis(1), run(&fleet, "true")).await);
    let output = fleet.run(&N1, "true", None, Span::secs(10)).await.unwrap();
    assert_eq!(output.stdout, b"ok\n");
    assert!(liar.commands.load(Ordering::SeqCst) >= 1);
}

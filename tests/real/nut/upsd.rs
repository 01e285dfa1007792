//! What a real upsd says, and what is made of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ananke::adapters::nut::{NutError, Refusal};
use ananke::config::settings::{Encryption, NutSettings};
use ananke::model::facts::{BlindKind, Seen};
use ananke::model::power::{Reading, StatusToken, UpsFacts, UpsStatus};
use futures::future::join_all;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::rig::{PATIENCE, Rig, link, run, until};

fn kind(seen: &Seen<UpsFacts>) -> Option<BlindKind> {
    match seen {
        Seen::Known { .. } => None,
        Seen::Unknown { why, .. } => Some(why.kind),
    }
}

fn says(seen: &Seen<UpsFacts>, token: &StatusToken) -> bool {
    seen.any_age().is_some_and(|facts| facts.status.has(token))
}

#[tokio::test]
async fn a_real_upsd_is_read() {
    let rig = Rig::start(|_| String::new()).await;
    let mut upsd = rig.connect(&Encryption::Off).await.unwrap();
    assert!(upsd.server().contains("upsd 2."), "{upsd:?}");
    let known: Vec<_> = upsd.list_ups().await.unwrap().into_iter().collect();
    let expected = ["coord", "peer"].map(|name| (name.to_owned(), name.to_owned()));
    assert_eq!(known, expected);
    assert_eq!(upsd.get_var("coord", "maker").await.unwrap(), r#"\ of it""#);
    assert_eq!(upsd.list_var("COORD").await.unwrap()["ups.status"], "OL");
    for (ups, variable, refusal) in [
        ("coord", "no.such", Refusal::VarNotSupported),
        ("nobody", "ups.status", Refusal::UnknownUps),
    ] {
        let error = upsd.get_var(ups, variable).await.unwrap_err();
        assert!(error.keeps_connection());
        assert!(matches!(error, NutError::Refused(ref it) if *it == refusal), "{error:?}");
    }
    assert_eq!(upsd.get_var("coord", "ups.status").await.unwrap(), "OL", "still in step");

    let (coord, nobody) = (rig.name("coord"), rig.name("nobody"));
    let link = link(&[coord.clone(), nobody.clone()]);
    let seen = until(&link, &coord, "seen", |seen| kind(seen).is_none()).await;
    let facts = seen.any_age().unwrap();
    assert_eq!(facts.status, UpsStatus::parse("OL"));
    assert_eq!((facts.charge, facts.charge_low), (Reading::Said(100), Reading::Said(20)));
    assert_eq!((facts.runtime, facts.runtime_low), (Reading::Said(1_800), Reading::Said(120)));
    assert_eq!((facts.load, facts.input_volts), (Reading::Said(24), Reading::Said(230)));
    assert_eq!(facts.serial.as_deref(), Some("4711"));
    assert!(facts.source.driver.as_deref().is_some_and(|it| it.starts_with("dummy-ups ")));
    assert!(!facts.source.encrypted);
    let unknown = |seen: &Seen<UpsFacts>| kind(seen) == Some(BlindKind::Identity);
    let Seen::Unknown { why, .. } = until(&link, &nobody, "unknown to upsd", unknown).await else {
        panic!("it can't be known");
    };
    assert!(why.detail.ends_with("it knows: coord, peer"), "{why}");
}

#[tokio::test]
async fn a_loss_of_mains_is_seen_at_once() {
    let rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    // The driver looks once a second and the link four times: their phases stay together. Several
    // links, begun one after the other, show every phase.
    let mut links = Vec::new();
    let mut pace = interval(NutSettings::POLL.to_std() / 5);
    for _ in 0..5 {
        pace.tick().await;
        links.push(link(std::slice::from_ref(&coord)));
    }
    for link in &links {
        until(link, &coord, "seen", |seen| kind(seen).is_none()).await;
    }
    let mut delays = Vec::new();
    for round in 0..8 {
        let (value, token) = match round % 2 {
            0 => ("OB DISCHRG", StatusToken::OnBattery),
            _ => ("OL", StatusToken::Online),
        };
        // The moment at which upsd itself shows it, asked 50 times a second.
        let mut upsd = rig.connect(&Encryption::Off).await.unwrap();
        let shown = async {
            let mut pace = interval(Duration::from_millis(20));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while upsd.get_var("coord", "ups.status").await.unwrap() != value {
                pace.tick().await;
            }
            Instant::now()
        };
        let seen = join_all(links.iter().map(async |link| {
            until(link, &coord, value, |seen| says(seen, &token)).await;
            Instant::now()
        }));
        let ((), shown, seen) = tokio::join!(rig.set("ups.status", value), shown, seen);
        delays.extend(seen.into_iter().map(|seen| seen.saturating_duration_since(shown)));
    }
    delays.sort_unstable();
    let (half, last) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("upsd shows it -> seen, {} times: p50 {half:?}, max {last:?}", delays.len());
    assert!(half <= Duration::from_millis(300), "{delays:?}");
    assert!(last <= Duration::from_millis(600), "{delays:?}");
}

#[tokio::test]
async fn silence_has_its_reason_and_ends_by_itself() {
    let mut rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    let link = link(std::slice::from_ref(&coord));
    until(&link, &coord, "seen", |seen| kind(seen).is_none()).await;

    rig.coord.as_ref().unwrap().signal(Signal::STOP);
    until(&link, &coord, "stale", |seen| kind(seen) == Some(BlindKind::Stale)).await;
    rig.coord.as_ref().unwrap().signal(Signal::CONT);
    until(&link, &coord, "fresh", |seen| kind(seen).is_none()).await;

    rig.coord = None;
    let gone = |seen: &Seen<UpsFacts>| kind(seen) == Some(BlindKind::Unreachable);
    let seen = until(&link, &coord, "without driver", gone).await;
    let Seen::Unknown { why, .. } = &seen else { panic!("{seen:?}") };
    assert!(why.detail.contains("DRIVER-NOT-CONNECTED"), "{why}");

    rig.upsd.as_ref().unwrap().signal(Signal::STOP);
    until(&link, &coord, "late", |seen| kind(seen) == Some(BlindKind::TimedOut)).await;
    rig.stop_all();
    until(&link, &coord, "unreachable", gone).await;
    rig.start_all();
    until(&link, &coord, "back", |seen| says(seen, &StatusToken::Online)).await;
}

#[tokio::test]
async fn a_forced_shutdown_stays_latched_with_mains() {
    let rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    let link = link(std::slice::from_ref(&coord));
    let mut raw = BufReader::new(TcpStream::connect(("127.0.0.1", rig.port)).await.unwrap());
    for line in ["USERNAME admin", "PASSWORD secret", "FSD coord"] {
        raw.get_mut().write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        raw.read_line(&mut answer).await.unwrap();
        assert!(answer.starts_with("OK"), "{line}: {answer}");
    }
    let forced = |seen: &Seen<UpsFacts>| says(seen, &StatusToken::ForcedShutdown);
    let seen = until(&link, &coord, "forced", forced).await;
    assert!(says(&seen, &StatusToken::Online), "{seen:?}");
    rig.set("ups.status", "").await;
    let empty = |seen: &Seen<UpsFacts>| forced(seen) && !says(seen, &StatusToken::Online);
    until(&link, &coord, "forced and nothing else", empty).await;
}

/// A certificate database as upsd with NSS reads it (Debian's is built so), the certificate of
/// `nickname` exported, and the lines for upsd.conf.
fn certificate(dir: &Path, nickname: &str) -> String {
    let base = dir.join(nickname);
    fs::create_dir_all(&base).unwrap();
    let file = |name: &str| base.join(name).display().to_string();
    fs::write(file("password"), "secret\n").unwrap();
    fs::write(file("noise"), rand::random::<[u8; 32]>()).unwrap();
    let certutil = |arguments: &[&str]| {
        let fixed = ["-d", base.to_str().unwrap(), "-f", &file("password")];
        let out = run("certutil", "libnss3-tools", &[arguments, &fixed].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    certutil(&["-N"]);
    let subject = format!("CN={nickname}");
    let noise = file("noise");
    certutil(&[
        "-S", "-x", "-n", nickname, "-s", &subject, "-t", "CT,C,C", "-z", &noise, "-v", "1",
    ]);
    fs::write(file("cert.pem"), certutil(&["-L", "-n", nickname, "-a"])).unwrap();
    format!("CERTPATH {}\nCERTIDENT \"{nickname}\" \"secret\"\n", base.display())
}

#[tokio::test]
async fn tls_takes_the_pinned_certificate_and_no_other() {
    let rig = Rig::start(|dir| {
        certificate(dir, "other");
        certificate(dir, "upsd")
    })
    .await;
    let pinned = |name: &str| Encryption::Pinned { file: rig.path(name) };
    let mut upsd = rig.connect(&pinned("upsd/cert.pem")).await.unwrap();
    assert!(upsd.encrypted());
    assert_eq!(upsd.get_var("coord", "ups.status").await.unwrap(), "OL");

    let error = rig.connect(&pinned("other/cert.pem")).await.unwrap_err();
    assert!(matches!(error, NutError::Stranger { .. }), "{error:?}");
    assert_eq!(error.blind().kind, BlindKind::Identity);
    let shown = fs::read(rig.path("upsd/cert.pem")).unwrap();
    fs::write(rig.path("shown.pem"), &shown).unwrap();
    let path = rig.path("shown.pem").display().to_string();
    let arguments = ["x509", "-in", &path, "-noout", "-fingerprint", "-sha256"];
    let print = String::from_utf8(run("openssl", "openssl", &arguments).stdout).unwrap();
    let print = print.trim().rsplit('=').next().unwrap().to_owned();
    assert!(error.to_string().contains(&print), "{error} has not {print}");

    let both = [shown, fs::read(rig.path("other/cert.pem")).unwrap()].concat();
    fs::write(rig.path("both.pem"), both).unwrap();
    assert!(rig.connect(&pinned("both.pem")).await.is_ok(), "two stand there while one is changed");

    fs::write(rig.path("empty.pem"), "nothing\n").unwrap();
    for name in ["none.pem", "empty.pem"] {
        let error = rig.connect(&pinned(name)).await.unwrap_err();
        assert!(matches!(error, NutError::Pin { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn plain_text_is_never_taken_for_tls() {
    let rig = Rig::start(|_| String::new()).await;
    let file = rig.path("any.pem");
    let deadline = Instant::now() + PATIENCE;
    let error = rig.connect(&Encryption::Pinned { file }).await.unwrap_err();
    assert!(Instant::now() < deadline);
    assert!(matches!(error, NutError::NoTls { .. }), "{error:?}");
    assert!(error.to_string().contains("FEATURE-NOT-CONFIGURED"), "{error}");
}

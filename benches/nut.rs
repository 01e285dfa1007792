//! How soon a loss of mains is known, counted from the moment at which upsd itself shows it:
//! ananke's daemon as it is shipped, and upsmon with its defaults, in the same run on the same
//! upsd. `cargo bench --bench nut -- 100` sets the number of changes.
#![expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "shares the rig of tests, which starts real processes, and fails where it stands"
)]

#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/real/nut/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/real/nut/rig.rs"]
mod rig;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use ananke::config::settings::Encryption;
use ananke::model::power::UpsState;
use tokio::time::{MissedTickBehavior, interval, sleep};

use daemon::Daemon;
use rig::Rig;

/// The most that may pass from upsd to the daemon's decision: half of the changes, and any.
const HALF: Duration = Duration::from_millis(300);
const ANY: Duration = Duration::from_millis(600);

/// upsmon looks every five seconds; longer than that nobody waits for it.
const UPSMON: Duration = Duration::from_secs(8);

fn main() {
    let changes = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(100);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(measure(changes));
}

async fn measure(changes: u64) {
    let rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    let daemon = Daemon::start(&format!("  upses: {coord}\n")).await;
    let mut ticks = daemon.ticks().await;
    let heard = rig.path("upsmon.heard");
    let _upsmon = upsmon(&rig);
    ticks
        .until("on mains", |record| {
            let ups = record.decision.power.upses.get(&coord);
            ups.is_some_and(|ups| matches!(ups.state, UpsState::Online { .. }))
        })
        .await;
    // upsmon tells nobody of what it finds when it starts.
    sleep(UPSMON).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for change in 0..changes {
        // The phases of driver, upsd and the two who ask must not stay together.
        sleep(Duration::from_millis((change * 137) % 1_000)).await;
        let (value, word) = if change % 2 == 0 { ("OB", "ONBATT") } else { ("OL", "ONLINE") };
        let before = lines(&heard);
        let wanted = |state: &UpsState| match value {
            "OB" => matches!(state, UpsState::OnBattery { .. }),
            _ => matches!(state, UpsState::Online { .. }),
        };
        let seen = async {
            let known = |record: &ananke::model::record::TickRecord| {
                record.decision.power.upses.get(&coord).is_some_and(|ups| wanted(&ups.state))
            };
            ticks.until(value, known).await;
            SystemTime::now()
        };
        let ((), shown, seen) =
            tokio::join!(rig.set("ups.status", value), shown(&rig, value), seen);
        ours.push(seen.duration_since(shown).unwrap_or_default());
        theirs.extend(told(&heard, before.len(), word, shown).await);
    }
    row("ananke, poll 250 ms, decided", &mut ours);
    row("upsmon, its defaults, told", &mut theirs);
    let half = ours[ours.len() / 2];
    let last = ours[ours.len() - 1];
    assert!(half <= HALF && last <= ANY, "p50 {half:?}, max {last:?}");
}

/// The moment at which upsd shows it, asked 50 times a second.
async fn shown(rig: &Rig, value: &str) -> SystemTime {
    let mut upsd = rig.connect(&Encryption::Off).await.expect("upsd answers");
    let mut pace = interval(Duration::from_millis(20));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while upsd.get_var("coord", "ups.status").await.expect("a status") != value {
        pace.tick().await;
    }
    SystemTime::now()
}

/// upsmon as a distribution sets it up, but for what it does: it writes down what it is told.
fn upsmon(rig: &Rig) -> rig::Process {
    let dir = rig.path("etc");
    let script = dir.join("told");
    let heard = rig.path("upsmon.heard");
    let text = format!("#!/bin/sh\necho \"$NOTIFYTYPE $(date +%s.%N)\" >> {}\n", heard.display());
    fs::write(&script, text).expect("its script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("may run");
    let place = rig.name("coord");
    let conf = format!(
        "MONITOR {place} 1 mon secret secondary\nMINSUPPLIES 1\nSHUTDOWNCMD true\n\
         NOTIFYCMD {}\nNOTIFYFLAG ONBATT EXEC\nNOTIFYFLAG ONLINE EXEC\n",
        script.display()
    );
    fs::write(dir.join("upsmon.conf"), conf).expect("its configuration");
    fs::set_permissions(dir.join("upsmon.conf"), fs::Permissions::from_mode(0o640))
        .expect("its mode");
    rig::Process::start("upsmon", &["-F", "-p"], rig.dir.path())
}

fn lines(path: &std::path::Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}

/// How long after `shown` upsmon told of it. `None`: it was not told in time.
async fn told(
    heard: &std::path::Path,
    before: usize,
    word: &str,
    shown: SystemTime,
) -> Option<Duration> {
    let since = shown.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let deadline = tokio::time::Instant::now() + UPSMON;
    while tokio::time::Instant::now() < deadline {
        let lines = lines(heard);
        let line = lines.iter().skip(before).find_map(|line| line.strip_prefix(word));
        if let Some(at) = line.and_then(|line| line.trim().parse::<f64>().ok()) {
            return Some(Duration::from_secs_f64(at).saturating_sub(since));
        }
        // poll: what upsmon was told
        sleep(Duration::from_millis(50)).await;
    }
    None
}

fn row(what: &str, delays: &mut [Duration]) {
    delays.sort_unstable();
    assert!(!delays.is_empty(), "{what}: nothing was told");
    let at = |share: usize| delays.get((delays.len() * share / 100).min(delays.len() - 1));
    println!(
        "{what:<30} {:>4} times  p50 {:>8.0?}  p95 {:>8.0?}  max {:>8.0?}",
        delays.len(),
        at(50).copied().unwrap_or_default(),
        at(95).copied().unwrap_or_default(),
        delays.last().copied().unwrap_or_default(),
    );
}

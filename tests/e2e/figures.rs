//! What the daemon costs on a quiet day, and a look at its snapshot beside kubectl. Measured by
//! `scripts/quality_gate.sh --full`, with the program as it is released.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use crate::daemon::daemon;
use crate::process::{Process, note, now, pause, program, until};
use crate::scene::Scene;

/// What a daemon allocates at its start (certificates, watches, the first looks) is there by then.
const WARM_UP: Duration = Duration::from_secs(60);

/// How long its memory is watched: about 240 ticks and as many looks at every machine.
const WATCH: Duration = Duration::from_secs(240);

/// Between two readings.
const READ_EVERY: Duration = Duration::from_secs(1);

/// By so much may the middle of the last quarter lie above that of the first. A leak of a hundred
/// bytes a look is more than this in a day, and the allocator's own steps are smaller.
const GROWTH_MAX_KB: u64 = 256;

/// What the daemon may have in all, not counting the pages of the program itself.
const ANONYMOUS_MAX_KB: u64 = 16 * 1_024;

/// Calls in a row that are timed together, and how often that is done, by turns with the peer.
const CALLS: u32 = 10;
const ROUNDS: usize = 5;

/// So many times the CPU of one `ananke status` goes into one `kubectl get nodes`, at least.
const RATIO_MIN: f64 = 4.0;

/// Past the test harness, which swallows what a passing test prints.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "figures: {line}"));
}

#[test]
fn the_memory_of_a_quiet_daemon_is_flat() {
    let scene = Scene::open("figures-memory");
    let daemon = daemon(&scene);
    let began = now();
    let (mut read, mut next) = (Vec::new(), WARM_UP);
    while began.elapsed() < WARM_UP + WATCH {
        if began.elapsed() >= next {
            read.push(anonymous_kb(daemon.id()));
            next += READ_EVERY;
        }
        pause();
    }
    let quarter = read.len() / 4;
    let (first, last) = (middle(&read[..quarter]), middle(&read[read.len() - quarter..]));
    let (readings, minutes) = (read.len(), WATCH.as_secs() / 60);
    say(&format!(
        "a quiet daemon's anonymous memory: {first} kB, {minutes} min later {last} kB \
         ({readings} readings)"
    ));
    assert!(last <= first + GROWTH_MAX_KB, "it grows: {read:?}");
    assert!(last <= ANONYMOUS_MAX_KB, "{last} kB");
    daemon.terminate().exits(0);
    scene.close();
}

/// What the process has of its own, in kB.
fn anonymous_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn middle(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[test]
fn status_from_the_daemon_is_cheaper_than_kubectl() {
    let scene = Scene::open("figures-status");
    let daemon = daemon(&scene);
    until(Duration::from_secs(90), "the daemon finds everything good", || {
        (scene.status().code == Some(0)).then_some(())
    });
    let config = scene.path("ananke.yaml");
    let ours = [scene.program(), "-c", config.to_str().unwrap(), "status"];
    let (kubectl, kubeconfig) = (scene.site.fact("kubectl"), scene.site.fact("kubeconfig"));
    let peer = [kubectl.as_str(), "--kubeconfig", &kubeconfig, "get", "nodes"];
    let (mut we, mut they) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        we.push(time(&scene, &ours));
        they.push(time(&scene, &peer));
    }
    let (we, they) = (best(we), best(they));
    let ratio = they.cpu / we.cpu;
    say(&format!("ananke status      {:>7.1} ms CPU {:>7.1} ms wall", we.cpu, we.wall));
    say(&format!("kubectl get nodes  {:>7.1} ms CPU {:>7.1} ms wall", they.cpu, they.wall));
    say(&format!("ratio              {ratio:>7.1} x CPU {:>7.1} x wall", they.wall / we.wall));
    assert!(ratio >= RATIO_MIN, "{ratio:.1} times, {RATIO_MIN} at least");
    daemon.terminate().exits(0);
    scene.close();
}

/// What one call takes, in ms: of the processor, with all that it starts, and of the clock.
struct Cost {
    cpu: f64,
    wall: f64,
}

/// The cheapest round: whatever else the machine does only adds to it.
fn best(costs: Vec<Cost>) -> Cost {
    costs.into_iter().min_by(|one, two| one.cpu.total_cmp(&two.cpu)).expect("a round")
}

/// Some calls in a row, in the network of the site.
fn time(scene: &Scene, call: &[&str]) -> Cost {
    note(&scene.journal, "test", &call.join(" "));
    let call = call.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "TIMEFORMAT='%U %S %R'; time for i in $(seq {CALLS}); do {call} >/dev/null || exit 9; done"
    );
    let mut command = program("nsenter");
    command.arg(format!("--net={}", scene.site.fact("netns"))).args(["bash", "-c", &script]);
    let answer = Process::start(command, "", &scene.journal).wait(Duration::from_secs(60)).exits(0);
    let seconds: Vec<f64> =
        answer.err.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [user, system, real] = seconds[..] else { panic!("no times: {answer}") };
    let each = |seconds: f64| seconds * 1e3 / f64::from(CALLS);
    Cost { cpu: each(user + system), wall: each(real) }
}

//! What SSH costs: client CPU for a cold and for a warm command, next to clush and pdsh in the
//! same run against the same sshd, and how long a thousand machines take when a tenth of them
//! hangs. `cargo bench --bench ssh -- 200` sets the number of machines for the first part. Fails
//! if one of ananke's figures is above its bound; a peer's figure has none.
#![expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]

#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/real/ssh/liar.rs"]
mod liar;
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/real/ssh/rig.rs"]
mod rig;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ananke::adapters::ssh::Fleet;
use ananke::model::ids::MachineName;
use ananke::model::time::Span;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

use liar::{Liar, Lie, mute, target};
use rig::{Site, Sshd, known_line, tool};

/// Machines at once, for us and for the peers.
const FAN_OUT: usize = 64;

/// Warm rounds over all machines.
const ROUNDS: u32 = 10;

/// The deadline in the part with hanging machines. Long enough for 900 handshakes of which both
/// sides run here, short enough to wait for.
const DEADLINE: Span = Span::secs(30);

/// The most CPU time for a machine to which a connection has to be made first: what the cheapest
/// peer that was measured needs (bssh, on the same SSH library). The cryptography alone is 0.27 ms.
const COLD_MOST: Duration = Duration::from_millis(1);

/// The most for a command over a session that is open: a look at 1,000 machines every 10 s is then
/// a sixty-sixth of one core, which a small board has to spare.
const WARM_MOST: Duration = Duration::from_micros(150);

/// The most that a round may last beyond the deadline of the machines that hang: all of them wait
/// at once, so only what follows the deadline is left, and a person does not see a tenth of a
/// second.
const LATE_MOST: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let machines = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(200);
    let runtime = Runtime::new().expect("a runtime");
    println!("{machines} machines, one real sshd on loopback, fan-out {FAN_OUT}, command: true");
    let mut figures = side_by_side(&runtime, machines);
    figures.extend(runtime.block_on(a_tenth_hangs(1_000)));
    for figure in &figures {
        println!("{figure}");
    }
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What was measured, against the most that it may be.
struct Figure {
    what: String,
    is: Duration,
    most: Duration,
}

impl Figure {
    fn holds(&self) -> bool {
        self.is <= self.most
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds() { "ok" } else { "not ok" };
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        let (is, most) = (ms(self.is), ms(self.most));
        write!(f, "{word:<7}{}: {is:.3} ms of at most {most:.3} ms", self.what)
    }
}

/// CPU time of this process so far: user and system, all threads.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.try_into().unwrap_or(0), spent.tv_nsec.try_into().unwrap_or(0))
}

fn name(i: usize) -> MachineName {
    MachineName::new(format!("h{i}"))
}

/// One command on each machine; panics if any fails, because a wrong result has no speed.
async fn round(fleet: &Fleet, machines: usize) {
    let mut all = JoinSet::new();
    for i in 0..machines {
        let fleet = fleet.clone();
        all.spawn(async move {
            let done = fleet.run(&name(i), "true", None, Span::secs(60)).await;
            assert_eq!(done.expect("the command runs").status, Some(0));
        });
    }
    all.join_all().await;
}

fn row(what: &str, per_machine: Duration, wall: Duration, ours: Duration) {
    let ratio = per_machine.as_secs_f64() / ours.as_secs_f64();
    let ms = per_machine.as_secs_f64() * 1e3;
    println!("{what:<28} {ms:>9.3} ms CPU each {:>7.2} s wall {ratio:>8.1} x", wall.as_secs_f64());
}

/// CPU time for each machine, ours first and then the peers'. Returns ours.
fn side_by_side(runtime: &Runtime, machines: usize) -> Vec<Figure> {
    let mut site = Site::new();
    let sshd = Sshd::start(&[&site.key]);
    for i in 0..machines {
        site.settings.machines.insert(name(i), sshd.target(&site.id()));
    }
    site.know(&sshd.line(&sshd.ed25519));
    site.settings.fan_out = FAN_OUT;
    let deadline = Span::secs(60);
    site.settings.deadlines.connect = deadline;
    site.settings.deadlines.handshake = deadline;
    site.settings.deadlines.auth = deadline;
    let fleet = site.fleet();
    let count = u32::try_from(machines).expect("a sensible number");

    let (cpu_before, began) = (cpu(), Instant::now());
    runtime.block_on(round(&fleet, machines));
    let (cold, cold_wall) = ((cpu() - cpu_before) / count, began.elapsed());
    row("ananke, cold", cold, cold_wall, cold);

    let (cpu_before, began) = (cpu(), Instant::now());
    for _ in 0..ROUNDS {
        runtime.block_on(round(&fleet, machines));
    }
    let warm = (cpu() - cpu_before) / count / ROUNDS;
    row("ananke, warm", warm, began.elapsed() / ROUNDS, cold);
    runtime.block_on(fleet.close());

    beside(&site, &sshd, machines, cold);
    vec![
        Figure { what: "CPU each, cold".to_owned(), is: cold, most: COLD_MOST },
        Figure { what: "CPU each, warm".to_owned(), is: warm, most: WARM_MOST },
    ]
}

/// The peers on the same machines, as ratios to what ours took cold.
fn beside(site: &Site, sshd: &Sshd, machines: usize, cold: Duration) {
    let count = u32::try_from(machines).expect("a sensible number");
    let config = site.dir.path().join("ssh_config");
    let text = format!(
        "Host h*\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n BatchMode yes\n \
         UserKnownHostsFile {}\n StrictHostKeyChecking yes\n ",
        sshd.port,
        rig::me(),
        site.id().display(),
        site.settings.known_hosts.display()
    );
    for (kex, line) in [("default", ""), ("curve25519", "KexAlgorithms curve25519-sha256\n")] {
        fs::write(&config, format!("{text}{line}")).expect("write ssh_config");
        for program in ["clush", "pdsh"] {
            match peer(program, &config, machines) {
                Some((cpu, wall)) => row(&format!("{program}, {kex} kex"), cpu / count, wall, cold),
                None => println!("{program} is not installed or failed: no figure"),
            }
        }
    }
    println!("bssh: no figure, no Debian package has it");
}

/// CPU of a peer with all ssh processes that it starts, and its wall time.
fn peer(program: &str, config: &Path, machines: usize) -> Option<(Duration, Duration)> {
    let (config, last) = (config.display(), machines - 1);
    let command = match program {
        "clush" => format!("clush -S -q -f {FAN_OUT} -o '-F {config}' -w 'h[0-{last}]' true"),
        _ => format!(
            "PDSH_SSH_ARGS_APPEND='-F {config}' pdsh -S -R ssh -f {FAN_OUT} -w 'h[0-{last}]' true"
        ),
    };
    let script = format!("TIMEFORMAT='%U %S %R'; time {{ {command} >/dev/null 2>&1; }}");
    let out = tool("bash").args(["-c", &script]).output().ok()?;
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let mut seconds = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    let (user, system, real) = (seconds.next()?, seconds.next()?, seconds.next()?);
    let fine = out.status.success();
    fine.then(|| (Duration::from_secs_f64(user + system), Duration::from_secs_f64(real)))
}

/// A thousand machines in this process, of which every tenth takes the connection and is silent.
/// Returns how long after the deadline all were done.
async fn a_tenth_hangs(machines: usize) -> Vec<Figure> {
    let honest = Liar::start(Lie::Honest).await;
    let (silent, _) = mute(b"").await;
    let mut site = Site::new();
    site.know(&known_line(honest.address.port(), &honest.key));
    for i in 0..machines {
        let address = if i % 10 == 0 { silent } else { honest.address };
        let target = target(address, &site);
        site.settings.machines.insert(name(i), target);
    }
    site.settings.fan_out = machines;
    let deadlines = &mut site.settings.deadlines;
    deadlines.connect = DEADLINE;
    deadlines.handshake = DEADLINE;
    deadlines.auth = DEADLINE;
    let fleet = site.fleet();
    let mut figures = Vec::new();
    for what in ["cold", "warm"] {
        let began = Instant::now();
        let mut all = JoinSet::new();
        for i in 0..machines {
            let fleet = fleet.clone();
            all.spawn(async move {
                let done = fleet.run(&name(i), "true", None, Span::secs(60)).await;
                assert_eq!(done.is_ok(), i % 10 != 0, "machine {i}: {done:?}");
                (i % 10 != 0).then(|| began.elapsed())
            });
        }
        let done = all.join_all().await;
        let took = began.elapsed();
        let healthy = done.into_iter().flatten().max().unwrap_or_default();
        let late = took.saturating_sub(DEADLINE.to_std());
        println!(
            "{machines} machines, a tenth hangs, {what}: the others done after {:.2} s, all after \
             the deadline + {} ms",
            healthy.as_secs_f64(),
            late.as_millis()
        );
        let what = format!("after the deadline of a tenth that hangs, {what}");
        figures.push(Figure { what, is: late, most: LATE_MOST });
    }
    figures
}

//! ananke's own host, for real: the kernel's clocks, child processes, a service manager's socket,
//! a notify command, systemd's own opinion of the units.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use ananke::adapters::clock::HostClock;
use ananke::adapters::host::logging::{self, LogTarget, LoggingError};
use ananke::adapters::host::systemd::ServiceManager;
use ananke::adapters::host::timesync::{WallSync, ask_chrony};
use ananke::adapters::notify::{DOCUMENT_LIMIT, Document, Means, Notice, Notifier};
use ananke::adapters::process::{ChildSpec, End, ProcessError, run};
use ananke::model::alarm::{Alarm, Tried};
use ananke::model::ids::{BootId, CheckId, GateId, MachineName, RemedyId};
use ananke::model::time::{Moment, Mono, Span};
use ananke::model::verdict::Target;
use ananke::ports::Clock;

/// Until when a value that must appear has to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// A limit that no test of a well-behaved child comes near.
pub(crate) const AMPLE: Span = Span::secs(20);

/// A limit that is meant to be reached.
pub(crate) const SHORT: Span = Span::millis(300);

#[expect(clippy::disallowed_methods, reason = "a test measures and polls in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Polls until there is a value.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = now() + PATIENCE;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(now() < end, "waited {PATIENCE:?} for {what}");
        // poll: what the caller looks at
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn shell(script: &str, limit: Span) -> ChildSpec {
    ChildSpec::new("sh", limit).args(["-c", script])
}

/// Whether the process is gone or only waits to be reaped.
pub(crate) fn is_dead(pid: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", pid.trim())) else { return true };
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// An executable script in `dir`.
pub(crate) fn script(dir: &Path, name: &str, body: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

// --- clock

/// Seconds since the boot, as the kernel tells everybody.
fn uptime_ms() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    let ms = (seconds * 1_000.0) as u64;
    ms
}

#[tokio::test]
async fn the_clock_counts_from_the_boot_and_names_it() {
    let clock = HostClock::new().unwrap();
    let before = uptime_ms();
    let reading = clock.now();
    let after = uptime_ms();
    // /proc/uptime is in hundredths of a second.
    assert!(before <= reading.mono.0 + 10, "{before} {reading:?}");
    assert!(reading.mono.0 <= after + 10, "{after} {reading:?}");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(reading.boot.as_str(), boot.trim());

    let mut last = reading.mono;
    for _ in 0..10_000 {
        let next = clock.now().mono;
        assert!(next >= last);
        last = next;
    }
}

#[tokio::test]
async fn a_sleeper_wakes_at_its_time_and_not_before() {
    let clock = HostClock::new().unwrap();
    for ms in [0, 1, 40] {
        let at = clock.now().mono + Span::millis(ms);
        tokio::time::timeout(PATIENCE, clock.sleep_until(at)).await.unwrap();
        assert!(clock.now().mono >= at);
    }
    let past = Mono(0);
    tokio::time::timeout(PATIENCE, clock.sleep_until(past)).await.unwrap();
}

#[tokio::test]
async fn the_wall_clock_is_trusted_only_if_somebody_vouches_for_it() {
    let clock = HostClock::new().unwrap();
    let other = clock.clone();
    let timesyncd = Path::new("/run/systemd/timesync/synchronized").exists();
    assert_eq!(clock.now().wall_trusted, timesyncd);
    other.note_synchronised(true);
    assert!(clock.now().wall_trusted);
    other.note_synchronised(false);
    assert_eq!(clock.now().wall_trusted, timesyncd);

    let chrony_runs = Path::new("/run/chrony/chronyd.sock").exists();
    let answer = ask_chrony().await;
    assert_eq!(matches!(answer, WallSync::Unknown { .. }), !chrony_runs, "{answer:?}");
}

// --- child processes

#[tokio::test]
async fn a_child_sees_a_fixed_environment_and_nothing_of_ours() {
    let done = run(ChildSpec::new("env", AMPLE)).await.unwrap();
    assert_eq!(done.end, End::Exited(0));
    let mut names: Vec<String> = done.stdout.text().lines().map(str::to_owned).collect();
    names.sort();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(names, ["LANG=C.UTF-8", path]);
}

#[tokio::test]
async fn how_a_child_ended_is_told_exactly() {
    let table = [
        ("exit 0", End::Exited(0)),
        ("exit 7", End::Exited(7)),
        ("kill -TERM $$", End::Signalled(15)),
        ("kill -KILL $$", End::Signalled(9)),
    ];
    for (script, end) in table {
        let done = run(shell(script, AMPLE)).await.unwrap();
        assert_eq!((done.end, done.killed), (end, false), "{script}");
    }
    let missing = run(ChildSpec::new("no-such-program-here", AMPLE)).await.unwrap_err();
    assert!(matches!(missing, ProcessError::Missing { .. }), "{missing:?}");
    let folder = run(ChildSpec::new("/tmp", AMPLE)).await.unwrap_err();
    assert!(matches!(folder, ProcessError::Start { .. }), "{folder:?}");
}

#[tokio::test]
async fn input_arrives_whole_and_output_is_bounded() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
    let all = run(ChildSpec::new("cat", AMPLE).stdin(bytes.clone()).output_limit(bytes.len()))
        .await
        .unwrap();
    assert_eq!(all.stdout.bytes, bytes);
    assert!(!all.stdout.truncated);

    let some = run(ChildSpec::new("cat", AMPLE).stdin(bytes.clone()).output_limit(1_000)).await;
    let some = some.unwrap();
    assert_eq!((some.end, some.stdout.truncated), (End::Exited(0), true));
    assert_eq!(some.stdout.bytes, bytes.get(..1_000).unwrap());

    let deaf = run(shell("exit 3", AMPLE).stdin(bytes)).await.unwrap();
    assert_eq!(deaf.end, End::Exited(3));
}

#[tokio::test]
async fn at_the_deadline_the_whole_family_is_killed() {
    let table = [
        // The program hangs, and so does what it started.
        ("sleep 61 & echo $!; sleep 61", End::Deadline),
        // It is deaf to TERM.
        ("trap '' TERM; sleep 61 & echo $!; wait", End::Deadline),
        // It ended by itself and left something behind that holds its output.
        ("sleep 61 & echo $!; exit 4", End::Exited(4)),
        // It hangs with its output closed.
        ("sleep 61 & echo $!; exec >&- 2>&-; wait", End::Deadline),
    ];
    for (script, end) in table {
        let began = now();
        let done = run(shell(script, SHORT)).await.unwrap();
        let took = began.elapsed();
        assert_eq!((done.end, done.killed), (end, true), "{script}");
        assert!(took >= SHORT.to_std() && took < SHORT.to_std() * 10, "{script}: {took:?}");
        let grandchild = done.stdout.text();
        assert!(!grandchild.is_empty(), "{script}");
        until("the grandchild's end", || is_dead(&grandchild).then_some(())).await;
    }
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script = format!("sleep 61 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
    let running = tokio::spawn(run(shell(&script, AMPLE)));
    let pid = until("the grandchild", || fs::read_to_string(&file).ok()).await;
    assert!(!is_dead(&pid));
    running.abort();
    until("the grandchild's end", || is_dead(&pid).then_some(())).await;
}

// --- service manager

/// A service manager's socket, and what ananke finds in its environment.
struct NotifySocket {
    socket: UnixDatagram,
    name: OsString,
}

impl NotifySocket {
    fn at(dir: &Path) -> Self {
        let path = dir.join("notify");
        Self { socket: UnixDatagram::bind(&path).unwrap(), name: path.into_os_string() }
    }

    fn connect(&self, more: &[(&str, &str)]) -> ServiceManager {
        self.socket.set_nonblocking(true).unwrap();
        ServiceManager::from_environment(|key| match key {
            "NOTIFY_SOCKET" => Some(self.name.clone()),
            _ => more.iter().find(|(name, _)| *name == key).map(|(_, value)| value.into()),
        })
        .unwrap()
    }

    /// Everything that was said since the last time.
    fn heard(&self) -> Vec<String> {
        let mut buffer = [0; 4_096];
        let mut heard = Vec::new();
        while let Ok(n) = self.socket.recv(&mut buffer) {
            heard.push(String::from_utf8_lossy(buffer.get(..n).unwrap()).into_owned());
        }
        heard
    }
}

#[test]
fn the_service_manager_hears_each_word_as_sd_notify_defines_it() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = NotifySocket::at(dir.path());
    let ours = systemd.connect(&[]);
    ours.ready("looking");
    ours.status("converged\nMAINPID=1");
    ours.extend_timeout(Span::secs(30));
    ours.extend_timeout(Span::mins(600));
    ours.stopping("stopped by a person");
    ours.progress().beat();
    let expected = [
        "READY=1\nSTATUS=looking\n",
        "STATUS=converged MAINPID=1\n",
        "EXTEND_TIMEOUT_USEC=30000000\n",
        "EXTEND_TIMEOUT_USEC=4294967295\n",
        "STOPPING=1\nSTATUS=stopped by a person\n",
        "EXTEND_TIMEOUT_USEC=120000000\n",
    ];
    assert_eq!(systemd.heard(), expected);
}

#[test]
fn the_watchdog_hears_beats_and_only_beats() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = NotifySocket::at(dir.path());
    let own = std::process::id().to_string();
    let third = Some(Span::secs(40));
    let table = [
        (Some("120000000"), None, third),
        (Some("120000000"), Some(own.as_str()), third),
        (Some("120000000"), Some("1"), None),
        (Some("0"), None, None),
        (Some("soon"), None, None),
        (None, None, None),
    ];
    for (usec, pid, every) in table {
        let usec = usec.map(|usec| ("WATCHDOG_USEC", usec));
        let pid = pid.map(|pid| ("WATCHDOG_PID", pid));
        let environment: Vec<(&str, &str)> = usec.into_iter().chain(pid).collect();
        let progress = systemd.connect(&environment).progress();
        assert_eq!(progress.beat_every(), every, "{environment:?}");
        progress.beat();
        let expected = if every.is_some() { vec!["WATCHDOG=1\n"] } else { Vec::new() };
        assert_eq!(systemd.heard(), expected, "{environment:?}");
    }
}

#[tokio::test]
async fn a_loop_that_stops_beating_is_not_kept_alive_by_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = NotifySocket::at(dir.path());
    // A period of 30 ms, so that any timer would have to feed many times in the time below.
    let progress = systemd.connect(&[("WATCHDOG_USEC", "30000")]).progress();
    progress.beat();
    assert_eq!(systemd.heard().len(), 1);
    // A word that comes ends the wait and fails the test.
    let socket = tokio::net::UnixDatagram::from_std(systemd.socket).unwrap();
    let fed = tokio::time::timeout(Duration::from_millis(150), socket.recv(&mut [0; 64])).await;
    assert!(fed.is_err(), "{fed:?}");
}

#[test]
fn a_service_manager_that_does_not_read_or_is_gone_never_holds_the_loop() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = NotifySocket::at(dir.path());
    let ours = systemd.connect(&[]);
    let (said, all_said) = mpsc::channel();
    let speaker = ours.clone();
    std::thread::spawn(move || {
        for _ in 0..10_000 {
            speaker.status("nobody reads this");
        }
        said.send(()).unwrap();
    });
    all_said.recv_timeout(PATIENCE).expect("a full queue holds the speaker");
    assert!(!systemd.heard().is_empty());
    ours.status("read again");
    assert_eq!(systemd.heard(), ["STATUS=read again\n"]);
    drop(systemd);
    ours.stopping("nobody is there");
    ServiceManager::nobody().ready("by hand");
}

#[test]
fn an_abstract_socket_is_understood_and_a_bad_one_is_an_error() {
    let name = format!("ananke-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let systemd = NotifySocket { socket, name: format!("@{name}").into() };
    systemd.connect(&[]).status("hidden");
    assert_eq!(systemd.heard(), ["STATUS=hidden\n"]);

    let long = || Some(OsString::from("/x".repeat(100)));
    let error = ServiceManager::from_environment(|key| long().filter(|_| key == "NOTIFY_SOCKET"));
    assert!(error.unwrap_err().to_string().contains("/x/x"));
}

// --- notify

fn notice(what: &str) -> Notice {
    Notice {
        now: Moment {
            boot: BootId::fixed("b"),
            mono: Mono(100_000),
            wall: "2026-11-21T03:12:00Z".parse().unwrap(),
            wall_trusted: true,
        },
        host: "outpost".to_owned(),
        cluster: "home".to_owned(),
        alarms: vec![Alarm {
            gate: GateId::fixed("workers"),
            check: CheckId::fixed("agent-active"),
            target: Target::Machine(MachineName::new("titan-07")),
            what: what.to_owned(),
            new: true,
            since: Mono(10_000),
            tried: vec![Tried {
                remedy: RemedyId::fixed("restart-agent"),
                attempts: 3,
                last: "failed: exit 1".to_owned(),
            }],
            by_hand: vec!["ssh titan-07 journalctl -u k3s-agent".to_owned()],
        }],
        body: "titan-07 does not come up.".to_owned(),
    }
}

/// Log lines of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || log.clone());
        tracing::subscriber::set_default(lines.finish())
    }

    fn count(&self, part: &str) -> usize {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8_lossy(&bytes).matches(part).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_command_gets_the_document_and_terminals_get_a_few_lines() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let append = |to: &str| format!("cat >> '{}'", file(to).display());
    let log = Log::default();
    let _guard = log.start();
    let notifier = Notifier::start(Means {
        command: Some(vec![script(dir.path(), "tell", &append("json"))]),
        wall: Some(vec![script(dir.path(), "wall", &append("wall"))]),
        limit: AMPLE,
    });
    notifier.raise(notice("k3s-agent does not start"));
    notifier.raise(notice("an\u{1b}[2J\nother line"));
    assert!(notifier.finish(AMPLE).await);

    let json = fs::read_to_string(file("json")).unwrap();
    let told: Vec<Document> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 2);
    let first = told.first().unwrap();
    assert_eq!(first, &Document::of(&notice("k3s-agent does not start")));
    assert_eq!((first.host.as_str(), first.cluster.as_str()), ("outpost", "home"));
    assert_eq!(first.at.to_string(), "2026-11-21T03:12:00Z");
    assert_eq!(first.alarms.first().unwrap().for_seconds, 90);

    let wall = fs::read_to_string(file("wall")).unwrap();
    assert!(wall.contains("  titan-07 (workers): k3s-agent does not start\n"), "{wall}");
    assert!(wall.contains("an [2J other line\n"), "{wall}");
    assert_eq!(log.count("a person is needed: titan-07 (workers)"), 2);
    assert_eq!(log.count("the notify command was run"), 2);
}

#[tokio::test]
async fn a_command_that_hangs_or_fails_holds_nobody_and_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pids");
    let hang = format!("sleep 61 & echo $! >> '{0}'; wait", file.display());
    let log = Log::default();
    let _guard = log.start();
    let means = |name: &str, body: &str| Means {
        command: Some(vec![script(dir.path(), name, body), "argument".to_owned()]),
        wall: None,
        limit: SHORT,
    };
    let hanging = Notifier::start(means("hang", &hang));
    let began = now();
    for _ in 0..3 {
        hanging.raise(notice("a"));
    }
    assert!(began.elapsed() < SHORT.to_std(), "raising waited");
    assert!(hanging.finish(AMPLE).await);
    assert_eq!(log.count("the notify command failed"), 3);
    assert_eq!(log.count("it was killed after 300ms"), 3);
    let pids = fs::read_to_string(&file).unwrap();
    assert_eq!(pids.lines().count(), 3);
    for pid in pids.lines() {
        until("the sleeper's end", || is_dead(pid).then_some(())).await;
    }

    let failing = Notifier::start(means("fail", "echo \"no gateway for $1\" >&2; exit 9"));
    failing.raise(notice("b"));
    assert!(failing.finish(AMPLE).await);
    assert_eq!(log.count("it ended with status 9: no gateway for argument"), 1);

    let slow = Notifier::start(Means { limit: AMPLE, ..means("hang", &hang) });
    slow.raise(notice("c"));
    assert!(!slow.finish(SHORT).await, "it said that everything was delivered");
    let last = until("the last sleeper", || {
        fs::read_to_string(&file).unwrap().lines().nth(3).map(str::to_owned)
    });
    let last = last.await;
    until("the last sleeper's end", || is_dead(&last).then_some(())).await;
}

#[tokio::test]
async fn what_is_missing_is_said_and_a_flood_is_bounded() {
    let log = Log::default();
    let _guard = log.start();
    let notifier = Notifier::start(Means {
        command: Some(vec!["no-such-notifier".to_owned()]),
        wall: Some(vec!["no-such-wall".to_owned()]),
        limit: AMPLE,
    });
    // This thread does not yield before `finish`, so nothing is taken off the queue of 16.
    for _ in 0..20 {
        notifier.raise(notice("a"));
    }
    assert!(notifier.finish(AMPLE).await);
    assert_eq!(log.count("a person is needed"), 20);
    assert_eq!(log.count("a notice reaches the journal only"), 4);
    assert_eq!(log.count("no-such-notifier is not installed"), 16);
    assert_eq!(log.count("no-such-wall is not installed"), 1);
}

#[tokio::test]
async fn the_settings_give_the_real_wall_and_a_bounded_document() {
    let means = Means::from_settings(None, true);
    let wall = means.wall.unwrap();
    assert_eq!(wall, ["wall", "-t", "10"]);
    assert_eq!(means.limit, Span::secs(30));
    // The option is one that the installed wall(1) knows.
    let args = wall.iter().skip(1).map(OsString::from).chain([OsString::from("--version")]);
    let known = run(ChildSpec::new("wall", AMPLE).args(args)).await;
    let known = known.expect("wall(1) is needed: apt-get install bsdutils");
    assert_eq!(known.end, End::Exited(0), "{}", known.stderr.text());

    let large = notice(&"x".repeat(DOCUMENT_LIMIT));
    let json = Document::of(&large).to_json().unwrap();
    assert!(json.len() < DOCUMENT_LIMIT);
    assert!(String::from_utf8(json).unwrap().contains("\"alarms_left_out\":1"));
}

// --- logging

/// The word by which the test below knows that it runs in the process that it started.
const INSIDE: &str = "this-process-only-logs";

#[tokio::test]
async fn log_lines_go_where_they_belong() {
    if std::env::args().any(|arg| arg == INSIDE) {
        return log_and_exit();
    }
    let own = std::env::current_exe().unwrap();
    let name = "host::log_lines_go_where_they_belong";
    let spec = ChildSpec::new(own, AMPLE).args(["--exact", name, INSIDE, "--nocapture"]);
    let done = run(spec).await.unwrap();
    let (stdout, stderr) = (done.stdout.text(), done.stderr.text());
    assert_eq!(done.end, End::Exited(0), "{stdout}{stderr}");
    if Path::new("/run/systemd/journal/socket").exists() {
        assert!(stdout.contains("target Journal"), "{stdout}");
    } else {
        assert!(stdout.contains("target Stderr"), "{stdout}");
        assert!(stderr.contains("INFO"), "{stderr}");
        assert!(stderr.contains("shown gate=\"workers\""), "{stderr}");
        assert!(stderr.contains("a library warns"), "{stderr}");
        assert!(!stderr.contains("hidden"), "{stderr}");
        assert!(!stderr.contains('\u{1b}'), "colours in a pipe: {stderr}");
    }
}

/// Logging is set up once in a process, so this runs in one of its own.
fn log_and_exit() {
    let stderr = fs::metadata("/proc/self/fd/2").unwrap();
    let stream = OsString::from(format!("{}:{}", stderr.dev(), stderr.ino()));
    let target = logging::init("info", Some(&stream)).unwrap();
    io::stdout().write_all(format!("target {target:?}\n").as_bytes()).unwrap();
    tracing::info!(target: "ananke::test", gate = "workers", "shown");
    tracing::debug!(target: "ananke::test", "hidden: below the level");
    tracing::info!(target: "kube", "hidden: a library speaks");
    tracing::warn!(target: "kube", "a library warns");
    assert!(matches!(logging::init("info", None), Err(LoggingError::Twice(_))));
    assert!(matches!(logging::init("loud", None), Err(LoggingError::Level { .. })));
    assert!(matches!(target, LogTarget::Journal | LogTarget::Stderr));
}

// --- units

#[tokio::test]
async fn systemd_accepts_the_units_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let mut copies: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(units).unwrap() {
        let unit = entry.unwrap().path();
        let text = fs::read_to_string(&unit).unwrap();
        assert!(text.contains("ExecStart=/usr/local/bin/ananke "), "{}", unit.display());
        // The program itself is not installed where tests run.
        let copy = dir.path().join(unit.file_name().unwrap());
        fs::write(&copy, text.replace("/usr/local/bin/ananke", "/bin/true")).unwrap();
        copies.push(copy);
    }
    assert_eq!(copies.len(), 2);
    let args = ["verify", "--man=no"].map(OsString::from).into_iter();
    let args = args.chain(copies.into_iter().map(OsString::from));
    let done = run(ChildSpec::new("systemd-analyze", AMPLE).args(args)).await;
    let done = done.expect("systemd-analyze is needed: apt-get install systemd");
    let said = format!("{}{}", done.stdout.text(), done.stderr.text());
    assert_eq!((done.end, said.as_str()), (End::Exited(0), ""));
}

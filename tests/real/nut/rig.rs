//! upsd and dummy-ups on a loopback port, in a folder of their own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use ananke::adapters::nut::{NutLink, Upsd};
use ananke::config::settings::{Encryption, NutSettings};
use ananke::model::facts::Seen;
use ananke::model::power::{UpsFacts, UpsName};
use ananke::model::time::{Mono, Span};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// The programs themselves: the wrappers in /sbin do nothing on a host with MODE=none.
const NUT: &str = "/lib/nut";

/// Long enough for a machine under load; a test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What the dummy driver says. Behind the `#` it reads another variable, `maker`, whose value has
/// a backslash and a quote: upsd has to escape both.
pub(super) const ON_LINE: &str = "ups.status: OL
battery.charge: 100
battery.charge.low: 20
battery.runtime: 1800.00
battery.runtime.low: 120
ups.load: 23.4
input.voltage: 230.1
device.serial: 4711
ups.id: \"a \\\"quoted\\\" # maker \\\\ of it\"
";

/// A process that ends with the test, however the test ends.
pub(crate) struct Process(Child);

impl Process {
    pub(super) fn start(program: &str, arguments: &[&str], dir: &Path) -> Self {
        let path = Path::new(NUT).join(program);
        assert!(path.exists(), "{} is missing; do: apt-get install nut-server", path.display());
        let log = dir.join(format!("{program}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let run = dir.join("run");
        // `setpriv` lets the kernel end the process even if the test is killed.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(path)
            .args(arguments)
            .args(["-u", me()])
            .env_clear()
            .env("NUT_CONFPATH", dir.join("etc"))
            .envs(["NUT_STATEPATH", "NUT_ALTPIDPATH", "NUT_PIDPATH"].map(|name| (name, &run)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv (package util-linux) is needed");
        Self(child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The user who runs the tests: NUT's programs change to it instead of to `nut`.
fn me() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let out = Command::new("id").arg("-un").output().expect("id (package coreutils)");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    })
}

/// A program of a package, or a failure that names the package.
pub(super) fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
    let found = ["/usr/bin", "/bin"].iter().any(|dir| Path::new(dir).join(program).exists());
    assert!(found, "{program} is missing; do: apt-get install {package}");
    Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// One upsd with the UPSes `coord` and `peer`.
pub(crate) struct Rig {
    pub(super) dir: TempDir,
    pub(crate) port: u16,
    pub(super) upsd: Option<Process>,
    pub(crate) coord: Option<Process>,
    peer: Option<Process>,
}

impl Rig {
    /// `more` stands in upsd.conf besides.
    pub(crate) async fn start(more: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["etc", "run"] {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let more = more(dir.path());
        let mut rig = Self { dir, port, upsd: None, coord: None, peer: None };
        let section =
            |name| format!("[{name}]\ndriver = dummy-ups\nport = {name}.dev\ndesc = {name}\n");
        rig.write(
            "ups.conf",
            &["pollinterval = 1\n", &section("coord"), &section("peer")].concat(),
        );
        let state = rig.dir.path().join("run");
        let listen = format!("LISTEN 127.0.0.1 {port}\nMAXAGE 3\nSTATEPATH {}\n", state.display());
        rig.write("upsd.conf", &(listen + &more));
        rig.write(
            "upsd.users",
            "[admin]\npassword = secret\nactions = SET\nactions = FSD\ninstcmds = ALL\n\
             [ananke]\npassword = rehearsal\nupsmon secondary\ninstcmds = ALL\n",
        );
        rig.write("coord.dev", ON_LINE);
        rig.write("peer.dev", "ups.status: OL\n");
        rig.start_all();
        rig.wait_for_status("coord").await;
        rig
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join("etc").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }

    /// NUT 2.8.0 drivers may die of a lost upsd, so all are started together.
    pub(super) fn start_all(&mut self) {
        let driver = |name| Process::start("dummy-ups", &["-F", "-a", name], self.dir.path());
        self.coord = Some(driver("coord"));
        self.peer = Some(driver("peer"));
        self.upsd = Some(Process::start("upsd", &["-F"], self.dir.path()));
    }

    pub(super) fn stop_all(&mut self) {
        (self.upsd, self.coord, self.peer) = (None, None, None);
    }

    async fn wait_for_status(&self, ups: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut upsd) = self.connect(&Encryption::Off).await
                && upsd.get_var(ups, "ups.status").await.is_ok_and(|status| status == "OL")
            {
                return;
            }
            assert!(Instant::now() < deadline, "no upsd: {}", self.last_words());
            // poll: ups.status
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn last_words(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        read("upsd.log") + &read("dummy-ups.log")
    }

    pub(super) async fn connect(
        &self,
        encryption: &Encryption,
    ) -> Result<Upsd, ananke::adapters::nut::NutError> {
        let limit = Span::secs(5);
        Upsd::connect("127.0.0.1", self.port, encryption, limit, limit).await
    }

    pub(crate) fn name(&self, ups: &str) -> UpsName {
        UpsName::parse(&format!("{ups}@127.0.0.1:{}", self.port)).unwrap()
    }

    /// Lets the driver say something else, a second or two later. On a thread of its own, so that
    /// nothing that is measured stands still meanwhile.
    pub(super) async fn set(&self, variable: &str, value: &str) {
        let assignment = format!("{variable}={value}");
        let place = format!("coord@127.0.0.1:{}", self.port);
        let out = tokio::task::spawn_blocking(move || {
            let arguments = ["-s", &assignment, "-u", "admin", "-p", "secret", &place];
            run("upsrw", "nut-client", &arguments)
        });
        let out = out.await.unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Milliseconds since the test's first question.
pub(super) fn clock() -> impl Fn() -> Mono + Send + Sync + 'static {
    let start = Instant::now();
    move || Mono(u64::try_from(start.elapsed().as_millis()).unwrap())
}

/// A link to some UPSes in plain text, with the deadlines of a busy machine.
pub(crate) fn link(names: &[UpsName]) -> NutLink {
    let upses = names.iter().map(|name| (name.clone(), Encryption::Off)).collect();
    let settings = NutSettings {
        upses,
        poll: NutSettings::POLL,
        connect: NutSettings::CONNECT,
        answer: NutSettings::ANSWER,
    };
    NutLink::start(settings, clock())
}

/// Waits until a UPS is seen so.
pub(super) async fn until(
    link: &NutLink,
    name: &UpsName,
    what: &str,
    test: impl Fn(&Seen<UpsFacts>) -> bool,
) -> Seen<UpsFacts> {
    let mut changed = link.changed();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = link.facts().remove(name).expect("the UPS that is watched");
        if test(&seen) {
            return seen;
        }
        let news = tokio::time::timeout_at(deadline, changed.changed()).await;
        assert!(news.is_ok(), "never {what}: {seen:?}");
    }
}

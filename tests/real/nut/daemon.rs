//! The daemon as it is shipped, with nothing to reach but an upsd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use ananke::adapters::control::{ControlClient, ControlEvent, Follow};
use ananke::model::record::TickRecord;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout_at};

use super::rig::PATIENCE;

/// A daemon that ends with the test.
pub(super) struct Daemon {
    dir: TempDir,
    child: Child,
}

impl Daemon {
    /// Starts it, and waits until it answers. `power` stands below `power:`; `DIR` in it is the
    /// folder of the test.
    pub(super) async fn start(power: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display().to_string();
        fs::create_dir(dir.path().join("state")).unwrap();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(dir.path().join("key"))
            .status();
        assert!(made.unwrap().success(), "a key for nobody");
        fs::write(dir.path().join("known_hosts"), "").unwrap();
        // The machine refuses connections: port 1 of the loopback is nobody's.
        let text = format!(
            "ssh_user: nobody\nssh_identity_file: {path}/key\nssh_port: 1\n\
             ssh_known_hosts_file: {path}/known_hosts\n\
             ssh_node_hosts: {{s-1: 127.0.0.1}}\nnodes: {{servers: [s-1]}}\n\
             state_dir: {path}/state\nrun_dir: {path}/run\nnotify: {{wall: false}}\n\
             kube: {{endpoints: [\"https://127.0.0.1:1\"]}}\nstartup: {{tick: 5m}}\n\
             default_budget_seconds: 100\npower:\n{power}"
        );
        fs::write(dir.path().join("ananke.yaml"), text).unwrap();
        let child = command(dir.path(), &["daemon", "--execute"]).spawn().unwrap();
        let daemon = Self { dir, child };
        let deadline = Instant::now() + PATIENCE;
        while !matches!(ControlClient::connect(&daemon.run_dir()).await, Ok(Some(_))) {
            assert!(Instant::now() < deadline, "no daemon: {}", daemon.log());
            // poll: the control socket
            sleep(std::time::Duration::from_millis(50)).await;
        }
        daemon
    }

    fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its ticks, as they come.
    pub(super) async fn ticks(&self) -> Ticks {
        let client = ControlClient::connect(&self.run_dir()).await.unwrap().expect("a daemon");
        Ticks(client.follow().await.unwrap())
    }

    /// What another command says, without its line breaks.
    pub(super) async fn says(&self, arguments: &[&str]) -> String {
        let mut command = command(self.dir.path(), arguments);
        let out = tokio::task::spawn_blocking(move || {
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()
        });
        let Output { stdout, stderr, .. } = out.await.unwrap().unwrap();
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let log = fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
    // `setpriv` lets the kernel end the process even if the test is killed.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_ananke"), "--config"])
        .arg(dir.join("ananke.yaml"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The ticks of a daemon.
pub(super) struct Ticks(Follow);

impl Ticks {
    /// Waits for a tick that is so.
    pub(super) async fn until(
        &mut self,
        what: &str,
        test: impl Fn(&TickRecord) -> bool,
    ) -> Box<TickRecord> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = timeout_at(deadline, self.0.next()).await;
            let event = event.unwrap_or_else(|_| panic!("never {what}")).unwrap();
            if let Some(ControlEvent::Tick(record)) = event
                && test(&record)
            {
                return record;
            }
        }
    }
}

//! A real sshd on a loopback port, with throw-away keys, and the settings that reach it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ananke::adapters::ssh::{Fleet, Output, SshError};
use ananke::config::settings::{SshDeadlines, SshSettings, SshTarget};
use ananke::model::ids::MachineName;
use ananke::model::time::Span;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use tempfile::TempDir;
use tokio::time::Instant;

pub(crate) const SSHD: &str = "/usr/sbin/sshd";
pub(crate) const ECDSA: Algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };

/// Long enough for a machine under load; a test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A program that a test needs; without it the test fails and says what to install.
#[expect(clippy::disallowed_methods, reason = "tests start real programs")]
pub(crate) fn tool(program: &str) -> Command {
    let found = program.starts_with('/') && Path::new(program).exists()
        || ["/usr/bin", "/bin", "/usr/sbin"].iter().any(|d| Path::new(d).join(program).exists());
    assert!(found, "{program} is missing; do: apt-get install -y openssh-server openssh-client");
    Command::new(program)
}

pub(crate) fn new_key(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::random(&mut rand::rng(), algorithm).expect("a key")
}

/// Writes a private key as ssh-keygen does.
pub(crate) fn write_key(file: &Path, key: &PrivateKey) {
    key.write_openssh_file(file, LineEnding::LF).expect("write a key");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("mode of the key");
}

/// The user who runs the tests. sshd lets root log in as anybody and others as themselves.
pub(crate) fn me() -> String {
    let out = tool("id").arg("-un").output().expect("id runs");
    String::from_utf8(out.stdout).expect("a name").trim().to_owned()
}

/// A real sshd. Ended by its own process id when dropped, also when a test panics.
pub(crate) struct Sshd {
    child: Child,
    pub(crate) port: u16,
    pub(crate) dir: TempDir,
    pub(crate) ed25519: PrivateKey,
    pub(crate) ecdsa: PrivateKey,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Sshd {
    /// Starts one with an ed25519 and an ecdsa host key; `authorized` may log in.
    pub(crate) fn start(authorized: &[&PrivateKey]) -> Self {
        // sshd wants its privilege separation folder (sshd(8), FILES).
        if !Path::new("/run/sshd").exists() {
            fs::create_dir_all("/run/sshd").expect("/run/sshd is needed by sshd");
        }
        let dir = tempfile::tempdir().expect("a folder");
        let (ed25519, ecdsa) = (new_key(Algorithm::Ed25519), new_key(ECDSA));
        write_key(&dir.path().join("host_ed25519"), &ed25519);
        write_key(&dir.path().join("host_ecdsa"), &ecdsa);
        let lines: String = authorized
            .iter()
            .map(|key| key.public_key().to_openssh().expect("a public key") + "\n")
            .collect();
        fs::write(dir.path().join("authorized"), lines).expect("write authorized keys");
        let (child, port) = spawn(dir.path());
        Self { child, port, dir, ed25519, ecdsa }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).expect("sshd's log")
    }

    /// How many logins sshd has let in.
    pub(crate) fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    pub(crate) fn target(&self, key: &Path) -> SshTarget {
        SshTarget {
            address: Ipv4Addr::LOCALHOST.to_string(),
            port: self.port,
            user: me(),
            identities: vec![key.to_owned()],
            via_jump: false,
        }
    }

    /// The line for known_hosts with one of its keys.
    pub(crate) fn line(&self, key: &PrivateKey) -> String {
        known_line(self.port, key)
    }
}

pub(crate) fn known_line(port: u16, key: &PrivateKey) -> String {
    format!("[127.0.0.1]:{port} {}\n", key.public_key().to_openssh().expect("a public key"))
}

fn spawn(dir: &Path) -> (Child, u16) {
    // Between finding a free port and using it somebody else may take it.
    for _ in 0..5 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let d = dir.display();
        // bash reads ~/.bashrc when sshd starts it, unless it is told that it is a nested shell:
        // what the user of this machine put there is not what is tested (bash(1), INVOCATION).
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {d}/host_ed25519\nHostKey {d}/host_ecdsa\n\
             AuthorizedKeysFile {d}/authorized\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AllowTcpForwarding yes\nMaxStartups 1000\nLogLevel VERBOSE\n\
             SetEnv SHLVL=2\n"
        );
        fs::write(dir.join("sshd_config"), config).expect("write sshd's configuration");
        let log = fs::File::create(dir.join("log")).expect("sshd's log");
        let mut child = tool(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd starts");
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return (child, port);
            }
            if child.try_wait().expect("sshd's state").is_some() {
                break;
            }
            std::thread::yield_now();
        }
        drop(child.kill());
        drop(child.wait());
    }
    panic!("sshd did not start: {}", fs::read_to_string(dir.join("log")).unwrap_or_default());
}

/// What a test gives the adapter: a key, a known_hosts file, machines.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) key: PrivateKey,
    pub(crate) settings: SshSettings,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with_key(new_key(Algorithm::Ed25519))
    }

    pub(crate) fn with_key(key: PrivateKey) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        write_key(&dir.path().join("id"), &key);
        let known_hosts = dir.path().join("known_hosts");
        fs::write(&known_hosts, "").expect("write known_hosts");
        let settings = SshSettings {
            machines: BTreeMap::new(),
            jump: None,
            known_hosts,
            deadlines: SshDeadlines {
                connect: Span::secs(10),
                handshake: Span::secs(10),
                auth: Span::secs(10),
                command: Span::secs(10),
            },
            fan_out: 64,
            poll: Span::secs(10),
        };
        Self { dir, key, settings }
    }

    /// One machine `n1` on a real sshd whose ed25519 key is known.
    pub(crate) fn with_sshd() -> (Self, Sshd) {
        let mut site = Self::new();
        let sshd = Sshd::start(&[&site.key]);
        site.add("n1", sshd.target(&site.id()));
        site.know(&sshd.line(&sshd.ed25519));
        (site, sshd)
    }

    pub(crate) fn id(&self) -> PathBuf {
        self.dir.path().join("id")
    }

    pub(crate) fn add(&mut self, name: &'static str, target: SshTarget) {
        self.settings.machines.insert(MachineName::fixed(name), target);
    }

    /// Makes these lines the whole known_hosts.
    pub(crate) fn know(&self, lines: &str) {
        fs::write(&self.settings.known_hosts, lines).expect("write known_hosts");
    }

    pub(crate) fn fleet(&self) -> Fleet {
        Fleet::new(&self.settings).expect("settings that work")
    }
}

pub(crate) static N1: MachineName = MachineName::fixed("n1");

pub(crate) async fn run(fleet: &Fleet, command: &str) -> Result<Output, SshError> {
    fleet.run(&N1, command, None, Span::secs(20)).await
}

/// Asks again and again until the answer is right, or fails.
pub(crate) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        // poll: what the caller asks
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

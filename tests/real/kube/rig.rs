//! etcd and kube-apiserver on loopback, with an authority of their own, in a temporary folder.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A process that ends with the test, however the test ends.
struct Process(Child);

impl Process {
    /// `setpriv` lets the kernel end the process even if the test is killed.
    fn start(program: &Path, arguments: &[String], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv (package util-linux) is needed");
        Self(child)
    }

    fn signal(&self, signal: Signal) {
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

/// A real control plane without anything that would change nodes behind the test's back.
pub(crate) struct Rig {
    apiserver: Option<Process>,
    _etcd: Process,
    dir: TempDir,
    port: u16,
    etcd_port: u16,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let dir = tempfile::tempdir().unwrap();
        make_keys(dir.path());
        let [port, etcd_port, peer_port] = free_ports();
        let url = |port| format!("http://127.0.0.1:{port}");
        let etcd = Process::start(
            &binary("etcd"),
            &[
                format!("--data-dir={}", dir.path().join("etcd").display()),
                format!("--listen-client-urls={}", url(etcd_port)),
                format!("--advertise-client-urls={}", url(etcd_port)),
                format!("--listen-peer-urls={}", url(peer_port)),
                format!("--initial-advertise-peer-urls={}", url(peer_port)),
                format!("--initial-cluster=default={}", url(peer_port)),
                // Nothing here has to survive a power failure.
                "--unsafe-no-fsync".to_owned(),
            ],
            &dir.path().join("etcd.log"),
        );
        let mut rig = Self { apiserver: None, _etcd: etcd, dir, port, etcd_port };
        rig.start_apiserver();
        rig.wait_until_ready().await;
        rig
    }

    pub(crate) fn start_apiserver(&mut self) {
        let file = |name: &str| self.path(name).display().to_string();
        let arguments = [
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port),
            format!("--cert-dir={}", file("certs")),
            format!("--tls-cert-file={}", file("server.crt")),
            format!("--tls-private-key-file={}", file("server.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.43.0.0/16".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-signing-key-file={}", file("sa.key")),
            format!("--service-account-key-file={}", file("sa.key")),
        ];
        let log = self.path("apiserver.log");
        self.apiserver = Some(Process::start(&binary("kube-apiserver"), &arguments, &log));
    }

    /// SIGKILL, and wait until the process is gone.
    pub(crate) fn kill_apiserver(&mut self) {
        self.apiserver = None;
    }

    pub(crate) fn freeze_apiserver(&self) {
        self.apiserver.as_ref().unwrap().signal(Signal::STOP);
    }

    pub(crate) fn thaw_apiserver(&self) {
        self.apiserver.as_ref().unwrap().signal(Signal::CONT);
    }

    async fn wait_until_ready(&self) {
        let admin = self.admin().await;
        let deadline = Instant::now() + Duration::from_secs(40);
        let ready = || http::Request::get("/readyz").body(Vec::new()).unwrap();
        while admin.request_text(ready()).await.is_err() {
            assert!(Instant::now() < deadline, "no API server: {}", self.last_words());
            // poll: /readyz
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.path("apiserver.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The same server under a name that its certificate does not carry.
    pub(crate) fn unnamed_endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A kubeconfig for a user, with an authority against which the server is verified.
    pub(crate) fn kubeconfig(&self, user: &str, authority: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: site\n\
             clusters:\n- name: site\n  cluster: {{server: 'https://127.0.0.1:1', \
             certificate-authority: {authority}.crt}}\n\
             contexts:\n- name: site\n  context: {{cluster: site, user: user}}\n\
             users:\n- name: user\n  user: {{client-certificate: {user}.crt, \
             client-key: {user}.key}}\n"
        )
    }

    /// Writes a kubeconfig by rename, as every careful writer does.
    pub(crate) fn write_kubeconfig(&self, name: &str, user: &str, authority: &str) -> PathBuf {
        let mut file = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        file.write_all(self.kubeconfig(user, authority).as_bytes()).unwrap();
        let path = self.path(name);
        file.persist(&path).unwrap();
        path
    }

    pub(crate) async fn admin(&self) -> Client {
        let path = self.write_kubeconfig("admin.kubeconfig", "admin", "ca");
        let kubeconfig = Kubeconfig::read_from(path).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        config.cluster_url = self.endpoint().parse().unwrap();
        config.default_retry = false;
        config.proxy_url = None;
        Client::try_from(config).unwrap()
    }
}

/// Three ports that were free a moment ago.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A program that `scripts/testbed build` made: `NAME-vVERSION-HASH`, the newest one.
pub(crate) fn binary(name: &str) -> PathBuf {
    let cache = std::env::var_os("TESTBED_CACHE").unwrap_or("/var/cache/ananke-testbed".into());
    let folder = Path::new(&cache).join("bin");
    let prefix = format!("{name}-v");
    let found = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .max_by_key(|entry| entry.metadata().and_then(|meta| meta.modified()).ok());
    match found {
        Some(entry) => entry.path(),
        None => panic!("no {name} in {}: run scripts/testbed build", folder.display()),
    }
}

/// One authority, a server's certificate for 127.0.0.1 only, a client's for each user, and one
/// client's from an authority that the server does not know.
fn make_keys(dir: &Path) {
    let script = r#"
        set -eu
        umask 077
        key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
        authority() {
            key "$1"
            openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 2 -out "$1.crt"
        }
        signed() { # NAME SUBJECT AUTHORITY EXTENSIONS
            key "$1"
            openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
            printf '%s\n' "$4" > "$1.ext"
            openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 2 \
                -extfile "$1.ext" -out "$1.crt"
        }
        authority ca
        authority other
        signed server /CN=kube-apiserver ca 'subjectAltName=IP:127.0.0.1
extendedKeyUsage=serverAuth'
        signed admin /O=system:masters/CN=admin ca extendedKeyUsage=clientAuth
        signed ananke /CN=ananke ca extendedKeyUsage=clientAuth
        signed viewer /CN=viewer ca extendedKeyUsage=clientAuth
        signed stranger /CN=ananke other extendedKeyUsage=clientAuth
        key sa
    "#;
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .output()
        .expect("sh is needed, and openssl (package openssl)");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "keys could not be made (package openssl): {words}");
}

//! `ssh_config_file` through the real `ssh -G`, and through the program itself.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ananke::adapters::process::{ChildSpec, End, run};
use ananke::adapters::ssh::ssh_config::resolve;
use ananke::config::{NoSshConfig, SshHost};
use ananke::model::time::Span;
use tempfile::TempDir;

const LIMIT: Span = Span::secs(20);

const CONFIG: &str = "\
Host cp-* w-1
  HostName %h.lan
  Port=2222
  User ops
  IdentityFile DIR/%r-of-%n
  IdentityFile DIR/missing
Host gate
  ProxyJump outer
Include DIR/more
Host *
  IdentityFile ~/key
";

struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write("ssh_config", CONFIG);
        site.write("more", "Host gate\n  User jump\n");
        for key in ["ops-of-cp-1", "ops-of-w-1", "key"] {
            site.write(key, "x");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `DIR` stands for the folder.
    fn write(&self, name: &str, text: &str) {
        let dir = self.0.path().display().to_string();
        fs::write(self.path(name), text.replace("DIR", &dir)).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    async fn ask(&self, name: &str) -> Result<SshHost, NoSshConfig> {
        let all = resolve(&self.path("ssh_config"), &[name], Some(self.0.path())).await?;
        Ok(all[name].clone())
    }

    /// Status, standard output and standard error of `ananke -c FILE ARGS`.
    async fn ananke(&self, config: &str, args: &[&str]) -> (End, String, String) {
        self.write("ananke.yaml", config);
        let program = ChildSpec::new(env!("CARGO_BIN_EXE_ananke"), LIMIT);
        let program = program.args(["-c".into(), self.path("ananke.yaml")]).args(args);
        let finished = run(program).await.unwrap();
        (finished.end, finished.stdout.text(), finished.stderr.text())
    }
}

fn file(site: &Site, name: &str) -> String {
    site.path(name).display().to_string()
}

#[tokio::test]
async fn ssh_says_what_the_file_says_and_its_own_defaults_are_left_out() {
    let site = Site::new();
    let cp = site.ask("cp-1").await.unwrap();
    assert_eq!(cp.address.as_deref(), Some("cp-1.lan"));
    assert_eq!((cp.port, cp.user.as_deref()), (Some(2222), Some("ops")));
    let keys = ["ops-of-cp-1", "missing", "key"].map(|name| site.path(name));
    assert_eq!(cp.identities, keys);
    let gate = site.ask("gate").await.unwrap();
    assert_eq!((gate.address, gate.port, gate.user.as_deref()), (None, None, Some("jump")));
    assert_eq!(gate.proxy.as_deref(), Some("ProxyJump outer"));
    let other = site.ask("other").await.unwrap();
    let key = vec![site.path("key")];
    assert_eq!(other, SshHost { identities: key, ..SshHost::default() });
}

#[tokio::test]
async fn a_file_that_ssh_refuses_is_refused_in_its_words() {
    let site = Site::new();
    let refused = |answer: Result<SshHost, NoSshConfig>| match answer.unwrap_err() {
        NoSshConfig::Refused(why) => why,
        other @ (NoSshConfig::NoProgram | NoSshConfig::Missing) => panic!("{other:?}"),
    };
    assert!(refused(site.ask("-oProxyCommand=x").await).contains("no host name"));
    site.write("ssh_config", "IdentityFile /keys/%C\n");
    assert!(refused(site.ask("cp-1").await).contains("%C"));
    site.write("ssh_config", "IdentityFile keys/id\n");
    assert!(refused(site.ask("cp-1").await).contains("not an absolute path"));
    site.write("ssh_config", "Port 22\nNoSuchWord yes\n");
    let why = refused(site.ask("cp-1").await);
    assert!(why.contains("line 2") && why.contains("nosuchword"), "{why}");
    fs::set_permissions(site.path("ssh_config"), fs::Permissions::from_mode(0o622)).unwrap();
    let why = refused(site.ask("cp-1").await);
    assert!(why.contains("permissions"), "{why}");
    let gone = resolve(Path::new("/nowhere"), &["cp-1"], None).await;
    assert_eq!(gone.unwrap_err(), NoSshConfig::Missing);
    assert!(matches!(resolve(site.0.path(), &["cp-1"], None).await, Err(NoSshConfig::Refused(_))));
}

/// Two machines, of which the file gives one address and one user.
const ANANKE: &str = "\
cluster: x
ssh_config_file: DIR/ssh_config
ssh_known_hosts_file: DIR/known_hosts
ssh_node_hosts: {w-1: 192.0.2.21}
ssh_node_users: {w-1: me}
nodes: {servers: [cp-1], agents: [w-1]}
";

#[tokio::test]
async fn the_program_shows_the_settings_that_come_of_both_files() {
    let site = Site::new();
    site.write("known_hosts", "");
    site.write("ssh_config", &CONFIG.replace("~/key", "DIR/key"));
    let (end, shown, said) = site.ananke(ANANKE, &["config", "show"]).await;
    assert_eq!(end, End::Exited(0), "{said}");
    // Where two are as common, the first in the order of the alphabet is the general one.
    let lines = ["  cp-1: cp-1.lan", "  w-1: 192.0.2.21", "ssh_user: me", "  cp-1: ops"];
    for line in lines.into_iter().chain(["ssh_port: 2222"]) {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(shown.contains(&file(&site, "ops-of-w-1")) && !shown.contains("missing"), "{shown}");
    // What is shown means the same without the other file.
    fs::remove_file(site.path("ssh_config")).unwrap();
    let (end, again, said) = site.ananke(&shown, &["config", "show"]).await;
    assert_eq!((end, again), (End::Exited(0), shown), "{said}");
}

#[tokio::test]
async fn a_broken_one_is_an_error_of_the_configuration_with_its_place() {
    let site = Site::new();
    site.write("known_hosts", "");
    site.write("ssh_config", "NoSuchWord yes\n");
    let check = ["config", "check"];
    let (end, _, said) = site.ananke(ANANKE, &check).await;
    assert_eq!(end, End::Exited(2), "{said}");
    assert!(said.contains("ananke.yaml:2:18") && said.contains("nosuchword"), "{said}");
    assert!(said.contains("help: "), "{said}");
    fs::remove_file(site.path("ssh_config")).unwrap();
    let (end, _, said) = site.ananke(ANANKE, &check).await;
    assert_eq!(end, End::Exited(2), "{said}");
    assert!(said.contains("is not there") && said.contains("ananke.yaml:2:18"), "{said}");
    site.write("ssh_config", "Host *\n  User ops\n  IdentityFile DIR/open\n");
    site.write("open", "x");
    fs::set_permissions(site.path("open"), fs::Permissions::from_mode(0o644)).unwrap();
    let (end, _, said) = site.ananke(ANANKE, &check).await;
    assert_eq!(end, End::Exited(2), "{said}");
    assert!(said.contains("others may read the private key"), "{said}");
}

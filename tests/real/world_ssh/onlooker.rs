//! A person with a stock `ssh`, and what is left when the doors are closed.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use super::site::{AGENT, Simulated, eventually};
use crate::ssh::rig::tool;

/// What the stock client gives for one command: exit status, standard output.
async fn ssh(site: &Simulated, user: &str, command: &[&str]) -> (Option<i32>, String, String) {
    let port = site.doors.ports()[&AGENT].to_string();
    let mut line = tool("ssh");
    line.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
    line.args(["-o", "ConnectTimeout=20", "-p", &port, "-l", user, "-i"]);
    line.arg(site.files.dir().join("id_ed25519"));
    let known_hosts = site.files.dir().join("known_hosts");
    line.arg("-o").arg(format!("UserKnownHostsFile={}", known_hosts.display()));
    line.arg("127.0.0.1").args(command).stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || line.output().expect("ssh runs"));
    let done = done.await.expect("no panic");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

#[tokio::test]
async fn a_stock_ssh_can_look_on_and_is_never_lied_to() {
    let site = Simulated::open(1).await;
    let table: [(&[&str], i32, &str, &str); 6] = [
        (&["hostname"], 0, "titan-04\n", ""),
        (&["systemctl", "status", "k3s-agent"], 0, "active\n", ""),
        (&["systemctl", "status", "k3s"], 4, "inactive\n", ""),
        (&["sudo -n /usr/local/sbin/ananke-guard version"], 0, "ananke-guard 1 version=1-", ""),
        (&["reboot"], 127, "", "reboot: not in this world"),
        (&["cat /etc/passwd | head"], 127, "", "cat: not in this world"),
    ];
    for (command, status, stdout, stderr) in table {
        let (code, out, err) = ssh(&site, "ananke", command).await;
        assert_eq!(code, Some(status), "{command:?}: {out} {err}");
        assert!(out.starts_with(stdout) && err.contains(stderr), "{command:?}: {out} {err}");
    }
    let (code, out, _) = ssh(&site, "ananke", &[]).await;
    assert_eq!(code, Some(0));
    assert!(out.contains("exists in a rehearsal only"), "{out}");
    let (code, _, err) = ssh(&site, "root", &["hostname"]).await;
    assert_eq!(code, Some(255), "nobody else gets in");
    assert!(err.contains("Permission denied"), "{err}");
}

#[tokio::test]
async fn the_folder_is_its_owners_and_goes_with_the_site_as_do_the_ports() {
    let site = Simulated::open(1).await;
    let dir = site.files.dir().to_owned();
    let ports: Vec<u16> = site.doors.ports().values().copied().collect();
    assert!(site.files.ssh_line().contains(&ports[0].to_string()));
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode(&dir), 0o700);
    for name in ["id_ed25519", "known_hosts", "kubeconfig", "ananke.yaml"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    // One connection is open when it ends.
    site.ask(&AGENT, "hostname").await.expect("an answer");
    drop(site);
    assert!(!dir.exists(), "{}", dir.display());
    eventually("nothing listens", || async {
        let open = ports.iter().filter(|port| TcpStream::connect(("127.0.0.1", **port)).is_ok());
        match open.count() {
            0 => Ok(()),
            some => Err(format!("{some} ports")),
        }
    })
    .await;
}

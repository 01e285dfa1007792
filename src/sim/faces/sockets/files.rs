//! The folder of a rehearsal: what a second terminal needs to look on with the real programs.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ApiServers;
use super::http::HttpDoors;
use super::nut::NutServer;
use super::ssh::SshDoors;
use super::wake::WakeDoor;
use crate::sim::faces::config::{
    self, AUTHORITIES_FILE, CONFIG_FILE, KEY_FILE, KNOWN_HOSTS_FILE, KUBECONFIG_FILE, Reach, USER,
    Upsd, VAULT_KEYS_FILE,
};
use crate::sim::scenario::ast::Setting;
use crate::sim::site::Site;
use crate::sim::world::VAULT_KEYS;

/// The servers of a site that a configuration names.
#[derive(Debug)]
pub struct Doors<'a> {
    /// Of every machine.
    pub ssh: &'a SshDoors,
    /// Of every server.
    pub api: &'a ApiServers,
    /// Without it no UPS is configured.
    pub upsd: Option<&'a NutServer>,
    /// Without it no service is configured.
    pub ingress: Option<&'a HttpDoors>,
    /// Without it no machine can be switched on.
    pub wake: Option<&'a WakeDoor>,
}

/// A folder of its own, readable by its owner only. Removed when dropped.
#[derive(Debug)]
pub struct SiteFiles {
    dir: TempDir,
    reach: Reach,
}

impl SiteFiles {
    /// Writes configuration, login key, known_hosts and kubeconfig into a new folder below
    /// `parent`.
    ///
    /// # Errors
    /// What the file system says; nothing is left behind.
    pub fn write(
        parent: &Path,
        site: &Site,
        doors: &Doors<'_>,
        speed: u32,
        more: &[Setting],
    ) -> io::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("ananke-rehearsal-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let ports = doors.ssh.ports().clone();
        let (deadlines, poll) = (config::deadlines(speed), config::poll(speed));
        let fresh_for = config::fresh_for(speed);
        let upsd = doors.upsd.map(|server| Upsd::at(server.address().port(), speed));
        let endpoints = doors.api.endpoints();
        let ingress = doors.ingress.map(HttpDoors::tls_address);
        let wake = doors.wake.map(WakeDoor::address);
        let dir_path = dir.path().to_owned();
        let reach = Reach {
            ports,
            endpoints,
            dir: dir_path,
            deadlines,
            poll,
            fresh_for,
            upsd,
            ingress,
            wake,
        };
        for folder in ["state", "run"] {
            std::fs::create_dir(reach.file(folder))?;
        }
        let files = Self { dir, reach };
        files.put(KEY_FILE, doors.ssh.login_key())?;
        files.put(KNOWN_HOSTS_FILE, doors.ssh.known_hosts())?;
        files.put(KUBECONFIG_FILE, doors.api.kubeconfig())?;
        if let Some(ingress) = doors.ingress {
            files.put(AUTHORITIES_FILE, ingress.authority())?;
        }
        files.put(VAULT_KEYS_FILE, &format!("{}\n", VAULT_KEYS.join("\n")))?;
        files.put(CONFIG_FILE, &config::text(site, &files.reach, more))?;
        Ok(files)
    }

    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file: File =
            options.write(true).create_new(true).mode(0o600).open(self.reach.file(name))?;
        file.write_all(text.as_bytes())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// How the site is reached, for [`config::settings`].
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The configuration, for `ananke -c`.
    pub fn config(&self) -> PathBuf {
        self.reach.file(CONFIG_FILE)
    }

    /// The kubeconfig, for `kubectl --kubeconfig`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.reach.file(KUBECONFIG_FILE)
    }

    /// A line that a person can paste to look at the first machine.
    pub fn ssh_line(&self) -> String {
        let port = self.reach.ports.values().next().copied().unwrap_or_default();
        format!(
            "ssh -F none -i {} -o UserKnownHostsFile={} -p {port} {USER}@127.0.0.1",
            self.reach.file(KEY_FILE).display(),
            self.reach.file(KNOWN_HOSTS_FILE).display(),
        )
    }
}

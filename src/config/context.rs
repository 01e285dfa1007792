//! What a configuration needs to know of its host, given from outside: nothing here looks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is known of the host when a configuration is read.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The name of this host. It becomes the owner that the nodes' guards remember.
    pub hostname: &'a str,
    /// What `~/` stands for. Without it such a path is an error.
    pub home: Option<&'a Path>,
    /// `state_dir` where the file does not say it.
    pub state_dir: PathBuf,
    /// `run_dir` where the file does not say it.
    pub run_dir: PathBuf,
    /// `ssh_known_hosts_file` where the file does not say it.
    pub known_hosts: PathBuf,
    /// The names of the gates, for `gates.skip`.
    pub gates: &'a [&'a str],
    /// Looks at the files that the configuration names.
    pub files: &'a dyn Files,
    /// Says what `ssh_config_file` says of machines.
    pub ssh_configs: &'a dyn SshConfigs,
}

impl<'a> Context<'a> {
    /// The paths of an installed ananke, and files that are not looked at.
    pub fn installed(hostname: &'a str, gates: &'a [&'a str]) -> Self {
        Self {
            hostname,
            home: None,
            state_dir: PathBuf::from("/var/lib/ananke"),
            run_dir: PathBuf::from("/run/ananke"),
            known_hosts: PathBuf::from("/etc/ananke/known_hosts"),
            gates,
            files: &Unlooked,
            ssh_configs: &Unlooked,
        }
    }
}

/// Looks at a file without reading it.
pub trait Files: fmt::Debug {
    /// What is at the path, links followed.
    fn look(&self, path: &Path) -> FileFact;
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFact {
    /// Nobody looked: no problem is made of it. For files of another host, and for starting on
    /// the last good configuration.
    Unlooked,
    /// Nothing is there.
    Missing,
    /// It may not be looked at, for this reason.
    Denied(String),
    /// A directory, a socket, a device.
    NotAFile,
    /// A file.
    File {
        /// The permission bits, as in stat(2).
        mode: u32,
    },
}

/// Looks at nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unlooked;

impl Files for Unlooked {
    fn look(&self, _path: &Path) -> FileFact {
        FileFact::Unlooked
    }
}

/// Reads an ssh_config(5).
pub trait SshConfigs: fmt::Debug {
    /// What the file says of each of the names. All or nothing: half an answer would send the
    /// other half of the machines to the wrong place.
    ///
    /// # Errors
    /// [`NoSshConfig`], whose kind says what helps.
    fn resolve(
        &self,
        file: &Path,
        names: &[&str],
    ) -> Result<BTreeMap<String, SshHost>, NoSshConfig>;
}

impl SshConfigs for Unlooked {
    fn resolve(&self, _: &Path, _: &[&str]) -> Result<BTreeMap<String, SshHost>, NoSshConfig> {
        Err(NoSshConfig::Refused("nobody reads it here".to_owned()))
    }
}

/// What an ssh_config says of one machine. OpenSSH's own defaults are not among it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SshHost {
    /// `HostName`: where to connect.
    pub address: Option<String>,
    /// `Port`, unless it is 22.
    pub port: Option<u16>,
    /// `User`.
    pub user: Option<String>,
    /// `IdentityFile`, in order, as absolute paths, also those that do not exist.
    pub identities: Vec<PathBuf>,
    /// `ProxyJump` or `ProxyCommand`, as it is written. Not used; somebody has to hear of it.
    pub proxy: Option<String>,
}

/// Why nothing is known of what an ssh_config says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSshConfig {
    /// Install it, or do without the file.
    #[error("there is no `ssh` program on this host")]
    NoProgram,
    /// Correct the path.
    #[error("there is no such file")]
    Missing,
    /// ssh refuses it, may not read it, or does not end: the reason, in its words.
    #[error("{0}")]
    Refused(String),
}

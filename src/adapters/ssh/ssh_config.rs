//! Settings from an ssh_config file, resolved by OpenSSH itself.
//!
//! `ssh -G` knows Include, Match, tokens and defaults exactly; a parser of our own would know
//! some of them. It is asked once, when the configuration is read.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::model::time::Span;

/// What ananke uses of a host's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostSettings {
    /// `HostName`: where to connect.
    pub address: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `User`, or the user who runs ananke.
    pub user: Option<String>,
    /// `IdentityFile`, in order, also those that do not exist.
    pub identities: Vec<PathBuf>,
    /// `ProxyJump`, as it is written.
    pub jump: Option<String>,
}

/// Why a host's settings are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshConfigError {
    /// A name that ssh would take for an option.
    #[error("{host:?} is no host name for ssh")]
    BadName {
        /// The name.
        host: String,
    },
    /// ssh is not installed, does not end, or refuses the file.
    #[error("ssh -G with {}: {why}", file.display())]
    Failed {
        /// The ssh_config file.
        file: PathBuf,
        /// What went wrong.
        why: String,
    },
}

/// Asks `ssh -G` for the settings of one host in one file.
///
/// # Errors
/// [`SshConfigError`]. Nothing is connected to in any case, but a `Match exec` in the file runs
/// its command.
pub async fn resolve(file: &Path, host: &str, limit: Span) -> Result<HostSettings, SshConfigError> {
    if host.is_empty() || host.starts_with('-') {
        return Err(SshConfigError::BadName { host: host.to_owned() });
    }
    let failed = |why: String| SshConfigError::Failed { file: file.to_owned(), why };
    // ssh passes over a missing file without a word.
    tokio::fs::metadata(file).await.map_err(|e| failed(e.to_string()))?;
    #[expect(clippy::disallowed_methods, reason = "an adapter, with a cleared environment")]
    let mut ssh = tokio::process::Command::new("ssh");
    ssh.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
    ssh.arg("-G").arg("-F").arg(file).arg("--").arg(host);
    ssh.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(limit.to_std(), ssh.output()).await {
        Ok(output) => output.map_err(|e| failed(e.to_string()))?,
        Err(_) => return Err(failed(format!("no answer within {limit}"))),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(super::error::printable(&said)));
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(text: &str) -> HostSettings {
    let mut settings = HostSettings::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        match key {
            "hostname" => settings.address = Some(value.to_owned()),
            "port" => settings.port = value.parse().ok(),
            "user" => settings.user = Some(value.to_owned()),
            "identityfile" => settings.identities.push(PathBuf::from(value)),
            "proxyjump" if value != "none" => settings.jump = Some(value.to_owned()),
            _ => {}
        }
    }
    settings
}

//! Reads the configuration, and falls back to the last good one where a host boots on a broken
//! file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use tracing::error;

use super::failure::{Ended, Failure};
use super::{Environment, words};
use crate::adapters::ssh::ssh_config;
use crate::cli::{Args, Format, Verb, print_data};
use crate::config::settings::Settings;
use crate::config::{self, Context, FileFact, Files, NoSshConfig, Problem, SshConfigs, SshHost};
use crate::gates;

/// The name of the copy that is kept of every configuration that was accepted.
const LAST_GOOD: &str = "config.last-good.yaml";

/// The most that is read of a configuration. The parser says its own limit; this only keeps an
/// endless file from being read whole.
const MOST: u64 = 2 << 20;

/// A configuration that was accepted.
#[derive(Debug)]
pub(super) struct Loaded {
    /// What it says.
    pub(super) settings: Settings,
    /// What is odd about it.
    pub(super) warnings: Vec<Problem>,
    /// What is kept as the last good one: its text, or if an ssh_config says a part of it, the
    /// settings as a text, which then need no other file.
    pub(super) text: Vec<u8>,
    /// Why the last good one is used instead of the file, if it is.
    pub(super) instead_of: Option<String>,
}

/// Looks at the files that a configuration names, without reading them.
#[derive(Debug)]
struct Disk;

impl Files for Disk {
    fn look(&self, path: &Path) -> FileFact {
        use std::os::unix::fs::PermissionsExt;
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => FileFact::File { mode: meta.permissions().mode() },
            Ok(_) => FileFact::NotAFile,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => FileFact::Missing,
            Err(error) => FileFact::Denied(error.to_string()),
        }
    }
}

/// Asks `ssh -G`. The configuration is read before the runtime drives anything else, so that
/// waiting here holds up nobody.
#[derive(Debug)]
struct OpenSsh<'a> {
    runtime: &'a Handle,
    home: Option<&'a Path>,
}

impl SshConfigs for OpenSsh<'_> {
    fn resolve(
        &self,
        file: &Path,
        names: &[&str],
    ) -> Result<BTreeMap<String, SshHost>, NoSshConfig> {
        self.runtime.block_on(ssh_config::resolve(file, names, self.home))
    }
}

/// The person, or the service, that gives the command.
pub(super) fn caller(environment: Environment<'_>) -> String {
    let named = |key| environment(key).and_then(|name| name.into_string().ok());
    let known = named("SUDO_USER").or_else(|| named("USER")).or_else(|| named("LOGNAME"));
    known.filter(|name| !name.is_empty()).unwrap_or_else(|| "root".to_owned())
}

/// Reads and checks the configuration.
///
/// A daemon, and the boot unit, start on the last good one if the file is broken, and shout.
pub(super) fn settings(
    args: &Args,
    environment: Environment<'_>,
    runtime: &Handle,
) -> Result<Loaded, Failure> {
    let unattended = matches!(args.verb, Verb::Daemon { .. } | Verb::Converge { .. });
    let home = environment("HOME").map(PathBuf::from);
    let ssh = OpenSsh { runtime, home: home.as_deref() };
    let broken = match read(&args.config, &Disk, &ssh) {
        Ok(loaded) => return Ok(loaded),
        Err(broken) => broken,
    };
    if let Broken::Problems(problems) = &broken
        && args.output != Format::Text
    {
        drop(print_data(args.output, &config::problems_to_json(problems)));
    }
    let why = broken.to_string();
    if !unattended {
        return Err(Failure::Usage(why));
    }
    let spare = Path::new("/var/lib/ananke").join(LAST_GOOD);
    match read(&spare, &config::Unlooked, &ssh) {
        Ok(loaded) => {
            error!("{why}");
            error!("the configuration is broken; going on with {}", spare.display());
            Ok(Loaded { instead_of: Some(why), ..loaded })
        }
        Err(_) => Err(Failure::Usage(why)),
    }
}

/// Why a configuration can't be used.
enum Broken {
    File(String),
    Problems(Vec<Problem>),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(why) => f.write_str(why),
            Self::Problems(problems) => {
                write!(f, "the configuration has errors\n\n{}", config::problems_to_text(problems))
            }
        }
    }
}

fn read(path: &Path, files: &dyn Files, ssh: &OpenSsh<'_>) -> Result<Loaded, Broken> {
    let named = path.display().to_string();
    let text = bytes(path).map_err(|error| Broken::File(format!("{named}: {error}")))?;
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let ids: Vec<&str> = gates::ALL.iter().map(|gate| gate.id.as_str()).collect();
    let installed = Context::installed(&hostname, &ids);
    let context = Context { home: ssh.home, files, ssh_configs: ssh, ..installed };
    match config::parse_bytes(&text, &named, &context) {
        Ok(checked) => {
            let alone = checked.self_contained;
            let text = if alone { text } else { config::resolved(&checked.settings).into() };
            let (settings, warnings) = (checked.settings, checked.warnings);
            Ok(Loaded { settings, warnings, text, instead_of: None })
        }
        Err(problems) => Err(Broken::Problems(problems)),
    }
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

/// `ananke config check`, when there are no errors.
pub(super) fn print_check(loaded: &Loaded, format: Format) -> Result<Ended, Failure> {
    let printed = if format == Format::Text {
        let mut text = config::problems_to_text(&loaded.warnings);
        let machines = loaded.settings.policy.machines.len();
        text += &format!("the configuration is good: {machines} machines\n");
        crate::cli::print_text(&text)
    } else {
        print_data(format, &config::problems_to_json(&loaded.warnings))
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}

/// Keeps a copy of a configuration that was accepted, for a boot on which the file is broken.
pub(super) fn keep_last_good(loaded: &Loaded) {
    if loaded.instead_of.is_some() {
        return;
    }
    let dir = &loaded.settings.state_dir;
    let path = dir.join(LAST_GOOD);
    if std::fs::read(&path).is_ok_and(|known| known == loaded.text) {
        return;
    }
    let written = tempfile::NamedTempFile::new_in(dir).and_then(|mut file| {
        use std::io::Write;
        file.write_all(&loaded.text)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        std::fs::File::open(dir)?.sync_all()
    });
    if let Err(error) = written {
        tracing::warn!("no copy of the configuration was kept: {error}");
    }
}

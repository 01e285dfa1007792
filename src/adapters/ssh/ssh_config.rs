//! Settings from an ssh_config file, resolved by OpenSSH itself.
//!
//! `ssh -G` knows Include, Match, tokens and precedence exactly; a parser of our own would know
//! some of them. It is asked once, when the configuration is read. It does not say what comes
//! from the file and what is its own default, so it reads the file through one of ours that gives
//! marks for everything that nobody gave.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt, TryStreamExt};
use tempfile::NamedTempFile;

use crate::adapters::process::{ChildSpec, End, ProcessError, run};
use crate::config::{NoSshConfig, SshHost};
use crate::model::time::Span;

/// How many `ssh -G` run at once. One takes a few milliseconds of one core.
const AT_ONCE: usize = 8;

/// How long one of them may take. Only a `Match exec` in the file takes time.
const LIMIT: Span = Span::secs(10);

/// What stands for a setting that the file does not give. Neither is a name or a path that
/// anybody would give.
const NO_USER: &str = "ananke-no-user-is-set";
const NO_KEY: &str = "/ananke-no-key-is-set";

/// The default of OpenSSH, which can't be told from a 22 in the file, and means the same.
const DEFAULT_PORT: u16 = 22;

/// What the file says of each of the names. `home` is what `~` stands for. Nothing is connected
/// to, but a `Match exec` in the file runs its command. A `User` that only a `Match final` block
/// gives is not seen.
///
/// # Errors
/// [`NoSshConfig`], for the first name that goes wrong.
pub async fn resolve(
    file: &Path,
    names: &[&str],
    home: Option<&Path>,
) -> Result<BTreeMap<String, SshHost>, NoSshConfig> {
    // ssh passes over a file that is missing or may not be read without a word.
    if let Err(error) = std::fs::File::open(file).and_then(|mut file| {
        let mut byte = [0];
        std::io::Read::read(&mut file, &mut byte)
    }) {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        return Err(if missing { NoSshConfig::Missing } else { refused(&error) });
    }
    let marked = marked(file)?;
    let asked = names.iter().map(|name| ask(marked.path(), name, home));
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

fn refused(why: &dyn std::fmt::Display) -> NoSshConfig {
    NoSshConfig::Refused(why.to_string())
}

/// A file that includes the given one, and gives the marks after it. In ssh_config(5) the first
/// value that is given holds, so that the marks are left where there is no other.
fn marked(file: &Path) -> Result<NamedTempFile, NoSshConfig> {
    let path = file.to_str().filter(|path| {
        // Include takes patterns, and quotes end at quotes.
        !path.contains(|c: char| c.is_control() || "*?[]\"'\\".contains(c))
    });
    let path = path.ok_or_else(|| refused(&"its path has characters that Include can't take"))?;
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = write!(text, "Include \"{path}\"\nMatch all\n  User {NO_USER}\n");
    let _ = writeln!(text, "  IdentityFile {NO_KEY}");
    let written = NamedTempFile::new().and_then(|mut marked| {
        marked.write_all(text.as_bytes())?;
        Ok(marked)
    });
    written.map_err(|error| refused(&error))
}

async fn ask(
    file: &Path,
    name: &str,
    home: Option<&Path>,
) -> Result<(String, SshHost), NoSshConfig> {
    if name.is_empty() || name.starts_with('-') {
        return Err(refused(&format!("{name:?} is no host name for ssh")));
    }
    let ssh = ChildSpec::new("ssh", LIMIT);
    let ssh = ssh.args(["-G", "-F"]).args([file.as_os_str()]).args(["--", name]);
    let finished = run(ssh).await.map_err(|error| match error {
        ProcessError::Missing { .. } => NoSshConfig::NoProgram,
        ProcessError::Start { .. } | ProcessError::Lost { .. } => {
            refused(&crate::model::error_text::chain(&error))
        }
    })?;
    match finished.end {
        End::Exited(0) => {}
        End::Exited(_) | End::Signalled(_) => {
            let said = finished.stderr.text();
            // The last line only counts the errors.
            let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word");
            return Err(refused(&super::error::printable(line)));
        }
        End::Deadline => return Err(refused(&format!("no answer for {name} within {LIMIT}"))),
    }
    let host = read(&finished.stdout.text(), name, home)?;
    Ok((name.to_owned(), host))
}

fn read(text: &str, name: &str, home: Option<&Path>) -> Result<SshHost, NoSshConfig> {
    let mut host = SshHost::default();
    let mut keys = Vec::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        match key {
            "hostname" if value != name => host.address = Some(value.to_owned()),
            "port" => host.port = value.parse().ok().filter(|port| *port != DEFAULT_PORT),
            "user" if value != NO_USER => host.user = Some(value.to_owned()),
            "identityfile" if value != NO_KEY && value != "none" => keys.push(value),
            "proxyjump" if value != "none" => host.proxy = Some(format!("ProxyJump {value}")),
            "proxycommand" if value != "none" => {
                host.proxy = Some(format!("ProxyCommand {value}"));
            }
            _ => {}
        }
    }
    for key in keys {
        host.identities.push(path(key, name, &host, home)?);
    }
    Ok(host)
}

/// The path of a key file: `ssh -G` leaves `~` and the tokens of ssh_config(5) as they are.
fn path(
    key: &str,
    name: &str,
    host: &SshHost,
    home: Option<&Path>,
) -> Result<PathBuf, NoSshConfig> {
    let unknown = |what: &str| {
        refused(&format!("IdentityFile {key} of {name}: ananke can't tell what {what} stands for"))
    };
    let home = home.and_then(Path::to_str);
    let mut path = String::new();
    let mut rest = key.chars();
    if let Some(below) = key.strip_prefix("~/") {
        path.push_str(home.ok_or_else(|| unknown("~"))?);
        path.push('/');
        rest = below.chars();
    }
    while let Some(c) = rest.next() {
        if c != '%' {
            path.push(c);
            continue;
        }
        let token = rest.next().unwrap_or('%');
        let value = match token {
            '%' => Some("%"),
            'd' => home,
            'h' => Some(host.address.as_deref().unwrap_or(name)),
            'n' => Some(name),
            'r' => host.user.as_deref(),
            _ => None,
        };
        path.push_str(value.ok_or_else(|| unknown(&format!("%{token}")))?);
    }
    if path.starts_with('/') {
        Ok(PathBuf::from(path))
    } else {
        Err(refused(&format!("IdentityFile {key} of {name} is not an absolute path")))
    }
}

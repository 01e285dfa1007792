//! The keys of a vault. They are read at the last moment, from a file or from what a command
//! prints, live for as long as they are given, and are shown to nobody: no error here repeats
//! anything of what was read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapters::process::{ChildSpec, End, ProcessError, run};
use crate::config::settings::VaultSettings;
use crate::model::time::Span;

/// Permission bits of group and others, stat(2).
const OTHERS: u32 = 0o077;

/// Every permission bit, for people.
const MODE: u32 = 0o7777;

/// The most that is read, in bytes: the 255 keys that there can be have 67 bytes each at most.
const MOST: usize = 32 * 1_024;

/// The longest key, in letters. One is 33 bytes: 66 hexadecimal digits, or 44 letters of base64.
const LETTERS: usize = 128;

/// How long the command may take: half of what an attempt has.
const COMMAND: Span = Span::secs(30);

/// One key. It has no `Debug`, so that nobody prints it by accident.
#[derive(PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// As a vault takes it (Vault API, `sys/unseal`).
    pub(super) fn document(&self) -> Vec<u8> {
        json!({"key": self.0}).to_string().into_bytes()
    }
}

/// The keys that were found.
pub(super) struct Keys {
    /// Where, for people.
    pub(super) from: String,
    pub(super) keys: Vec<Key>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys of {}", self.keys.len(), self.from)
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoKeys {
    /// The settings name neither a file nor a command.
    #[error("neither a file nor a command is set that has its keys")]
    Unset,
    /// Not only its owner may read the file.
    #[error("others may read {} ({mode:o}), so it is not used: chmod 600", file.display())]
    Readable { file: PathBuf, mode: u32 },
    /// It can't be read, or is not there.
    #[error("{} can't be read", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    /// It is a folder, a pipe or a device.
    #[error("{} is not a file", file.display())]
    NotAFile { file: PathBuf },
    /// There is nothing in it.
    #[error("there is no key in {from}")]
    Empty { from: String },
    /// A line that no vault would take.
    #[error("line {line} of {from} is no key: hexadecimal or base64, one on each line")]
    Odd { from: String, line: usize },
    /// More than all keys that there can be.
    #[error("there is too much in {from} to be keys")]
    TooMuch { from: String },
    /// The command could not be started, or its end was lost.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It did not end in time and was killed.
    #[error("{program} was killed after {}", COMMAND)]
    Deadline { program: String },
    /// It said that it failed. Whatever it printed may have a key in it.
    #[error("{program} ended with {how}, and what it printed is not shown")]
    Status { program: String, how: String },
}

impl NoKeys {
    /// Whether it will be the same until a person does something.
    pub(super) const fn lasts(&self) -> bool {
        match self {
            Self::Unset
            | Self::Readable { .. }
            | Self::Unreadable { .. }
            | Self::NotAFile { .. }
            | Self::Empty { .. }
            | Self::Odd { .. }
            | Self::TooMuch { .. } => true,
            // What it asks may be down as well.
            Self::Process(_) | Self::Deadline { .. } | Self::Status { .. } => false,
        }
    }
}

/// Reads the file; where that is not there, runs the command.
pub(super) async fn read(settings: &VaultSettings) -> Result<Keys, NoKeys> {
    let none = match settings.key_file.as_deref().map(from_file) {
        None => NoKeys::Unset,
        Some(Err(NoKeys::Unreadable { file, source }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            NoKeys::Unreadable { file, source }
        }
        Some(read) => return read,
    };
    match settings.command.as_slice() {
        [program, args @ ..] => from_command(program, args).await,
        [] => Err(none),
    }
}

fn from_file(file: &Path) -> Result<Keys, NoKeys> {
    let unreadable = |source| NoKeys::Unreadable { file: file.to_owned(), source };
    // Opening a pipe would wait for somebody who writes into it.
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(NoKeys::NotAFile { file: file.to_owned() });
    }
    let opened = File::open(file).map_err(unreadable)?;
    // Of the very file that is read, whatever lies in its place by now.
    let mode = opened.metadata().map_err(unreadable)?.permissions().mode() & MODE;
    if mode & OTHERS != 0 {
        return Err(NoKeys::Readable { file: file.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
    opened.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    keys(&bytes, bytes.len() > MOST, file.display().to_string())
}

async fn from_command(program: &str, args: &[String]) -> Result<Keys, NoKeys> {
    let spec = ChildSpec::new(program, COMMAND).args(args).output_limit(MOST);
    let finished = run(spec).await?;
    let program = program.to_owned();
    let how = match finished.end {
        End::Exited(0) => {
            let from = format!("what {program} prints");
            return keys(&finished.stdout.bytes, finished.stdout.truncated, from);
        }
        End::Deadline => return Err(NoKeys::Deadline { program }),
        End::Exited(status) => format!("status {status}"),
        End::Signalled(signal) => format!("signal {signal}"),
    };
    Err(NoKeys::Status { program, how })
}

/// One key on each line, each of them once.
fn keys(bytes: &[u8], cut: bool, from: String) -> Result<Keys, NoKeys> {
    if cut {
        return Err(NoKeys::TooMuch { from });
    }
    let mut keys = Vec::new();
    for (line, bytes) in (1_usize..).zip(bytes.split(|byte| *byte == b'\n')) {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            continue;
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| is_key(text));
        let Some(text) = text else { return Err(NoKeys::Odd { from, line }) };
        let key = Key(text.to_owned());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(NoKeys::Empty { from });
    }
    Ok(Keys { from, keys })
}

/// Whether these are the letters of hexadecimal, or of base64 in either alphabet.
fn is_key(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    text.len() <= LETTERS && text.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;
    use crate::model::error_text::chain;

    const ONE: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const TWO: &str = "8KQeDgr8aj1cBlSE2ilKIk8aK8+nVbTRZ9EzQ8EYTnFY";

    fn read_of(text: &[u8]) -> Result<Keys, NoKeys> {
        keys(text, false, "here".to_owned())
    }

    #[test]
    fn there_is_one_key_on_each_line_and_each_counts_once() {
        let found = read_of(format!("{ONE}\n\n  {TWO}\r\n{ONE}").as_bytes()).unwrap();
        assert!(found.keys.iter().map(|key| key.0.as_str()).eq([ONE, TWO]));
        assert_eq!(found.keys[0].document(), format!("{{\"key\":\"{ONE}\"}}").into_bytes());
    }

    #[test]
    fn what_is_no_key_is_named_by_its_line_and_never_shown() {
        let long = "a".repeat(LETTERS + 1);
        for (text, said) in [
            (String::new(), "no key in here"),
            ("\n \n".to_owned(), "no key in here"),
            (format!("{ONE}\nkey 2: {TWO}\n"), "line 2 of here is no key"),
            (format!("{ONE}\"\n"), "line 1 of here is no key"),
            (long, "line 1 of here is no key"),
        ] {
            let error = read_of(text.as_bytes()).unwrap_err();
            let words = chain(&error);
            assert!(words.contains(said), "{words}");
            assert!(!words.contains(ONE) && !words.contains(TWO), "{words}");
            assert!(error.lasts());
        }
        assert!(matches!(read_of(b"\xff\xfe"), Err(NoKeys::Odd { line: 1, .. })));
        assert!(matches!(keys(b"a", true, "x".to_owned()), Err(NoKeys::TooMuch { .. })));
        let shown = format!("{:?}", read_of(ONE.as_bytes()).unwrap());
        assert_eq!(shown, "1 keys of here");
    }

    fn settings(file: Option<&Path>, command: &[&str]) -> VaultSettings {
        VaultSettings {
            key_file: file.map(Path::to_owned),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_not_used_and_no_command_stands_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys");
        fs::write(&file, ONE).unwrap();
        let command = ["/bin/echo", TWO];
        for mode in [0o640, 0o604, 0o660, 0o666] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let error = read(&settings(Some(&file), &command)).await.unwrap_err();
            assert!(chain(&error).contains(&format!("({mode:o})")), "{}", chain(&error));
        }
        fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        let found = read(&settings(Some(&file), &command)).await.unwrap();
        assert_eq!(found.keys[0].0, ONE);
        let error = read(&settings(Some(dir.path()), &command)).await.unwrap_err();
        assert!(matches!(error, NoKeys::NotAFile { .. }), "{error}");
    }

    #[tokio::test]
    async fn the_command_is_for_a_file_that_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        let printed = format!("{ONE}\\n{TWO}\\n");
        for file in [None, Some(gone.as_path())] {
            let found = read(&settings(file, &["/usr/bin/printf", &printed])).await.unwrap();
            assert_eq!(found.keys.len(), 2, "{found:?}");
        }
        let error = read(&settings(Some(&gone), &[])).await.unwrap_err();
        assert!(chain(&error).contains("gone can't be read"), "{}", chain(&error));
        assert!(matches!(read(&settings(None, &[])).await, Err(NoKeys::Unset)));
    }

    #[tokio::test]
    async fn what_a_command_prints_is_not_repeated_when_it_fails() {
        let script = format!("echo {ONE}; echo {TWO} >&2; exit 3");
        let error = read(&settings(None, &["/bin/sh", "-c", &script])).await.unwrap_err();
        assert_eq!(chain(&error), "/bin/sh ended with status 3, and what it printed is not shown");
        assert!(!error.lasts());
        let much = read(&settings(None, &["/usr/bin/head", "-c", "40000", "/dev/zero"])).await;
        assert!(matches!(much, Err(NoKeys::TooMuch { .. })), "{much:?}");
    }
}

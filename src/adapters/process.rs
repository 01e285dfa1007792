//! Runs one child process within bounds: time, output, environment. Or follows one, line by line.
//!
//! The child gets a process group of its own, so that at the deadline its whole family is killed.
//! It inherits nothing of our environment: `NOTIFY_SOCKET` and `WATCHDOG_USEC` in a child would
//! let it speak to the service manager in our name.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::model::time::Span;

/// The search path of every child: fixed, so that a run by hand and one by systemd do the same.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Untranslated messages, and UTF-8 in them.
const LANG: &str = "C.UTF-8";

/// How much of each output is kept unless the caller says otherwise, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1_024;

/// How long a killed child may take to be reaped. Longer only if the kernel holds it, for example
/// on a dead NFS mount; then the runtime reaps it later.
const REAP_LIMIT: Duration = Duration::from_secs(1);

/// What to run, and within which bounds.
#[derive(Debug)]
pub struct ChildSpec {
    program: OsString,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    limit: Span,
    output_limit: usize,
}

impl ChildSpec {
    /// A program without arguments that may take `limit`, all told. It is looked up in a fixed
    /// path unless it contains a slash.
    pub fn new(program: impl Into<OsString>, limit: Span) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            stdin: Vec::new(),
            limit,
            output_limit: OUTPUT_LIMIT,
        }
    }

    /// Adds arguments. There is no shell: each stays one argument.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// What the child reads. Without it stdin is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// How many bytes of each output are kept. The rest is read and thrown away, so that a
    /// talkative child is not blocked.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }
}

/// What became of a child that was started.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// What it wrote to stdout.
    pub stdout: Captured,
    /// What it wrote to stderr.
    pub stderr: Captured,
    /// Whether the group was killed at the deadline. With [`End::Exited`]: the program had ended
    /// by itself, and something that it had left behind still held its output open.
    pub killed: bool,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// Killed by us: its time was over.
    Deadline,
}

/// What a child wrote, as much as was kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// The first bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub truncated: bool,
}

impl Captured {
    /// As text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Why a child gave no result at all.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program: install it or correct its name.
    #[error("{program} is not installed")]
    Missing {
        /// Its name.
        program: String,
    },
    /// It is there and can't be started: permissions, limits of the host.
    #[error("{program} can't be started")]
    Start {
        /// Its name.
        program: String,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// It was started and its end was lost. Whether it did its work is unknown.
    #[error("the end of {program} was lost")]
    Lost {
        /// Its name.
        program: String,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

/// Runs a child to its end, which is when it has exited and its output is closed, or to its
/// deadline, when its whole process group is killed. Dropping the future kills the group as well.
///
/// # Errors
/// [`ProcessError`]. A status other than 0 is no error here.
pub async fn run(spec: ChildSpec) -> Result<Finished, ProcessError> {
    let deadline = Instant::now() + spec.limit.to_std();
    let program = spec.program.to_string_lossy().into_owned();
    let mut child = spawn(&spec).map_err(|source| start_error(&program, source))?;
    let group = Group::of(&child);
    let (mut stdout, mut stderr) = (Captured::default(), Captured::default());

    let talk = async {
        tokio::join!(
            feed(child.stdin.take(), &spec.stdin),
            drain(child.stdout.take(), &mut stdout, spec.output_limit),
            drain(child.stderr.take(), &mut stderr, spec.output_limit),
        );
    };
    // The child is only reaped once its output is closed, or after the kill. Until then its
    // process id can't be given to another, so that the kill never hits a stranger.
    let in_time = match timeout_at(deadline, talk).await {
        Ok(()) => timeout_at(deadline, child.wait()).await.ok(),
        Err(_) => None,
    };
    let (status, killed) = match in_time {
        Some(status) => {
            group.disarm();
            (status.map(Some), false)
        }
        None => {
            drop(group);
            (timeout(REAP_LIMIT, child.wait()).await.map_or(Ok(None), |s| s.map(Some)), true)
        }
    };
    let status = status.map_err(|source| ProcessError::Lost { program, source })?;
    Ok(Finished { end: end_of(status, killed), stdout, stderr, killed })
}

/// A child whose output is read line by line while it runs. Dropped, it is killed with its family.
#[derive(Debug)]
pub struct Follower {
    // Dropped before the child: until that is reaped, its process id can't be given to another.
    _group: Group,
    _child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<ChildStderr>,
    line_limit: u64,
    deadline: Instant,
}

/// How long the last words of a child that has closed its output are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Follower {
    /// Starts it. The spec's output limit is the one of a line.
    ///
    /// # Errors
    /// [`ProcessError::Missing`], [`ProcessError::Start`].
    pub fn start(spec: &ChildSpec) -> Result<Self, ProcessError> {
        let program = spec.program.to_string_lossy().into_owned();
        let mut child = spawn(spec).map_err(|source| start_error(&program, source))?;
        let group = Group::of(&child);
        let no_pipe = || io::Error::other("it has no output");
        let stdout = child.stdout.take().ok_or_else(|| start_error(&program, no_pipe()))?;
        let stderr = child.stderr.take();
        let line_limit = u64::try_from(spec.output_limit).unwrap_or(u64::MAX);
        let deadline = Instant::now() + spec.limit.to_std();
        let stdout = BufReader::new(stdout);
        Ok(Self { _group: group, _child: child, stdout, stderr, line_limit, deadline })
    }

    /// The next line. `None`: there is no more, or the child's time is over. A line that is longer
    /// than the limit comes in pieces. Not to be cancelled: what was read of a line would be lost.
    ///
    /// # Errors
    /// The kernel's reason, or that the line is no text.
    pub async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let mut bounded = (&mut self.stdout).take(self.line_limit);
        match timeout_at(self.deadline, bounded.read_line(&mut line)).await {
            Ok(read) => Ok((read? > 0).then_some(line)),
            Err(_) => Ok(None),
        }
    }

    /// What it wrote to stderr, once its output is closed; at most as much as a line.
    pub async fn last_words(&mut self) -> String {
        let mut said = Captured::default();
        let limit = usize::try_from(self.line_limit).unwrap_or(usize::MAX);
        // What holds stderr open may live on: what was said until then counts.
        let _ = timeout(LAST_WORDS, drain(self.stderr.take(), &mut said, limit)).await;
        said.text().trim().to_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "the adapter that starts processes; cleared below")]
fn spawn(spec: &ChildSpec) -> io::Result<Child> {
    Command::new(&spec.program)
        .args(&spec.args)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", LANG)
        .current_dir("/")
        .stdin(if spec.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn start_error(program: &str, source: io::Error) -> ProcessError {
    let program = program.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        ProcessError::Missing { program }
    } else {
        ProcessError::Start { program, source }
    }
}

/// How it ended, told apart from what we did to it.
fn end_of(status: Option<ExitStatus>, killed: bool) -> End {
    use std::os::unix::process::ExitStatusExt;
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => End::Exited(code),
        Some((None, Some(signal))) if !killed => End::Signalled(signal),
        Some((None, _)) | None => End::Deadline,
    }
}

/// Gives the child its input and closes it. A child that does not want all of it is no error.
async fn feed(stdin: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut stdin) = stdin
        && let Err(error) = stdin.write_all(bytes).await
    {
        tracing::debug!(%error, "a child did not read all of its input");
    }
}

/// Reads an output to its end and keeps the beginning.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, into: &mut Captured, limit: usize) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = [0; 4_096];
    loop {
        let Ok(n) = pipe.read(&mut chunk).await else { return };
        if n == 0 {
            return;
        }
        let keep = n.min(limit.saturating_sub(into.bytes.len()));
        into.bytes.extend(chunk.iter().take(keep));
        into.truncated |= keep < n;
    }
}

/// The child's process group: killed when dropped, unless the child has been reaped.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0
            && let Err(error) = kill_process_group(pid, Signal::KILL)
        {
            tracing::debug!(%error, "a child's process group was gone already");
        }
    }
}

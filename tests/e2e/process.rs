//! Programs that are started, listened to, and ended by their own pid.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

/// Nothing that is polled here changes faster.
const PAUSE: Duration = Duration::from_millis(50);

/// Something that happened, with the place where it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) source: String,
    pub(crate) text: String,
}

/// What happened so far, from every source.
pub(crate) type Journal = Arc<Mutex<Vec<Entry>>>;

pub(crate) fn note(journal: &Journal, source: &str, text: &str) {
    let entry = Entry { at: wall(), source: source.to_owned(), text: text.to_owned() };
    journal.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
}

/// How a program ended, and what it said.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) what: String,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// It must have ended with this code.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// It must have said this, in whatever form the line was broken.
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.has(words), "nothing about {words:?} in: {self}");
        self
    }

    pub(crate) fn has(&self, words: &str) -> bool {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        flat(&self.out).contains(words) || flat(&self.err).contains(words)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON, {error}: {self}"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, code, signal, out, err } = self;
        write!(f, "{what}\ncode {code:?} signal {signal:?}\n{out}\n--- stderr\n{err}")
    }
}

/// A program that runs. Killed, by its pid, when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    what: String,
    child: Child,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts it, with an environment of its own. Its lines go into the journal as they come.
    pub(crate) fn start(mut command: Command, source: &str, journal: &Journal) -> Self {
        let what = format!("{command:?}");
        command.env_clear();
        for name in ["PATH", "TESTBED_DIR", "TESTBED_CACHE"] {
            command.envs(variable(name).map(|value| (name, value)));
        }
        command.env("USER", "operator").env("HOME", "/root");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        let out = child.stdout.take().map(|pipe| listen(pipe, source, journal));
        let err = child.stderr.take().map(|pipe| listen(pipe, source, journal));
        Self { what, child, out, err }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// As `kill -9` does. The answer says by which signal it ended.
    pub(crate) fn kill(mut self) -> Answer {
        self.child.kill().unwrap();
        self.wait(Duration::from_secs(5))
    }

    /// As the service manager ends it.
    pub(crate) fn terminate(self) -> Answer {
        let pid = self.child.id().to_string();
        let done = program("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(done.success(), "kill -TERM {pid}");
        self.wait(Duration::from_secs(20))
    }

    /// Waits for its end. It is a failure if that takes longer than `limit`.
    pub(crate) fn wait(mut self, limit: Duration) -> Answer {
        let what = self.what.clone();
        let status = until(limit, &format!("end of {what}"), || self.child.try_wait().unwrap());
        let text = |pipe: Option<JoinHandle<String>>| {
            pipe.map(|pipe| pipe.join().unwrap()).unwrap_or_default()
        };
        Answer {
            what,
            code: status.code(),
            signal: status.signal(),
            out: text(self.out.take()),
            err: text(self.err.take()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn listen(pipe: impl Read + Send + 'static, source: &str, journal: &Journal) -> JoinHandle<String> {
    let (source, journal) = (source.to_owned(), Arc::clone(journal));
    std::thread::spawn(move || {
        let mut all = String::new();
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if !source.is_empty() {
                note(&journal, &source, &line);
            }
            all += &line;
            all.push('\n');
        }
        all
    })
}

/// Asks until there is an answer. It is a failure if there is none within `limit`.
pub(crate) fn until<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test polls, and waits for real machines")]
pub(crate) fn pause() {
    // poll: whatever the caller's loop asks for, with its own deadline
    std::thread::sleep(PAUSE);
}

#[expect(clippy::disallowed_methods, reason = "a test measures in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a timeline of many sources has one wall clock")]
pub(crate) fn wall() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "the caller says by it which site to use")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "a test against real programs starts them")]
pub(crate) fn program(name: &str) -> Command {
    Command::new(name)
}

//! The real script with its constants moved into a folder, and stand-ins for what it calls.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ananke::adapters::guard::Reply;
use ananke::model::command::GUARD_SCRIPT;
use tempfile::TempDir;

/// The shells that play `/bin/sh` somewhere: Debian, Alpine, Red Hat.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "ash"], &["bash", "--posix"]];

/// Records its calls, blocks on a FIFO named `gate`, says and returns what files tell it to.
const SYSTEMCTL: &str = r#"#!/bin/sh
case $1 in show) exec cat "$DIR/units" ;; esac
echo "$*" >>"$DIR/calls"
[ ! -p "$DIR/gate" ] || read -r _ <"$DIR/gate"
[ ! -e "$DIR/says" ] || cat "$DIR/says" >&2
[ ! -e "$DIR/code" ] || exit "$(cat "$DIR/code")"
"#;

/// Refuses in the words of a file; else runs the script in place of the installed one.
const SUDO: &str = r#"#!/bin/sh
[ "$1" != -n ] || shift
if [ -e "$DIR/sudo-says" ]; then cat "$DIR/sudo-says" >&2; exit 1; fi
[ "$1" != -l ] || exit 0
shift
exec dash "$DIR/script" "$@"
"#;

/// Records its calls, as systemctl does, for what mends a host.
const MENDS: &str = r#"#!/bin/sh
echo "${0##*/} $*" >>"$DIR/calls"
[ ! -e "$DIR/code" ] || exit "$(cat "$DIR/code")"
"#;

/// The real one, but for the clock of the host, which no test sets.
const DATE: &str = r#"#!/bin/sh
case "$*" in *-s*) echo "date $*" >>"$DIR/calls" && exit ;; esac
exec /bin/date "$@"
"#;

const LOGGER: &str = "#!/bin/sh\necho \"$*\" >>\"$DIR/journal\"\n";

pub(crate) const UNITS: &str = "Id=k3s.service\nLoadState=loaded\nActiveState=activating\n\
    Result=exit-code\nNRestarts=4\nStateChangeTimestampMonotonic=1000000\n\
    ExecMainStartTimestamp=Mon 2026-11-30 10:19:04 UTC\nExecMainStartTimestampMonotonic=900000\n\n\
    NRestarts=0\nResult=success\nId=k3s-agent.service\nLoadState=not-found\n\
    ActiveState=inactive\nStateChangeTimestampMonotonic=0\n";

pub(crate) struct Rig {
    dir: TempDir,
    shell: &'static [&'static str],
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(SHELLS[0])
    }

    pub(crate) fn with(shell: &'static [&'static str]) -> Self {
        need(shell[0]);
        need("flock");
        let rig = Self { dir: TempDir::new().unwrap(), shell };
        fs::create_dir(rig.path("bin")).unwrap();
        let mends = ["modprobe", "chronyc", "apt-get", "systemd-run"].map(|name| (name, MENDS));
        let others = [("systemctl", SYSTEMCTL), ("sudo", SUDO), ("logger", LOGGER), ("date", DATE)];
        for (name, text) in others.into_iter().chain(mends) {
            let text = text.replace("$DIR", rig.dir.path().to_str().unwrap());
            rig.program(&format!("bin/{name}"), &text);
        }
        rig.write("units", UNITS);
        rig.write("machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
        rig.write("boot-id", "25aa4055-f836-4828-8291-af00e03d980a\n");
        rig.write("script", &rig.moved(GUARD_SCRIPT));
        rig
    }

    /// The text with its constants in this folder. Each must be there exactly once.
    pub(crate) fn moved(&self, text: &str) -> String {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.at("bin"));
        let (boot, machine, itself) = (self.at("boot-id"), self.at("machine-id"), self.at("self"));
        let text = set(text, "PATH", &path);
        let text = set(&text, "SELF", &itself);
        let text = set(&text, "BOOT_ID", &boot);
        let text = set(&text, "MACHINE_ID", &machine);
        let text = set(&text, "SERVER_DIR", &self.at("server"));
        if !text.contains("\nSTATE=") {
            return text;
        }
        let text = set(&text, "STATE", &self.at("state"));
        let text = set(&text, "RUN", &self.at("run"));
        let text = set(&text, "KUBECONFIG_FILE", &self.at("k3s.yaml"));
        let text = set(&text, "ALLOW", &self.at("allow"));
        let text = set(&text, "PACKAGES", &self.at("packages"));
        let text = set(&text, "K3S", &self.at("k3s"));
        let text = set(&text, "SYSTEMD_RUN", &self.at("bin/systemd-run"));
        set(&text, "LOCK_WAIT", "1")
    }

    pub(crate) fn set(&self, constant: &str, value: &str) {
        self.write("script", &set(&self.read("script"), constant, value));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A file's text; empty if there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// How often something was changed.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.read("calls").lines().map(str::to_owned).collect()
    }

    /// Runs the script with these arguments.
    pub(crate) fn guard(&self, args: &[&str]) -> Reply {
        run(&self.line(args), None)
    }

    /// Starts the script and leaves it running.
    pub(crate) fn guard_started(&self, args: &[&str]) -> Child {
        let line = self.line(args);
        command(&line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn line(&self, args: &[&str]) -> Vec<String> {
        let script = self.at("script");
        let words = self.shell.iter().copied().chain([script.as_str()]).chain(args.iter().copied());
        words.map(str::to_owned).collect()
    }

    /// `args` with a whole envelope; later words replace earlier ones of the same key.
    pub(crate) fn change(&self, verb: &str, words: &[&str]) -> Reply {
        self.guard(&as_strs(&envelope(verb, words)))
    }

    /// Makes the stand-in systemctl wait until [`Rig::open_gate`].
    pub(crate) fn close_gate(&self) {
        assert!(run(&owned(&["mkfifo", &self.at("gate")]), None).status == Some(0));
    }

    pub(crate) fn open_gate(&self) {
        // Blocks until the stand-in reads, which the caller has seen in `calls`.
        fs::write(self.path("gate"), "\n").unwrap();
        self.remove("gate");
    }
}

/// A whole envelope, with the unit for those verbs that take one, and with all of the words.
pub(crate) fn envelope(verb: &str, words: &[&str]) -> Vec<String> {
    let mut all = vec![verb.to_owned()];
    let key = |word: &str| word.split_once('=').map_or(String::new(), |(key, _)| key.to_owned());
    let unit = matches!(verb, "start" | "stop" | "restart" | "reset-failed");
    let known = ["unit", "epoch", "owner", "boot", "machine", "action", "limit"];
    let own = words.iter().filter(|word| !known.contains(&key(word).as_str()));
    all.extend(own.map(|word| (*word).to_owned()));
    for default in [
        "unit=k3s",
        "epoch=5",
        "owner=atlas",
        "boot=25aa4055-f836-4828-8291-af00e03d980a",
        "machine=3d1219c7c4c5404aaa1f6d2a48adfda4",
        "action=3-1",
        "limit=20",
    ] {
        let (key, _) = default.split_once('=').unwrap();
        if key == "unit" && !unit {
            continue;
        }
        let own = words.iter().find(|w| w.split_once('=').is_some_and(|(k, _)| k == key));
        all.push(own.copied().unwrap_or(default).to_owned());
    }
    all
}

pub(crate) fn as_strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

pub(crate) fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn set(text: &str, constant: &str, value: &str) -> String {
    let start = format!("{constant}=");
    let mut found = 0;
    let lines = text.lines().map(|line| {
        if line.starts_with(&start) {
            found += 1;
            format!("{start}{value}\n")
        } else {
            format!("{line}\n")
        }
    });
    let text: String = lines.collect();
    assert_eq!(found, 1, "{constant} must be set in exactly one line");
    text
}

/// Fails with what to install.
pub(crate) fn need(tool: &str) {
    let found = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .any(|dir| Path::new(dir).join(tool).exists());
    assert!(
        found,
        "this test needs {tool}: apt-get install dash busybox shellcheck sudo util-linux"
    );
}

#[expect(clippy::disallowed_methods, reason = "a test against real shells starts them")]
pub(crate) fn command(line: &[String]) -> Command {
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).stdin(Stdio::null());
    command
}

/// Runs to the end, for 30 seconds at most.
pub(crate) fn run(line: &[String], stdin: Option<&[u8]>) -> Reply {
    let mut whole = owned(&["timeout", "-s", "KILL", "30"]);
    whole.extend_from_slice(line);
    let mut command = command(&whole);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A program that does not read its input closes it early.
    pipe.write_all(stdin.unwrap_or_default()).ok();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let status = output.status.code().and_then(|code| u32::try_from(code).ok());
    Reply { status, stdout: output.stdout, stderr: output.stderr }
}

/// Asks again until the answer is yes, for 20 seconds at most.
pub(crate) fn until(what: &str, mut yes: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if yes() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("not within 20 s: {what}");
}

pub(crate) fn stdout(reply: &Reply) -> String {
    String::from_utf8(reply.stdout.clone()).unwrap()
}

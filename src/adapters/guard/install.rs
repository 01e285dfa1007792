//! What `ananke prepare` would change on a node, and the scripts that look and install. Pure.

use std::fmt;

use serde::Serialize;
use similar::TextDiff;

use super::{Reply, sha256, version, words};
use crate::model::command::{
    ALLOW_PATH, GUARD_PATH, GUARD_SCRIPT, PACKAGES_PATH, SUDOERS_PATH, SudoUser, quote,
};
use crate::model::policy::Needs;

/// What a person's account on a node runs: the script on standard input, as root.
pub const AS_ROOT: &str = "if [ \"$(id -u)\" = 0 ]; then exec sh -s; else exec sudo -n sh -s; fi";

/// What the tool's account runs afterwards, to prove that it may.
pub fn proof() -> String {
    format!("sudo -n {GUARD_PATH} version")
}

/// The largest file that is compared, in bytes. The guard has 22 kB.
const LARGEST: usize = 262_144;

/// What must be on a node, by the name of the command. All but `visudo` and `flock` come with
/// every Debian; `flock` is in util-linux, `visudo` in sudo.
const TOOLS: &str = "systemctl flock timeout sha256sum stat head tail sync grep date sudo visudo";

/// Which modules, services and packages the guard may touch on a node that needs these.
fn allowed(needs: &Needs) -> String {
    let kinds =
        [("module", &needs.modules), ("service", &needs.services), ("package", &needs.packages)];
    let lines = kinds
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind} {name}\n")));
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!(
        "# What ananke's guard may load, start and install. Written by `ananke prepare`.\n{lines}"
    )
}

/// The script that looks. Changes nothing.
pub fn probe(user: &SudoUser, needs: &Needs) -> String {
    let packages: Vec<&str> = needs.packages.iter().map(String::as_str).collect();
    let packages = packages.join(" ");
    format!(
        r#"set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
echo ananke-prepare=1
id -u {user} >/dev/null 2>&1 || echo 'lacks=user {user}'
for tool in {TOOLS}; do
  command -v "$tool" >/dev/null || echo "lacks=$tool"
done
grep -Eqs '^[#@]includedir[[:space:]]+/etc/sudoers[.]d/?[[:space:]]*$' /etc/sudoers ||
  echo 'lacks=@includedir /etc/sudoers.d in /etc/sudoers'
stat -c 'folder=%U:%G %a' /usr/local/sbin || echo 'lacks=/usr/local/sbin'
for package in {packages}; do
  ls {PACKAGES_PATH}/"$package"_*.deb >/dev/null 2>&1 || echo "uncached=$package"
done
for path in {GUARD_PATH} {SUDOERS_PATH} {ALLOW_PATH}; do
  if [ -h "$path" ] || {{ [ -e "$path" ] && [ ! -f "$path" ]; }}; then
    echo "file $path odd"
  elif [ -f "$path" ]; then
    size=$(head -c {LARGEST} "$path" | wc -c)
    stat -c "file $path %U:%G %a $size" "$path"
    head -c "$size" "$path"
    echo
  else
    echo "file $path absent"
  fi
done
echo end=1
"#
    )
}

/// A file as it is on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// There is none.
    Absent,
    /// A link, a folder or something else that is not touched.
    Odd,
    /// A plain file.
    File {
        /// `user:group`.
        owner: String,
        /// The mode as `stat` prints it, octal.
        mode: String,
        /// Its bytes.
        content: Vec<u8>,
    },
}

/// A node as the probe found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// What the node lacks and `prepare` does not bring.
    pub lacks: Vec<String>,
    /// The guard.
    pub guard: Present,
    /// The sudoers file.
    pub sudoers: Present,
    /// The list of what the guard may load, start and install.
    pub allow: Present,
    /// Packages that the node needs and has no copy of.
    pub uncached: Vec<String>,
}

/// Reads what the probe printed. `None` if it is not whole.
pub fn read_probe(reply: &Reply) -> Option<NodeState> {
    let mut rest = reply.stdout.as_slice();
    while take_line(&mut rest)? != "ananke-prepare=1" {}
    let (mut lacks, mut files, mut uncached) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let line = take_line(&mut rest)?;
        if line == "end=1" {
            break;
        } else if let Some(what) = line.strip_prefix("lacks=") {
            lacks.push(words(what.as_bytes()));
        } else if let Some(package) = line.strip_prefix("uncached=") {
            uncached.push(words(package.as_bytes()));
        } else if let Some(folder) = line.strip_prefix("folder=") {
            lacks.extend(open_folder(folder));
        } else {
            let mut fields = line.strip_prefix("file ")?.split(' ');
            let path = fields.next()?.to_owned();
            files.push((path, read_file(&fields.collect::<Vec<_>>(), &mut rest)?));
        }
    }
    let mut take = |path: &str| {
        let at = files.iter().position(|(p, _)| p == path)?;
        Some(files.swap_remove(at).1)
    };
    let (guard, sudoers, allow) = (take(GUARD_PATH)?, take(SUDOERS_PATH)?, take(ALLOW_PATH)?);
    Some(NodeState { lacks, guard, sudoers, allow, uncached })
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..)?;
    // A line of a foreign greeting need not be text.
    Some(std::str::from_utf8(line).unwrap_or("?"))
}

fn read_file(fields: &[&str], rest: &mut &[u8]) -> Option<Present> {
    match fields {
        ["absent"] => Some(Present::Absent),
        ["odd"] => Some(Present::Odd),
        [owner, mode, size] => {
            let size = size.parse::<usize>().ok().filter(|size| *size <= LARGEST)?;
            let (content, after) = rest.split_at_checked(size)?;
            *rest = after.strip_prefix(b"\n")?;
            Some(Present::File {
                owner: words(owner.as_bytes()),
                mode: words(mode.as_bytes()),
                content: content.to_vec(),
            })
        }
        _ => None,
    }
}

/// Whoever may write into the folder may become root through the guard.
fn open_folder(folder: &str) -> Option<String> {
    let (owner, mode) = folder.split_once(' ')?;
    let bits = u32::from_str_radix(mode, 8).ok()?;
    let safe = owner.starts_with("root:")
        && bits & 0o002 == 0
        && (bits & 0o020 == 0 || owner.ends_with(":root"));
    let what =
        || format!("a /usr/local/sbin that only root may write ({})", words(folder.as_bytes()));
    (!safe).then(what)
}

/// One file that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where.
    pub path: &'static str,
    /// The mode that it gets; the owner is `root:root`.
    pub mode: &'static str,
    /// What it gets.
    #[serde(skip)]
    pub content: String,
    /// What it is now, in words.
    pub now: String,
    /// The difference, for people.
    pub diff: String,
}

/// What would be done on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preparation {
    /// The account that may run the guard.
    #[serde(serialize_with = "as_name")]
    pub user: SudoUser,
    /// What stands in the way. Nothing is installed while there is anything.
    pub obstacles: Vec<String>,
    /// What would change. Empty on a node that is ready.
    pub changes: Vec<Change>,
    /// Packages of which a copy would be fetched, so that they can be installed without a network.
    pub fetches: Vec<String>,
}

fn as_name<S: serde::Serializer>(user: &SudoUser, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(user.as_str())
}

/// What has to be done on a node in this state.
pub fn plan(state: &NodeState, user: &SudoUser, needs: &Needs) -> Preparation {
    let mut obstacles: Vec<String> =
        state.lacks.iter().map(|what| format!("the node lacks {what}")).collect();
    let wanted = [
        (GUARD_PATH, "755", GUARD_SCRIPT.to_owned(), &state.guard),
        (SUDOERS_PATH, "440", user.sudoers(), &state.sudoers),
        (ALLOW_PATH, "644", allowed(needs), &state.allow),
    ];
    let mut changes = Vec::new();
    for (path, mode, content, present) in wanted {
        if *present == Present::Odd {
            obstacles.push(format!("{path} is no plain file"));
        }
        // Where nothing is allowed, no file says the same as an empty one.
        if *present != Present::Absent || !content.is_empty() {
            changes.extend(change(path, mode, content, present));
        }
    }
    Preparation { user: user.clone(), obstacles, changes, fetches: state.uncached.clone() }
}

fn change(
    path: &'static str,
    mode: &'static str,
    content: String,
    present: &Present,
) -> Option<Change> {
    let (now, diff) = match present {
        Present::Odd => return None,
        Present::Absent => ("absent".to_owned(), diff(path, "", &content, path != GUARD_PATH)),
        Present::File { owner, mode: is, content: old } => {
            if owner == "root:root" && is == mode && old == content.as_bytes() {
                return None;
            }
            let old = String::from_utf8_lossy(old);
            (format!("{owner} {is}"), diff(path, &old, &content, true))
        }
    };
    Some(Change { path, mode, content, now, diff })
}

/// A unified diff; for a file that is new and long, only its name and sum.
fn diff(path: &str, old: &str, new: &str, whole: bool) -> String {
    if !whole {
        let (lines, sum) = (new.lines().count(), sha256(new.as_bytes()));
        return format!("+++ {path}\n+ (new, {lines} lines, SHA-256 {sum})\n");
    }
    let names = if old.is_empty() { ("/dev/null", path) } else { (path, path) };
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .header(names.0, names.1)
        .to_string()
}

impl Preparation {
    /// Whether the node is as it should be.
    pub fn is_ready(&self) -> bool {
        self.obstacles.is_empty() && self.changes.is_empty() && self.fetches.is_empty()
    }

    /// The script that installs, for [`AS_ROOT`], or for a person to run by hand:
    /// `ssh NODE sudo sh -s < script`. Each file is written beside its place, checked, and moved
    /// in; a sudoers file that breaks sudo as a whole is taken back. Can be run again. The braces
    /// make the shell read all of it first: half a script, of a lost connection, does nothing.
    pub fn script(&self) -> String {
        let mut text = format!(
            r#"# ananke prepare: the guard {version} and its sudoers line, for {user}.
{{
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 077
guard={GUARD_PATH}
rule={SUDOERS_PATH}
# sudo reads no file in that folder with a dot in its name.
guard_new=/usr/local/sbin/.ananke-guard.new
rule_new=/etc/sudoers.d/.ananke.new
rule_old=/etc/sudoers.d/.ananke.old
trap 'rm -f "$guard_new" "$rule_new" "$rule_old"' EXIT
mkdir -p -m 0700 /var/lib/ananke-guard
"#,
            version = super::shown(version()),
            user = self.user,
        );
        for change in &self.changes {
            text.push_str(&match change.path {
                GUARD_PATH => install_guard(&change.content),
                ALLOW_PATH => install_allow(&change.content),
                _ => install_rule(&change.content),
            });
        }
        if !self.fetches.is_empty() {
            text.push_str(&fetch(&self.fetches));
        }
        text.push_str("sync\necho ananke-prepare=done\n}\n");
        text
    }
}

fn install_guard(content: &str) -> String {
    format!(
        r#"printf %s {content} >"$guard_new"
[ "$(sha256sum <"$guard_new")" = '{sum}  -' ] || {{ echo 'the script was damaged' >&2; exit 1; }}
sh -n "$guard_new"
chown root:root "$guard_new"
chmod 0755 "$guard_new"
sync "$guard_new"
mv -f "$guard_new" "$guard"
"#,
        content = quote(content),
        sum = sha256(content.as_bytes()),
    )
}

fn install_allow(content: &str) -> String {
    format!(
        r#"printf %s {content} >{ALLOW_PATH}.new
chmod 0644 {ALLOW_PATH}.new
sync {ALLOW_PATH}.new
mv -f {ALLOW_PATH}.new {ALLOW_PATH}
"#,
        content = quote(content),
    )
}

/// How long the packages may take to come, in seconds; well below what a step may take.
const FETCH_SECONDS: u32 = 240;

/// A copy of each package, with what it needs and the node lacks. Without a network the rest is
/// done all the same, and the next look shows what is still lacking.
fn fetch(packages: &[String]) -> String {
    let names: Vec<String> = packages.iter().map(|name| quote(name)).collect();
    format!(
        r#"mkdir -p -m 0755 {PACKAGES_PATH}/partial
timeout {FETCH_SECONDS} apt-get -y --reinstall --download-only \
  -o Dir::Cache::archives={PACKAGES_PATH} install {names} >/dev/null || :
"#,
        names = names.join(" "),
    )
}

fn install_rule(content: &str) -> String {
    format!(
        r#"printf %s {content} >"$rule_new"
chown root:root "$rule_new"
chmod 0440 "$rule_new"
visudo -cf "$rule_new" >/dev/null
[ ! -e "$rule" ] || cp -p "$rule" "$rule_old"
sync "$rule_new"
mv -f "$rule_new" "$rule"
if ! visudo -c >/dev/null; then
  if [ -e "$rule_old" ]; then mv -f "$rule_old" "$rule"; else rm -f "$rule"; fi
  echo 'sudo would not accept the new rule beside the others: taken back' >&2
  exit 1
fi
"#,
        content = quote(content),
    )
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for obstacle in &self.obstacles {
            writeln!(f, "in the way: {obstacle}")?;
        }
        for change in &self.changes {
            writeln!(f, "{} ({} -> root:root {})", change.path, change.now, change.mode)?;
            f.write_str(&change.diff)?;
        }
        if !self.fetches.is_empty() {
            writeln!(f, "{PACKAGES_PATH}: fetches {}", self.fetches.join(", "))?;
        }
        if self.is_ready() {
            writeln!(f, "ready: guard {}, user {}", super::shown(version()), self.user)?;
        }
        Ok(())
    }
}

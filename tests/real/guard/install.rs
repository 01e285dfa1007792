//! The installation with the real sudo and visudo, on a machine whose `/etc`, `/usr` and `/var/lib`
//! are private overlays: the host sees nothing of it.

use std::process::{Child, Stdio};

use ananke::adapters::guard::Reply;
use ananke::adapters::guard::install::Preparation;
use ananke::adapters::guard::parse::{action_result, host_facts, kubeconfig};
use ananke::adapters::guard::prepare::{Account, PrepareError, apply, look, prove};
use ananke::model::command::{Command, GuardVerb, SudoUser};
use ananke::model::facts::{Blind, BlindKind, Datastore, GuardState, Sudo, Unit};
use ananke::model::ids::{ActionId, Epoch};
use ananke::model::outcome::ActionResult;
use ananke::model::policy::Needs;
use ananke::model::time::Span;
use tempfile::TempDir;

use super::rig::{UNITS, command, need, owned, run, stdout, until};

const USER: &str = "ananke-tried";

const SET_UP: &str = r#"set -eu
mount -t tmpfs tmpfs "$1"
for dir in /etc /usr /var/lib; do
  part=$1/$(echo "$dir" | tr / _)
  mkdir -p "$part/upper" "$part/work"
  mount -t overlay -o "lowerdir=$dir,upperdir=$part/upper,workdir=$part/work" overlay "$dir"
done
mount -t tmpfs -o mode=755 tmpfs /run
useradd --system --no-create-home --shell /bin/sh ananke-tried
# Whatever the host allows its own people is not part of this.
rm -rf /etc/sudoers.d /usr/local/sbin
mkdir -m 0750 /etc/sudoers.d
mkdir -m 0755 /usr/local/sbin
printf 'Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n' >/etc/sudoers.new
chmod 0440 /etc/sudoers.new
mv /etc/sudoers.new /etc/sudoers
echo 3d1219c7c4c5404aaa1f6d2a48adfda4 >/etc/machine-id
mkdir -p /var/lib/rancher/k3s/server/db/etcd
chmod 0700 /var/lib/rancher/k3s/server
printf '%s' "$2" >/run/units
cat >/usr/bin/systemctl.new <<'X'
#!/bin/sh
case $1 in show) exec cat /run/units ;; esac
echo "$(id -un) $*" >>/run/calls
X
chmod 0755 /usr/bin/systemctl.new
mv /usr/bin/systemctl.new /usr/bin/systemctl
touch /run/ready
read -r _
"#;

/// Lives as long as its first process, which ends when its standard input does.
struct Machine {
    child: Child,
    _upper: TempDir,
}

impl Machine {
    fn new() -> Self {
        for tool in ["sudo", "visudo", "unshare", "nsenter", "setpriv", "useradd"] {
            need(tool);
        }
        let upper = TempDir::new().unwrap();
        let at = upper.path().to_str().unwrap();
        let line =
            ["unshare", "-m", "--propagation", "private", "sh", "-c", SET_UP, "sh", at, UNITS];
        let child = command(&owned(&line)).stdin(Stdio::piped()).spawn().unwrap();
        let machine = Self { child, _upper: upper };
        until("the machine is there", || machine.root("test -e /run/ready").status == Some(0));
        machine
    }

    fn enter(&self, words: &[&str], stdin: Option<&[u8]>) -> Reply {
        let pid = self.child.id().to_string();
        let mut line =
            owned(&["nsenter", "-m", "-t", &pid, "env", "-i", "PATH=/usr/sbin:/usr/bin"]);
        line.extend(owned(words));
        run(&line, stdin)
    }

    fn root(&self, line: &str) -> Reply {
        self.enter(&["sh", "-c", line], None)
    }

    fn user(&self, line: &str) -> Reply {
        self.enter(
            &["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "sh", "-c", line],
            None,
        )
    }

    fn text(&self, line: &str) -> String {
        stdout(&self.root(line))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

struct Person<'a>(&'a Machine);
struct Tool<'a>(&'a Machine);

impl Account for Person<'_> {
    async fn run(&self, command: &str, stdin: Option<Vec<u8>>) -> Result<Reply, Blind> {
        Ok(self.0.enter(&["sh", "-c", command], stdin.as_deref()))
    }
}

impl Account for Tool<'_> {
    async fn run(&self, command: &str, _: Option<Vec<u8>>) -> Result<Reply, Blind> {
        Ok(self.0.user(command))
    }
}

fn user() -> SudoUser {
    SudoUser::new(USER).unwrap()
}

async fn looked(machine: &Machine) -> Preparation {
    look(&Person(machine), &user(), &Needs::default()).await.unwrap()
}

fn change(machine: &Machine, id: &str) -> Command {
    let facts = host_facts(&machine.user(&Command::Facts.render().unwrap())).unwrap();
    Command::Guarded {
        verb: GuardVerb::Start(Unit::K3s),
        envelope: ananke::model::command::Envelope {
            epoch: Epoch(1),
            owner: "atlas".to_owned(),
            boot_id: facts.boot_id,
            machine_id: facts.machine_id,
            action: ActionId::new(id),
            limit: Span::secs(10),
        },
    }
}

#[tokio::test]
async fn a_bare_node_is_prepared_once_and_then_needs_nothing() {
    let machine = Machine::new();
    let first = looked(&machine).await;
    assert_eq!(first.obstacles, Vec::<String>::new());
    let shown = first.to_string();
    assert!(
        shown.contains("+ananke-tried ALL=(root) NOPASSWD: /usr/local/sbin/ananke-guard\n"),
        "{shown}"
    );
    assert!(shown.lines().count() < 20, "a new script is named, not printed: {shown}");
    apply(&Person(&machine), &Tool(&machine), &first).await.unwrap();
    let second = looked(&machine).await;
    assert!(second.is_ready(), "{second}");
    apply(&Person(&machine), &Tool(&machine), &second).await.unwrap();
    let files = "stat -c '%U:%G %a %n' /usr/local/sbin/* /etc/sudoers.d/* /var/lib/ananke-guard; \
        ls -A /usr/local/sbin /etc/sudoers.d | grep -c '^[.]'";
    let expected = "root:root 755 /usr/local/sbin/ananke-guard\n\
        root:root 440 /etc/sudoers.d/ananke\n\
        root:root 700 /var/lib/ananke-guard\n0\n";
    assert_eq!(machine.text(files), expected);

    let facts = host_facts(&machine.user(&Command::Facts.render().unwrap())).unwrap();
    assert_eq!((facts.guard, facts.sudo), (GuardState::Current, Sudo::Works));
    assert_eq!(facts.datastore, Some(Datastore::Etcd), "root sees it through the guard");
    let start = change(&machine, "1-1");
    let line = start.render().unwrap();
    assert_eq!(action_result(&start, &machine.user(&line)), ActionResult::Done);
    assert_eq!(action_result(&start, &machine.user(&line)), ActionResult::AlreadyDone);
    let calls = machine.text("cat /run/calls");
    assert_eq!(calls, "root --no-ask-password --no-block start k3s.service\n");
    for line in
        ["sudo -n id", "sudo -n systemctl start k3s", "sudo -n sh -c /usr/local/sbin/ananke-guard"]
    {
        assert_ne!(machine.user(line).status, Some(0), "{line}");
    }
}

#[tokio::test]
async fn what_differs_is_shown_and_mended() {
    let machine = Machine::new();
    let first = looked(&machine).await;
    apply(&Person(&machine), &Tool(&machine), &first).await.unwrap();
    machine.root(
        "sed -i 's/^LOCK_WAIT=.*/LOCK_WAIT=99/' /usr/local/sbin/ananke-guard; \
         chmod 777 /etc/sudoers.d/ananke; chown 1:1 /etc/sudoers.d/ananke; \
         echo 'ananke-tried ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers.d/ananke",
    );
    let found = looked(&machine).await;
    let shown = found.to_string();
    for line in [
        "-LOCK_WAIT=99\n",
        "+LOCK_WAIT=3\n",
        "-ananke-tried ALL=(ALL) NOPASSWD: ALL\n",
        "(daemon:daemon 777 -> root:root 440)",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    assert!(shown.lines().count() < 30, "{shown}");
    apply(&Person(&machine), &Tool(&machine), &found).await.unwrap();
    assert!(looked(&machine).await.is_ready());
}

#[tokio::test]
async fn what_the_guard_may_touch_is_written_down_on_the_node() {
    let machine = Machine::new();
    let one = |name: &str| std::iter::once(name.to_owned()).collect();
    let needs = Needs { modules: one("iscsi_tcp"), services: one("iscsid"), ..Needs::default() };
    let first = look(&Person(&machine), &user(), &needs).await.unwrap();
    assert!(first.to_string().contains("+module iscsi_tcp\n+service iscsid\n"), "{first}");
    apply(&Person(&machine), &Tool(&machine), &first).await.unwrap();
    let file = "stat -c '%U:%G %a' /etc/ananke-guard.allow; grep -v '^#' /etc/ananke-guard.allow";
    assert_eq!(machine.text(file), "root:root 644\nmodule iscsi_tcp\nservice iscsid\n");
    assert!(look(&Person(&machine), &user(), &needs).await.unwrap().is_ready());
    let fewer = Needs { services: one("iscsid"), ..Needs::default() };
    let found = look(&Person(&machine), &user(), &fewer).await.unwrap();
    assert!(found.to_string().contains("-module iscsi_tcp\n"), "{found}");
}

#[tokio::test]
async fn half_an_installation_script_does_nothing() {
    let machine = Machine::new();
    let script = looked(&machine).await.script().into_bytes();
    for end in [script.len() - 3, script.len() / 2, script.len() / 50] {
        machine.enter(&["sh", "-s"], script.get(..end));
        let left = "ls -A /usr/local/sbin /etc/sudoers.d; ls /var/lib/ananke-guard 2>&1";
        assert!(!machine.text(left).contains("ananke-guard.new"), "{end}");
        assert!(machine.text(left).contains("No such file"), "{end}");
    }
}

#[tokio::test]
async fn what_is_in_the_way_stops_it_before_anything_changes() {
    let table = [
        ("ln -s /bin/sh /usr/local/sbin/ananke-guard", "is no plain file"),
        ("mkdir /etc/sudoers.d/ananke", "is no plain file"),
        ("chmod 777 /usr/local/sbin", "only root may write"),
        ("chgrp 50 /usr/local/sbin; chmod 2775 /usr/local/sbin", "only root may write"),
        ("rm /usr/bin/flock", "lacks flock"),
        // By force: another machine of these tests may run something under the same number.
        ("userdel --force ananke-tried", "lacks user ananke-tried"),
        ("chmod 640 /etc/sudoers; sed -i /includedir/d /etc/sudoers", "lacks @includedir"),
    ];
    for (deed, why) in table {
        let machine = Machine::new();
        machine.root(deed);
        let found = looked(&machine).await;
        assert!(found.obstacles.iter().any(|o| o.contains(why)), "{deed}: {found}");
        let stopped = apply(&Person(&machine), &Tool(&machine), &found).await.unwrap_err();
        assert!(matches!(stopped, PrepareError::InTheWay { .. }), "{deed}: {stopped}");
        assert!(machine.text("ls -A /var/lib/ananke-guard 2>&1").contains("No such"), "{deed}");
    }
}

#[tokio::test]
async fn a_rule_that_breaks_sudo_is_taken_back() {
    for before in ["", "ananke-tried ALL=(root) NOPASSWD: /bin/true\n"] {
        let machine = Machine::new();
        machine
            .root("echo 'this is no rule' >/etc/sudoers.d/broken; chmod 440 /etc/sudoers.d/broken");
        if !before.is_empty() {
            machine.root(&format!(
                "printf '{before}' >/etc/sudoers.d/ananke; chmod 440 /etc/sudoers.d/ananke"
            ));
        }
        let found = looked(&machine).await;
        let stopped = apply(&Person(&machine), &Tool(&machine), &found).await.unwrap_err();
        assert!(matches!(stopped, PrepareError::Stopped { .. }), "{stopped}");
        assert_eq!(machine.text("cat /etc/sudoers.d/ananke 2>/dev/null"), before);
        assert_eq!(machine.text("ls -A /etc/sudoers.d | grep -c '^[.]'"), "0\n", "nothing is left");
    }
}

#[tokio::test]
async fn without_rights_sudo_says_so_in_its_own_words() {
    let machine = Machine::new();
    let as_tool = look(&Tool(&machine), &user(), &Needs::default()).await.unwrap_err();
    assert!(matches!(as_tool, PrepareError::NotRoot { .. }), "{as_tool}");
    let unproven = prove(&Tool(&machine)).await.unwrap_err();
    assert!(matches!(unproven, PrepareError::NotProven { .. }), "{unproven}");

    let looking = Command::Facts.render().unwrap();
    let facts = host_facts(&machine.user(&looking)).unwrap();
    assert_eq!(facts.guard, GuardState::Absent);
    assert!(matches!(&facts.sudo, Sudo::Refused { why } if why.starts_with("sudo: ")), "{facts:?}");
    assert_eq!(facts.datastore, None, "only root can look into k3s' folder");
    let plain = Command::PlainStart { unit: Unit::K3s };
    let refused = action_result(&plain, &machine.user(&plain.render().unwrap()));
    assert!(
        matches!(&refused, ActionResult::Refused { why } if why.starts_with("sudo: ")),
        "{refused:?}"
    );
    let start = change(&machine, "1-1");
    let refused = action_result(&start, &machine.user(&start.render().unwrap()));
    assert!(matches!(refused, ActionResult::Refused { .. }), "{refused:?}");
    let file = kubeconfig(&machine.user(&Command::Kubeconfig.render().unwrap())).unwrap_err();
    assert_eq!(file.kind, BlindKind::Denied);

    let rules = "ananke-tried ALL=(root) NOPASSWD: \
        /usr/bin/systemctl start k3s, /usr/bin/systemctl stop k3s";
    machine.root(&format!("echo '{rules}' >/etc/sudoers.d/plain; chmod 440 /etc/sudoers.d/plain"));
    let facts = host_facts(&machine.user(&looking)).unwrap();
    assert_eq!((facts.guard, facts.sudo), (GuardState::Absent, Sudo::Works));
    assert_eq!(action_result(&plain, &machine.user(&plain.render().unwrap())), ActionResult::Done);
    let other = Command::PlainStop { unit: Unit::K3sAgent };
    let refused = action_result(&other, &machine.user(&other.render().unwrap()));
    assert!(matches!(refused, ActionResult::Refused { .. }), "{refused:?}");
    machine.root(
        "sed -i s/=activating/=inactive/ /run/units; \
         sed -i s/systemctl.start.k3s/true/ /etc/sudoers.d/plain",
    );
    let facts = host_facts(&machine.user(&looking)).unwrap();
    assert!(matches!(&facts.sudo, Sudo::Refused { .. }), "{facts:?}");
}

//! `ananke prepare`: installs the guard on the nodes with a person's sudo, or shows what that
//! would change.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::failure::{Ended, Failure};
use super::hands::reply;
use super::load::Loaded;
use super::words;
use crate::adapters::guard::Reply;
use crate::adapters::guard::install::Preparation;
use crate::adapters::guard::prepare::{Account, PrepareError, apply, look, prove};
use crate::adapters::ssh::Fleet;
use crate::cli::{Format, print_data, print_text};
use crate::config::settings::{Settings, SshSettings};
use crate::model::command::SudoUser;
use crate::model::facts::Blind;
use crate::model::ids::MachineName;
use crate::model::policy::Needs;
use crate::model::time::Span;

/// How long one step of the installation may take; packages take most of it.
const STEP: Span = Span::mins(5);

/// What is said of a node on which nothing is missing.
const READY: &str = "ready: the guard of this version answers through sudo; nothing to do";

/// How one node stands.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum Standing {
    Ready,
    /// What would change. Nothing was.
    Differs(Preparation),
    Installed,
    Failed {
        why: String,
    },
}

impl Standing {
    fn text(&self) -> String {
        match self {
            Self::Ready => READY.to_owned(),
            Self::Differs(preparation) => difference(preparation),
            Self::Installed => "installed, and proven through sudo".to_owned(),
            Self::Failed { why } => why.clone(),
        }
    }
}

/// The person whose sudo is used.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) user: Option<String>,
    pub(super) identity: Option<PathBuf>,
}

/// One account on one machine, over SSH.
struct OverSsh<'a> {
    fleet: &'a Fleet,
    machine: &'a MachineName,
}

impl Account for OverSsh<'_> {
    async fn run(&self, command: &str, stdin: Option<Vec<u8>>) -> Result<Reply, Blind> {
        match self.fleet.run(self.machine, command, stdin, STEP).await {
            Ok(output) => Ok(reply(output)),
            Err(error) => Err(Blind::new(error.kind(), error.to_string())),
        }
    }
}

/// Prepares the nodes, one after the other: the first one that goes wrong is seen before the
/// others are touched.
pub(super) async fn prepare(
    loaded: Loaded,
    named: &[String],
    execute: bool,
    person: &Person,
    format: Format,
) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let tool = Fleet::new(&settings.ssh).map_err(|error| Failure::Usage(error.to_string()))?;
    let by = Fleet::new(&as_person(&settings.ssh, person))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let mut standings = BTreeMap::new();
    for machine in nodes(settings, named)? {
        let user = &settings.ssh.machines[&machine].user;
        let user = SudoUser::new(user)
            .map_err(|_| Failure::Usage(format!("{user} is no user for a sudoers line")))?;
        let person = OverSsh { fleet: &by, machine: &machine };
        let account = OverSsh { fleet: &tool, machine: &machine };
        let needs = needs(settings, &machine);
        let result = one(&person, &account, &user, &needs, execute).await;
        let failed = |error: PrepareError| Standing::Failed { why: words::chain(&error) };
        standings.insert(machine.clone(), result.unwrap_or_else(failed));
    }
    print(&standings, execute, format)?;
    if standings.values().any(|standing| matches!(standing, Standing::Failed { .. })) {
        return Err(Failure::Failed("not every node is prepared".to_owned()));
    }
    Ok(Ended::GOOD)
}

async fn one(
    person: &impl Account,
    tool: &impl Account,
    user: &SudoUser,
    needs: &Needs,
    execute: bool,
) -> Result<Standing, PrepareError> {
    let preparation = match look(person, user, needs).await {
        Ok(preparation) => preparation,
        // Without a person who may become root nothing can be looked at or changed. Where the
        // guard answers, and is this version's, nothing has to be.
        Err(refused @ PrepareError::NotRoot { .. }) => {
            return match prove(tool).await {
                Ok(()) => Ok(Standing::Ready),
                Err(_) => Err(refused),
            };
        }
        Err(error) => return Err(error),
    };
    if preparation.is_ready() {
        prove(tool).await?;
        return Ok(Standing::Ready);
    }
    if !execute {
        return Ok(Standing::Differs(preparation));
    }
    apply(person, tool, &preparation).await?;
    Ok(Standing::Installed)
}

fn difference(preparation: &Preparation) -> String {
    let mut text = String::new();
    for obstacle in &preparation.obstacles {
        text += &format!("in the way: {obstacle}\n");
    }
    for change in &preparation.changes {
        text +=
            &format!("{} (mode {}): {}\n{}\n", change.path, change.mode, change.now, change.diff);
    }
    if !preparation.fetches.is_empty() {
        text += &format!("fetches a copy of {}\n", preparation.fetches.join(", "));
    }
    text
}

/// What the machine needs, by its role.
fn needs(settings: &Settings, machine: &MachineName) -> Needs {
    let role = settings.policy.machines.get(machine).map(|machine| machine.role);
    role.and_then(|role| settings.policy.hosts.of(role)).cloned().unwrap_or_default()
}

/// The same machines, with the person's account.
fn as_person(ssh: &SshSettings, person: &Person) -> SshSettings {
    let mut ssh = ssh.clone();
    for target in ssh.machines.values_mut() {
        if let Some(user) = &person.user {
            target.user.clone_from(user);
        }
        if let Some(identity) = &person.identity {
            target.identities = vec![identity.clone()];
        }
    }
    ssh
}

/// The managed nodes that were named, or all of them.
fn nodes(settings: &Settings, named: &[String]) -> Result<Vec<MachineName>, Failure> {
    let managed = |name: &MachineName| {
        settings.policy.machines.get(name).is_some_and(|m| m.managed && m.role.is_node())
    };
    if let Some(stranger) = named.iter().find(|name| !managed(&MachineName::new(name.as_str()))) {
        return Err(Failure::Usage(format!("{stranger} is no node that ananke manages")));
    }
    let all = settings.policy.machines.keys().filter(|name| managed(name));
    let wanted = |name: &MachineName| named.is_empty() || named.iter().any(|n| n == name.as_str());
    Ok(all.filter(|name| wanted(name)).cloned().collect())
}

fn print(
    standings: &BTreeMap<MachineName, Standing>,
    execute: bool,
    format: Format,
) -> Result<(), Failure> {
    let printed = if format == Format::Text {
        let texts = standings.iter();
        let texts = texts.map(|(machine, standing)| format!("{machine}\n{}\n", standing.text()));
        let mut text: String = texts.collect();
        let ready = standings.values().all(|standing| *standing == Standing::Ready);
        if !execute && !ready {
            text += "nothing was changed (dry run). Do it: ananke prepare --execute";
        }
        print_text(&text)
    } else {
        print_data(format, standings)
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::guard::{PROTOCOL, version};

    /// An account that may not become root; its guard says this.
    struct Plain(String);

    impl Account for Plain {
        async fn run(&self, _: &str, stdin: Option<Vec<u8>>) -> Result<Reply, Blind> {
            let root = stdin.is_some();
            let (status, stdout) = if root { (1, "") } else { (0, self.0.as_str()) };
            let stderr = if root { b"sudo: a password is required".to_vec() } else { Vec::new() };
            Ok(Reply { status: Some(status), stdout: stdout.into(), stderr })
        }
    }

    #[test]
    fn what_would_change_is_data_for_programs() {
        let user = SudoUser::new("ananke").unwrap();
        let fetches = vec!["nfs-common".to_owned()];
        let preparation = Preparation { user, obstacles: Vec::new(), changes: Vec::new(), fetches };
        let data = serde_json::to_value(Standing::Differs(preparation)).unwrap();
        assert_eq!(data["state"], "differs");
        assert_eq!(data["user"], "ananke");
        assert_eq!(data["fetches"][0], "nfs-common");
    }

    #[tokio::test]
    async fn a_prepared_node_needs_no_person() {
        let user = SudoUser::new("ananke").unwrap();
        let good = format!("ananke-guard {PROTOCOL} version={}\n", version());
        for execute in [false, true] {
            let account = Plain(good.clone());
            assert_eq!(
                one(&account, &account, &user, &Needs::default(), execute).await,
                Ok(Standing::Ready)
            );
            let old = Plain(good.replace("version=", "version=0"));
            let refused = one(&old, &old, &user, &Needs::default(), execute).await;
            assert!(matches!(refused, Err(PrepareError::NotRoot { .. })), "{refused:?}");
        }
    }
}

//! What the guard does: its verbs, as they are sent and as they are explained.

use serde::{Deserialize, Serialize};

use crate::model::action::Mending;
use crate::model::facts::Unit;
use crate::model::ids::ActionId;

/// The guard's verbs that change something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardVerb {
    /// `systemctl start --no-block`
    Start(Unit),
    /// `systemctl stop`
    Stop(Unit),
    /// `systemctl restart --no-block`
    Restart(Unit),
    /// `systemctl reset-failed`
    ResetFailed(Unit),
    /// Something below Kubernetes.
    Mend(Mending),
    /// Nothing but the number and the owner of the envelope, which are remembered.
    Claim,
    /// TERM, KILL and unmount what is left of pods.
    EndPods,
    /// `k3s etcd-snapshot save`
    SaveDatastore,
    /// `sync` and `systemctl poweroff --no-block`
    PowerOff,
}

impl GuardVerb {
    /// The verb as the guard takes it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Stop(_) => "stop",
            Self::Restart(_) => "restart",
            Self::ResetFailed(_) => "reset-failed",
            Self::Mend(Mending::ResyncClock) => "resync-clock",
            Self::Mend(Mending::SetClock { .. }) => "set-clock",
            Self::Mend(Mending::LoadModule(_)) => "load-module",
            Self::Mend(Mending::StartService(_)) => "start-service",
            Self::Mend(Mending::InstallPackages(_)) => "install-packages",
            Self::Claim => "claim",
            Self::EndPods => "end-pods",
            Self::SaveDatastore => "save-datastore",
            Self::PowerOff => "poweroff",
        }
    }

    /// The k3s unit that is meant, if one is.
    pub const fn unit(&self) -> Option<Unit> {
        match self {
            Self::Start(unit)
            | Self::Stop(unit)
            | Self::Restart(unit)
            | Self::ResetFailed(unit) => Some(*unit),
            Self::Mend(_) | Self::Claim | Self::EndPods | Self::SaveDatastore | Self::PowerOff => {
                None
            }
        }
    }

    /// Whether it belongs to the way down, which is fenced apart.
    pub const fn is_down(&self) -> bool {
        match self {
            Self::Stop(_) | Self::EndPods | Self::SaveDatastore | Self::PowerOff => true,
            Self::Start(_)
            | Self::Restart(_)
            | Self::ResetFailed(_)
            | Self::Mend(_)
            | Self::Claim => false,
        }
    }

    /// What it carries besides the envelope. The first value is what the guard remembers it by.
    pub fn own(&self, action: &ActionId) -> Vec<(&'static str, String)> {
        match self {
            Self::Start(unit)
            | Self::Stop(unit)
            | Self::Restart(unit)
            | Self::ResetFailed(unit) => vec![("unit", unit.to_string())],
            Self::Mend(Mending::SetClock { to, up }) => {
                vec![("at", to.as_second().to_string()), ("up", up.as_secs().to_string())]
            }
            Self::Mend(Mending::LoadModule(module)) => vec![("module", module.clone())],
            Self::Mend(Mending::StartService(service)) => vec![("service", service.clone())],
            Self::Mend(Mending::InstallPackages(packages)) => {
                let names: Vec<&str> = packages.iter().map(String::as_str).collect();
                vec![("packages", names.join(","))]
            }
            // Only letters, digits, dots and dashes: an action's id is made of those.
            Self::SaveDatastore => vec![("name", format!("ananke-{action}"))],
            Self::Mend(Mending::ResyncClock) | Self::Claim | Self::EndPods | Self::PowerOff => {
                Vec::new()
            }
        }
    }
}

/// One verb of the guard, for `ananke explain commands`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VerbCard {
    /// The verb.
    pub verb: &'static str,
    /// What it runs or prints.
    pub does: &'static str,
    /// Whether it changes the machine, and so wants an envelope.
    pub changes: bool,
    /// What it wants besides.
    pub takes: &'static str,
}

const fn looks(verb: &'static str, does: &'static str) -> VerbCard {
    VerbCard { verb, does, changes: false, takes: "" }
}

const fn changes(verb: &'static str, takes: &'static str, does: &'static str) -> VerbCard {
    VerbCard { verb, does, changes: true, takes }
}

/// How a k3s unit is named.
const UNIT: &str = "unit=k3s|k3s-agent";

/// Everything that the guard does. It refuses all else by name.
pub const VERBS: [VerbCard; 16] = [
    looks("version", "prints protocol and SHA-256 of the script"),
    looks("facts", "prints what ananke knows of the machine"),
    looks("kubeconfig", "prints /etc/rancher/k3s/k3s.yaml"),
    changes("claim", "", "nothing: remembers whose word counts from now on"),
    changes("start", UNIT, "systemctl start --no-block UNIT"),
    changes("stop", UNIT, "systemctl stop UNIT"),
    changes("restart", UNIT, "systemctl restart --no-block UNIT"),
    changes("reset-failed", UNIT, "systemctl reset-failed UNIT"),
    changes("resync-clock", "", "chronyc makestep, or restarts systemd-timesyncd"),
    changes("set-clock", "at=TIME up=UPTIME", "date -s, forward only"),
    changes("load-module", "module=NAME", "modprobe -b NAME, if allowed"),
    changes("start-service", "service=NAME", "systemctl reset-failed and start NAME, if allowed"),
    changes("install-packages", "packages=NAMES", "apt-get install from its cache, if allowed"),
    changes("end-pods", "", "TERM, KILL and unmounts what is left of pods"),
    changes("save-datastore", "name=NAME", "k3s etcd-snapshot save --name NAME"),
    changes("poweroff", "", "sync, then systemctl poweroff --no-block"),
];

/// The arguments of every verb that changes something.
pub const ENVELOPE_FORM: &str = "epoch=N owner=HOST boot=ID machine=ID action=ID limit=SECONDS";

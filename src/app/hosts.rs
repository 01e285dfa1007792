//! `ananke hosts`: the host keys of day one. Nobody vouches for a key but a person.

use serde::Serialize;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::words;
use crate::adapters::ssh::known_hosts::{HostName, KnownHosts, Verdict, accept};
use crate::adapters::ssh::{HostKey, scan};
use crate::cli::{Format, HostsVerb, print_data, print_text};
use crate::config::settings::{Settings, SshTarget};

/// What was found for one machine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    machine: String,
    address: String,
    algorithm: String,
    fingerprint: String,
    verdict: String,
}

/// Shows or accepts host keys.
pub(super) async fn hosts(
    loaded: Loaded,
    verb: &HostsVerb,
    format: Format,
) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let (named, taking) = match verb {
        HostsVerb::Scan { machines } => (machines, false),
        HostsVerb::Accept { machines } => (machines, true),
    };
    let targets = targets(settings, named)?;
    let known = std::fs::read(&settings.ssh.known_hosts)
        .ok()
        .and_then(|content| KnownHosts::parse(&content).ok());
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for (name, target) in targets {
        match scan(target, settings.ssh.deadlines.handshake).await {
            Err(error) => failed.push(format!("{name}: {error}")),
            Ok(keys) if taking => lines.extend(take(settings, &name, target, &keys)?),
            Ok(keys) => lines.extend(keys.iter().map(|key| {
                let host = HostName::new(&target.address, target.port);
                let verdict = known.as_ref().map(|known| known.judge(&host, &key.key));
                line(&name, target, key, verdict_word(verdict.as_ref()))
            })),
        }
    }
    print(&lines, format)?;
    if failed.is_empty() { Ok(Ended::GOOD) } else { Err(Failure::Failed(failed.join("\n"))) }
}

/// The machines that were named, or all of them, and the jump host.
fn targets<'a>(
    settings: &'a Settings,
    named: &[String],
) -> Result<Vec<(String, &'a SshTarget)>, Failure> {
    let machines = settings.ssh.machines.iter().map(|(name, at)| (name.to_string(), at));
    let jump = settings.ssh.jump.iter().map(|target| (target.address.clone(), target));
    let all: Vec<(String, &SshTarget)> = machines.chain(jump).collect();
    if let Some(stranger) = named.iter().find(|name| !all.iter().any(|(known, _)| known == *name)) {
        return Err(Failure::Usage(format!("there is no machine called {stranger}")));
    }
    let wanted = |name: &String| named.is_empty() || named.contains(name);
    Ok(all.into_iter().filter(|(name, _)| wanted(name)).collect())
}

fn take(
    settings: &Settings,
    name: &str,
    target: &SshTarget,
    keys: &[HostKey],
) -> Result<Vec<Line>, Failure> {
    let host = HostName::new(&target.address, target.port);
    let public: Vec<_> = keys.iter().map(|key| key.key.clone()).collect();
    accept(&settings.ssh.known_hosts, &host, &public).map_err(|error| Failure::of(&error))?;
    Ok(keys.iter().map(|key| line(name, target, key, "accepted")).collect())
}

fn line(name: &str, target: &SshTarget, key: &HostKey, verdict: &str) -> Line {
    Line {
        machine: name.to_owned(),
        address: format!("{}:{}", target.address, target.port),
        algorithm: key.algorithm.clone(),
        fingerprint: key.fingerprint.clone(),
        verdict: verdict.to_owned(),
    }
}

const fn verdict_word(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Known { .. }) => "known",
        Some(Verdict::Changed { .. }) => "CHANGED",
        Some(Verdict::Revoked { .. }) => "REVOKED",
        Some(Verdict::Unknown { .. }) | None => "unknown",
    }
}

fn print(lines: &[Line], format: Format) -> Result<(), Failure> {
    let printed = if format == Format::Text {
        let rows: Vec<String> = lines
            .iter()
            .map(|l| {
                format!(
                    "{:<16}{:<24}{:<21}{:<9}{}",
                    l.machine, l.address, l.algorithm, l.verdict, l.fingerprint
                )
            })
            .collect();
        print_text(&rows.join("\n"))
    } else {
        print_data(format, &lines)
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))
}

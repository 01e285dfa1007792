//! `ananke hosts`: the host keys of day one. Nobody vouches for a key but a person.

use serde::Serialize;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::words;
use crate::adapters::ssh::known_hosts::{HostName, KnownHosts, Verdict, accept};
use crate::adapters::ssh::{Doorway, Fleet, HostKey, SshError};
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

/// Somebody whose keys are asked for.
struct Asked<'a> {
    name: String,
    whose: Doorway<'a>,
    at: &'a SshTarget,
}

impl Asked<'_> {
    /// Whether it is reached without the jump host, or is the jump host.
    fn is_direct(&self) -> bool {
        self.whose == Doorway::JumpHost || !self.at.via_jump
    }

    fn host(&self) -> HostName {
        HostName::new(&self.at.address, self.at.port)
    }
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
    // The way to the others may lead through a jump host whose keys are accepted just now.
    let (first, then): (Vec<_>, Vec<_>) =
        asked(settings, named)?.into_iter().partition(|asked| !taking || asked.is_direct());
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for round in [first, then] {
        for (asked, keys) in all_at_once(settings, &round).await? {
            let keys = keys.map_err(|error| error.to_string());
            let told = keys.and_then(|keys| tell(settings, asked, &keys, taking));
            match told {
                Ok(told) => lines.extend(told),
                Err(why) => failed.push(format!("{}: {why}", asked.name)),
            }
        }
    }
    print(&lines, format)?;
    if failed.is_empty() { Ok(Ended::GOOD) } else { Err(Failure::Failed(failed.join("\n"))) }
}

/// The machines that were named, or all of them, and the jump host.
fn asked<'a>(settings: &'a Settings, named: &[String]) -> Result<Vec<Asked<'a>>, Failure> {
    let machines = settings.ssh.machines.iter().map(|(name, at)| Asked {
        name: name.to_string(),
        whose: Doorway::Machine(name),
        at,
    });
    let jump = settings.ssh.jump.iter().map(|at| Asked {
        name: at.address.clone(),
        whose: Doorway::JumpHost,
        at,
    });
    let all: Vec<Asked<'_>> = machines.chain(jump).collect();
    let stranger = named.iter().find(|name| !all.iter().any(|known| known.name == **name));
    if let Some(stranger) = stranger {
        return Err(Failure::Usage(format!("there is no machine called {stranger}")));
    }
    let wanted = |asked: &Asked<'_>| named.is_empty() || named.contains(&asked.name);
    Ok(all.into_iter().filter(wanted).collect())
}

type Answer<'a> = (&'a Asked<'a>, Result<Vec<HostKey>, SshError>);

/// Asks all of them, as many at a time as the fan-out allows: one that hangs costs its own
/// deadline.
async fn all_at_once<'a>(
    settings: &Settings,
    round: &'a [Asked<'a>],
) -> Result<Vec<Answer<'a>>, Failure> {
    if round.is_empty() {
        return Ok(Vec::new());
    }
    let fleet =
        Fleet::on_day_one(&settings.ssh).map_err(|error| Failure::Usage(error.to_string()))?;
    let scans = round.iter().map(|asked| fleet.scan(asked.whose));
    let answers = futures::future::join_all(scans).await;
    fleet.close().await;
    Ok(round.iter().zip(answers).collect())
}

/// What is said of the keys of one machine, after they were accepted if they are to be.
fn tell(
    settings: &Settings,
    asked: &Asked<'_>,
    keys: &[HostKey],
    taking: bool,
) -> Result<Vec<Line>, String> {
    let (file, host) = (&settings.ssh.known_hosts, asked.host());
    if taking {
        let public: Vec<_> = keys.iter().map(|key| key.key.clone()).collect();
        accept(file, &host, &public).map_err(|error| words::chain(&error))?;
        return Ok(keys.iter().map(|key| line(asked, key, "accepted")).collect());
    }
    // A file that is missing knows nobody yet.
    let content = std::fs::read(file).unwrap_or_default();
    let known = KnownHosts::parse(&content).unwrap_or_default();
    let judged = |key: &HostKey| line(asked, key, verdict_word(&known.judge(&host, &key.key)));
    Ok(keys.iter().map(judged).collect())
}

fn line(asked: &Asked<'_>, key: &HostKey, verdict: &str) -> Line {
    Line {
        machine: asked.name.clone(),
        address: format!("{}:{}", asked.at.address, asked.at.port),
        algorithm: key.algorithm.clone(),
        fingerprint: key.fingerprint.clone(),
        verdict: verdict.to_owned(),
    }
}

const fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Known { .. } => "known",
        Verdict::Changed { .. } => "CHANGED",
        Verdict::Revoked { .. } => "REVOKED",
        Verdict::Unknown { .. } => "unknown",
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

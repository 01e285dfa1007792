//! What the checks of answers from outside share: whether what came back is good, and how a person
//! asks the same.

use crate::model::facts::{Blind, BlindKind};
use crate::model::policy::Timing;
use crate::model::probe::{self, Answer, Ask, Finding, HttpAsk, Probe, ProbeName};
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::vault::{SEAL_STATUS, VaultAsk};
use crate::model::verdict::{Target, Verdict};

/// What a pass of any of these checks is based on.
pub(super) const EVIDENCE: &str = "an answer to a question that was put less than a minute ago; \
                                   no status that the cluster keeps";

/// How long a service may take once what it needs is there: about as long as a node.
pub(super) const fn grace(timing: &Timing) -> Span {
    timing.agent_start
}

/// The verdicts on everything that opens a gate.
pub(super) fn of_gate(sit: &Situation<'_>, gate: &str) -> Vec<(Target, Verdict)> {
    let ours = sit.policy.probes.iter().filter(|(_, probe)| probe.gate.as_str() == gate);
    let judged = ours.map(|(name, probe)| {
        (Target::Service(name.to_string()), verdict(sit, name.as_str(), probe))
    });
    let mut verdicts: Vec<_> = judged.collect();
    if verdicts.is_empty() {
        // In the same words for every gate, so that they are shown as one line.
        let why = "some gates ask nothing: no entry of `services` names them";
        verdicts.push((Target::Cluster, Verdict::skipped(why)));
    }
    verdicts
}

/// The verdict on one answer.
pub(super) fn verdict(sit: &Situation<'_>, name: &str, probe: &Probe) -> Verdict {
    let finding = match found(sit, name) {
        Ok(finding) => finding,
        Err(blind) => return Verdict::unknown(format!("nobody could ask: {blind}")),
    };
    // That a vault is open is a check of its own; here it is enough that it says how it stands.
    let of_its_seal = matches!((&probe.ask, &finding.answer), (Ask::Vault(_), Answer::Seal(_)));
    let complaint = if of_its_seal { None } else { probe.complaint(&finding.answer) };
    match complaint.or_else(|| expired(sit, &finding.answer)) {
        Some(why) => Verdict::fail(why),
        None => Verdict::Pass,
    }
}

/// What came back, if that was long enough ago for nobody to call it old: the next answer has its
/// pause and its time.
pub(super) fn found<'a>(sit: &Situation<'a>, name: &str) -> Result<&'a Finding, Blind> {
    let fresh_for = probe::EVERY + sit.policy.timing.fresh_for;
    match sit.seen.probes.get(&ProbeName::new(name)) {
        Some(seen) => seen.fresh(sit.now, fresh_for),
        None => Err(Blind::new(BlindKind::NotYet, "not asked yet")),
    }
}

/// A certificate that has ended. It matters where nobody verified it; a clock that nobody vouches
/// for says nothing of it.
fn expired(sit: &Situation<'_>, answer: &Answer) -> Option<String> {
    let until = answer.certificate_until();
    let until = until.filter(|until| sit.wall_trusted && *until <= sit.wall)?;
    Some(format!("its certificate ended at {until}"))
}

/// Commands that ask the same.
pub(super) fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Target::Service(name) = target else {
        return vec!["kubectl get ingress -A".to_owned()];
    };
    let probe = sit.policy.probe(name);
    let line = match &probe.ask {
        Ask::Http(ask) => curl(ask),
        Ask::Tcp { host, port } => format!("nc -zv {host} {port}"),
        Ask::Dns { server, port, name } => format!("dig +tcp @{server} -p {port} {name} A"),
        Ask::Vault(ask) => curl(&ask.at_path(SEAL_STATUS)),
    };
    vec![from_there(line, &probe)]
}

/// A command, with the machine on which it is to be given.
pub(super) fn from_there(line: String, probe: &Probe) -> String {
    match &probe.via {
        Some(machine) => format!("{line}   on {machine}"),
        None => line,
    }
}

/// The command that gives a vault one key, for which it asks.
pub(super) fn by_key(ask: &VaultAsk) -> String {
    let address = format!("'{}'", ask.url.replace('\'', "%27"));
    let unverified = if ask.unverified { " -tls-skip-verify" } else { "" };
    format!("vault operator unseal -address={address}{unverified}")
}

fn curl(ask: &HttpAsk) -> String {
    let quoted = format!("'{}'", ask.url.replace('\'', "%27"));
    let at = ask.at.as_ref().map(|at| format!("--connect-to '::{}' ", with_port(at)));
    let unverified = if ask.unverified { "--insecure " } else { "" };
    format!("curl -sSi -m 10 {}{unverified}{quoted}", at.unwrap_or_default())
}

/// As curl wants it: an address with a port that may be empty, which is then that of the URL.
fn with_port(at: &str) -> String {
    let has_port = match at.rsplit_once(':') {
        Some((host, _)) => !host.contains(':') || host.ends_with(']'),
        None => false,
    };
    match (has_port, at.contains(':') && !at.starts_with('[')) {
        (true, _) => at.to_owned(),
        (false, true) => format!("[{at}]:"),
        (false, false) => format!("{at}:"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn an_address_is_written_for_curl() {
        for (at, written) in [
            ("192.0.2.1", "192.0.2.1:"),
            ("192.0.2.1:8443", "192.0.2.1:8443"),
            ("2001:db8::1", "[2001:db8::1]:"),
            ("[2001:db8::1]", "[2001:db8::1]:"),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
            ("node.lan", "node.lan:"),
        ] {
            assert_eq!(with_port(at), written, "{at}");
        }
    }
}

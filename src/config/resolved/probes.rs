//! What is asked from outside, as a file again.

use std::collections::BTreeSet;

use super::{flow_map, group, line, list, text};
use crate::config::scalar::joined;
use crate::config::settings::{Settings, VaultSettings};
use crate::model::ingress::{IngressHost, IngressPolicy};
use crate::model::probe::{Ask, HttpAsk, Probe};
use crate::model::vault::VaultAsk;

/// The services, and how the hosts of ingresses are asked. What was written without a name has
/// one here.
pub(super) fn push(out: &mut String, settings: &Settings) {
    let policy = &settings.policy;
    if !policy.probes.is_empty() {
        let services = policy.probes.iter().map(|(name, probe)| (name.as_str(), service(probe)));
        line(out, "services", &flow_map(services));
    }
    let IngressPolicy { check, at, https, via, statuses, hosts, certificate_days, unverified } =
        &policy.ingress;
    let mut lines = vec![
        ("check", check.to_string()),
        ("scheme", scheme(*https).to_owned()),
        ("certificate_days", certificate_days.to_string()),
        ("verify_certificates", (!unverified).to_string()),
    ];
    if !at.is_empty() {
        lines.push(("at", list(at.iter().cloned())));
    }
    lines.extend(via.as_ref().map(|via| ("via", text(via.as_str()))));
    lines.extend(statuses.as_ref().map(|statuses| ("statuses", numbers(statuses))));
    if !hosts.is_empty() {
        let hosts = hosts.iter().map(|(name, own)| (name.as_str(), host(own)));
        lines.push(("hosts", flow_map(hosts)));
    }
    if let Some(file) = &settings.probes.authorities {
        lines.push(("authorities_file", text(&file.display().to_string())));
    }
    group(out, "ingress", &lines);
}

const fn scheme(https: bool) -> &'static str {
    if https { "https" } else { "http" }
}

fn numbers(statuses: &BTreeSet<u16>) -> String {
    let statuses: Vec<String> = statuses.iter().map(ToString::to_string).collect();
    format!("[{}]", statuses.join(", "))
}

fn host(own: &IngressHost) -> String {
    let lines = [
        ("statuses", own.statuses.as_ref().map(numbers)),
        ("at", own.at.as_deref().map(text)),
        ("scheme", own.https.map(|https| scheme(https).to_owned())),
        ("skip", own.skip.as_deref().map(text)),
    ];
    flow_map(lines.into_iter().filter_map(|(key, value)| Some((key, value?))))
}

fn service(probe: &Probe) -> String {
    let mut lines = match &probe.ask {
        Ask::Http(ask) => http(ask),
        Ask::Tcp { host, port } => vec![("tcp", text(&joined(host, *port)))],
        Ask::Dns { server, port, name } => {
            let fields = [("server", text(&joined(server, *port))), ("name", text(name))];
            vec![("dns", flow_map(fields.into_iter()))]
        }
        Ask::Vault(ask) => vault(ask),
    };
    lines.push(("gate", text(probe.gate.as_str())));
    lines.extend(probe.via.as_ref().map(|via| ("via", text(via.as_str()))));
    flow_map(lines.into_iter())
}

fn vault(ask: &VaultAsk) -> Vec<(&'static str, String)> {
    let lines = [
        ("vault", Some(text(&ask.url))),
        ("at", ask.at.as_deref().map(text)),
        ("verify_certificates", ask.unverified.then(|| "false".to_owned())),
        ("trusted_way", ask.trusted_way.then(|| "true".to_owned())),
    ];
    lines.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Where the keys of vaults are, for the group `startup`.
pub(super) fn vault_keys(vault: &VaultSettings) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(file) = &vault.key_file {
        lines.push(("vault_unseal_key_file", text(&file.display().to_string())));
    }
    if !vault.command.is_empty() {
        let words = list(vault.command.iter().cloned());
        lines.push(("vault_unseal_breakglass_command", words));
    }
    lines
}

fn http(ask: &HttpAsk) -> Vec<(&'static str, String)> {
    let json = ask.json.as_ref().map(|wish| {
        let fields = [("pointer", text(&wish.pointer)), ("value", wish.value.to_string())];
        flow_map(fields.into_iter())
    });
    let lines = [
        ("url", Some(text(&ask.url))),
        ("at", ask.at.as_deref().map(text)),
        ("statuses", Some(numbers(&ask.statuses))),
        ("body", ask.body.as_deref().map(text)),
        ("json", json),
        ("redirect", ask.redirect.as_deref().map(text)),
        ("challenge", ask.challenge.as_deref().map(text)),
        ("verify_certificates", ask.unverified.then(|| "false".to_owned())),
    ];
    lines.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

//! Vaults: what a file says of one, and where their keys are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::keys;
use super::kinds::{Fields, askable};
use crate::config::kinds::{Flag, Kind, Reading, bad_value};
use crate::config::nearest::quoted;
use crate::config::problem::{Code, Fault};
use crate::config::scalar::Bad;
use crate::config::settings::VaultSettings;
use crate::config::text::Text;
use crate::config::tree::{At, Node};
use crate::config::walk::Values;
use crate::model::probe::{Ask, Probe, ProbeName};
use crate::model::vault::VaultAsk;

/// One vault, by its address.
pub(super) fn ask(node: &Node, fields: &Fields<'_>, to: &mut Reading<'_>) -> Option<Ask> {
    let flag = |name: &str, to: &mut Reading<'_>| match fields.get(name) {
        Some(node) => Flag.read(node, to).map(Some),
        None => Some(None),
    };
    let at = match fields.get("at") {
        Some(node) => Text::HostPort.read(node, to).map(Some),
        None => Some(None),
    };
    let verified = flag("verify_certificates", to);
    let trusted = flag("trusted_way", to);
    let url = Text::Url.read(node, to)?;
    if let Err(bad) = askable(&url) {
        bad_value(node, bad, to);
        return None;
    }
    let base = url.strip_suffix('/').unwrap_or(&url);
    if base.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#'])) {
        let bad = Bad::new(format!("{} is more than the address of a vault", quoted(&url)));
        bad_value(node, bad.help("write it as `https://name:8200`, without a path"), to);
        return None;
    }
    Some(Ask::Vault(VaultAsk {
        url: base.to_owned(),
        at: at?,
        unverified: verified? == Some(false),
        trusted_way: trusted? == Some(true),
    }))
}

/// Where the keys are.
pub(in crate::config) fn keys_of(
    values: &Values<'_>,
    probes: &BTreeMap<ProbeName, Probe>,
    faults: &mut Vec<Fault>,
) -> VaultSettings {
    let file = keys::VAULT_KEY_FILE.given(values);
    let command = keys::VAULT_BREAKGLASS.given(values);
    if let Some(command) = &command {
        program(&command.value, faults);
    }
    let place = file.as_ref().map(|it| it.at).or(command.as_ref().map(|it| it.at));
    let mut vaults = probes.iter().filter_map(|(name, probe)| match &probe.ask {
        Ask::Vault(ask) => Some((name, ask)),
        Ask::Http(_) | Ask::Tcp { .. } | Ask::Dns { .. } => None,
    });
    let broken = keys::SERVICES.broken(values) || keys::POST_START_PROBES.broken(values);
    if let Some(at) = place {
        let none = vaults.clone().next().is_none();
        if none && !broken {
            let fault = Fault::warning(Code::NoEffect, "no vault is named: nothing is unsealed");
            faults.push(fault.at(at).help("name each one in `services`: `{vault: https://...}`"));
        }
        if let Some((name, why)) = vaults.find_map(|(name, it)| Some((name, it.unsafe_for_keys()?)))
        {
            let message = format!("{} is not unsealed: {why}", quoted(name.as_str()));
            faults.push(Fault::warning(Code::NoEffect, message).at(at));
        }
    }
    VaultSettings {
        key_file: file.map(|file| PathBuf::from(file.value)),
        command: command.into_iter().flat_map(|it| it.value).map(|word| word.value).collect(),
    }
}

/// The first word is a program, and nobody but a list says where a word ends.
fn program(words: &[At<String>], faults: &mut Vec<Fault>) {
    let Some(first) = words.first() else { return };
    if !first.value.starts_with('/') {
        let message = format!("{} is not an absolute path", quoted(&first.value));
        let fault = Fault::error(Code::BadValue, message).at(first.at);
        faults.push(fault.help("the first word is the program, written from `/`"));
    } else if words.len() == 1 && first.value.contains(' ') {
        let list: Vec<&str> = first.value.split(' ').filter(|word| !word.is_empty()).collect();
        let message = format!("there is no program called {}", quoted(&first.value));
        let fault = Fault::error(Code::BadValue, message).at(first.at);
        faults.push(fault.help(format!("there is no shell: write `[{}]`", list.join(", "))));
    }
}

//! What is taken from an ssh_config, with its answers given. The real `ssh -G` is asked in
//! tests/real/ssh_config.rs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::ids::MachineName;

/// Answers by the name of the file.
#[derive(Debug)]
pub(super) struct Ready;

fn host(name: &str) -> SshHost {
    let text = |text: &str| Some(text.to_owned());
    match name {
        "cp-1" => SshHost {
            address: text("192.0.2.11"),
            port: Some(2222),
            user: text("ops"),
            identities: vec![PathBuf::from("/keys/a"), PathBuf::from("/keys/b")],
            proxy: None,
        },
        "w-1" => SshHost { user: text("pi"), proxy: text("ProxyJump gate"), ..SshHost::default() },
        "gate" => SshHost {
            address: text("192.0.2.2"),
            user: text("jump"),
            identities: vec![PathBuf::from("/keys/gate")],
            ..SshHost::default()
        },
        _ => SshHost::default(),
    }
}

impl SshConfigs for Ready {
    fn resolve(
        &self,
        file: &Path,
        names: &[&str],
    ) -> Result<BTreeMap<String, SshHost>, NoSshConfig> {
        match file.to_str() {
            Some("/none") => Err(NoSshConfig::Missing),
            Some("/no-program") => Err(NoSshConfig::NoProgram),
            Some("/refused") => Err(NoSshConfig::Refused("line 3: Bad option: foo".to_owned())),
            _ => Ok(names.iter().map(|name| ((*name).to_owned(), host(name))).collect()),
        }
    }
}

fn target(settings: &Settings, name: &'static str) -> settings::SshTarget {
    settings.ssh.machines[&MachineName::fixed(name)].clone()
}

const BARE: &str = "ssh_config_file: /some\nnodes: {servers: [cp-1]}\n";

#[test]
fn what_the_file_does_not_say_comes_from_the_ssh_config() {
    let text = format!("{BARE}ssh_identity_file: /key\n").replace("[cp-1]", "[cp-1, w-1]");
    let (all, said) = (settings(&text), said(&text));
    let (cp, w) = (target(&all, "cp-1"), target(&all, "w-1"));
    assert_eq!((cp.address.as_str(), cp.port, cp.user.as_str()), ("192.0.2.11", 2222, "ops"));
    assert_eq!((w.address.as_str(), w.port, w.user.as_str()), ("w-1", 22, "pi"));
    assert_eq!(cp.identities, [PathBuf::from("/key")], "what the file says holds");
    // A way that is not taken is said, and that w-1 has no address.
    let codes: Vec<_> = said.iter().map(|problem| (problem.code, problem.line)).collect();
    assert_eq!(codes, [(Code::NoEffect, Some(1)), (Code::Fragile, Some(2))]);
}

#[test]
fn what_the_file_says_holds() {
    type Of = fn(&settings::SshTarget) -> String;
    let table: [(&str, Of, &str); 7] = [
        ("ssh_user: me\n", |t| t.user.clone(), "me"),
        ("ssh_node_users: {cp-1: me}\n", |t| t.user.clone(), "me"),
        ("ssh_port: 22\n", |t| t.port.to_string(), "22"),
        ("ssh_node_ports: {cp-1: 99}\n", |t| t.port.to_string(), "99"),
        ("ssh_node_hosts: {cp-1: 192.0.2.9}\n", |t| t.address.clone(), "192.0.2.9"),
        ("ssh_identity_file: /key\n", |t| format!("{:?}", t.identities), "[\"/key\"]"),
        (
            "ssh_node_identity_files: {cp-1: [/key, /other]}\n",
            |t| format!("{:?}", t.identities),
            "[\"/key\", \"/other\"]",
        ),
    ];
    let without = target(&settings(BARE), "cp-1");
    for (line, of, want) in table {
        let target = target(&settings(&format!("{BARE}{line}")), "cp-1");
        assert_eq!(of(&target), want, "{line}");
        assert_ne!(of(&without), want, "{line} changes nothing");
    }
}

#[test]
fn the_jump_host_may_be_a_name_of_the_ssh_config() {
    let text = format!("{BARE}ssh_jump_host: gate\n");
    let jump = settings(&text).ssh.jump.expect("a jump host");
    assert_eq!((jump.address.as_str(), jump.user.as_str()), ("192.0.2.2", "jump"));
    let problems = check(&text.replace("gate", "192.0.2.3")).unwrap_err();
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(messages[0].contains("nobody to log in as on the jump host"), "{messages:?}");
}

#[test]
fn settings_with_an_ssh_config_are_shown_whole() {
    let two = BARE.replace("[cp-1]", "[cp-1, w-1]");
    let two = format!("{two}ssh_node_identity_files: {{w-1: /w}}\n");
    for text in [BARE.to_owned(), two.clone(), format!("{two}ssh_jump_host: gate\n")] {
        let checked = check(&text).unwrap();
        assert!(!checked.self_contained);
        let shown = resolved(&checked.settings);
        assert!(!shown.contains("ssh_config_file"), "{shown}");
        let again = check(&shown).unwrap();
        assert_eq!(again.settings, checked.settings, "{shown}");
        assert!(again.self_contained);
    }
}

#[test]
fn one_that_cant_be_read_is_one_error_where_it_is_named() {
    let table = [
        ("/none", Code::MissingFile, "/none is not there"),
        ("/no-program", Code::MissingProgram, "there is no `ssh` program"),
        ("/refused", Code::BadSshConfig, "ssh can't use /refused: line 3: Bad option: foo"),
    ];
    for (file, code, says) in table {
        let problems = check(&BARE.replace("/some", file)).unwrap_err();
        let found: Vec<_> = problems.iter().map(|p| (p.code, p.line, p.column)).collect();
        assert_eq!(found, [(code, Some(1), Some(18))], "{}", problems_to_text(&problems));
        assert!(problems[0].message.contains(says), "{}", problems[0].message);
        assert!(problems[0].help.is_some());
    }
}

//! The table of keys against the example, the schema and the settings.

use proptest::prelude::*;

use super::*;
use crate::config::key::Stage;
use crate::config::keys::{GROUPS, KEYS};

/// The example with every key that is used taken out of its comment.
fn whole_example() -> String {
    let mut out = String::new();
    let mut later = false;
    for line in example().lines() {
        let body = line.trim_start();
        let commented = body.strip_prefix('#').filter(|key| key.starts_with(char::is_alphabetic));
        match commented {
            Some(key) if !later => {
                let indent = &line[..line.len() - body.len()];
                out.push_str(&format!("{indent}{key}\n"));
            }
            Some(_) | None => out.push_str(&format!("{line}\n")),
        }
        // The sentence stands above its key and may fill several lines.
        later = body.starts_with("# ") && (later || body.contains("Not used"));
    }
    out
}

#[test]
fn the_files_in_the_repository_are_up_to_date() {
    let files = [
        ("example", example(), include_str!("../../../configs/ananke.yaml")),
        ("schema", schema(), include_str!("../../../configs/ananke.schema.json")),
    ];
    for (verb, made, kept) in files {
        assert!(made == kept, "renew it: `ananke config {verb}` prints what belongs into configs/");
    }
}

#[test]
fn the_example_is_accepted_without_a_warning() {
    assert_eq!(said(&example()), []);
    let whole = whole_example();
    assert_eq!(said(&whole), [], "{whole}");
    assert!(example().lines().all(|line| line.chars().count() <= 100), "too wide");
}

#[test]
fn every_key_is_in_the_example_and_in_the_schema() {
    let example = example();
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    for key in KEYS {
        let line = |l: &str| {
            l.trim_start().trim_start_matches('#').starts_with(&format!("{}:", key.name()))
        };
        assert!(example.lines().any(line), "{} is not in the example", key.path());
        let property = match key.group() {
            Some(group) => &schema["properties"][group]["properties"][key.name()],
            None => &schema["properties"][key.path()],
        };
        let about = property["description"].as_str().unwrap_or_default();
        assert!(about.starts_with(key.about()), "{} is not in the schema", key.path());
        assert!(key.about().ends_with('.'), "{} has no sentence", key.path());
    }
}

#[test]
fn defaults_lie_within_their_own_bounds() {
    for key in KEYS.iter().filter(|key| key.group().is_some()) {
        let Some(default) = key.default() else { continue };
        if matches!(key.stage(), Stage::Used) {
            let group = key.group().unwrap();
            let text = if group == "nodes" {
                MINIMAL.replace("nodes: {", &format!("nodes: {{{}: {default}, ", key.name()))
            } else {
                format!("{MINIMAL}{group}: {{{}: {default}}}\n", key.name())
            };
            assert_eq!(settings(&text), settings(MINIMAL), "{} is not its default", key.path());
        }
    }
}

/// Each key that is used, with another value than the example's.
const OTHER: &[(&str, &str)] = &[
    ("cluster", "other"),
    ("state_dir", "/other"),
    ("run_dir", "/other"),
    ("kubeconfig", "/other"),
    ("ssh_user", "other"),
    ("ssh_port", "2277"),
    ("ssh_identity_file", "/other"),
    ("ssh_identity_files", "[/other]"),
    ("ssh_known_hosts_file", "/other"),
    ("ssh_node_ports", "{bastion: 2223}"),
    ("ssh_node_users", "{w-1: other}"),
    ("ssh_node_identity_files", "{bastion: /other}"),
    ("ssh_managed_nodes", "[w-2]"),
    ("ssh_jump_host", "192.0.2.77"),
    ("ssh_jump_user", "other"),
    ("ssh_node_direct", "[w-1]"),
    ("nodes.servers", "[cp-1, cp-2]"),
    ("nodes.agents", "[w-1, w-2, w-3]"),
    ("nodes.others", "[bastion, nas]"),
    ("nodes.critical", "[w-2]"),
    ("nodes.boot_time", "2m"),
    ("nodes.patience", "20m"),
    ("nodes.wave", "7"),
    ("nodes.fresh_for", "40s"),
    ("nodes.storm_percent", "33"),
    ("ssh.connect_timeout", "6s"),
    ("ssh.handshake_timeout", "6s"),
    ("ssh.auth_timeout", "6s"),
    ("ssh.command_timeout", "11s"),
    ("ssh.fan_out", "7"),
    ("ssh.poll", "6s"),
    ("kube.endpoints", "[\"https://192.0.2.12:6443\"]"),
    ("kube.request_timeout", "6s"),
    ("kube.namespace", "other"),
    ("startup.soak", "2m"),
    ("startup.server_start", "7m"),
    ("startup.agent_start", "7m"),
    ("startup.backoff", "16s"),
    ("startup.tick", "6s"),
    ("startup.time_sync_mode", "quorum"),
    ("startup.require_storage_ready", "false"),
    ("hosts.packages", "{servers: [jq]}"),
    ("hosts.programs", "{agents: [jq]}"),
    ("hosts.modules", "{nodes: [nfs]}"),
    ("hosts.services", "{nodes: [cron]}"),
    ("hosts.disks", "[/srv]"),
    ("hosts.full_below_percent", "4"),
    ("hosts.default_route", "false"),
    ("shutdown.api_time", "70s"),
    ("shutdown.snapshot_time", "70s"),
    ("shutdown.drain_time", "70s"),
    ("shutdown.volumes_time", "70s"),
    ("shutdown.stop_time", "70s"),
    ("shutdown.pods_time", "70s"),
    ("shutdown.power_off_time", "70s"),
    ("shutdown.services", "[other]"),
    ("shutdown.stays", "[other]"),
    ("shutdown.against_budgets", "{shop: 20s}"),
    ("shutdown.own_host", "stays-on"),
    ("cordon.lease", "50m"),
    ("cordon.limit", "2"),
    ("runtime_safety_factor", "1.20"),
    ("default_budget_seconds", "400"),
    ("coordination.allow_startup_on_battery", "true"),
    ("coordination.role", "peer"),
    ("coordination.peer_hosts", "[w-1]"),
    ("coordination.failover_after", "6m"),
    ("power.upses", "{rack@localhost: {charge_floor: 26}, hall@192.0.2.3: }"),
    (
        "power.domains",
        "{rack: {upses: [hall@192.0.2.3], machines: [cp-1, w-1, w-2], carries_orders: false}}",
    ),
    ("power.exempt", "[]"),
    ("power.on_low", "cluster-only"),
    ("power.charge_floor", "21"),
    ("power.on_battery_max", "16m"),
    ("power.start_charge", "51"),
    ("power.low_for", "1s"),
    ("power.debounce", "6s"),
    ("power.dwell", "70s"),
    ("power.lag", "6s"),
    ("power.fresh_for", "6s"),
    ("power.lost_after", "4s"),
    ("power.blind_max", "70s"),
    ("power.host_off", "70s"),
    ("power.poll", "300ms"),
    ("power.connect_timeout", "4s"),
    ("power.answer_timeout", "3s"),
    ("power.certificate", "/other"),
    ("power.turn_on", "{w-1: {command: [/usr/local/sbin/on, w-1]}}"),
    ("power.upsd_user", "other"),
    ("power.upsd_login_file", "/other"),
    ("gates.skip", "{soak: another reason}"),
    ("expected_flux_branch", "other"),
    ("expected_flux_source_url", "https://git.example.org/other"),
    ("flux.root", "other/other"),
    ("services", "{db: {tcp: \"192.0.2.5:5432\", gate: database}}"),
    ("startup.vault_unseal_key_file", "/other"),
    ("startup.vault_unseal_breakglass_command", "[/other, word]"),
    ("startup.post_start_probes", "[\"https://app.example.org/other\"]"),
    ("startup.require_post_start_probes", "false"),
    ("ingress.check", "false"),
    ("ingress.at", "[192.0.2.12, \"192.0.2.13:8443\"]"),
    ("ingress.scheme", "http"),
    ("ingress.via", "w-2"),
    ("ingress.statuses", "204"),
    ("ingress.hosts", "{old.example.org: {skip: another reason}}"),
    ("ingress.certificate_days", "7"),
    ("ingress.verify_certificates", "false"),
    ("ingress.authorities_file", "/other"),
    ("notify.command", "[/usr/local/bin/another]"),
    ("notify.wall", "false"),
    ("notify.heartbeat_url", "https://beat.example.org/other"),
    ("notify.heartbeat_every", "2m"),
    ("web.listen", "127.0.0.1:9561"),
];

/// The text with another value for one key. The groups of the text are written as blocks.
fn with(text: &str, path: &str, value: &str) -> String {
    let (group, name) = path.split_once('.').map_or((None, path), |(g, name)| (Some(g), name));
    let mut inside = None;
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with(char::is_alphabetic) {
            inside = line.strip_suffix(':');
        }
        let is_key = line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
        if is_key && inside == group {
            let indent = if group.is_some() { "  " } else { "" };
            out.push_str(&format!("{indent}{name}: {value}\n"));
        } else {
            out.push_str(&format!("{line}\n"));
        }
    }
    assert_ne!(out, text, "{path} was not found");
    out
}

#[test]
fn every_key_that_is_used_changes_the_settings() {
    let whole = whole_example();
    let before = settings(&whole);
    for (path, value) in OTHER {
        assert_ne!(settings(&with(&whole, path, value)), before, "{path} changes nothing");
    }
    let moved = whole.replace("w-1: 192.0.2.21", "w-1: 192.0.2.99");
    assert_ne!(settings(&moved), before, "ssh_node_hosts changes nothing");
    // An ssh_config gives only what the file does not, and the whole example gives all. The quorum
    // counts in the other mode only.
    let elsewhere = ["ssh_node_hosts", "ssh_config_file", "startup.time_sync_quorum"];
    let used = KEYS.iter().filter(|key| !matches!(key.stage(), Stage::Later(_)));
    for path in used.map(|key| key.path()).filter(|path| !elsewhere.contains(path)) {
        assert!(OTHER.iter().any(|(other, _)| *other == path), "{path} is not tried");
    }
}

#[test]
fn resolved_settings_mean_the_same_settings() {
    let whole = whole_example();
    let foreign_jump =
        whole.replace("ssh_jump_host: bastion", "ssh_jump_host: \"[2001:db8::9]:99\"");
    let asked = format!(
        "{MINIMAL}services:\n  a: {{url: \"https://[2001:db8::1]:8443/x\", at: 192.0.2.1, body: ok, \
         statuses: 204, verify_certificates: false, via: cp-1}}\n  b: {{url: http://b/, json: \
         {{pointer: /a/0, value: {{x: [1, \"2\", true, ~]}}}}}}\n  c: {{url: http://c/, redirect: \
         https://d/}}\n  d: {{url: http://d/, challenge: Bearer}}\n  e: {{tcp: \"[::1]:5432\"}}\n  \
         f: {{dns: {{server: 10.43.0.10, name: a.example}}, gate: network}}\n  v: {{vault: \
         \"http://[2001:db8::2]:8200/\", at: 192.0.2.1, via: cp-1, trusted_way: true, \
         verify_certificates: false}}\n\
         startup: {{vault_unseal_key_file: /k, vault_unseal_breakglass_command: /bin/keys, \
         post_start_probes: [http://g/, {{tcp: \"h:1\"}}, {{vault: https://w/}}]}}\n\
         ingress: {{hosts: {{a.example: {{statuses: [404], at: 192.0.2.9, scheme: http}}}}}}\n"
    );
    let odd_words = format!("{MINIMAL}cluster: \"yes: 'no' # \\\"x\\\" \\u00e9\"\n");
    for text in [MINIMAL, &example(), &whole, &foreign_jump, &asked, &odd_words] {
        let first = settings(text);
        let shown = resolved(&first);
        assert_eq!(settings(&shown), first, "{shown}");
        assert_eq!(resolved(&settings(&shown)), shown);
    }
}

/// The lines of the whole example that hold a key, with the key.
fn key_lines(text: &str) -> Vec<(usize, String)> {
    let names: Vec<&str> = KEYS.iter().map(|key| key.name()).collect();
    let key = |line: &str| line.trim_start().split_once(':').map(|(key, _)| key.to_owned());
    text.lines()
        .enumerate()
        .filter_map(|(i, line)| key(line).map(|key| (i, key)))
        .filter(|(_, key)| names.contains(&key.as_str()))
        // A group may have the name of a key of another one; its own line holds no key.
        .filter(|(i, key)| {
            let indented = text.lines().nth(*i).is_some_and(|line| line.starts_with(' '));
            indented || !GROUPS.iter().any(|(group, _)| group == key)
        })
        .collect()
}

fn mutated(key: &str, at: usize, how: usize, letter: char) -> String {
    let mut letters: Vec<char> = key.chars().collect();
    let at = at % letters.len();
    match how {
        0 => letters.insert(at, letter),
        1 => letters[at] = letter,
        2 => drop(letters.remove(at)),
        _ => letters.swap(at, (at + 1).min(key.len() - 1)),
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn a_misspelt_key_is_named_with_its_line_and_the_right_word(
        line in any::<prop::sample::Index>(),
        at in 0_usize..40,
        how in 0_usize..4,
        letter in prop::char::range('a', 'z'),
    ) {
        let whole = whole_example();
        let lines = key_lines(&whole);
        let (number, key) = line.get(&lines);
        let wrong = mutated(key, at, how, letter);
        prop_assume!(wrong.len() > 2 && KEYS.iter().all(|key| key.name() != wrong));
        let text: String = whole
            .lines()
            .enumerate()
            .map(|(i, l)| match i == *number {
                true => l.replacen(key.as_str(), &wrong, 1),
                false => l.to_owned(),
            })
            .map(|l| l + "\n")
            .collect();
        let problems = check(&text).unwrap_err();
        let unknown: Vec<_> = problems.iter().filter(|p| p.code == Code::UnknownKey).collect();
        prop_assert_eq!(unknown.len(), 1, "{}", problems_to_text(&problems));
        prop_assert_eq!(unknown[0].line, Some(number + 1));
        let help = unknown[0].help.clone().unwrap();
        // Another key may be as near: `ssh_node_port` lies beside two.
        let as_near = KEYS.iter().map(|key| key.name()).any(|name| {
            name != key
                && help.contains(&format!("`{name}`"))
                && strsim::damerau_levenshtein(name, &wrong)
                    <= strsim::damerau_levenshtein(key, &wrong)
        });
        let right = help.contains(&format!("`{key}`"));
        prop_assert!(right || as_near, "{wrong}: {help}");
    }

    #[test]
    fn no_text_makes_it_panic(text in "[ \\t\\r\\na-c:,\\-\\[\\]{}&*!|>'\"#%@?~0-9\u{e9}]{0,120}") {
        let _outcome = problems_to_text(&said(&text));
        let _second = problems_to_text(&said(&format!("{MINIMAL}{text}")));
    }

    #[test]
    fn every_problem_has_a_place_within_the_text(
        cut in 0_usize..4_000,
        junk in "[:\\[{\"'*&\t ]{1,3}",
    ) {
        let whole = whole_example();
        let cut = (0..=cut.min(whole.len())).rev().find(|i| whole.is_char_boundary(*i)).unwrap();
        let text = format!("{}{junk}{}", &whole[..cut], &whole[cut..]);
        let lines = text.lines().count();
        for problem in said(&text) {
            prop_assert!(problem.line.is_none_or(|line| line >= 1 && line <= lines + 1));
        }
    }
}

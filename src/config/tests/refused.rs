//! What is said about files that are wrong, in full.

use super::*;

/// One snapshot for a table of texts: the text, then all that is said about it.
#[track_caller]
fn snapshot(name: &str, table: &[(&str, &str)]) {
    let mut out = String::new();
    for (what, text) in table {
        let result = if check(text).is_ok() { "accepted" } else { "refused" };
        out.push_str(&format!("======== {what}: {result}\n"));
        out.push_str(&problems_to_text(&said(text)));
        out.push('\n');
    }
    let mut insta = insta::Settings::clone_current();
    insta.set_snapshot_path("../../../tests/snapshots");
    insta.set_prepend_module_to_snapshot(false);
    insta.bind(|| insta::assert_snapshot!(name, out));
}

#[test]
fn bad_keys() {
    snapshot(
        "config_bad_keys",
        &[
            (
                "several at once",
                "ssh_usr: ananke\nssh-port: 2277\nsshIdentityFile: /k\nfrobnicate: 1\n\
                 nodez: {servers: [cp-1]}\nnodes:\n  sarvers: [cp-1]\n  workers: [w-1]\nsoak: 1m\n\
                 startup.soak: 2m\nstartup: {ssh_port: 1, fan_out: 3}\n",
            ),
            ("duplicates", &format!("{MINIMAL}ssh_user: other\nstartup: {{soak: 1m, soak: 2m}}\n")),
            ("a secret is not shown", &format!("{MINIMAL}ups_password: hunter2\n")),
            ("a merge key", &format!("a: &a {{x: 1}}\n<<: *a\n{MINIMAL}")),
            ("a group without keys", &format!("{MINIMAL}startup: 5\nssh: [a]\n")),
            ("escape characters", &format!("{MINIMAL}\"a\\e[31mb\": 1\n")),
        ],
    );
}

#[test]
fn bad_values() {
    snapshot(
        "config_bad_values",
        &[
            (
                "wrong types",
                "ssh_user: [a]\nssh_port: \"22\"\nssh_identity_file: 5\n\
                 ssh_managed_nodes: cp-1, w-1\n\
                 ssh_node_ports: 22\nnotify:\n  wall: yes\n  command: /bin/page-me --now\n\
                 nodes:\n  servers:\n    cp-1: 192.0.2.1\nstartup:\n  soak: 60\ncluster: true\n",
            ),
            ("no value", "ssh_user:\nssh_port: ~\nnodes:\n  servers:\nssh_identity_file: null\n"),
            (
                "ranges",
                &format!(
                    "{MINIMAL}ssh_port: 65536\nssh: {{fan_out: 0, poll: 999999999999d}}\n\
                     startup: {{soak: 40d, backoff: 1ms}}\ncordon: {{limit: 1000000, lease: 1s}}\n\
                     runtime_safety_factor: 0.5\n"
                ),
            ),
            (
                "durations",
                &format!(
                    "{MINIMAL}startup: {{soak: 1 hour, server_start: -5s, agent_start: 1.5m, \
                     backoff: '', tick: PT5S}}\n"
                ),
            ),
            ("numbers", &format!("{MINIMAL}ssh_port: 0o26\nssh: {{fan_out: 010}}\nnodes2: 1\n")),
            (
                "words",
                &format!(
                    "{MINIMAL}coordination: {{role: cordinator}}\nstartup: {{time_sync_mode: no}}\n"
                ),
            ),
            (
                "paths",
                &format!(
                    "{MINIMAL}state_dir: state\nkubeconfig: $HOME/.kube/config\nrun_dir: ''\n"
                ),
            ),
            (
                "names",
                "ssh_user: root@cp-1\nssh_identity_file: /k\nssh_jump_user: -oProxyCommand=x\n\
                 ssh_node_hosts: {cp-1: '192.0.2.1:22', w-1: 192.0.2, W_2: 192.0.2.3}\n\
                 nodes: {servers: [cp-1], agents: [w-1, -x], others: ['']}\n",
            ),
            (
                "urls",
                &format!(
                    "{MINIMAL}kube: {{endpoints: ['http://192.0.2.11:6443', '192.0.2.11']}}\n\
                     expected_flux_source_url: https://me:hunter2@git.example.org/x\n"
                ),
            ),
        ],
    );
}

#[test]
fn bad_inventories() {
    snapshot(
        "config_bad_inventories",
        &[
            ("empty", "{}\n"),
            (
                "no roles",
                "ssh_user: a\nssh_identity_file: /k\nssh_node_hosts:\n  cp-1: 192.0.2.1\n",
            ),
            ("no server", "ssh_user: a\nssh_identity_file: /k\nnodes: {agents: [w-1]}\n"),
            (
                "one machine without a role",
                &MINIMAL.replace("{cp-1: 192.0.2.11}", "{cp1: 192.0.2.11, nas: nas.lan}"),
            ),
            (
                "two roles, and twice in one",
                &MINIMAL.replace("[cp-1]", "[cp-1, cp-1], agents: [cp-1]"),
            ),
            (
                "one address, two machines",
                "ssh_user: a\nssh_identity_file: /k\nnodes: {servers: [cp-1], agents: [w-1]}\n\
                 ssh_node_hosts:\n  cp-1: node.lan\n  w-1: NODE.lan\n",
            ),
            (
                "machines that nobody knows",
                &format!(
                    "{MINIMAL}ssh_managed_nodes: [cp-1, cp-2]\nssh_node_users: {{cp-l: root}}\n\
                     ssh_node_ports: {{titan: 22}}\nssh_node_identity_files: {{cp1: /k}}\n\
                     ssh_node_direct: [w-9]\n"
                ),
            ),
            ("no key, no user", "nodes: {servers: [cp-1]}\nssh_node_hosts: {cp-1: 192.0.2.1}\n"),
            (
                "names that DNS must know",
                "ssh_user: a\nssh_identity_file: /k\nnodes: {servers: [cp-1]}\n",
            ),
        ],
    );
}

#[test]
fn bad_combinations() {
    snapshot(
        "config_bad_combinations",
        &[
            ("unknown jump host", &format!("{MINIMAL}ssh_jump_host: cp-2\n")),
            ("unknown jump host with a port", &format!("{MINIMAL}ssh_jump_host: bastion:22\n")),
            ("jump host with a user", &format!("{MINIMAL}ssh_jump_host: me@192.0.2.9\n")),
            ("jump host is this host", &format!("{MINIMAL}ssh_jump_host: titan-db\n")),
            ("no jump host", &format!("{MINIMAL}ssh_jump_user: x\nssh_node_direct: [cp-1]\n")),
            ("peers", &format!("{MINIMAL}coordination: {{role: peer, peer_hosts: [192.0.2.9]}}\n")),
            ("a peer of nobody", &format!("{MINIMAL}coordination: {{role: peer}}\n")),
            ("a host without a role", &format!("{MINIMAL}coordination: {{peer_hosts: [cp-1]}}\n")),
            (
                "this host, and one twice",
                &format!(
                    "{MINIMAL}coordination: {{role: coordinator, peer_hosts: [titan-db, cp-1, \
                     cp-1]}}\n"
                ),
            ),
            (
                "a wait for nobody",
                &format!("{MINIMAL}coordination: {{role: coordinator, failover_after: 2m}}\n"),
            ),
            (
                "unknown gates",
                &format!("{MINIMAL}gates: {{skip: {{soka: x, power: y, soak: ''}}}}\n"),
            ),
            ("nothing managed", &format!("{MINIMAL}ssh_managed_nodes: []\n")),
            (
                "times that contradict each other",
                &format!(
                    "{MINIMAL}nodes: {{servers: [cp-1], fresh_for: 5s, patience: 30s}}\n\
                     startup: {{agent_start: 2h}}\n"
                )
                .replacen("nodes: {servers: [cp-1]}\n", "", 1),
            ),
            ("a relative program", &format!("{MINIMAL}notify: {{command: [page-me]}}\n")),
            ("no program", &format!("{MINIMAL}notify: {{command: []}}\n")),
            (
                "parts that are not built",
                &format!(
                    "{MINIMAL}expected_flux_branch: main\n\
                     startup: {{require_storage_ready: true}}\n\
                     coordination: {{role: coordinator, peer_hosts: [], \
                     startup_guard_max_age_seconds: 900}}\n"
                ),
            ),
        ],
    );
}

#[test]
fn bad_probes() {
    let services = |entries: &str| format!("{MINIMAL}services:\n{entries}");
    snapshot(
        "config_bad_probes",
        &[
            ("nothing is asked", &services("  git: {}\n  app: {statuses: 200}\n")),
            ("two things are asked", &services("  git: {url: http://g/, tcp: \"g:22\"}\n")),
            ("fields of a url", &services("  db: {tcp: \"db:5432\", body: x, statuses: [200]}\n")),
            (
                "an unknown field",
                &services("  git: {uri: http://g/}\n  app: {url: http://a/, statsu: 1}\n"),
            ),
            ("an unknown gate", &services("  db: {tcp: \"db:5432\", gate: databse}\n")),
            ("an unknown machine", &services("  db: {tcp: \"db:5432\", via: cp-2}\n")),
            (
                "urls",
                &services(
                    "  a: {url: git.example}\n  b: {url: ftp://b/}\n  c: {url: https://me:x@c/}\n  \
                     d: {url: http://:80/}\n",
                ),
            ),
            (
                "places",
                &services(
                    "  a: {tcp: db}\n  b: {dns: 10.43.0.10}\n  c: {dns: {server: 10.43.0.10}}\n  \
                     d: {url: http://d/, at: \"http://d\"}\n",
                ),
            ),
            (
                "values",
                &services(
                    "  a: {url: http://a/, statuses: [99, ok]}\n  b: {url: http://b/, statuses: []}\n  \
                     c: {url: http://c/, json: {pointer: a, value: 1}}\n  \
                     d: {url: http://d/, json: {pointer: /a}}\n  e: {url: http://e/, body: 5}\n  \
                     F_g: {url: http://f/}\n",
                ),
            ),
            (
                "after the start",
                &format!(
                    "{MINIMAL}services: {{post-start-1: {{url: http://a/}}}}\n\
                     startup: {{post_start_probes: [http://b/, b, {{url: x}}, {{}}]}}\n"
                ),
            ),
            (
                "not asked",
                &format!(
                    "{MINIMAL}startup: {{require_post_start_probes: false, \
                     post_start_probes: [http://b/]}}\n"
                ),
            ),
            (
                "ingress",
                &format!(
                    "{MINIMAL}ingress: {{check: yes, at: [], scheme: tls, via: w-1, statuses: ok, \
                     hosts: {{a.example: {{skip: ''}}, B: {{statsu: 1}}}}, \
                     certificate_days: 900}}\n"
                ),
            ),
        ],
    );
}

#[test]
fn bad_vaults() {
    let vaults = |entries: &str, startup: &str| {
        format!("{MINIMAL}services:\n{entries}startup: {{{startup}}}\n")
    };
    let file = "vault_unseal_key_file: /k";
    let good = "  v: {vault: \"https://v-0:8200\"}\n";
    snapshot(
        "config_bad_vaults",
        &[
            ("nobody to unseal", &vaults("  git: {url: http://g/}\n", file)),
            ("no place for a key", &vaults("  v: {vault: \"http://v-0:8200\", via: cp-1}\n", file)),
            (
                "whoever answers",
                &vaults("  v: {vault: https://v, verify_certificates: false}\n", file),
            ),
            (
                "addresses",
                &vaults(
                    "  a: {vault: v-0:8200}\n  b: {vault: https://v/v1/sys/health}\n  \
                     c: {vault: https://v, url: https://v/}\n  d: {vault: 5}\n",
                    file,
                ),
            ),
            (
                "fields",
                &vaults(
                    "  a: {vault: https://v, statuses: 200, trusted_way: perhaps}\n  \
                     b: {url: https://v/, trusted_way: true}\n  c: {vault: https://v, gate: git}\n",
                    file,
                ),
            ),
            ("a relative file", &vaults(good, "vault_unseal_key_file: keys")),
            (
                "a line for a shell",
                &vaults(good, "vault_unseal_breakglass_command: /bin/pass show vault"),
            ),
            ("a relative program", &vaults(good, "vault_unseal_breakglass_command: [pass, show]")),
            ("no program", &vaults(good, "vault_unseal_breakglass_command: []")),
        ],
    );
}

#[test]
fn bad_power() {
    let base = "ssh_user: a\nssh_identity_file: /k\n\
                ssh_node_hosts: {cp-1: 192.0.2.1, w-1: 192.0.2.2, w-2: 192.0.2.3}\n\
                nodes: {servers: [cp-1], agents: [w-1, w-2]}\n";
    let with = |power: &str| format!("{base}power:\n{power}");
    let rack = "{upses: [rack@localhost], machines: [cp-1, w-1, w-2], carries_orders: true}";
    snapshot(
        "config_bad_power",
        &[
            ("watched only", &with("  upses: rack@localhost\n")),
            (
                "machines that nobody feeds",
                &with("  upses: [rack@localhost]\n  on_low: poweroff\n  exempt: [w-2]\n"),
            ),
            ("nobody to ask for it", &with("  on_low: poweroff\n")),
            ("an unknown mode", &with("  upses: [rack@localhost]\n  on_low: power-off\n")),
            (
                "names",
                &with("  upses: [rack, a b@c, x@h:0, rack@localhost, RACK@localhost:3493, 5]\n"),
            ),
            (
                "keys of a UPS",
                &with("  upses: {rack@localhost: {charge_flor: 5, low_for: 5, certificate: x}}\n"),
            ),
            (
                "an unknown UPS in a domain",
                &with(&format!(
                    "  upses: [rack@localhost]\n  domains: {{a: {}}}\n",
                    rack.replace("rack@l", "rakc@l")
                )),
            ),
            (
                "two domains, and exempt as well",
                &with(&format!(
                    "  upses: [rack@localhost]\n  domains:\n    a: {rack}\n    b: {rack}\n  \
                     exempt: [w-2, w-3]\n"
                )),
            ),
            (
                "what only a person knows",
                &with(
                    "  upses: [a@x, b@x]\n  domains:\n    r: {upses: [a@x, b@x], machines: [w-1], \
                     carries_orders: true}\n    s: {machines: [w-2]}\n    t: {upses: [a@x], \
                     need: 2, carries_orders: false}\n    u: {upses: [], carries_orders: yes}\n",
                ),
            ),
            (
                "an answer that is always too old",
                &with("  upses: [a@x]\n  fresh_for: 1s\n  on_low: poweroff\n  exempt: [cp-1]\n"),
            ),
        ],
    );
}

#[test]
fn bad_texts() {
    let deep = format!("{MINIMAL}power: {}1{}\n", "[".repeat(20), "]".repeat(20));
    snapshot(
        "config_bad_texts",
        &[
            ("nothing", ""),
            ("comments only", "# nothing\n\n---\n"),
            ("a list", "- a\n- b\n"),
            ("a word", "hello\n"),
            ("tabs", "ssh_usr: a\nnodes:\n\tservers: [cp-1]\n"),
            ("an open list", &format!("{MINIMAL}ssh_managed_nodes: [cp-1\n")),
            ("an open quote", "ssh_user: \"a\nnodes: {servers: [cp-1]}\n"),
            ("two documents", &format!("{MINIMAL}---\n{MINIMAL}")),
            ("a tag", &MINIMAL.replace("ssh_user: ", "ssh_user: !secret ")),
            ("an unknown alias", &format!("{MINIMAL}ssh_managed_nodes: *all\n")),
            ("an alias to itself", "power: &a [*a]\n"),
            ("a list as key", "[a, b]: c\n"),
            ("too deep", &deep),
            ("a long line", &format!("{MINIMAL}gates: {{skip: {{{}: x}}}}\n", "soakk".repeat(30))),
            ("wide characters", &format!("{MINIMAL}notify: {{wall: \"日本語\", köy: 1}}\n")),
        ],
    );
}

#[test]
fn too_much_is_refused_at_once() {
    let code = |text: &str| said(text).iter().map(|p| p.code).collect::<Vec<_>>();
    let large = format!("{MINIMAL}#{}", "x".repeat(MAX_BYTES));
    assert_eq!(code(&large), [Code::TooLarge]);
    let full = format!("{MINIMAL}#{}", "x".repeat(MAX_BYTES - MINIMAL.len() - 1));
    assert_eq!(full.len(), MAX_BYTES);
    assert_eq!(code(&full), []);
    let bytes = parse_bytes(large.as_bytes(), "a.yaml", &context()).unwrap_err();
    assert_eq!(bytes[0].code, Code::TooLarge);

    // Nine levels of nine references: 387 million values.
    let mut laughs = format!("{MINIMAL}power:\n  a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        let nine = vec![format!("*{from}"); 9].join(",");
        laughs.push_str(&format!("  {to}: &{to} [{nine}]\n"));
    }
    assert!(code(&laughs).contains(&Code::TooLarge));

    let many = format!("{MINIMAL}power: [{}]\n", "x,".repeat(20_000));
    assert!(code(&many).contains(&Code::TooLarge));
    let wrong: String = (0..500).map(|i| format!("zzzzzzzz{i}: 1\n")).collect();
    let problems = said(&format!("{MINIMAL}{wrong}"));
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "there are 400 more problems");
}

#[test]
fn a_broken_text_still_shows_the_errors_before_the_break() {
    let problems = check("ssh_usr: a\nssh_port: many\ncluster: [\n").unwrap_err();
    let codes: Vec<_> = problems.iter().map(|p| p.code).collect();
    assert_eq!(codes[..2], [Code::UnknownKey, Code::WrongType]);
    assert!(codes.contains(&Code::Syntax));
    assert!(!codes.contains(&Code::MissingKey), "nothing is said about what lies behind the break");
}

#[test]
fn problems_are_the_same_as_json() {
    let problems = said(&format!("{MINIMAL}ssh_prot: 1\n"));
    insta::assert_json_snapshot!(problems_to_json(&problems), @r#"
    [
      {
        "code": "unknown-key",
        "column": 1,
        "file": "/etc/ananke/ananke.yaml",
        "help": "did you mean `ssh_port`?",
        "line": 5,
        "message": "there is no key `ssh_prot`",
        "severity": "error",
        "snippet": "  |\n5 | ssh_prot: 1\n  | ^^^^^^^^"
      }
    ]
    "#);
}

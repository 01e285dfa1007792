//! Through the public doors only: text in, problems or settings out.

mod meaning;
mod refused;
mod ssh_config;
mod table;
mod turn_on;

use std::path::Path;

use super::settings::Settings;
use super::*;

const GATES: &[&str] = &["inventory", "nodes", "control-plane", "workers", "cordons", "soak"];

fn context() -> Context<'static> {
    let installed = Context::installed("titan-db", GATES);
    Context { home: Some(Path::new("/srv/op")), ssh_configs: &ssh_config::Ready, ..installed }
}

fn check(text: &str) -> Result<Checked, Vec<Problem>> {
    parse(text, "/etc/ananke/ananke.yaml", &context())
}

#[track_caller]
fn settings(text: &str) -> Settings {
    match check(text) {
        Ok(checked) => checked.settings,
        Err(problems) => panic!("{}\nin:\n{text}", problems_to_text(&problems)),
    }
}

/// Everything that is said about a text.
fn said(text: &str) -> Vec<Problem> {
    match check(text) {
        Ok(checked) => checked.warnings,
        Err(problems) => problems,
    }
}

const MINIMAL: &str = "\
ssh_user: ananke
ssh_identity_file: /etc/ananke/key
ssh_node_hosts: {cp-1: 192.0.2.11}
nodes: {servers: [cp-1]}
";

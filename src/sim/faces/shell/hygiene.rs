//! A closer look at a machine, printed as the real script prints it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::words;
use crate::model::command::Command;
use crate::model::facts::UnitActive;
use crate::model::hygiene::HygieneFacts;
use crate::model::policy::Needs;

/// The line of a closer look, up to its questions.
static CLOSER: LazyLock<Option<String>> = LazyLock::new(|| {
    Command::Hygiene { needs: Needs::default(), disks: std::collections::BTreeSet::new() }
        .render()
        .ok()
});

/// What a line asks, if it is one of a closer look: pairs of kind and name.
pub(super) fn asked(line: &str) -> Option<Vec<(String, String)>> {
    let rest = line.strip_prefix(CLOSER.as_deref()?)?;
    let words = words::words(rest).ok()?;
    let pair = |word: &String| {
        let (kind, name) = word.split_once('=')?;
        Some((kind.to_owned(), name.to_owned()))
    };
    words.iter().map(pair).collect()
}

/// What the script prints for these questions.
pub(super) fn print(facts: &HygieneFacts, asked: &[(String, String)]) -> String {
    let synchronised = match facts.synchronised {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let route = if facts.default_route { "yes" } else { "no" };
    let mut out = format!(
        "ananke-hygiene=1\nboot_id={}\nsynchronised={synchronised}\ndefault_route={route}\n",
        facts.boot_id
    );
    let mut packages = false;
    let (mut services, mut installed) = (String::new(), String::new());
    for (kind, name) in asked {
        // Writing to a String can't fail, here and below.
        let _ = match kind.as_str() {
            "disk" => print_disk(&mut out, facts, name),
            "program" if facts.missing_programs.contains(name) => {
                writeln!(out, "missing.program.{name}=1")
            }
            "module" if facts.missing_modules.contains(name) => {
                writeln!(out, "missing.module.{name}=1")
            }
            "service" => print_service(&mut services, facts, name),
            "package" => {
                packages = true;
                let gone = facts.missing_packages.as_ref().is_some_and(|gone| gone.contains(name));
                if gone { Ok(()) } else { writeln!(installed, "package.{name}=installed") }
            }
            _ => Ok(()),
        };
    }
    out += &services;
    if packages {
        out += &installed;
        out += "packages=asked\n";
    }
    out + "end=1\n"
}

/// A folder that the world does not know is not there.
fn print_disk(out: &mut String, facts: &HygieneFacts, folder: &str) -> std::fmt::Result {
    let Some(disk) = facts.disks.get(folder) else { return Ok(()) };
    let Some(disk) = disk else { return writeln!(out, "disk.{folder}=unknown") };
    let how = if disk.read_only { "ro" } else { "rw" };
    let inodes = disk.free_inodes.map_or("- -".to_owned(), |free| format!("100 {free}"));
    writeln!(out, "disk.{folder}={how} 100 {} {inodes}", disk.free)
}

fn print_service(out: &mut String, facts: &HygieneFacts, name: &str) -> std::fmt::Result {
    let unit = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    let idle = facts.idle_services.as_ref().and_then(|idle| idle.get(name));
    match idle.map(|service| (service.active, service.result.as_str())) {
        None => writeln!(out, "service.{unit}=loaded active success"),
        Some((Some(active), result)) => writeln!(out, "service.{unit}=loaded {active} {result}"),
        Some((None, load)) => {
            writeln!(out, "service.{unit}={load} {} success", UnitActive::Inactive)
        }
    }
}

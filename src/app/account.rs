//! `ananke prepare --account FILE`: makes ananke's own account in the cluster with the admin's
//! kubeconfig of a server, and writes its kubeconfig; or shows what that would be.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::words;
use super::world::{from_a_server, server_endpoints};
use crate::adapters::kube::{Desk, KubeconfigText, Put, rbac_yaml};
use crate::adapters::ssh::Fleet;
use crate::cli::{Format, print_data, print_text};
use crate::config::settings::Settings;
use crate::model::facts::Blind;
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::report;

/// A kubeconfig with a token in it is its owner's alone.
const FILE_MODE: u32 = 0o600;

/// What was, or would be, made.
#[derive(Debug, Serialize)]
struct Made {
    /// The objects, each with what became of it.
    objects: Vec<Line>,
    /// The kubeconfig.
    file: String,
    /// Whether anything was changed.
    executed: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    object: String,
    state: &'static str,
}

/// Makes the account, or shows what that would be.
pub(super) async fn account(
    loaded: Loaded,
    file: &Path,
    execute: bool,
    format: Format,
) -> Result<Ended, Failure> {
    let settings = &loaded.settings;
    let objects = manifests()?;
    if file.exists() {
        prove(settings, file).await?;
        return print(
            format,
            &format!("{}: ready, nothing to do", file.display()),
            &Made { objects: Vec::new(), file: file.display().to_string(), executed: false },
        );
    }
    let mut made =
        Made { objects: Vec::new(), file: file.display().to_string(), executed: execute };
    if !execute {
        let lines = objects.iter().map(|it| Line { object: name(it), state: "would be put there" });
        made.objects = lines.collect();
        let text = format!(
            "{}{}: would be written, readable by its owner only\n\
             nothing was changed (dry run). Do it: ananke prepare --account {} --execute",
            lines_of(&made),
            file.display(),
            file.display()
        );
        return print(format, &text, &made);
    }
    let desk = admin(settings).await?;
    for object in &objects {
        let state = match desk.put(object).await {
            Ok(Put::Made) => "made",
            Ok(Put::Kept) => "kept as it should be",
            Err(why) => {
                return Err(Failure::Failed(format!("{} was refused: {why}", name(object))));
            }
        };
        made.objects.push(Line { object: name(object), state });
    }
    let text = desk.kubeconfig().await.map_err(|why| failed("no kubeconfig", &why))?;
    let own = KubeconfigText { yaml: text.clone(), base: None };
    let own = Desk::open(own, &[]).await.map_err(|why| failed("the new account", &why))?;
    own.prove().await.map_err(|why| failed("the new account", &why))?;
    write(file, &text)?;
    let text = format!(
        "{}{}: written, and proven to see the nodes through {}\nNow add to the configuration:\n  \
         kubeconfig: {}\n{}",
        lines_of(&made),
        file.display(),
        own.endpoint(),
        file.display(),
        endpoints_hint(settings),
    );
    print(format, &text, &made)
}

/// The objects of both manifests, in their order: the kind first, since the rights name it.
fn manifests() -> Result<Vec<Value>, Failure> {
    let mut objects = Vec::new();
    for text in [report::crd_yaml(), rbac_yaml()] {
        let read: Vec<Value> =
            serde_saphyr::from_multiple(&text).map_err(|error| Failure::of(&error))?;
        objects.extend(read);
    }
    Ok(objects)
}

/// The admin's connection, through the kubeconfig of a server.
async fn admin(settings: &Settings) -> Result<Desk, Failure> {
    let fleet = Fleet::new(&settings.ssh).map_err(|error| Failure::Usage(error.to_string()))?;
    let servers: Vec<MachineName> = settings.policy.with_role(Role::Server).cloned().collect();
    let yaml = from_a_server(fleet, servers).await.map_err(|why| failed("no admin", &why))?;
    let endpoints = endpoints(settings);
    let text = KubeconfigText { yaml, base: None };
    Desk::open(text, &endpoints).await.map_err(|why| failed("the API", &why))
}

fn endpoints(settings: &Settings) -> Vec<String> {
    match settings.kube.endpoints.as_slice() {
        [] => server_endpoints(settings),
        given => given.to_vec(),
    }
}

/// A kubeconfig names one server; with several, ananke should know them all.
fn endpoints_hint(settings: &Settings) -> String {
    let all = server_endpoints(settings);
    if !settings.kube.endpoints.is_empty() || all.len() < 2 {
        return String::new();
    }
    format!("  kube: {{endpoints: [{}]}}   so that one server's death is not the API's", {
        all.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ")
    })
}

/// Proves that the kubeconfig in the file works.
async fn prove(settings: &Settings, file: &Path) -> Result<(), Failure> {
    let yaml = std::fs::read_to_string(file)
        .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
    let text = KubeconfigText { yaml, base: file.parent().map(Path::to_owned) };
    let what = format!("{} is there, but does not work", file.display());
    let desk =
        Desk::open(text, &settings.kube.endpoints).await.map_err(|why| failed(&what, &why))?;
    desk.prove().await.map_err(|why| failed(&what, &why))
}

/// Writes the file beside its place and moves it there: half a kubeconfig is worse than none.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| {
        Failure::Failed(format!("{} can't be written: {error}", file.display()))
    };
    let beside = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let mut open = options.open(&beside).map_err(wrong)?;
    open.write_all(text.as_bytes()).and_then(|()| open.sync_all()).map_err(wrong)?;
    std::fs::rename(&beside, file).map_err(wrong)
}

fn name(object: &Value) -> String {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let name = match text("/metadata/namespace") {
        "" => text("/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", text("/metadata/name")),
    };
    format!("{} {name}", text("/kind"))
}

fn lines_of(made: &Made) -> String {
    made.objects.iter().map(|line| format!("{}: {}\n", line.object, line.state)).collect()
}

fn failed(what: &str, why: &Blind) -> Failure {
    Failure::Failed(format!("{what}: {why}"))
}

fn print(format: Format, text: &str, made: &Made) -> Result<Ended, Failure> {
    let printed = match format {
        Format::Text => print_text(text.trim_end()),
        Format::Json | Format::Yaml => print_data(format, made),
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_manifests_are_read_the_kind_first() {
        let names: Vec<String> = manifests().unwrap().iter().map(name).collect();
        assert!(names[0].starts_with("CustomResourceDefinition "), "{names:?}");
        assert!(names.contains(&"ServiceAccount kube-system/ananke".to_owned()), "{names:?}");
    }

    #[test]
    fn the_file_is_its_owners_alone_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kubeconfig");
        write(&file, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, FILE_MODE);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let nowhere = dir.path().join("none/kubeconfig");
        assert!(write(&nowhere, "text").unwrap_err().to_string().contains("can't be written"));
    }
}

//! The configuration against real files: what is said about keys, kubeconfig and host keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ananke::config::{
    Code, Context, FileFact, Files, Problem, Severity, parse, parse_bytes, problems_to_text,
};

/// Looks at the file system, as an adapter does.
#[derive(Debug)]
struct Disk;

impl Files for Disk {
    fn look(&self, path: &Path) -> FileFact {
        match fs::metadata(path) {
            Ok(found) if found.is_file() => {
                FileFact::File { mode: found.permissions().mode() & 0o7777 }
            }
            Ok(_) => FileFact::NotAFile,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => FileFact::Missing,
            Err(error) => FileFact::Denied(error.to_string()),
        }
    }
}

/// A folder with good files and bad ones, and a configuration that names some of them.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().expect("a temporary folder"));
        site.file("key", 0o600);
        site.file("key-of-all", 0o644);
        site.file("key-of-group", 0o640);
        site.file("known_hosts", 0o644);
        site.file("known_hosts-of-all", 0o666);
        site.file("kubeconfig", 0o600);
        site.file("page-me", 0o755);
        site.file("page-me-not", 0o644);
        fs::create_dir(site.0.path().join("folder")).expect("a folder");
        site
    }

    fn file(&self, name: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, "x").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// What is said about a configuration, in which `DIR` stands for the folder.
    fn said(&self, text: &str) -> Vec<Problem> {
        let text = text.replace("DIR", &self.0.path().display().to_string());
        let context = Context { files: &Disk, ..Context::installed("here", &[]) };
        match parse(&text, "ananke.yaml", &context) {
            Ok(checked) => checked.warnings,
            Err(problems) => problems,
        }
    }
}

const GOOD: &str = "\
ssh_user: ananke
ssh_identity_file: DIR/key
ssh_known_hosts_file: DIR/known_hosts
kubeconfig: DIR/kubeconfig
notify: {command: [DIR/page-me]}
ssh_node_hosts: {cp-1: 192.0.2.1}
nodes: {servers: [cp-1]}
";

#[test]
fn good_files_are_passed_over_in_silence() {
    assert_eq!(Site::new().said(GOOD), []);
}

#[test]
fn bad_files_are_reported_where_they_are_named() {
    use Code::{FileWritable, KeyReadable, MissingFile};
    use Severity::{Error, Warning};
    let site = Site::new();
    // What is replaced, by what, and what is said of which line.
    let table = [
        ("DIR/key\n", "DIR/nothing\n", MissingFile, Error, 2),
        ("DIR/key\n", "DIR/folder\n", MissingFile, Error, 2),
        ("DIR/key\n", "DIR/key-of-all\n", KeyReadable, Error, 2),
        ("DIR/key\n", "DIR/key-of-group\n", KeyReadable, Error, 2),
        ("DIR/known_hosts", "DIR/nothing", MissingFile, Warning, 3),
        ("DIR/known_hosts", "DIR/folder", MissingFile, Error, 3),
        ("DIR/known_hosts", "DIR/known_hosts-of-all", FileWritable, Error, 3),
        ("DIR/kubeconfig", "DIR/nothing", MissingFile, Error, 4),
        ("DIR/kubeconfig", "DIR/folder", MissingFile, Error, 4),
        ("DIR/kubeconfig", "DIR/key-of-all", KeyReadable, Warning, 4),
        ("DIR/page-me", "DIR/nothing", MissingFile, Warning, 5),
        ("DIR/page-me", "DIR/page-me-not", MissingFile, Warning, 5),
        ("DIR/page-me", "DIR/folder", MissingFile, Warning, 5),
    ];
    for (from, to, code, severity, line) in table {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from} is not in the text");
        let problems = site.said(&text);
        let found: Vec<_> = problems.iter().map(|p| (p.code, p.severity, p.line)).collect();
        assert_eq!(found, [(code, severity, Some(line))], "{}", problems_to_text(&problems));
    }
}

#[test]
fn every_key_file_is_looked_at_once() {
    let site = Site::new();
    let text = format!(
        "{GOOD}ssh_identity_files: [DIR/key, DIR/nothing, DIR/key-of-all]\n\
         ssh_node_identity_files: {{cp-1: DIR/nothing}}\n"
    );
    let codes: Vec<_> = site.said(&text).into_iter().map(|p| (p.code, p.line)).collect();
    assert_eq!(codes, [(Code::MissingFile, Some(8)), (Code::KeyReadable, Some(8))]);
}

#[test]
fn the_example_in_the_repository_is_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/ananke.yaml");
    let bytes = fs::read(path).unwrap();
    let context = Context::installed("here", &["soak"]);
    let checked = parse_bytes(&bytes, "configs/ananke.yaml", &context).unwrap();
    assert_eq!(checked.warnings, []);
    assert_eq!(checked.settings.policy.machines.len(), 4);
}

//! What is wrong with the files that a configuration names, as far as somebody looked at them.

use std::collections::BTreeSet;
use std::path::Path;

use super::context::{Context, FileFact};
use super::keys;
use super::power;
use super::probes;
use super::problem::{Code, Fault};
use super::tree::Place;
use super::walk::Values;

/// Permission bits of group and others, stat(2).
const OTHERS: u32 = 0o077;
/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;
/// Execute permission of anybody.
const EXECUTE: u32 = 0o111;

/// Looks at every file that the configuration names.
pub(super) fn check(values: &Values<'_>, context: &Context<'_>, faults: &mut Vec<Fault>) {
    identities(values, context, faults);
    if let Some(path) = keys::KUBECONFIG.given(values) {
        let shown = &path.value;
        match context.files.look(Path::new(shown)) {
            FileFact::Unlooked => {}
            FileFact::File { mode } if mode & OTHERS == 0 => {}
            FileFact::File { mode } => {
                let message = format!("others may read the credentials in {shown} ({mode:o})");
                let fault = Fault::warning(Code::KeyReadable, message).at(path.at);
                faults.push(fault.help(format!("chmod 600 {shown}")));
            }
            fact @ (FileFact::Missing | FileFact::NotAFile | FileFact::Denied(_)) => {
                let help = "remove the key to fetch the one of a server over SSH";
                faults.push(absent(shown, &fact, Some(path.at)).help(help));
            }
        }
    }
    known_hosts(values, context, faults);
    for path in power::certificates(values) {
        match context.files.look(Path::new(&path.value)) {
            FileFact::Unlooked | FileFact::File { .. } => {}
            fact @ (FileFact::Missing | FileFact::NotAFile | FileFact::Denied(_)) => {
                let help = "without it no answer of that upsd is believed";
                faults.push(absent(&path.value, &fact, Some(path.at)).help(help));
            }
        }
    }
    if let Some(path) = probes::keys::AUTHORITIES.given(values) {
        match context.files.look(Path::new(&path.value)) {
            FileFact::Unlooked | FileFact::File { .. } => {}
            fact @ (FileFact::Missing | FileFact::NotAFile | FileFact::Denied(_)) => {
                let help = "without it only the authorities of this host are trusted";
                faults.push(absent(&path.value, &fact, Some(path.at)).help(help));
            }
        }
    }
    if let Some(path) = power::keys::UPSD_LOGIN_FILE.given(values) {
        secret(&path.value, path.at, "password", context, faults);
    }
    vault_keys(values, context, faults);
    if let Some(program) =
        keys::NOTIFY_COMMAND.given(values).and_then(|g| g.value.into_iter().next())
    {
        let message = match context.files.look(Path::new(&program.value)) {
            FileFact::Unlooked => return,
            FileFact::File { mode } if mode & EXECUTE != 0 => return,
            FileFact::File { .. } => format!("{} is not executable", program.value),
            FileFact::Missing => format!("{} is not there", program.value),
            FileFact::NotAFile => format!("{} is not a file", program.value),
            FileFact::Denied(why) => format!("{} can't be looked at: {why}", program.value),
        };
        // Not an error: that nobody can be called is no reason to leave a cluster down.
        let fault = Fault::warning(Code::MissingFile, message).at(program.at);
        faults.push(fault.help("nobody will be called until it is mended"));
    }
}

/// Looks at the file with the keys of vaults. Never an error: that a vault stays sealed is no
/// reason to leave a cluster down, and whoever reads the keys looks again.
fn vault_keys(values: &Values<'_>, context: &Context<'_>, faults: &mut Vec<Fault>) {
    let Some(path) = probes::keys::VAULT_KEY_FILE.given(values) else { return };
    let shown = &path.value;
    let has_command = probes::keys::VAULT_BREAKGLASS.given(values).is_some();
    let (code, message, help) = match context.files.look(Path::new(shown)) {
        FileFact::Unlooked => return,
        FileFact::File { mode } if mode & OTHERS == 0 => return,
        FileFact::Missing if has_command => return,
        FileFact::File { mode } => {
            let message = format!("others may read the keys in {shown} ({mode:o})");
            (Code::KeyReadable, message, format!("it is not used like that: chmod 600 {shown}"))
        }
        FileFact::Missing => {
            let help = "a vault that is sealed is left to a person until it is".to_owned();
            (Code::MissingFile, format!("{shown} is not there"), help)
        }
        FileFact::NotAFile => {
            let help = "write the path of the file itself".to_owned();
            (Code::MissingFile, format!("{shown} is not a file"), help)
        }
        FileFact::Denied(why) => {
            let help = "the daemon must be able to read it".to_owned();
            (Code::UnreadableFile, format!("{shown} can't be looked at: {why}"), help)
        }
    };
    faults.push(Fault::warning(code, message).at(path.at).help(help));
}

fn absent(path: &str, fact: &FileFact, at: Option<Place>) -> Fault {
    let fault = match fact {
        FileFact::Denied(why) => {
            // Who may not look may still start the daemon that may.
            let message = format!("{path} can't be looked at: {why}");
            Fault::warning(Code::UnreadableFile, message)
        }
        FileFact::NotAFile => Fault::error(Code::MissingFile, format!("{path} is not a file")),
        FileFact::Missing | FileFact::Unlooked | FileFact::File { .. } => {
            Fault::error(Code::MissingFile, format!("{path} is not there"))
        }
    };
    match at {
        Some(at) => fault.at(at),
        None => fault,
    }
}

fn identities(values: &Values<'_>, context: &Context<'_>, faults: &mut Vec<Fault>) {
    let one = keys::SSH_IDENTITY_FILE.given(values).map(|path| (path.value, path.at));
    let more = keys::SSH_IDENTITY_FILES.given(values).map(|given| given.value);
    let own = keys::SSH_NODE_IDENTITY_FILES.given(values).map(|given| given.value);
    let more = more.into_iter().flatten().map(|path| (path.value, path.at));
    let own = own.into_iter().flatten().flat_map(|(_, entry)| entry.value.1);
    let own = own.map(|path| (path.value, path.at));
    let mut seen = BTreeSet::new();
    for (path, at) in one.into_iter().chain(more).chain(own) {
        if seen.insert(path.clone()) {
            key(&path, at, context, faults);
        }
    }
}

/// Looks at one private key.
pub(super) fn key(path: &str, at: Place, context: &Context<'_>, faults: &mut Vec<Fault>) {
    secret(path, at, "private key", context, faults);
}

/// Looks at a file that only its owner may read.
fn secret(path: &str, at: Place, what: &str, context: &Context<'_>, faults: &mut Vec<Fault>) {
    match context.files.look(Path::new(path)) {
        FileFact::Unlooked => {}
        FileFact::File { mode } if mode & OTHERS == 0 => {}
        FileFact::File { mode } => {
            let message = format!("others may read the {what} {path} ({mode:o})");
            let fault = Fault::error(Code::KeyReadable, message).at(at);
            faults.push(fault.help(format!("chmod 600 {path}")));
        }
        fact @ (FileFact::Missing | FileFact::NotAFile | FileFact::Denied(_)) => {
            faults.push(absent(path, &fact, Some(at)));
        }
    }
}

fn known_hosts(values: &Values<'_>, context: &Context<'_>, faults: &mut Vec<Fault>) {
    let given = keys::SSH_KNOWN_HOSTS_FILE.given(values);
    let at = given.as_ref().map(|path| path.at);
    let path = given.map_or_else(|| context.known_hosts.display().to_string(), |path| path.value);
    let fault = match context.files.look(Path::new(&path)) {
        FileFact::Unlooked => return,
        FileFact::File { mode } if mode & OTHERS_WRITE == 0 => return,
        FileFact::File { mode } => {
            let message = format!("others may change the host keys in {path} ({mode:o})");
            Fault::error(Code::FileWritable, message).help(format!("chmod 644 {path}"))
        }
        FileFact::Missing => {
            // The first run: `hosts accept` writes the file and needs a configuration for it.
            let message = format!("{path} is not there: no host key is known, no login possible");
            let help = "compare and accept the keys with `ananke hosts scan` and `hosts accept`";
            Fault::warning(Code::MissingFile, message).help(help)
        }
        fact @ (FileFact::NotAFile | FileFact::Denied(_)) => absent(&path, &fact, at),
    };
    faults.push(match at {
        Some(at) => fault.at(at),
        None => fault,
    });
}

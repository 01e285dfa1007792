//! Writing the keys of a host into the file: the whole new file by rename, or nothing.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use russh::keys::PublicKey;

use super::pattern::Hosts;
use super::{HostName, KnownHosts, KnownHostsError, Verdict, entry, fingerprint};

/// Host keys are public, and `status` may be asked by somebody who is not root.
const NEW_FILE_MODE: u32 = 0o644;

/// What `accept` changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// How many keys were added. Keys that were there already are not counted.
    pub added: usize,
    /// Lines of the old file (counted from 1) in which the host had another key.
    pub replaced: Vec<usize>,
}

/// Makes `keys` the keys of `host`: others that the file names for exactly this host are
/// removed, these are added, everything else (comments, other hosts, wildcards, markers) stays as
/// it is. Mode and owner of the file stay; a link stays a link. A missing file is made.
///
/// # Errors
/// [`KnownHostsError`]: nothing was changed.
pub fn accept(
    file: &Path,
    host: &HostName,
    keys: &[PublicKey],
) -> Result<Accepted, KnownHostsError> {
    let unwritable = |e: std::io::Error| KnownHostsError::Unwritable {
        file: file.to_owned(),
        why: e.to_string(),
    };
    // The rename must replace what a link points to, not the link.
    let place = match std::fs::canonicalize(file) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(e)),
        Err(_) => file.to_owned(),
        Ok(place) => place,
    };
    let folder = File::open(folder_of(&place)).map_err(unwritable)?;
    // Two people who accept at the same time would each lose the other's line.
    folder.try_lock().map_err(|e| unwritable(e.into()))?;
    let (old, meta) = match std::fs::read(&place) {
        Ok(old) => (old, Some(std::fs::metadata(&place).map_err(unwritable)?)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => (Vec::new(), None),
        Err(e) => return Err(unwritable(e)),
    };
    let (new, accepted) = edit(&old, host, keys).map_err(|e| match e {
        EditError::Line { line, why } => {
            KnownHostsError::Malformed { file: file.to_owned(), line, why }
        }
        EditError::Refused(error) => error,
    })?;
    if new != old || meta.is_none() {
        replace(&place, &new, meta.as_ref()).map_err(unwritable)?;
        folder.sync_all().map_err(unwritable)?;
    }
    Ok(accepted)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn replace(
    place: &Path,
    content: &[u8],
    old: Option<&std::fs::Metadata>,
) -> Result<(), std::io::Error> {
    let mut new = tempfile::NamedTempFile::new_in(folder_of(place))?;
    new.write_all(content)?;
    let mode = old.map_or(NEW_FILE_MODE, |meta| meta.mode() & 0o7777);
    new.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    if let Some(meta) = old {
        let now = new.as_file().metadata()?;
        if (now.uid(), now.gid()) != (meta.uid(), meta.gid()) {
            std::os::unix::fs::fchown(new.as_file(), Some(meta.uid()), Some(meta.gid()))?;
        }
    }
    new.as_file().sync_all()?;
    new.persist(place).map_err(|e| e.error)?;
    Ok(())
}

#[derive(Debug)]
enum EditError {
    Line { line: usize, why: &'static str },
    Refused(KnownHostsError),
}

/// The new content, and what changed.
fn edit(old: &[u8], host: &HostName, keys: &[PublicKey]) -> Result<(Vec<u8>, Accepted), EditError> {
    let before =
        KnownHosts::parse(old).map_err(|bad| EditError::Line { line: bad.line, why: bad.why })?;
    for key in keys {
        if let Verdict::Revoked { line } = before.judge(host, key) {
            let fingerprint = fingerprint(key);
            return Err(EditError::Refused(KnownHostsError::Revoked { line, fingerprint }));
        }
    }
    let mut accepted = Accepted::default();
    let mut new = Vec::with_capacity(old.len() + 128 * keys.len());
    let mut present: Vec<&PublicKey> = Vec::new();
    for (index, line) in old.split_inclusive(|b| *b == b'\n').enumerate() {
        match fate(line, host, keys) {
            Fate::Stays => new.extend_from_slice(line),
            Fate::Has(key) => {
                present.push(key);
                new.extend_from_slice(line);
            }
            Fate::Becomes(rest) => {
                accepted.replaced.push(index + 1);
                new.extend_from_slice(&rest);
            }
        }
    }
    for key in keys {
        if present.iter().any(|there| there.key_data() == key.key_data()) {
            continue;
        }
        if !new.is_empty() && !new.ends_with(b"\n") {
            new.push(b'\n');
        }
        let bare = PublicKey::from(key.key_data().clone());
        let text = bare.to_openssh().map_err(|_| EditError::Line { line: 0, why: "bad key" })?;
        new.extend_from_slice(format!("{host} {text}\n").as_bytes());
        accepted.added += 1;
    }
    effective(&new, host, keys)?;
    Ok((new, accepted))
}

/// A negated pattern, for example, could still keep the new key from counting. Better an error
/// now than at the next outage.
fn effective(new: &[u8], host: &HostName, keys: &[PublicKey]) -> Result<(), EditError> {
    let after =
        KnownHosts::parse(new).map_err(|bad| EditError::Line { line: bad.line, why: bad.why })?;
    match keys.iter().find(|key| !matches!(after.judge(host, key), Verdict::Known { .. })) {
        None => Ok(()),
        Some(key) => Err(EditError::Refused(KnownHostsError::NotEffective {
            host: host.clone(),
            fingerprint: fingerprint(key),
        })),
    }
}

enum Fate<'a> {
    Stays,
    Has(&'a PublicKey),
    Becomes(Vec<u8>),
}

fn fate<'a>(line: &[u8], host: &HostName, keys: &'a [PublicKey]) -> Fate<'a> {
    let Ok(Some(read)) = entry(0, line) else { return Fate::Stays };
    if read.marker.is_some() || !read.hosts.name(host.as_str()) {
        return Fate::Stays;
    }
    let same = keys.iter().find(|key| key.key_data() == read.key.key_data());
    match same {
        Some(key) if read.hosts.contain(host.as_str()) => Fate::Has(key),
        _ => Fate::Becomes(without(line, &read.hosts, host)),
    }
}

/// The line without this host: empty, or the other hosts that share the key.
fn without(line: &[u8], hosts: &Hosts, host: &HostName) -> Vec<u8> {
    let (Hosts::Patterns(_), Ok(text)) = (hosts, std::str::from_utf8(line)) else {
        return Vec::new();
    };
    let text = text.trim_start_matches([' ', '\t']);
    let Some(end) = text.find([' ', '\t']) else { return Vec::new() };
    let (written, rest) = text.split_at(end);
    let others: Vec<&str> =
        written.split(',').filter(|pattern| !pattern.eq_ignore_ascii_case(host.as_str())).collect();
    if others.iter().all(|pattern| pattern.is_empty() || pattern.starts_with('!')) {
        return Vec::new();
    }
    format!("{}{rest}", others.join(",")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::ssh::known_hosts::tests::key;

    fn text(key: &PublicKey) -> String {
        key.to_openssh().unwrap()
    }

    #[test]
    fn only_this_host_is_touched() {
        let (old, new, other) = (key(1), key(2), key(3));
        let host = HostName::new("n1", 22);
        let o = text(&old);
        let x = text(&other);
        // Without the newline at the end: the added line must start on its own.
        let table = [
            ("nothing there", String::new(), String::new(), vec![]),
            ("replaced", format!("# c\nn1 {o}\nn2 {x}\n"), format!("# c\nn2 {x}\n"), vec![2]),
            ("shared line", format!("n1,n2,10.0.0.1 {o}"), format!("n2,10.0.0.1 {o}\n"), vec![1]),
            ("case, tab, comment", format!("N1\t{o} me\n"), String::new(), vec![1]),
            ("wildcard stays", format!("n* {o}\n"), format!("n* {o}\n"), vec![]),
            ("another port", format!("[n1]:2222 {o}\n"), format!("[n1]:2222 {o}\n"), vec![]),
            (
                "authority stays",
                format!("@cert-authority n1 {o}\n"),
                format!("@cert-authority n1 {o}\n"),
                vec![],
            ),
            ("only a negation is left", format!("n1,!n3 {o}\n"), String::new(), vec![1]),
            ("bad line stays", "n1 ssh-ed25519 !!\n".into(), "n1 ssh-ed25519 !!\n".into(), vec![]),
        ];
        for (name, before, kept, replaced) in table {
            let (after, accepted) = edit(before.as_bytes(), &host, std::slice::from_ref(&new))
                .unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let wanted = format!("{kept}n1 {}\n", text(&new));
            assert_eq!(String::from_utf8(after).unwrap(), wanted, "{name}");
            assert_eq!(accepted, Accepted { added: 1, replaced }, "{name}");
        }
    }

    #[test]
    fn what_is_there_already_stays_as_it_is() {
        let (a, b) = (key(1), key(2));
        let before = format!("n1,n2 {} kept\nn1 {}\n", text(&a), text(&b));
        let host = HostName::new("n1", 22);
        let (after, accepted) = edit(before.as_bytes(), &host, &[a, b]).unwrap();
        assert_eq!(String::from_utf8(after).unwrap(), before);
        assert_eq!(accepted, Accepted::default());
    }

    #[test]
    fn a_revoked_key_is_never_accepted() {
        let k = key(1);
        let before = format!("@revoked * {}\n", text(&k));
        let refused = edit(before.as_bytes(), &HostName::new("n1", 22), &[k]);
        assert!(
            matches!(refused, Err(EditError::Refused(KnownHostsError::Revoked { line: 1, .. }))),
            "{refused:?}"
        );
    }
}

//! NUT's files on this host. Read only when somebody asks.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::model::power::NutHost;

/// Where Debian's upsmon puts the flag unless its configuration says otherwise.
const FLAG: &str = "/etc/killpower";

/// Debian's hook, called by systemd-shutdown(8) with the verb, for a reboot too.
const HOOKS: [&str; 2] =
    ["/lib/systemd/system-shutdown/nutshutdown", "/usr/lib/systemd/system-shutdown/nutshutdown"];

/// Reads what is there.
pub fn nut_host() -> NutHost {
    below(Path::new("/"))
}

fn below(root: &Path) -> NutHost {
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    let mut unread = Vec::new();
    let mut read = |path: &str| -> String {
        match fs::read_to_string(at(path)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                unread.push(format!("{path}: {error}"));
                String::new()
            }
        }
    };
    let mode = value(&read("/etc/nut/nut.conf"), "MODE", '=');
    let sections = sections(&read("/etc/nut/ups.conf"));
    let flag = value(&read("/etc/nut/upsmon.conf"), "POWERDOWNFLAG", ' ');
    let flag = flag.unwrap_or_else(|| FLAG.to_owned());
    NutHost {
        mode,
        sections,
        flag: at(&flag).exists().then_some(flag),
        hook: HOOKS.iter().map(|hook| at(hook)).any(|hook: PathBuf| hook.exists()),
        unread,
    }
}

/// The last value of a key, without quotes.
fn value(text: &str, key: &str, separator: char) -> Option<String> {
    let line = |line: &str| {
        let (name, value) = line.trim().split_once(separator)?;
        (name.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
    };
    text.lines().filter_map(line).next_back().filter(|value| !value.is_empty())
}

fn sections(text: &str) -> Vec<String> {
    let name = |line: &str| {
        line.trim().strip_prefix('[')?.split_once(']').map(|(name, _)| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_files_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(below(dir.path()), NutHost::default());
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("etc/nut/nut.conf", "# MODE=netserver\nMODE = none\n");
        put("etc/nut/ups.conf", "maxretry = 3\n[rack]\n\tdriver = x\n#[old]\n [hall]\n");
        put("etc/nut/upsmon.conf", "POWERDOWNFLAG \"/run/nut/killpower\"\n");
        put("etc/killpower", "");
        put("lib/systemd/system-shutdown/nutshutdown", "");
        let found = below(dir.path());
        assert_eq!(found.mode.as_deref(), Some("none"));
        assert_eq!(found.sections, ["rack", "hall"]);
        assert_eq!((found.flag, found.hook), (None, true), "another flag is configured");
        put("run/nut/killpower", "upsmon-shutdown-file");
        assert_eq!(below(dir.path()).flag.as_deref(), Some("/run/nut/killpower"));
    }
}

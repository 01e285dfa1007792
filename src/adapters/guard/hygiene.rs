//! What the answer of the closer look means. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Lines, senseless};
use super::parse::unit_active;
use super::{Reply, words};
use crate::model::facts::{Blind, UnitActive};
use crate::model::hygiene::{DiskFacts, HygieneFacts, ServiceFacts};
use crate::model::ids::BootId;
use crate::model::policy::Needs;

/// What one closer look at a machine says, of which all this was asked.
///
/// # Errors
/// [`Blind`]: `TimedOut` where the answer broke off, `Garbled` where it makes no sense.
pub fn hygiene_facts(reply: &Reply, needs: &Needs) -> Result<HygieneFacts, Blind> {
    let lines = Lines::read(reply, "ananke-hygiene=")?;
    Ok(HygieneFacts {
        boot_id: BootId::new(lines.id("boot_id", 36)?),
        synchronised: match lines.get("synchronised")? {
            "yes" => Some(true),
            "no" => Some(false),
            "unknown" => None,
            _ => return Err(senseless("synchronised")),
        },
        default_route: match lines.get("default_route")? {
            "yes" => true,
            "no" => false,
            _ => return Err(senseless("default_route")),
        },
        disks: lines.under("disk.").map(|(at, line)| (at.to_owned(), disk(line))).collect(),
        missing_packages: packages(&lines, needs),
        missing_programs: missing(&lines, "missing.program.", &needs.programs),
        missing_modules: missing(&lines, "missing.module.", &needs.modules),
        idle_services: services(&lines, needs),
    })
}

/// Those of the names that the machine says it lacks.
fn missing(lines: &Lines<'_>, front: &str, asked: &BTreeSet<String>) -> BTreeSet<String> {
    let said = lines.under(front).map(|(name, _)| name);
    said.filter(|name| asked.contains(*name)).map(str::to_owned).collect()
}

/// A package of which dpkg says nothing is not there.
fn packages(lines: &Lines<'_>, needs: &Needs) -> Option<BTreeSet<String>> {
    if lines.optional("packages") == Some("unknown") {
        return None;
    }
    let installed: BTreeSet<&str> = lines
        .under("package.")
        .filter(|(_, status)| *status == "installed")
        .map(|(name, _)| name)
        .collect();
    let gone = needs.packages.iter().filter(|name| !installed.contains(name.as_str()));
    Some(gone.cloned().collect())
}

/// `rw|ro BLOCKS FREE INODES FREE`. A disk that gave no answer must not hide all the rest.
fn disk(line: &str) -> Option<DiskFacts> {
    let fields: Vec<&str> = line.split(' ').collect();
    let &[how, blocks, free, inodes, free_inodes] = fields.as_slice() else { return None };
    let read_only = match how {
        "ro" => true,
        "rw" => false,
        _ => return None,
    };
    let free = percent(free.parse().ok()?, blocks.parse().ok()?)?;
    // btrfs and their like have none, and print `-` or 0.
    let inodes = free_inodes.parse().ok().zip(inodes.parse().ok());
    Some(DiskFacts {
        read_only,
        free,
        free_inodes: inodes.and_then(|(free, all)| percent(free, all)),
    })
}

fn percent(part: u64, of: u64) -> Option<u8> {
    u8::try_from(part.checked_mul(100)?.checked_div(of)?.min(100)).ok()
}

/// `LoadState ActiveState Result`. Only those are kept that do not run.
fn services(lines: &Lines<'_>, needs: &Needs) -> Option<BTreeMap<String, ServiceFacts>> {
    if lines.optional("services") == Some("unknown") {
        return None;
    }
    let said: BTreeMap<&str, &str> = lines.under("service.").collect();
    let each = needs.services.iter().map(|name| {
        let full = format!("{name}.service");
        let line = said.get(name.as_str()).or_else(|| said.get(full.as_str()));
        let unread = || ServiceFacts { active: None, result: "no answer to this name".to_owned() };
        (name.clone(), line.and_then(|line| service(line)).unwrap_or_else(unread))
    });
    Some(each.filter(|(_, service)| service.active != Some(UnitActive::Active)).collect())
}

fn service(line: &str) -> Option<ServiceFacts> {
    let mut fields = line.splitn(3, ' ');
    let (load, active, result) = (fields.next()?, fields.next()?, fields.next()?);
    let active = unit_active(active)?;
    Some(match load {
        "loaded" => ServiceFacts { active: Some(active), result: words(result.as_bytes()) },
        other => ServiceFacts { active: None, result: words(other.as_bytes()) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::BlindKind;

    const LOOK: &str = "Welcome!\nananke-hygiene=1\nboot_id=25aa4055-f836-4828-8291-af00e03d980a\n\
        synchronised=no\ndefault_route=yes\ndisk./=rw 1000 200 100 5\ndisk./data=ro 1000 0 0 -\n\
        missing.module.iscsi_tcp=1\nmissing.module.odd=1\nmissing.program.iscsiadm=1\n\
        service.iscsid.service=loaded failed start-limit-hit\n\
        service.a.socket=loaded active success\n\
        service.b.service=not-found inactive success\npackage.dmsetup=installed\n\
        package.cryptsetup=config-files\npackages=asked\nend=1\n";

    fn needs() -> Needs {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Needs {
            packages: set(&["cryptsetup", "dmsetup", "nfs-common"]),
            programs: set(&["iscsiadm", "mount.nfs"]),
            modules: set(&["iscsi_tcp", "nfs"]),
            services: set(&["iscsid", "a.socket", "b"]),
        }
    }

    fn read(text: &str) -> Result<HygieneFacts, Blind> {
        let reply = Reply { status: Some(0), stdout: text.into(), stderr: Vec::new() };
        hygiene_facts(&reply, &needs())
    }

    #[test]
    fn what_is_amiss_is_read_and_what_is_well_is_left_out() {
        let facts = read(LOOK).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let disk = |read_only, free, free_inodes| Some(DiskFacts { read_only, free, free_inodes });
        assert_eq!(facts.disks["/"], disk(false, 20, Some(5)));
        assert_eq!(facts.disks["/data"], disk(true, 0, None));
        assert_eq!(facts.missing_packages, Some(set(&["cryptsetup", "nfs-common"])));
        assert_eq!(facts.missing_programs, set(&["iscsiadm"]));
        assert_eq!(facts.missing_modules, set(&["iscsi_tcp"]), "nobody asked for the other");
        let idle = facts.idle_services.as_ref().unwrap();
        assert_eq!(idle.keys().collect::<Vec<_>>(), ["b", "iscsid"]);
        assert_eq!((idle["b"].active, idle["b"].result.as_str()), (None, "not-found"));
        assert_eq!(idle["iscsid"].active, Some(UnitActive::Failed));
        assert_eq!((facts.synchronised, facts.is_good()), (Some(false), false));
    }

    #[test]
    fn what_nobody_could_say_is_unknown_and_half_an_answer_none() {
        let blind = LOOK.replace("packages=asked", "packages=unknown");
        assert_eq!(read(&blind).unwrap().missing_packages, None);
        let blind = LOOK.replace("end=1", "services=unknown\nend=1");
        assert_eq!(read(&blind).unwrap().idle_services, None);
        for (old, new) in [("rw 1000 200 100 5", "unknown"), ("rw 1000 200", "rw 0 200")] {
            assert_eq!(read(&LOOK.replace(old, new)).unwrap().disks["/"], None);
        }
        for (old, new) in [("b.service", "c.service"), ("loaded active", "loaded dancing")] {
            let facts = read(&LOOK.replace(old, new)).unwrap();
            assert!(facts.idle_services.unwrap().values().any(|it| it.result.starts_with("no ")));
        }
        use BlindKind::{Garbled, TimedOut};
        let table = [
            ("end=1\n", "", TimedOut),
            ("ananke-hygiene=1", "", Garbled),
            ("synchronised=no", "synchronised=maybe", Garbled),
            ("default_route=yes", "", Garbled),
        ];
        for (old, new, kind) in table {
            assert!(LOOK.contains(old), "{old}");
            assert_eq!(read(&LOOK.replace(old, new)).unwrap_err().kind, kind, "{old} -> {new}");
        }
    }
}

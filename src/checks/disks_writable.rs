use super::{AskMissing, Check, no_grace};
use crate::model::hygiene::{DiskFacts, HygieneFacts};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("disks-writable"),
    title: "The node's file systems take writes and have room",
    evidence: "how the kernel has mounted them now, and what statfs says is free; after an error \
               a file system becomes read-only by itself",
    grace: no_grace,
    missing: AskMissing::Skip,
    // Nothing is deleted, and nothing is remounted over an error.
    person: |_, _| true,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let hosts = &sit.policy.hosts;
    if hosts.disks.is_empty() {
        let why = "hosts.disks is empty: no file system is asked about";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    let verdict = |name| match sit.hygiene(name) {
        Ok(facts) => all(facts, hosts.full_below),
        Err(blind) => Verdict::unknown(format!("nobody could look closer: {blind}")),
    };
    sit.nodes().map(|name| (Target::Machine(name.clone()), verdict(name))).collect()
}

fn all(facts: &HygieneFacts, full_below: u8) -> Verdict {
    let bad = |(folder, disk): (&String, &Option<DiskFacts>)| {
        let why = match disk {
            None => return None,
            Some(disk) if disk.read_only => "is read-only".to_owned(),
            Some(disk) if disk.free < full_below => format!("has {} % free", disk.free),
            Some(disk) => match disk.free_inodes.filter(|free| *free < full_below) {
                Some(free) => format!("has {free} % of its inodes free"),
                None => return None,
            },
        };
        Some(format!("{folder} {why}"))
    };
    let bad: Vec<String> = facts.disks.iter().filter_map(bad).collect();
    let silent = facts.disks.iter().find(|(_, disk)| disk.is_none());
    match (bad.is_empty(), silent) {
        (false, _) => Verdict::fail(bad.join(", ")),
        (true, Some((folder, _))) => Verdict::unknown(format!("{folder} gives no answer")),
        (true, None) => Verdict::Pass,
    }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("df -h; df -i; findmnt -O ro   on {target}"),
        format!("journalctl -k -b -p err   on {target}: why it became read-only; fsck at a reboot"),
        format!("sudo journalctl --vacuum-size=200M   on {target}, if it is full"),
    ]
}

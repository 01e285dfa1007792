use std::collections::BTreeMap;

use super::{AskMissing, Check, no_grace};
use crate::model::ids::{CheckId, MachineName};
use crate::model::policy::{Role, TimeSync};
use crate::model::situation::Situation;
use crate::model::time::{Skew, Span};
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("clock-right"),
    title: "The clocks of all nodes, or of enough servers, are right",
    evidence: "each machine's clock against this host's own, if that is synchronised, and against \
               the median of the other machines that say so; that a machine calls its clock \
               synchronised proves nothing",
    grace: no_grace,
    missing: AskMissing::Skip,
    person: |sit, target| target.machine().is_some_and(|name| ahead(sit, name)),
    judge,
    by_hand,
};

/// How far two clocks may be apart. k3s and etcd bear more; a clock that a time daemon keeps is
/// never so far off, and one that was read over SSH is not known much better.
pub(crate) const APART: Span = Span::secs(2);

/// What a time daemon may take from the boot to a right clock: systemd-timesyncd asks as soon as
/// there is a network, and again after 30 s (systemd-timesyncd.service(8), timesyncd.conf(5)).
const NETWORK_TIME: Span = Span::secs(45);

/// So many machines that agree are a reference. One alone may be the one that is wrong.
const WITNESSES: usize = 2;

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let Some(mode) = sit.policy.time else {
        let why = "startup.time_sync_mode is not set: clocks are not judged";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    };
    let clocks = Clocks::of(sit);
    let each: BTreeMap<&MachineName, Verdict> =
        sit.nodes().map(|name| (name, clocks.judge(sit, name))).collect();
    let whole = enough(sit, mode, &each);
    let machines = each.into_iter().map(|(name, verdict)| (Target::Machine(name.clone()), verdict));
    std::iter::once((Target::Cluster, whole)).chain(machines).collect()
}

/// Whether one machine's clock is proven right.
pub(crate) fn is_right(sit: &Situation<'_>, name: &MachineName) -> bool {
    Clocks::of(sit).judge(sit, name) == Verdict::Pass
}

/// Whether one machine's clock is certainly behind, so that setting it is a step forward.
pub(crate) fn behind(sit: &Situation<'_>, name: &MachineName) -> bool {
    let clocks = Clocks::of(sit);
    let fails = matches!(clocks.judge(sit, name), Verdict::Fail { .. });
    fails && clocks.skew(sit, name).is_some_and(Skew::is_behind)
}

/// Whether there are two references for a machine's clock, and they agree: this host's own,
/// synchronised, and the median of other machines.
pub(crate) fn agreed(sit: &Situation<'_>, name: &MachineName) -> bool {
    let median = Clocks::of(sit).median(name);
    sit.wall_trusted && median.is_some_and(|median| median.apart() <= APART)
}

/// Whether enough clocks are right for k3s to be started anywhere.
fn enough(sit: &Situation<'_>, mode: TimeSync, each: &BTreeMap<&MachineName, Verdict>) -> Verdict {
    let counts = |name: &&MachineName| match mode {
        TimeSync::Strict => !sit.missing.contains_key(*name),
        TimeSync::Quorum(_) => sit.role(name) == Some(Role::Server),
    };
    let of: Vec<&Verdict> =
        each.iter().filter(|(name, _)| counts(name)).map(|(_, verdict)| verdict).collect();
    let good = of.iter().filter(|verdict| ***verdict == Verdict::Pass).count();
    let failed = of.iter().filter(|verdict| matches!(verdict, Verdict::Fail { .. })).count();
    let need = match mode {
        TimeSync::Strict => of.len(),
        TimeSync::Quorum(n) => n.max(sit.policy.quorum()),
    };
    let whose = match mode {
        TimeSync::Strict => "nodes",
        TimeSync::Quorum(_) => "servers",
    };
    let counted = format!("the clocks of {good} of {} {whose} are proven right", of.len());
    if good >= need {
        Verdict::Pass
    } else if of.len() - failed >= need {
        Verdict::unknown(format!("{counted}; {need} must be"))
    } else {
        Verdict::fail(format!("{counted}; {need} must be"))
    }
}

/// The machines whose clocks can be compared.
struct Clocks<'a> {
    /// How far each synchronised machine is ahead of us, in order of that.
    synchronised: Vec<(Skew, &'a MachineName)>,
    /// Where each of them stands in that order.
    places: BTreeMap<&'a MachineName, usize>,
}

impl<'a> Clocks<'a> {
    fn of(sit: &Situation<'a>) -> Self {
        let clock = |name: &'a MachineName| {
            let ahead = sit.host(name).ok()?.clock?.ahead;
            (sit.hygiene(name).ok()?.synchronised == Some(true)).then_some((ahead, name))
        };
        let mut synchronised: Vec<_> = sit.nodes().filter_map(clock).collect();
        synchronised.sort_unstable();
        let places = synchronised.iter().enumerate().map(|(at, (_, name))| (*name, at)).collect();
        Self { synchronised, places }
    }

    /// The median of the others: the machine itself must not move what it is judged by.
    fn median(&self, without: &MachineName) -> Option<Skew> {
        let own = self.places.get(without).copied();
        let others = self.synchronised.len() - usize::from(own.is_some());
        let middle = others / 2;
        let at = middle + usize::from(own.is_some_and(|own| own <= middle));
        let (ahead, _) = self.synchronised.get(at).filter(|_| others >= WITNESSES)?;
        Some(*ahead)
    }

    /// What the machine's clock is compared with.
    fn reference(&self, sit: &Situation<'_>, name: &MachineName) -> Result<Skew, String> {
        match (sit.wall_trusted, self.median(name)) {
            (true, Some(median)) if median.apart() > APART => Err(format!(
                "the clocks of other machines are {median} of this host's: one of both is wrong"
            )),
            (true, _) => Ok(Skew::default()),
            (false, Some(median)) => Ok(median),
            (false, None) => Err(format!(
                "nothing to compare it with: neither this host's clock is synchronised, nor are \
                 those of {WITNESSES} other machines"
            )),
        }
    }

    /// How far the machine's clock is ahead of what it is compared with.
    fn skew(&self, sit: &Situation<'_>, name: &MachineName) -> Option<Skew> {
        let clock = sit.host(name).ok()?.clock?;
        self.reference(sit, name).ok().map(|reference| clock.ahead.from(reference))
    }

    fn judge(&self, sit: &Situation<'_>, name: &MachineName) -> Verdict {
        let host = match sit.host(name) {
            Ok(host) => host,
            Err(blind) => return Verdict::unknown(format!("its clock can't be read: {blind}")),
        };
        let Some(clock) = host.clock else {
            return Verdict::unknown("nobody knows when its clock was read");
        };
        let reference = match self.reference(sit, name) {
            Ok(reference) => reference,
            Err(why) => return Verdict::unknown(why),
        };
        if clock.apart_from(reference) <= APART {
            return Verdict::Pass;
        }
        let why = format!("its clock is {}", clock.ahead.from(reference));
        let answering = sit.passing.answering.get(name).copied().unwrap_or(sit.now);
        let until = answering + NETWORK_TIME;
        let may_come = matches!(sit.hygiene(name), Ok(it) if it.synchronised != Some(true));
        if may_come && sit.now < until {
            return Verdict::Settling { why, until };
        }
        Verdict::fail(why)
    }
}

/// Whether the clock is ahead. Time that steps back under etcd or storage does harm, so a person
/// says when.
fn ahead(sit: &Situation<'_>, name: &MachineName) -> bool {
    Clocks::of(sit).skew(sit, name).is_some_and(|skew| !skew.is_behind())
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.machine() else {
        return vec![
            "timedatectl timesync-status, or chronyc tracking   on each machine".to_owned(),
        ];
    };
    let unit = sit.role(name).and_then(Role::unit).filter(|_| ahead(sit, name));
    let stop = unit
        .map(|unit| format!("sudo systemctl stop {unit}   on {name}, before its time steps back"));
    let daemon = "sudo chronyc makestep, or sudo systemctl restart systemd-timesyncd";
    stop.into_iter().chain([format!("{daemon}   on {name}")]).collect()
}

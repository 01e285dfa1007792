use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::descent::Descent;
use crate::model::ids::{CheckId, MachineName};
use crate::model::intent::Progress;
use crate::model::policy::OwnHost;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("own-host-off"),
    title: "ananke's own host is switched off, where the configuration says so: the last of all",
    evidence: "another boot id than the one in which it was told: what ends with the host can't \
               see that it is off",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge: |sit| vec![(Target::Machine(own(sit)), verdict(sit))],
    by_hand,
};

fn own(sit: &Situation<'_>) -> MachineName {
    MachineName::new(sit.policy.owner.clone())
}

fn verdict(sit: &Situation<'_>) -> Verdict {
    let Some(descent) = sit.descent() else {
        return Verdict::skipped("no way down is remembered");
    };
    // What a battery asks for holds again after the boot, and where this host stayed on.
    let over = sit.durable.intent.progress == Progress::ShutdownComplete;
    let again = over && battery_asks(sit);
    let went_off = descent.host_went_off(&sit.durable.boot);
    if went_off && !again {
        return Verdict::Pass;
    }
    if let Some(why) = why_it_stays(sit, descent) {
        return Verdict::skipped(why);
    }
    if over && !again {
        return Verdict::skipped("the way down is over, and it stayed on");
    }
    if descent.host_told.is_some() && !went_off {
        return Verdict::fail("it was told to switch itself off, and still runs");
    }
    Verdict::fail("it is on, and it is the last")
}

/// Why this host is not switched off. It is when nothing speaks against it, and somebody said so.
fn why_it_stays(sit: &Situation<'_>, descent: &Descent) -> Option<String> {
    let own = own(sit);
    match sit.policy.shutdown.own_host {
        None => {
            let why = "shutdown.own_host does not say that this host switches itself off: by hand";
            return Some(why.to_owned());
        }
        Some(OwnHost::StaysOn) => return Some("shutdown.own_host: stays-on".to_owned()),
        Some(OwnHost::Poweroff) => {}
    }
    if let Some(why) = &descent.host_stays {
        return Some(format!("left on by the one who ordered it (--keep-own-host): {why}"));
    }
    if !sit.durable.intent.scope.concerns(&own) {
        return Some("only a part goes down, and this host looks after the rest".to_owned());
    }
    if let Some(by) = &descent.turn {
        return Some(format!("{by} wants the cluster up again as soon as it is down"));
    }
    descent.vouched.contains(&own).then(|| "a person answered for it".to_owned())
}

/// Whether UPSes wanted it down, here or on another host, and one of this host's has a reason now.
fn battery_asks(sit: &Situation<'_>) -> bool {
    sit.durable.intent.by.is_pressed() && sit.power.going_down().next().is_some()
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        "systemctl list-jobs; journalctl -b -u systemd-logind   what keeps this host from it"
            .to_owned(),
        "sudo systemctl poweroff   when all other machines are off".to_owned(),
        format!("sudo ananke ack {target}   when it may stay on"),
    ]
}

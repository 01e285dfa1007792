//! The canonical words for everything that can be said: for the parser's other direction, for
//! timelines, and for results.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::model::assessment::Phase;
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which, Within};

use super::ast::{
    Act, Alone, Boundary, Doing, Event, Expectation, Life, Need, Scenario, Size, State, Step, What,
    Whose,
};
use super::inside::GIT;

pub(super) fn scenario(it: &Scenario) -> String {
    let mut out = format!("scenario {}\ntitle {}\nsite {}\n", it.name, it.title, it.site);
    match it.alone {
        Some(Alone::Heals) => out.push_str("alone heals\n"),
        Some(Alone::StaysBroken) => out.push_str("alone stays broken\n"),
        None => {}
    }
    for need in &it.needs {
        let _ = writeln!(out, "needs {need}");
    }
    if let Some(speed) = it.speed {
        let _ = writeln!(out, "speed {speed}");
    }
    for setting in &it.settings {
        let _ = writeln!(out, "with {} {}", setting.key, setting.value);
    }
    out.push('\n');
    for step in &it.steps {
        let _ = writeln!(out, "{step}");
    }
    out
}

/// A span in one unit: `90s`, `2m`, `300ms`. Unlike its `Display`, nothing is left out.
pub(super) fn span(span: Span) -> String {
    match span.as_millis() {
        0 => "0s".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

/// The machines, as the object of a sentence.
pub(super) fn which(which: &Which) -> String {
    match which {
        Which::All => "all".to_owned(),
        Which::Servers => "servers".to_owned(),
        Which::Agents => "agents".to_owned(),
        Which::FedBy(ups) => format!("what {ups} feeds"),
        Which::Named(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The word for a phase.
pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Looking => "looking",
        Phase::Recovering => "recovering",
        Phase::Soaking => "soaking",
        Phase::Converged => "converged",
        Phase::Degraded => "degraded",
        Phase::Blocked => "blocked",
        Phase::GoingDown => "going down",
        Phase::Down => "down",
        Phase::Held => "paused",
    }
}

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let one = |n: usize, noun: &str| match n {
            1 => format!("1 {noun}"),
            n => format!("{n} {noun}s"),
        };
        match *self {
            Self::Big => f.write_str("big"),
            Self::Small => f.write_str("small"),
            Self::Of { servers, agents, jump } => {
                write!(f, "{} {}", one(servers, "server"), one(agents, "agent"))?;
                f.write_str(if jump { " behind jump-1" } else { "" })
            }
        }
    }
}

impl Display for Need {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(name) => write!(f, "gate {name}"),
            Self::Verb(name) => write!(f, "command {name}"),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Happens(event) => event.fmt(f),
            Self::Later(after, event) => write!(f, "after {}: {event}", span(*after)),
            Self::Wait(time) => write!(f, "wait {}", span(*time)),
            Self::Expect(expectation) => expectation.fmt(f),
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deed(deed) => deed.fmt(f),
            Self::Ananke(life) => life.fmt(f),
        }
    }
}

impl Display for Deed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOff(on) => write!(f, "power off {}", which(on)),
            Self::PowerOn(on) => write!(f, "power on {}", which(on)),
            Self::BootTakes(on, time) => write!(f, "node {} boots in {}", which(on), span(*time)),
            Self::NeverBoots(on) => write!(f, "node {} never boots", which(on)),
            Self::HangsInPowerOff(on) => write!(f, "node {} hangs in power-off", which(on)),
            Self::BootLoop(on, times) => {
                write!(f, "node {} loses itself {times} times while booting", which(on))
            }
            Self::Freeze(on) => write!(f, "node {} freezes", which(on)),
            Self::Thaw(on) => write!(f, "node {} goes on", which(on)),
            Self::NetCut(on) => write!(f, "network of {} is cut", which(on)),
            Self::NetJoin(on) => write!(f, "network of {} is whole", which(on)),
            Self::ClockLost(on) => write!(f, "clock of {} begins in 1970", which(on)),
            Self::ClockRight(on) => write!(f, "clock of {} is right", which(on)),
            Self::UnitFails(on, unit, times) => {
                write!(f, "unit {unit} on {} fails {times} times", which(on))
            }
            Self::UnitSlow(on, unit, time) => {
                write!(f, "unit {unit} on {} starts in {}", which(on), span(*time))
            }
            Self::UnitNotAtBoot(on, unit) => {
                write!(f, "unit {unit} on {} does not start at boot", which(on))
            }
            Self::UnitStopped(on, unit) => write!(f, "unit {unit} on {} is stopped", which(on)),
            Self::UnitStarted(on, unit) => write!(f, "unit {unit} on {} is started", which(on)),
            Self::KubeletHangs(on) => write!(f, "node {} hangs its kubelet", which(on)),
            Self::KubeletHangsThrough(on, times) => {
                write!(f, "node {} hangs its kubelet through {times} restarts", which(on))
            }
            Self::SudoRefused(on) => write!(f, "sudo on {} is refused", which(on)),
            Self::SudoWorks(on) => write!(f, "sudo on {} works", which(on)),
            Self::HostKeyChanged(on) => write!(f, "host key of {} changes", which(on)),
            Self::ApiDown => f.write_str("the api is down"),
            Self::ApiUp => f.write_str("the api is up"),
            Self::ApiFlaps { up, down } => {
                write!(f, "the api answers for {} and not for {}", span(*up), span(*down))
            }
            Self::Cordon(node) => write!(f, "somebody cordons {node}"),
            Self::Uncordon(node) => write!(f, "somebody uncordons {node}"),
            Self::UpsMains { ups, on: true } => write!(f, "ups {ups} on mains"),
            Self::UpsMains { ups, on: false } => write!(f, "ups {ups} on battery"),
            Self::UpsCharge { ups, percent } => write!(f, "ups {ups} at {percent}%"),
            Self::UpsDriver { ups, on: true } => write!(f, "driver of ups {ups} runs"),
            Self::UpsDriver { ups, on: false } => write!(f, "driver of ups {ups} is dead"),
            Self::UpsSilent { ups, on: true } => write!(f, "ups {ups} is silent"),
            Self::UpsSilent { ups, on: false } => write!(f, "ups {ups} is heard"),
            Self::Inside(within) => within.fmt(f),
        }
    }
}

impl Display for Within {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mute { workload, on: true } if workload == GIT => f.write_str("git is down"),
            Self::Mute { workload, on: false } if workload == GIT => f.write_str("git is up"),
            Self::Mute { workload, on: true } => write!(f, "{workload} answers nobody"),
            Self::Mute { workload, on: false } => write!(f, "{workload} answers again"),
            Self::ImageGone(workload) => write!(f, "nobody has the image of {workload}"),
            Self::Scaled { workload, replicas } => {
                write!(f, "somebody scales {workload} to {replicas}")
            }
            Self::PodsDeleted(workload) => write!(f, "somebody deletes the pods of {workload}"),
            Self::Judges { workload, on: true } => write!(f, "{workload} judges every pod"),
            Self::Judges { workload, on: false } => write!(f, "{workload} judges nothing"),
            Self::KustomizationFails { name, on: true } => write!(f, "kustomization {name} fails"),
            Self::KustomizationFails { name, on: false } => {
                write!(f, "kustomization {name} can be applied")
            }
            Self::FluxBranch(name) => write!(f, "flux follows branch {name}"),
            Self::FluxSuspended(true) => f.write_str("flux is suspended"),
            Self::FluxSuspended(false) => f.write_str("flux is resumed"),
            Self::IngressForgets => f.write_str("the ingress forgets its routes"),
            Self::VaultSeals(true) => f.write_str("the vault needs its key"),
            Self::VaultSeals(false) => f.write_str("the vault opens by itself"),
            Self::VaultUnsealed => f.write_str("somebody unseals the vault"),
            Self::VaultRekeyed => f.write_str("somebody rekeys the vault"),
        }
    }
}

impl Display for Life {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tail = |until: &Option<Boundary>| match until {
            Some(Boundary { name, times }) => format!(" until killed at {name} {times}"),
            None => String::new(),
        };
        match self {
            Self::Runs { verb, until } => write!(f, "ananke runs {}{}", verb.word(), tail(until)),
            Self::Shutdown { flags } if flags.is_empty() => f.write_str("ananke runs shutdown"),
            Self::Shutdown { flags } => write!(f, "ananke runs shutdown with {flags}"),
            Self::RunsAgain { until } => write!(f, "ananke starts again{}", tail(until)),
            Self::Killed => f.write_str("ananke is killed"),
            Self::KilledAtRandom { every, during } => {
                let (every, during) = (span(*every), span(*during));
                write!(f, "ananke is killed at random every {every} for {during}")
            }
            Self::Stopped => f.write_str("ananke is stopped"),
            Self::Paused { by, why } => write!(f, "{by} pauses ananke: {why}"),
            Self::Resumed { by } => write!(f, "{by} resumes ananke"),
            Self::Acked { by, machine } => write!(f, "{by} did their part on {machine}"),
            Self::DiskFull => f.write_str("own disk is full"),
            Self::DiskFree => f.write_str("own disk has room"),
        }
    }
}

impl Display for Expectation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(state) => write!(f, "expect {state}"),
            Self::Within(state, time) => write!(f, "expect {state} within {}", span(*time)),
            Self::Stays(state, time) => write!(f, "expect stays {state} for {}", span(*time)),
            Self::Never(state) => write!(f, "expect never {state}"),
        }
    }
}

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = |is: bool| if is { "" } else { "not " };
        match self {
            Self::Phase(it) => f.write_str(phase(*it)),
            Self::Held { hold, on: Some(on) } => write!(f, "held {hold} on {on}"),
            Self::Held { hold, on: None } => write!(f, "held {hold}"),
            Self::Acted(act) => write!(f, "action {act}"),
            Self::NoAction(Which::All) => f.write_str("no action"),
            Self::NoAction(on) => write!(f, "no action on {}", which(on)),
            Self::Changes { count, on } => {
                let noun = if *count == 1 { "change" } else { "changes" };
                write!(f, "{count} {noun} on {}", which(on))
            }
            Self::Manual { machine, is } => write!(f, "{}manual {machine}", not(*is)),
            Self::Alarm { machine, about } => write!(f, "alarm on {machine} about {about}"),
            Self::Named { gate, machine } => write!(f, "gate {gate} names {machine}"),
            Self::Says { gate, word } => write!(f, "gate {gate} says {word}"),
            Self::Gate { gate, is: true } => write!(f, "gate {gate} open"),
            Self::Gate { gate, is: false } => write!(f, "gate {gate} closed"),
            Self::Cordoned { node, by: Whose::Ananke } => write!(f, "cordoned {node} by ananke"),
            Self::Cordoned { node, by: Whose::Person(by) } => write!(f, "cordoned {node} by {by}"),
            Self::Uncordoned(node) => write!(f, "uncordoned {node}"),
            Self::Ready { nodes, is } => write!(f, "node {} {}ready", which(nodes), not(*is)),
            Self::Running { unit, on, is } => {
                write!(f, "unit {unit} on {} {}running", which(on), not(*is))
            }
            Self::Works { workload, is: true } => write!(f, "{workload} works"),
            Self::Works { workload, is: false } => write!(f, "{workload} does not work"),
            Self::Applied { name, is } => write!(f, "kustomization {name} {}ready", not(*is)),
            Self::Off(on) => write!(f, "node {} off", which(on)),
            Self::Well => f.write_str("well"),
            Self::Broken => f.write_str("broken"),
            Self::Exits(code) => write!(f, "ananke exits {code}"),
            Self::IsKilled => f.write_str("ananke killed"),
            Self::IsRunning => f.write_str("ananke running"),
        }
    }
}

impl Display for Act {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.doing {
            Doing::Start(unit) => write!(f, "start {unit} on {}", self.on),
            Doing::Restart(unit) => write!(f, "restart {unit} on {}", self.on),
            Doing::Clear(unit) => write!(f, "clear {unit} on {}", self.on),
            Doing::Mend => write!(f, "mend {}", self.on),
            Doing::Cordon => write!(f, "cordon {}", self.on),
            Doing::Uncordon => write!(f, "uncordon {}", self.on),
            Doing::Mark => write!(f, "mark {}", self.on),
            Doing::PowerOff => write!(f, "power off {}", self.on),
            Doing::Wake => write!(f, "wake {}", self.on),
            Doing::Anything => write!(f, "on {}", self.on),
        }
    }
}

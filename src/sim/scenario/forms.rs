//! Every sentence that can be said. The parser, `explain scenario` and the documentation are made
//! from these tables; a new sentence is a new row.

use crate::model::assessment::Phase;
use crate::sim::deed::Which;

use super::ast::{Act, Boundary, Doing, Event, Life, State, Whose};
use super::slots::Values;

pub(super) use super::deeds::DEEDS;
pub(super) use super::headers::{HEADERS, Header};
pub(super) use super::inside::INSIDE;

/// One form of a sentence. In a pattern, `a|b` takes either word, and `<...>` is a hole.
#[derive(Debug)]
pub(super) struct Form<T> {
    /// Its words and holes.
    pub(super) pattern: &'static str,
    /// What it means, as a sentence.
    pub(super) means: &'static str,
    /// One of its kind, in canonical words.
    pub(super) example: &'static str,
    /// What comes of it.
    pub(super) build: fn(&mut Values) -> Option<T>,
}

/// A row of a table.
pub(super) const fn form<T>(
    pattern: &'static str,
    means: &'static str,
    example: &'static str,
    build: fn(&mut Values) -> Option<T>,
) -> Form<T> {
    Form { pattern, means, example, build }
}

fn boundary(it: &mut Values) -> Option<Boundary> {
    Some(Boundary { name: it.word()?, times: it.number().filter(|times| *times > 0)? })
}

/// What becomes of ananke itself, and what a person tells it.
pub(super) static LIVES: &[Form<Event>] = &[
    form(
        "ananke runs <command>",
        "It is started with --execute. While a daemon runs, the others hand it their order.",
        "ananke runs startup",
        |it| Some(Event::Ananke(Life::Runs { verb: it.verb()?, until: None })),
    ),
    form(
        "ananke runs <command> until killed at <boundary> <count>",
        "The same, and it dies when it gets to this boundary of its loop for the so-manieth time.",
        "ananke runs startup until killed at written 2",
        |it| Some(Event::Ananke(Life::Runs { verb: it.verb()?, until: Some(boundary(it)?) })),
    ),
    form(
        "ananke runs shutdown",
        "It is told to bring the cluster down; the machines stay on.",
        "ananke runs shutdown",
        |_| Some(Event::Ananke(Life::Shutdown { flags: String::new() })),
    ),
    form(
        "ananke runs shutdown with <text>",
        "The same, with these flags of the command.",
        "ananke runs shutdown with --mode poweroff --skip-drain",
        |it| Some(Event::Ananke(Life::Shutdown { flags: it.word()? })),
    ),
    form(
        "ananke starts again",
        "It is started as it was the last time.",
        "ananke starts again",
        |_| Some(Event::Ananke(Life::RunsAgain { until: None })),
    ),
    form(
        "ananke starts again until killed at <boundary> <count>",
        "The same, and it dies there.",
        "ananke starts again until killed at acted 1",
        |it| Some(Event::Ananke(Life::RunsAgain { until: Some(boundary(it)?) })),
    ),
    form("ananke is killed", "As kill -9 does.", "ananke is killed", |_| {
        Some(Event::Ananke(Life::Killed))
    }),
    form(
        "ananke is killed at random every <time> for <time>",
        "Killed at moments that the seed gives, and started again each time.",
        "ananke is killed at random every 40s for 5m",
        |it| Some(Event::Ananke(Life::KilledAtRandom { every: it.time()?, during: it.time()? })),
    ),
    form("ananke is stopped", "As the service manager ends it.", "ananke is stopped", |_| {
        Some(Event::Ananke(Life::Stopped))
    }),
    form(
        "<word> pauses ananke : <text>",
        "A person says stop, with the reason.",
        "brad pauses ananke: looking at the switch",
        |it| Some(Event::Ananke(Life::Paused { by: it.word()?, why: it.word()? })),
    ),
    form("<word> resumes ananke", "A person lets it go on.", "brad resumes ananke", |it| {
        Some(Event::Ananke(Life::Resumed { by: it.word()? }))
    }),
    form(
        "<word> did their part on <machine>",
        "A person acknowledges a machine (`ananke ack`).",
        "brad did their part on titan-04",
        |it| Some(Event::Ananke(Life::Acked { by: it.word()?, machine: it.machine()? })),
    ),
    form("own disk is full", "ananke's state can't be written.", "own disk is full", |_| {
        Some(Event::Ananke(Life::DiskFull))
    }),
    form("own disk has room", "It can be written again.", "own disk has room", |_| {
        Some(Event::Ananke(Life::DiskFree))
    }),
];

fn acted(doing: Doing, it: &mut Values) -> Option<State> {
    Some(State::Acted(Act { doing, on: it.machine()? }))
}

fn whose(name: String) -> Whose {
    if name == "ananke" { Whose::Ananke } else { Whose::Person(name) }
}

/// What may be expected.
pub(super) static STATES: &[Form<State>] = &[
    form(
        "converged",
        "ananke says that everything is proven good, and it is true.",
        "converged",
        |_| Some(State::Phase(Phase::Converged)),
    ),
    form("degraded", "The same, without machines that had their time.", "degraded", |_| {
        Some(State::Phase(Phase::Degraded))
    }),
    form("blocked", "ananke did what it may; a person is needed.", "blocked", |_| {
        Some(State::Phase(Phase::Blocked))
    }),
    form("recovering", "ananke works on something, or waits for it.", "recovering", |_| {
        Some(State::Phase(Phase::Recovering))
    }),
    form("soaking", "Everything is good, but not for long enough.", "soaking", |_| {
        Some(State::Phase(Phase::Soaking))
    }),
    form("looking", "ananke knows too little to say.", "looking", |_| {
        Some(State::Phase(Phase::Looking))
    }),
    form("going down", "ananke works on the way down, or waits for it.", "going down", |_| {
        Some(State::Phase(Phase::GoingDown))
    }),
    form("down", "Everything that was wanted down is down.", "down", |_| {
        Some(State::Phase(Phase::Down))
    }),
    form("paused", "A person wants nothing to be changed.", "paused", |_| {
        Some(State::Phase(Phase::Held))
    }),
    form("held <hold>", "Something is held back for this reason.", "held too-few-servers", |it| {
        Some(State::Held { hold: it.word()?, on: None })
    }),
    form("held <hold> on <machine>", "On this machine.", "held storm on titan-04", |it| {
        Some(State::Held { hold: it.word()?, on: Some(it.machine()?) })
    }),
    form(
        "action start <unit> on <machine>",
        "ananke has begun this since the scenario began.",
        "action start k3s-agent on titan-04",
        |it| it.unit().and_then(|unit| acted(Doing::Start(unit), it)),
    ),
    form(
        "action restart <unit> on <machine>",
        "As above.",
        "action restart k3s-agent on titan-04",
        |it| it.unit().and_then(|unit| acted(Doing::Restart(unit), it)),
    ),
    form(
        "action clear <unit> on <machine>",
        "As above: its failed state.",
        "action clear k3s-agent on titan-04",
        |it| it.unit().and_then(|unit| acted(Doing::Clear(unit), it)),
    ),
    form(
        "action mend <machine>",
        "As above: its clock, a module, a service or a package.",
        "action mend titan-09",
        |it| acted(Doing::Mend, it),
    ),
    form("action cordon <machine>", "As above.", "action cordon titan-04", |it| {
        acted(Doing::Cordon, it)
    }),
    form("action uncordon <machine>", "As above.", "action uncordon titan-04", |it| {
        acted(Doing::Uncordon, it)
    }),
    form("action mark <machine>", "As above: for a person.", "action mark titan-04", |it| {
        acted(Doing::Mark, it)
    }),
    form(
        "action power off <machine>",
        "As above: it is told to switch itself off.",
        "action power off titan-04",
        |it| acted(Doing::PowerOff, it),
    ),
    form(
        "action wake <machine>",
        "As above: what switches it on was asked to.",
        "action wake titan-04",
        |it| acted(Doing::Wake, it),
    ),
    form("action on <machine>", "Any of these, but the mark.", "action on titan-04", |it| {
        acted(Doing::Anything, it)
    }),
    form(
        "no action",
        "ananke has repaired nothing; a mark for a person is no repair.",
        "no action",
        |_| Some(State::NoAction(Which::All)),
    ),
    form("no action on <machines>", "Nothing on these.", "no action on servers", |it| {
        Some(State::NoAction(it.machines()?))
    }),
    form(
        "<count> change|changes on <machines>",
        "So often did the guards of these change something for ananke, all together.",
        "1 change on titan-04",
        |it| Some(State::Changes { count: it.number()?, on: it.machines()? }),
    ),
    form("manual <machine>", "It waits for a person.", "manual titan-04", |it| {
        Some(State::Manual { machine: it.machine()?, is: true })
    }),
    form("not manual <machine>", "It does not.", "not manual titan-04", |it| {
        Some(State::Manual { machine: it.machine()?, is: false })
    }),
    form(
        "alarm on <machine> about <word>",
        "ananke is at its end with it, and this word is in what it says.",
        "alarm on titan-04 about sudo",
        |it| Some(State::Alarm { machine: it.machine()?, about: it.word()? }),
    ),
    form(
        "gate <word> names <machine>",
        "This gate says that something is not good there.",
        "gate time names titan-09",
        |it| Some(State::Named { gate: it.word()?, machine: it.machine()? }),
    ),
    form(
        "gate <word> says <word>",
        "This word is in what the gate says of something that is not proven good.",
        "gate kustomizations says flux-system",
        |it| Some(State::Says { gate: it.word()?, word: it.word()? }),
    ),
    form(
        "gate <word> open",
        "Everything passes there, or what is missing had its time.",
        "gate ingress open",
        |it| Some(State::Gate { gate: it.word()?, is: true }),
    ),
    form("gate <word> closed", "It is not open, or was left out.", "gate ingress closed", |it| {
        Some(State::Gate { gate: it.word()?, is: false })
    }),
    form(
        "cordoned <machine> by <word>",
        "It takes no new pods: `ananke` did it, or some person.",
        "cordoned titan-05 by brad",
        |it| Some(State::Cordoned { node: it.machine()?, by: whose(it.word()?) }),
    ),
    form("uncordoned <machine>", "It takes new pods.", "uncordoned titan-05", |it| {
        Some(State::Uncordoned(it.machine()?))
    }),
    form(
        "node|nodes <machines> ready",
        "Ready, by a heartbeat of the boot that runs.",
        "node titan-04 ready",
        |it| Some(State::Ready { nodes: it.machines()?, is: true }),
    ),
    form(
        "node|nodes <machines> not ready",
        "Not all of them are.",
        "node titan-04 not ready",
        |it| Some(State::Ready { nodes: it.machines()?, is: false }),
    ),
    form("node|nodes <machines> off", "No kernel runs there.", "node titan-04 off", |it| {
        Some(State::Off(it.machines()?))
    }),
    form(
        "unit <unit> on <machines> running",
        "systemd says active.",
        "unit k3s on servers running",
        |it| Some(State::Running { unit: it.unit()?, on: it.machines()?, is: true }),
    ),
    form(
        "unit <unit> on <machines> not running",
        "On none of them.",
        "unit k3s-agent on titan-04 not running",
        |it| Some(State::Running { unit: it.unit()?, on: it.machines()?, is: false }),
    ),
    form(
        "<word> works",
        "It does its work inside the cluster, and so does what it needs: `gitea`, `postgres`.",
        "gitea works",
        |it| Some(State::Works { workload: it.word()?, is: true }),
    ),
    form(
        "<word> does not work",
        "It does not, whatever its status says.",
        "gitea does not work",
        |it| Some(State::Works { workload: it.word()?, is: false }),
    ),
    form(
        "kustomization <word> ready",
        "The API says so, which may be from before the outage.",
        "kustomization git ready",
        |it| Some(State::Applied { name: it.word()?, is: true }),
    ),
    form(
        "kustomization <word> not ready",
        "It says something else.",
        "kustomization git not ready",
        |it| Some(State::Applied { name: it.word()?, is: false }),
    ),
    form(
        "well",
        "The API answers and every node is Ready in its boot, whatever ananke says.",
        "well",
        |_| Some(State::Well),
    ),
    form("broken", "It is not well.", "broken", |_| Some(State::Broken)),
    form("ananke exits <count>", "It ended, with this code.", "ananke exits 4", |it| {
        Some(State::Exits(u8::try_from(it.number()?).ok()?))
    }),
    form("ananke killed", "It was killed.", "ananke killed", |_| Some(State::IsKilled)),
    form("ananke running", "It runs.", "ananke running", |_| Some(State::IsRunning)),
];

/// How time passes and how a state is expected. Patterns of sentences with others inside.
pub(super) static FRAMES: &[(&str, &str, &str)] = &[
    ("wait <time>", "Nothing is done for so long.", "wait 30s"),
    (
        "after <time>: <event>",
        "It happens so long from now, while the steps after it go on.",
        "after 2m: power on all",
    ),
    ("expect <state>", "It is so now.", "expect no action on titan-05"),
    ("expect <state> within <time>", "It becomes so.", "expect converged within 8m"),
    (
        "expect stays <state> for <time>",
        "It is so, and goes on being so.",
        "expect stays broken for 10m",
    ),
    (
        "expect never <state>",
        "From here to the end it is not so at any moment that is seen.",
        "expect never action cordon titan-05",
    ),
];

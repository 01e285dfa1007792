//! A scenario as the parser gives it: typed, with line numbers.

use std::fmt;

use crate::model::assessment::Phase;
use crate::model::facts::Unit;
use crate::model::ids::MachineName;
use crate::model::tick::Verb;
use crate::model::time::Span;
use crate::sim::deed::{Deed, Which};

/// A fate, from its first line to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The name by which it is called. That of its file.
    pub name: String,
    /// What happens, in one sentence.
    pub title: String,
    /// What it happens to.
    pub site: Size,
    /// What becomes of it without ananke, where that is known.
    pub alone: Option<Alone>,
    /// Capabilities without which it can't be run. It is "not built yet" while one is missing.
    pub needs: Vec<Need>,
    /// How many seconds of the site pass in one real second where time is scaled. None: the
    /// driver's own.
    pub speed: Option<u32>,
    /// Settings of ananke that differ from the driver's own, in order.
    pub settings: Vec<Setting>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// Whether it says what a low battery does. Then whoever plays it tells ananke what feeds the
    /// machines of his site, and how they are switched on: that differs from site to site.
    pub fn arms_power(&self) -> bool {
        self.settings.iter().any(|setting| setting.key == "power.on_low")
    }
}

/// The site that a scenario needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Three servers and 22 agents, the cluster of the map.
    Big,
    /// Three servers and one agent, for quick looks.
    Small,
    /// So many. Runs on any real site with exactly these servers and at least these agents.
    Of {
        /// Servers.
        servers: usize,
        /// Agents.
        agents: usize,
        /// Whether ananke reaches them through a machine of its own, `jump-1`.
        jump: bool,
    },
}

/// What becomes of a site that is left to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// It is well again after a while.
    Heals,
    /// It never is.
    StaysBroken,
}

/// A capability of ananke that a scenario needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A gate of the way up.
    Gate(String),
    /// A command.
    Verb(String),
}

/// `with nodes.patience 15s`: a key of the configuration and its value, both as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `group.key`, or a key of the top.
    pub key: String,
    /// A YAML value.
    pub value: String,
}

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line of the file, from 1.
    pub line: usize,
    /// What it says.
    pub what: What,
}

/// What a sentence says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Something happens, at once.
    Happens(Event),
    /// `after 2m: ...`: it happens so long from now, while the steps after it go on.
    Later(Span, Event),
    /// Nothing happens for so long.
    Wait(Span),
    /// Something must be so.
    Expect(Expectation),
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// To the site.
    Deed(Deed),
    /// To ananke, or by its hand on the command line.
    Ananke(Life),
}

/// What becomes of ananke itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// It is started, and told to act.
    Runs {
        /// As which command.
        verb: Verb,
        /// Where it dies, if it is meant to.
        until: Option<Boundary>,
    },
    /// `shutdown --execute`, with these flags besides.
    Shutdown {
        /// As on the command line; none at all is the command's own default.
        flags: String,
    },
    /// It is started as it was the last time.
    RunsAgain {
        /// Where it dies, if it is meant to.
        until: Option<Boundary>,
    },
    /// `kill -9`.
    Killed,
    /// Killed at random moments, about this often, for so long; each time it is started again.
    KilledAtRandom {
        /// The mean time between two deaths.
        every: Span,
        /// For so long.
        during: Span,
    },
    /// It is asked to end, as the service manager asks.
    Stopped,
    /// A person says stop.
    Paused {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// A person lets it go on.
    Resumed {
        /// Who.
        by: String,
    },
    /// A person did their part for this machine.
    Acked {
        /// Who.
        by: String,
        /// What for.
        machine: MachineName,
    },
    /// The file system with ananke's state takes nothing more.
    DiskFull,
    /// It takes more again.
    DiskFree,
}

/// A named boundary of ananke's loop at which it dies, the `times`-th time that it gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// One of [`BOUNDARIES`].
    pub name: String,
    /// From 1.
    pub times: u32,
}

/// The boundaries of one tick, in their order (`engine::failpoint`).
pub const BOUNDARIES: [&str; 4] = ["decided", "written", "acted", "learned"];

/// Something that must be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// It is so when the step is reached.
    Now(State),
    /// It becomes so within this time.
    Within(State, Span),
    /// It is so when the step is reached, and for so long.
    Stays(State, Span),
    /// From here to the end of the scenario it is never so.
    Never(State),
}

/// What may be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// What ananke says of the cluster. `Converged` must also be true of the machines.
    Phase(Phase),
    /// ananke holds something back for the reason of this name.
    Held {
        /// The name of the reason.
        hold: String,
        /// On which machine, if that matters.
        on: Option<MachineName>,
    },
    /// ananke has done this since the scenario began.
    Acted(Act),
    /// ananke has repaired nothing on these.
    NoAction(Which),
    /// Machines were changed so often by ananke's hand, as their guards saw it.
    Changes {
        /// How often, all together.
        count: u32,
        /// Which.
        on: Which,
    },
    /// The machine waits for a person, or does not.
    Manual {
        /// Which.
        machine: MachineName,
        /// Whether.
        is: bool,
    },
    /// ananke is at its end with a machine, and its words about it have these.
    Alarm {
        /// Which.
        machine: MachineName,
        /// Any case.
        about: String,
    },
    /// A gate says that something is not good on a machine.
    Named {
        /// Which gate.
        gate: String,
        /// Which machine.
        machine: MachineName,
    },
    /// A gate has no proof for something, and this word is in what it says of it.
    Says {
        /// Which gate.
        gate: String,
        /// In what it names or why, any case.
        word: String,
    },
    /// A gate is open, or is not, whatever keeps it.
    Gate {
        /// Which gate.
        gate: String,
        /// Whether.
        is: bool,
    },
    /// A node takes no new pods, by whose hand.
    Cordoned {
        /// Which.
        node: MachineName,
        /// Whose.
        by: Whose,
    },
    /// A node takes new pods.
    Uncordoned(MachineName),
    /// Nodes are Ready in the boot that runs, or not all of them are.
    Ready {
        /// Which.
        nodes: Which,
        /// Whether.
        is: bool,
    },
    /// A unit runs on these, or on none of them.
    Running {
        /// The unit.
        unit: Unit,
        /// Where.
        on: Which,
        /// Whether.
        is: bool,
    },
    /// What runs inside the cluster does its work, or does not, whatever its status says.
    Works {
        /// Which workload.
        workload: String,
        /// Whether.
        is: bool,
    },
    /// The API shows a Kustomization as Ready, which may be a status from before the outage.
    Applied {
        /// Which.
        name: String,
        /// Whether.
        is: bool,
    },
    /// No kernel runs on these.
    Off(Which),
    /// The API answers and every node is Ready in the boot that runs, whatever ananke says.
    Well,
    /// It is not so.
    Broken,
    /// ananke ended with this code.
    Exits(u8),
    /// ananke was killed.
    IsKilled,
    /// ananke runs.
    IsRunning,
}

impl State {
    /// Whether it speaks of ananke's own process: nothing of it becomes so when that is gone.
    pub const fn is_of_ananke(&self) -> bool {
        match self {
            Self::Phase(_)
            | Self::Held { .. }
            | Self::Alarm { .. }
            | Self::Named { .. }
            | Self::Says { .. }
            | Self::Gate { .. }
            | Self::Acted(_)
            | Self::Exits(_)
            | Self::IsKilled
            | Self::IsRunning => true,
            Self::NoAction(_)
            | Self::Changes { .. }
            | Self::Manual { .. }
            | Self::Cordoned { .. }
            | Self::Uncordoned(_)
            | Self::Ready { .. }
            | Self::Running { .. }
            | Self::Works { .. }
            | Self::Applied { .. }
            | Self::Off(_)
            | Self::Well
            | Self::Broken => false,
        }
    }
}

/// Whose cordon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// ananke's, to repair the node.
    Ananke,
    /// A person's. Kubernetes keeps no name.
    Person(String),
}

/// A repair, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What is done.
    pub doing: Doing,
    /// On which machine.
    pub on: MachineName,
}

/// What is done in a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// A unit is started.
    Start(Unit),
    /// A unit is restarted.
    Restart(Unit),
    /// The failed state of a unit is cleared.
    Clear(Unit),
    /// Something below Kubernetes is put right.
    Mend,
    /// The node is cordoned.
    Cordon,
    /// The node is given back.
    Uncordon,
    /// The node is marked for a person.
    Mark,
    /// The machine is switched off.
    PowerOff,
    /// The machine is switched on.
    Wake,
    /// Any of these.
    Anything,
}

impl Scenario {
    /// The file as the parser would like it best, without comments. It parses to the same.
    pub fn render(&self) -> String {
        super::render::scenario(self)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

//! Every name in a sentence: to translate it, and to find one that the site does not have.

use crate::config::{Code, Fault, Place, nearest, quoted};
use crate::model::ids::MachineName;
use crate::sim::deed::{Deed, Which};

use super::ast::{Event, Expectation, Life, State, What};
use super::pattern::Word;
use super::roster::Roster;

/// The names in a sentence that the site does not have, at their places.
pub(super) fn strangers(what: &What, here: &[Word<'_>], roster: &Roster) -> Vec<Fault> {
    let mut unknown: Vec<(String, Code)> = Vec::new();
    let mut upses: Vec<String> = Vec::new();
    let mut machine = |name: &mut MachineName| {
        if roster.machine(name).is_none() {
            unknown.push((name.to_string(), Code::UnknownMachine));
        }
    };
    let mut ups = |name: &mut String| {
        if roster.ups(name).is_none() {
            upses.push(name.clone());
        }
    };
    names_in(&mut what.clone(), &mut Naming { name: &mut machine, ups: &mut ups });
    unknown.extend(upses.into_iter().map(|ups| (ups, Code::BadValue)));
    let known_upses = || roster.upses.keys().cloned().chain(PLACES.map(str::to_owned)).collect();
    let fault = |(name, code): (String, Code)| {
        let known: Vec<String> =
            if code == Code::UnknownMachine { roster.names() } else { known_upses() };
        let place = here.iter().find(|word| word.text == name);
        let place = place.map_or(Place::new(0, 0), |word| Place::new(word.start, word.end()));
        let help = match nearest(&name, known.iter().map(String::as_str)) {
            Some(hint) => format!("did you mean `{hint}`?"),
            None if code == Code::UnknownMachine => format!("there are {}", roster.who()),
            None => format!("there are {}", known.join(", ")),
        };
        let message = format!("this site has no {}", quoted(&name));
        Fault::error(code, message).at(place).help(help)
    };
    unknown.into_iter().map(fault).collect()
}

/// The names of UPSes by whom they feed.
pub(super) const PLACES: [&str; 2] = ["server-ups", "agent-ups"];

/// What is done with each name in a sentence.
pub(super) struct Naming<'a> {
    pub(super) name: &'a mut dyn FnMut(&mut MachineName),
    pub(super) ups: &'a mut dyn FnMut(&mut String),
}

impl Naming<'_> {
    fn which(&mut self, which: &mut Which) {
        match which {
            Which::All | Which::Servers | Which::Agents => {}
            Which::FedBy(ups) => (self.ups)(ups),
            Which::Named(names) => names.iter_mut().for_each(&mut *self.name),
        }
    }
}

pub(super) fn names_in(what: &mut What, naming: &mut Naming<'_>) {
    match what {
        What::Happens(event) | What::Later(_, event) => names_in_event(event, naming),
        What::Wait(_) => {}
        What::Expect(
            Expectation::Now(state)
            | Expectation::Within(state, _)
            | Expectation::Stays(state, _)
            | Expectation::Never(state),
        ) => names_in_state(state, naming),
    }
}

fn names_in_event(event: &mut Event, naming: &mut Naming<'_>) {
    match event {
        Event::Deed(deed) => names_in_deed(deed, naming),
        Event::Ananke(Life::Acked { machine, .. }) => (naming.name)(machine),
        Event::Ananke(_) => {}
    }
}

fn names_in_deed(deed: &mut Deed, naming: &mut Naming<'_>) {
    match deed {
        Deed::PowerOff(on)
        | Deed::PowerOn(on)
        | Deed::BootTakes(on, _)
        | Deed::NeverBoots(on)
        | Deed::HangsInPowerOff(on)
        | Deed::BootLoop(on, _)
        | Deed::Freeze(on)
        | Deed::Thaw(on)
        | Deed::NetCut(on)
        | Deed::NetJoin(on)
        | Deed::ClockLost(on)
        | Deed::ClockRight(on)
        | Deed::UnitFails(on, _, _)
        | Deed::UnitSlow(on, _, _)
        | Deed::UnitNotAtBoot(on, _)
        | Deed::UnitStopped(on, _)
        | Deed::UnitStarted(on, _)
        | Deed::KubeletHangs(on)
        | Deed::KubeletHangsThrough(on, _)
        | Deed::SudoRefused(on)
        | Deed::SudoWorks(on)
        | Deed::HostKeyChanged(on) => naming.which(on),
        Deed::ApiDown | Deed::ApiUp | Deed::ApiFlaps { .. } | Deed::Inside(_) => {}
        Deed::Cordon(node) | Deed::Uncordon(node) => (naming.name)(node),
        Deed::UpsMains { ups, .. }
        | Deed::UpsCharge { ups, .. }
        | Deed::UpsDriver { ups, .. }
        | Deed::UpsSilent { ups, .. } => (naming.ups)(ups),
    }
}

fn names_in_state(state: &mut State, naming: &mut Naming<'_>) {
    match state {
        State::Held { on: Some(machine), .. }
        | State::Manual { machine, .. }
        | State::Alarm { machine, .. }
        | State::Named { machine, .. }
        | State::Cordoned { node: machine, .. }
        | State::Uncordoned(machine) => (naming.name)(machine),
        State::Acted(act) => (naming.name)(&mut act.on),
        State::NoAction(on)
        | State::Changes { on, .. }
        | State::Ready { nodes: on, .. }
        | State::Off(on)
        | State::Running { on, .. } => naming.which(on),
        State::Phase(_)
        | State::Held { on: None, .. }
        | State::Says { .. }
        | State::Gate { .. }
        | State::Works { .. }
        | State::Applied { .. }
        | State::Well
        | State::Broken
        | State::Exits(_)
        | State::IsKilled
        | State::IsRunning => {}
    }
}

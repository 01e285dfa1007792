//! Who is who: the names in a scenario, and the machines of the site that it runs on.
//!
//! A machine is called by its name on the map or by its place, `agent-2`. Both mean a place, so
//! that one file runs on machines with other names.

use std::collections::BTreeMap;

use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::sim::deed::Which;
use crate::sim::site::Site;

use super::ast::{Scenario, Size};
use super::names::{Naming, names_in};

/// The machines and UPSes of a site, each in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// `server-1` is the first.
    pub servers: Vec<MachineName>,
    /// `agent-1` is the first.
    pub agents: Vec<MachineName>,
    /// `jump-1`, if ananke goes through one.
    pub jumps: Vec<MachineName>,
    /// What each UPS feeds.
    pub upses: BTreeMap<String, Vec<MachineName>>,
}

/// A name that the site does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this site has no {0}")]
pub struct Stranger(pub String);

impl Size {
    /// The site of the world.
    pub fn site(self) -> Site {
        match self {
            Self::Big => Site::big(),
            Self::Small => Site::small(),
            Self::Of { servers, agents, jump: _ } => Site::of("site", servers, agents),
        }
    }

    /// Who is who on the site of the world.
    pub fn roster(self) -> Roster {
        let mut roster = Roster::of(&self.site());
        if matches!(self, Self::Of { jump: true, .. }) {
            roster.jumps.push(MachineName::fixed("jump-1"));
        }
        roster
    }
}

impl Roster {
    /// Who is who on a site of the world.
    pub fn of(site: &Site) -> Self {
        let with = |role| {
            let those = site.machines.iter().filter(move |(_, spec)| spec.role == role);
            those.map(|(name, _)| name.clone()).collect()
        };
        let fed = |ups: &String| {
            let those = site.machines.iter().filter(|(_, spec)| spec.ups.as_ref() == Some(ups));
            (ups.clone(), those.map(|(name, _)| name.clone()).collect())
        };
        Self {
            servers: with(Role::Server),
            agents: with(Role::Agent),
            jumps: Vec::new(),
            upses: site.upses.keys().map(fed).collect(),
        }
    }

    /// The nodes, servers first.
    pub fn nodes(&self) -> impl Iterator<Item = &MachineName> {
        self.servers.iter().chain(&self.agents)
    }

    /// Every name by which a machine may be called.
    pub fn names(&self) -> Vec<String> {
        let places = self.places().into_iter().map(|(place, _)| place);
        places.chain(self.nodes().map(ToString::to_string)).collect()
    }

    /// Each place with the machine on it.
    fn places(&self) -> Vec<(String, &MachineName)> {
        let mut places = Vec::new();
        for (word, machines) in self.kinds() {
            let named = machines.iter().zip(1..);
            places.extend(named.map(|(machine, at)| (format!("{word}-{at}"), machine)));
        }
        places
    }

    fn kinds(&self) -> [(&'static str, &Vec<MachineName>); 3] {
        [("server", &self.servers), ("agent", &self.agents), ("jump", &self.jumps)]
    }

    /// Who there is, for a message.
    pub(super) fn who(&self) -> String {
        let kinds = self.kinds().into_iter().filter(|(_, machines)| !machines.is_empty());
        let each = kinds.map(|(word, machines)| match &machines[..] {
            [only] => format!("{word}-1 ({only})"),
            [first, .., last] => {
                format!("{word}-1 to {word}-{} ({first} to {last})", machines.len())
            }
            [] => String::new(),
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// The machine that is called so here.
    pub fn machine(&self, name: &MachineName) -> Option<&MachineName> {
        let by_place = || {
            let places = self.places();
            places.into_iter().find(|(place, _)| place == name.as_str()).map(|(_, it)| it)
        };
        self.nodes().chain(&self.jumps).find(|it| *it == name).or_else(by_place)
    }

    /// The machines that are meant.
    pub fn select(&self, which: &Which) -> Vec<MachineName> {
        match which {
            Which::All => self.nodes().cloned().collect(),
            Which::Servers => self.servers.clone(),
            Which::Agents => self.agents.clone(),
            Which::FedBy(ups) => self.upses.get(ups).cloned().unwrap_or_default(),
            Which::Named(names) => names.clone(),
        }
    }

    /// The UPS that is called so here: by its name, or by whom it feeds.
    pub fn ups(&self, name: &str) -> Option<&String> {
        let feeding = |first: Option<&MachineName>| {
            let first = first?;
            self.upses.iter().find(|(_, fed)| fed.contains(first)).map(|(ups, _)| ups)
        };
        match name {
            "server-ups" => feeding(self.servers.first()),
            "agent-ups" => feeding(self.agents.first()),
            name => self.upses.keys().find(|ups| *ups == name),
        }
    }

    /// The place of a machine, in words that hold on every site.
    fn place(&self, name: &MachineName) -> Option<String> {
        let machine = self.machine(name)?;
        self.places().into_iter().find(|(_, it)| *it == machine).map(|(place, _)| place)
    }

    /// The same UPS in words that hold on every site.
    fn ups_place(&self, name: &str) -> Option<&'static str> {
        let ups = self.ups(name)?;
        ["server-ups", "agent-ups"].into_iter().find(|place| self.ups(place) == Some(ups))
    }
}

impl Scenario {
    /// The scenario with the names of the site that it is to run on.
    ///
    /// # Errors
    /// [`Stranger`]: the site lacks a machine or a UPS that the scenario speaks of.
    pub fn on(&self, roster: &Roster) -> Result<Self, Stranger> {
        let home = self.site.roster();
        let mut scenario = self.clone();
        let mut stranger = None;
        let mut name = |machine: &mut MachineName| {
            let place = home.place(machine).map(MachineName::new);
            match place.as_ref().and_then(|place| roster.machine(place)) {
                Some(found) => *machine = found.clone(),
                None => stranger = Some(Stranger(machine.to_string())),
            }
        };
        let mut unfed = None;
        let mut ups = |ups: &mut String| match home.ups_place(ups).and_then(|it| roster.ups(it)) {
            Some(found) => *ups = found.clone(),
            None => unfed = Some(Stranger(ups.clone())),
        };
        for setting in &mut scenario.settings {
            setting.value = named(&setting.value, &mut |word| {
                let place = home.place(&MachineName::new(word)).map(MachineName::new)?;
                roster.machine(&place).map(ToString::to_string)
            });
        }
        for step in &mut scenario.steps {
            names_in(&mut step.what, &mut Naming { name: &mut name, ups: &mut ups });
        }
        stranger.or(unfed).map_or(Ok(scenario), Err)
    }
}

/// A value of the configuration with each word in it that is a name put into another's place.
fn named(value: &str, other: &mut dyn FnMut(&str) -> Option<String>) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let mut out = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        out.push_str(&other(word).unwrap_or_else(|| word.to_owned()));
        let gap = rest[end..].find(inside).map_or(rest.len(), |gap| end + gap);
        out.push_str(&rest[end..gap]);
        rest = &rest[gap..];
    }
    out
}

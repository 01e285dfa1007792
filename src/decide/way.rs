//! The way that is walked: up, by the gates, or down, by the stages.

use super::Library;
use crate::gates::Gate;
use crate::gates::down::Stage;
use crate::model::ids::GateId;
use crate::model::intent::Desired;
use crate::remedies::Remedy;

/// One gate of the way, with what a stage of the way down says besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) gate: &'static Gate,
    pub(super) stage: Option<&'static Stage>,
}

/// The way to what is wanted, from top to bottom.
#[derive(Debug)]
pub(super) struct Way(Vec<Step>);

impl Way {
    /// The way to what is wanted.
    pub(super) fn to(desired: Desired, library: &Library) -> Self {
        match desired {
            Desired::Up => up(library).collect(),
            Desired::DownClusterOnly | Desired::DownPoweroff => down(library).collect(),
        }
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }

    pub(super) fn gates(&self) -> impl Iterator<Item = &'static Gate> {
        self.0.iter().map(|step| step.gate)
    }

    pub(super) fn gate(&self, id: &GateId) -> Option<&'static Gate> {
        self.gates().find(|gate| gate.id == *id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Step> for Way {
    fn from_iter<T: IntoIterator<Item = Step>>(steps: T) -> Self {
        Self(steps.into_iter().collect())
    }
}

fn up(library: &Library) -> impl Iterator<Item = Step> {
    library.up.iter().map(|gate| Step { gate, stage: None })
}

fn down(library: &Library) -> impl Iterator<Item = Step> {
    library.down.iter().map(|stage| Step { gate: &stage.gate, stage: Some(stage) })
}

/// A gate of either way.
pub(super) fn gate(library: &Library, id: &GateId) -> Option<&'static Gate> {
    up(library).chain(down(library)).map(|step| step.gate).find(|gate| gate.id == *id)
}

/// The remedies of both ways: what was begun on one is verified on the other too.
pub(super) fn remedies(library: &Library) -> impl Iterator<Item = &'static Remedy> {
    up(library).chain(down(library)).flat_map(|step| step.gate.ladder).copied()
}

//! The rules of the way down.

use super::Verifier;
use crate::model::action::Effect;
use crate::model::facts::Unit;
use crate::model::intent::{Desired, Progress};
use crate::model::object::ObjectName;
use crate::model::outcome::ActionResult;
use crate::model::record::LedgerRecord;

impl Verifier<'_> {
    /// The way down: what can't be taken back is noted before it is done, the servers stop in the
    /// order that was written down, and past the point of no return nobody turns round half-way.
    pub(super) fn descent(&mut self, record: &LedgerRecord) {
        self.given_back(record);
        let Some(descent) = &record.memory.descent else { return };
        for action in &record.begin {
            if let Effect::PowerOff { host } = &action.effect
                && descent.past_return.is_none()
            {
                let text = format!("{host} is switched off, and nothing says that this is final");
                self.broken("no-return", text);
            }
            if let Effect::PowerOffHere { host } = &action.effect {
                let noted = descent.host_told.as_ref() == Some(&record.at.boot);
                if !noted || descent.past_return.is_none() {
                    let text = format!("this host, {host}, goes off, and no later boot can say so");
                    self.broken("own-host", text);
                }
            }
            if let Effect::StopUnit { host, unit: Unit::K3s } = &action.effect
                && !descent.servers.contains(host)
            {
                let text = format!("{host} is stopped, and no order of the servers has it");
                self.broken("server-order", text);
            }
            if let Effect::SuspendFlux { object } = &action.effect
                && !descent.suspended.contains(object)
            {
                let text = format!("{object} is suspended, and nothing says so for the way up");
                self.broken("suspended", text);
            }
            if let Effect::EvictPods { node, .. } = &action.effect
                && !descent.drain
            {
                self.broken("drain", format!("{node} is drained against a person's word"));
            }
            if let Effect::EvictPods { node, overruled, .. } = &action.effect
                && !overruled.is_empty()
                && !descent.held.contains_key(node)
            {
                self.broken("drain", format!("budgets are overruled on {node}, and none held"));
            }
            if let Effect::Wake { machine } = &action.effect
                && !descent.up_before.contains_key(machine)
            {
                self.broken("wake", format!("{machine} was not up before the shutdown"));
            }
        }
        let Some(before) = self.before.map(|before| &before.memory) else { return };
        let past = before.descent.as_ref().is_some_and(|it| it.past_return.is_some());
        let asked = before.descent.as_ref().is_some_and(|it| it.turn.is_some());
        let half_way = before.intent.progress == Progress::ShuttingDown
            && before.intent.desired != Desired::Up
            && record.memory.intent.desired == Desired::Up;
        let asked = asked || descent.turn.is_some() || !record.orders.is_empty();
        if past && half_way && !asked {
            self.broken("no-return", "it turns round past the point of no return".to_owned());
        }
    }

    /// What ananke suspended is not forgotten before it is given back.
    fn given_back(&mut self, record: &LedgerRecord) {
        let Some(before) = self.before.map(|before| &before.memory) else { return };
        let Some(descent) = before.descent.as_ref() else { return };
        if record.memory.descent.is_some() {
            return;
        }
        // The last one may be given back by the very record that ends it all.
        let resumed = |object: &&ObjectName| {
            record.outcomes.iter().any(|outcome| {
                let done = matches!(outcome.result, ActionResult::Done | ActionResult::AlreadyDone);
                let effect = before.in_flight.get(&outcome.action).map(|it| &it.action.effect);
                done && matches!(effect, Some(Effect::ResumeFlux { object: it }) if it == *object)
            })
        };
        if let Some(object) = descent.suspended.iter().find(|object| !resumed(object)) {
            self.broken("suspended", format!("{object} is forgotten, and was not resumed"));
        }
    }
}

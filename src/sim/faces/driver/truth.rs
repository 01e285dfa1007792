//! The site as it truly is, for the judge of a scenario and for an onlooker. ananke never sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::adapters::kube::node_facts;
use crate::model::cordon::CordonMark;
use crate::model::facts::{Ready, UnitActive};
use crate::model::ids::MachineName;
use crate::sim::scenario::look::{Body, Node, Truth};
use crate::sim::world::store::Key;
use crate::sim::world::store::kinds::{KUSTOMIZATIONS, NODES};
use crate::sim::world::{ApiDoor, Life, MachineView, World};

/// Reads the truth. Keeps what it read of each node until that is another object.
#[derive(Debug, Default)]
pub(super) struct Eye {
    nodes: BTreeMap<MachineName, (Arc<Value>, Node)>,
}

impl Eye {
    pub(super) fn truth(&mut self, world: &World) -> Truth {
        let names: Vec<MachineName> = world.site().machines.keys().cloned().collect();
        let api = names.iter().any(|name| world.api_door(name) == ApiDoor::Ready);
        let body = |name: MachineName| {
            let view = world.view(&name);
            let active = view.units.values().any(|unit| *unit == UnitActive::Active);
            let body = Body {
                boot_id: view.boot_id,
                active: Some(active),
                node: self.node(world, &name),
                changes: view.changes,
            };
            (name, body)
        };
        let machines = names.into_iter().map(body).collect();
        let works = world.works_of_all().map(|(name, works)| (name.to_owned(), works)).collect();
        let all = world.store().list(&KUSTOMIZATIONS, None);
        let applied = all.map(|(key, object)| (key.name.clone(), is_ready(object))).collect();
        Truth { api, machines, works, applied }
    }

    fn node(&mut self, world: &World, name: &MachineName) -> Option<Node> {
        let object = world.store().get(&Key::global(&NODES, name.as_str()))?;
        if let Some((seen, node)) = self.nodes.get(name)
            && Arc::ptr_eq(seen, object)
        {
            return Some(node.clone());
        }
        let (_, facts) = node_facts(object)?;
        let node = Node {
            ready: facts.ready == Ready::True,
            boot_id: facts.boot_id,
            unschedulable: facts.unschedulable,
            ours: matches!(facts.cordon, CordonMark::Record(_)),
            manual: facts.manual.is_some(),
        };
        self.nodes.insert(name.clone(), (Arc::clone(object), node.clone()));
        Some(node)
    }
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|it| it["type"] == "Ready" && it["status"] == "True")
}

/// Where a machine stands on its way, in one word.
pub fn word(view: &MachineView) -> &'static str {
    match view.life {
        _ if !view.power => "off",
        Life::Off => "dead",
        Life::Firmware { .. } | Life::Kernel { .. } => "booting",
        Life::Stopping { .. } => "stopping",
        Life::Up if view.frozen => "hangs",
        Life::Up if view.cut => "cut off",
        Life::Up => at_work(view),
    }
}

fn at_work(view: &MachineView) -> &'static str {
    match view.units.values().next() {
        None => "up",
        Some(UnitActive::Failed) => "failed",
        Some(UnitActive::Inactive | UnitActive::Deactivating) => "idle",
        Some(UnitActive::Activating) => "starting",
        Some(UnitActive::Active) if view.node_ready && view.cordoned => "cordoned",
        Some(UnitActive::Active) if view.node_ready => "ready",
        Some(UnitActive::Active) => "joining",
    }
}

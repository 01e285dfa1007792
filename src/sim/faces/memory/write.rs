//! Writes to the simulated Kubernetes API, judged and patched as the real writer does it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::json;

use super::hands::MemoryHands;
use super::kinds::served;
use crate::adapters::kube::{
    Change, Doomed, FluxChange, Judgement, LEASE_NAME, LoadChange, Looked, Round, delete_options,
    is_held_by_budget, judge, scaled, unfit_to_evict,
};
use crate::model::action::{Action, Effect, Expect};
use crate::model::ids::MachineName;
use crate::model::object::ObjectName;
use crate::model::outcome::ActionResult;
use crate::model::time::Span;
use crate::ports::Clock;
use crate::sim::world::ApiDoor;
use crate::sim::world::store::kinds::{LEASES, NODES, PODS};
use crate::sim::world::store::{self, Fault, Key, Kind, Part, PatchKind, Writer};

/// The owner of our fields, as in adapters::kube.
const FIELD_MANAGER: &str = "ananke";

/// Between the reading of a node and the writing of its patch.
const ROUND_TRIP: Span = Span::millis(10);

/// Carries out an effect through the API.
pub(super) async fn perform(hands: &MemoryHands, action: &Action) -> ActionResult {
    let server = match hands.eyes.link(|link| link.server()) {
        Ok(server) => server,
        Err(why) => return failed(format!("the API is not there: {why}")),
    };
    if action.effect == Effect::WriteCanary {
        return canary(hands, &server).await;
    }
    if let Effect::EvictPods { node, namespaces, overruled, .. } = &action.effect {
        let named = (namespaces, overruled);
        return evict(hands, &server, node, named, &action.expect).await;
    }
    if let Some((object, change)) = FluxChange::of(&action.effect, &action.owner) {
        return on_flux(hands, &server, object, change).await;
    }
    if let Some((object, change)) = LoadChange::of(&action.effect) {
        return on_load(hands, &server, &object, change).await;
    }
    match Change::of(&action.effect, &action.owner) {
        Some((name, change)) => node(hands, &server, name, change, &action.expect).await,
        None => refused("this is no matter of the Kubernetes API"),
    }
}

/// Reads the node, judges it, and writes the patch.
async fn node(
    hands: &MemoryHands,
    server: &MachineName,
    name: &MachineName,
    change: Change<'_>,
    expect: &Expect,
) -> ActionResult {
    if let Err(gone) = answers(hands, server).await {
        return failed(format!("the node can't be read: {}", gone.words()));
    }
    let key = Key::global(&NODES, name.as_str());
    let Some(object) = hands.stage.with(|world| world.store().get(&key).cloned()) else {
        return refused("there is no such node");
    };
    let patch = match judge(&object, change, expect) {
        Judgement::Already => return ActionResult::AlreadyDone,
        Judgement::Refuse(why) => return refused(why),
        Judgement::Patch(patch) => patch,
    };
    hands.rest(ROUND_TRIP).await;
    if let Err(gone) = answers(hands, server).await {
        return gone.of_a_write();
    }
    let done = hands.stage.touch(|world| {
        let writer = writer(&NODES, "", name.as_str(), world.wall());
        store::patch_object(world.store_mut(), &writer, PatchKind::Json, &patch)
    });
    done.map_or_else(|fault| refusal(&fault), |_| ActionResult::Done)
}

/// Reads an object of Flux, judges it, and writes the patch.
async fn on_flux(
    hands: &MemoryHands,
    server: &MachineName,
    name: &ObjectName,
    change: FluxChange<'_>,
) -> ActionResult {
    if let Err(gone) = answers(hands, server).await {
        return failed(format!("it can't be read: {}", gone.words()));
    }
    let Some(kind) = Looked::find(&name.kind).and_then(served) else {
        return refused("the cluster serves no such object");
    };
    let namespace = name.namespace.as_deref().unwrap_or_default();
    let key = Key::of(kind, namespace, &name.name);
    let Some(object) = hands.stage.with(|world| world.store().get(&key).cloned()) else {
        return refused("it is not there");
    };
    let patch = match change.judge(&object) {
        Judgement::Already => return ActionResult::AlreadyDone,
        Judgement::Refuse(why) => return refused(why),
        Judgement::Patch(patch) => patch,
    };
    hands.rest(ROUND_TRIP).await;
    if let Err(gone) = answers(hands, server).await {
        return gone.of_a_write();
    }
    let done = hands.stage.touch(|world| {
        let writer = writer(kind, namespace, &name.name, world.wall());
        store::patch_object(world.store_mut(), &writer, PatchKind::Merge, &patch)
    });
    done.map_or_else(|fault| refusal(&fault), |_| ActionResult::Done)
}

/// Deletes a pod by its uid, or reads the scale of a workload, judges it, and writes the patch.
async fn on_load(
    hands: &MemoryHands,
    server: &MachineName,
    name: &ObjectName,
    change: LoadChange<'_>,
) -> ActionResult {
    let Some(kind) = Looked::find(&name.kind).and_then(served) else {
        return refused("the cluster serves no such object");
    };
    let namespace = name.namespace.as_deref().unwrap_or_default();
    let replicas = match change {
        LoadChange::Scale(replicas) => replicas,
        LoadChange::Delete(uid) => {
            hands.rest(ROUND_TRIP).await;
            if let Err(gone) = answers(hands, server).await {
                return gone.of_a_write();
            }
            let done = hands.stage.touch(|world| {
                let writer = writer(kind, namespace, &name.name, world.wall());
                store::remove(world.store_mut(), &writer, &delete_options(uid))
            });
            return match done {
                Ok(_) => ActionResult::Done,
                Err(fault) if fault.code == 404 => ActionResult::AlreadyDone,
                Err(fault) => refusal(&fault),
            };
        }
    };
    if let Err(gone) = answers(hands, server).await {
        return failed(format!("it can't be read: {}", gone.words()));
    }
    let read = |world: &crate::sim::world::World| {
        store::scale(world.store(), &writer(kind, namespace, &name.name, world.wall()))
    };
    let patch = match hands.stage.with(|world| read(world)).map(|it| scaled(&it, replicas)) {
        Ok(Judgement::Already) => return ActionResult::AlreadyDone,
        Ok(Judgement::Refuse(why)) => return refused(why),
        Ok(Judgement::Patch(patch)) => patch,
        Err(fault) => return refusal(&fault),
    };
    hands.rest(ROUND_TRIP).await;
    if let Err(gone) = answers(hands, server).await {
        return gone.of_a_write();
    }
    let done = hands.stage.touch(|world| {
        let writer = writer(kind, namespace, &name.name, world.wall());
        store::patch_scale(world.store_mut(), &writer, PatchKind::Merge, &patch)
    });
    done.map_or_else(|fault| refusal(&fault), |_| ActionResult::Done)
}

/// Reads a node and its pods, and asks for one pod after the other; one whose budget refuses and
/// is overruled is deleted.
async fn evict(
    hands: &MemoryHands,
    server: &MachineName,
    node: &MachineName,
    (namespaces, overruled): (&BTreeSet<String>, &BTreeSet<String>),
    expect: &Expect,
) -> ActionResult {
    if let Err(gone) = answers(hands, server).await {
        return failed(format!("the node can't be read: {}", gone.words()));
    }
    let key = Key::global(&NODES, node.as_str());
    let Some(object) = hands.stage.with(|world| world.store().get(&key).cloned()) else {
        return refused("there is no such node");
    };
    if let Some(why) = unfit_to_evict(&object, expect) {
        return refused(why);
    }
    let doomed = hands.stage.with(|world| {
        let pods = world.store().list(&PODS, None).map(|(_, pod)| &**pod);
        let here = pods.filter(|pod| pod["spec"]["nodeName"] == node.as_str());
        Doomed::among(here, namespaces)
    });
    let mut round = Round::default();
    for pod in doomed {
        let overruled = overruled.contains(&pod.namespace);
        if ask(hands, server, &pod, overruled, &mut round).await.is_break() {
            break;
        }
    }
    round.result()
}

/// Asks for one pod.
async fn ask(
    hands: &MemoryHands,
    server: &MachineName,
    pod: &Doomed,
    overruled: bool,
    round: &mut Round,
) -> ControlFlow<()> {
    let mut delete = false;
    loop {
        hands.rest(ROUND_TRIP).await;
        match answers(hands, server).await {
            Err(gone @ Gone::NotSent) => {
                return round.stop(format!("it was not sent: {}", gone.words()));
            }
            Err(gone @ (Gone::Silent(_) | Gone::Error)) => return round.lose(gone.words()),
            Ok(()) => {}
        }
        let done = hands.stage.touch(|world| {
            let writer = writer(&PODS, &pod.namespace, &pod.name, world.wall());
            match delete {
                true => store::remove(world.store_mut(), &writer, &pod.deletion()).map(drop),
                false => store::evict(world.store_mut(), &writer, &pod.body()),
            }
        });
        let Err(fault) = done else { return round.note(pod, 201, &serde_json::Value::Null, "") };
        let (status, words) = (fault.status(), fault.to_string());
        if delete || !(overruled && is_held_by_budget(fault.code, &status, &words)) {
            return round.note(pod, fault.code, &status, &words);
        }
        delete = true;
    }
}

/// Renews our own Lease by server-side apply, without force.
async fn canary(hands: &MemoryHands, server: &MachineName) -> ActionResult {
    if let Err(gone) = answers(hands, server).await {
        return gone.of_a_write();
    }
    let now = hands.stage.clock().now();
    let zoned = now.wall.to_zoned(jiff::tz::TimeZone::UTC);
    let Ok(renewed) = strtime::format("%Y-%m-%dT%H:%M:%S.%6fZ", &zoned) else {
        return failed("the wall clock can't be written".to_owned());
    };
    let namespace = hands.settings.kube.namespace.as_str();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": LEASE_NAME, "namespace": namespace },
        "spec": { "holderIdentity": hands.settings.policy.owner, "renewTime": renewed },
    });
    let applied = hands.stage.touch(|world| {
        let writer = writer(&LEASES, namespace, LEASE_NAME, now.wall);
        store::apply(world.store_mut(), &writer, &lease, false)
    });
    let lease = match applied {
        Ok((lease, _)) => lease,
        Err(fault) => return refusal(&fault),
    };
    let version = lease["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    if hands.eyes.link(|link| link.written(version, now.mono)) {
        ActionResult::Done
    } else {
        failed("the API answered but wrote nothing: its version did not move".to_owned())
    }
}

fn writer<'a>(kind: &'static Kind, namespace: &'a str, name: &'a str, at: Timestamp) -> Writer<'a> {
    Writer { kind, namespace, name, part: Part::Whole, manager: FIELD_MANAGER, at }
}

/// What a refused write says about the write, as the real writer reads it.
fn refusal(fault: &Fault) -> ActionResult {
    match fault.code {
        404 => refused(format!("it is not there: {fault}")),
        409 => refused(format!("it changed meanwhile: {fault}")),
        422 if fault.details.get("name").is_none() => {
            refused("it changed meanwhile: the patch did not apply")
        }
        500.. => ActionResult::Unknown { why: fault.to_string() },
        _ => failed(fault.to_string()),
    }
}

/// No answer to a request.
enum Gone {
    NotSent,
    Silent(Span),
    Error,
}

impl Gone {
    fn words(&self) -> String {
        match self {
            Self::NotSent => "connection refused".to_owned(),
            Self::Silent(limit) => format!("no answer within {} ms", limit.as_millis()),
            Self::Error => format!("503 Service Unavailable: {}", Fault::unavailable().message),
        }
    }

    fn of_a_write(&self) -> ActionResult {
        let words = self.words();
        match self {
            Self::NotSent => failed(format!("it was not sent: {words}")),
            Self::Silent(_) => ActionResult::Unknown { why: format!("no answer came: {words}") },
            // Behind a 5xx etcd may or may not have taken the write.
            Self::Error => ActionResult::Unknown { why: words },
        }
    }
}

/// Whether the server answers requests now. One that is silent costs the request's deadline.
async fn answers(hands: &MemoryHands, server: &MachineName) -> Result<(), Gone> {
    match hands.stage.with(|world| world.api_door(server)) {
        ApiDoor::Ready => Ok(()),
        ApiDoor::NotReady => Err(Gone::Error),
        ApiDoor::Refused => Err(Gone::NotSent),
        ApiDoor::Silent => {
            let limit = hands.settings.kube.request;
            hands.rest(limit).await;
            Err(Gone::Silent(limit))
        }
    }
}

fn refused(why: impl Into<String>) -> ActionResult {
    ActionResult::Refused { why: why.into() }
}

const fn failed(why: String) -> ActionResult {
    ActionResult::Failed { why }
}

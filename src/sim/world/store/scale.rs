//! The door through which only the number of pods of a workload is read and written.

use serde_json::{Value, json};

use super::kinds::{DEPLOYMENTS, REPLICASETS, STATEFULSETS};
use super::patch::{PatchKind, patched};
use super::write::patch_object;
use super::{Fault, Kind, Store, Writer};

/// Whether objects of a kind have a scale.
pub fn has_scale(kind: &Kind) -> bool {
    [&DEPLOYMENTS, &REPLICASETS, &STATEFULSETS].contains(&kind)
}

/// The scale of a workload (`autoscaling/v1`). A number of none is left out, as Go does.
///
/// # Errors
/// 404
pub fn scale(store: &Store, w: &Writer<'_>) -> Result<Value, Fault> {
    let object = w.before(store)?;
    let meta = &object["metadata"];
    let mut scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {},
        "spec": {}, "status": {"replicas": object["status"]["replicas"].as_u64().unwrap_or(0)}});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        scale["metadata"][field] = meta[field].clone();
    }
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    if wanted > 0 {
        scale["spec"]["replicas"] = wanted.into();
    }
    Ok(scale)
}

/// Patches the scale of a workload: of the workload nothing but its number of pods changes.
///
/// # Errors
/// 400, 404, 409 for another version, 422
pub fn patch_scale(
    store: &mut Store,
    w: &Writer<'_>,
    how: PatchKind,
    patch: &Value,
) -> Result<Value, Fault> {
    let before = scale(store, w)?;
    let after = patched(w.kind, &before, how, patch)?;
    let number = &after["spec"]["replicas"];
    let wanted = if number.is_null() { Some(0) } else { number.as_u64() };
    let wanted = wanted.filter(|it| *it <= MOST).ok_or_else(|| {
        let why = format!("Invalid value: {number}: must be a number of pods");
        Fault::invalid(w.kind, w.name, "spec.replicas", "FieldValueInvalid", &why)
    })?;
    let version = &after["metadata"]["resourceVersion"];
    let edit = json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": wanted}});
    patch_object(store, w, PatchKind::Merge, &edit)?;
    scale(store, w)
}

/// The largest number that the API takes (int32).
const MOST: u64 = 2_147_483_647;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{Part, create, kinds};
    use super::*;

    #[test]
    fn a_scale_changes_the_number_of_pods_by_its_version_and_nothing_else() {
        let (mut store, at) = (Store::default(), Timestamp::UNIX_EPOCH);
        let home = Writer {
            kind: &kinds::NAMESPACES,
            namespace: "",
            name: "",
            part: Part::Whole,
            manager: "t",
            at,
        };
        create(&mut store, &home, &json!({"metadata": {"name": "apps"}})).expect("new");
        let w = Writer { kind: &DEPLOYMENTS, namespace: "apps", ..home };
        let body = json!({"metadata": {"name": "web"}, "spec": {"replicas": 0, "paused": true}});
        create(&mut store, &w, &body).expect("new");
        let w = Writer { name: "web", ..w };
        let before = scale(&store, &w).expect("there");
        assert_eq!(before["spec"], json!({}), "none is left out");
        let mut edit = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}});
        let stale = patch_scale(&mut store, &w, PatchKind::Merge, &edit).expect_err("stale");
        assert_eq!(stale.code, 409);
        edit["metadata"] = json!({"resourceVersion": before["metadata"]["resourceVersion"]});
        let after = patch_scale(&mut store, &w, PatchKind::Merge, &edit).expect("present");
        assert_eq!(after["spec"]["replicas"], 3);
        let object = store.get(&w.key()).expect("there");
        assert_eq!(object["spec"], json!({"replicas": 3, "paused": true}));
        assert_eq!(object["metadata"]["generation"], 2, "its controller has something to do");
        let none = json!({"spec": {"replicas": -1}});
        let refused = patch_scale(&mut store, &w, PatchKind::Merge, &none).expect_err("negative");
        assert_eq!(refused.code, 422);
    }
}

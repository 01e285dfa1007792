//! The CustomResourceDefinition, made from the types: `ananke crd`, and the file in `crds/`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::model::recovery_status::{
    CATEGORY, COLUMNS, Column, GROUP, KIND, PLURAL, SHORT, SINGULAR, Spec, Status, VERSION,
};

/// The formats that the API server knows.
const FORMATS: [&str; 3] = ["date-time", "int32", "int64"];

/// The definition, for the API server.
pub fn crd() -> Value {
    let mut status = schema::<Status>();
    // kstatus takes an object without status for finished. This default makes it unfinished
    // until ananke has answered.
    status["default"] = json!({ "observedGeneration": -1 });
    let columns: Vec<Value> = COLUMNS.iter().map(column).collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{PLURAL}.{GROUP}") },
        "spec": {
            "group": GROUP,
            "names": {
                "plural": PLURAL,
                "singular": SINGULAR,
                "kind": KIND,
                "listKind": format!("{KIND}List"),
                "shortNames": [SHORT],
                "categories": [CATEGORY],
            },
            "scope": "Cluster",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns,
                "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "description": "How the cluster comes through a power failure, as ananke sees \
                        it. ananke makes the one object, named after the cluster, and writes its \
                        status; it does not belong into git.",
                    "properties": {
                        "apiVersion": { "type": "string" },
                        "kind": { "type": "string" },
                        "metadata": { "type": "object" },
                        "spec": schema::<Spec>(),
                        "status": status,
                    },
                } },
            }],
        },
    })
}

/// The same as YAML, with a first line that says where it comes from.
pub fn crd_yaml() -> String {
    let body = serde_saphyr::to_string(&crd()).unwrap_or_default();
    format!("# Made by `ananke crd`; the gate fails if it differs.\n{body}")
}

fn column(column: &Column) -> Value {
    let mut shown = json!({ "name": column.name, "type": column.kind, "jsonPath": column.path });
    if column.wide {
        shown["priority"] = json!(1);
    }
    shown
}

/// The structural schema of a type: what Kubernetes takes of JSON schema.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    structural(&mut schema);
    schema
}

/// Takes out what the API server refuses or would act on: null as a type (a field that is not
/// there is left out), titles, defaults, and formats that it does not know.
fn structural(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for gone in ["title", "default", "$schema", "definitions"] {
        object.remove(gone);
    }
    not_null(object);
    let unknown =
        object.get("format").and_then(Value::as_str).is_some_and(|it| !FORMATS.contains(&it));
    if unknown {
        object.remove("format");
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(structural);
    }
    if let Some(items) = object.get_mut("items") {
        structural(items);
    }
}

fn not_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get("type").cloned()
        && let Some(kind) = types.into_iter().find(|kind| kind != "null")
    {
        object.insert("type".to_owned(), kind);
    }
    if let Some(Value::Array(choices)) = object.remove("anyOf") {
        let some = choices.into_iter().find(|choice| choice["type"] != "null");
        if let Some(Value::Object(some)) = some {
            let about = object.remove("description");
            object.extend(some);
            object.extend(about.map(|about| ("description".to_owned(), about)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every schema below a property, with its path.
    fn walk(schema: &Value, path: &str, all: &mut Vec<(String, Value)>) {
        all.push((path.to_owned(), schema.clone()));
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), all);
        }
        if schema["items"].is_object() {
            walk(&schema["items"], &format!("{path}[]"), all);
        }
    }

    #[test]
    fn the_schema_is_structural_and_every_field_says_what_it_is() {
        let crd = crd();
        let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut all = Vec::new();
        for part in ["spec", "status"] {
            walk(&root["properties"][part], part, &mut all);
        }
        assert!(all.len() > 60, "{}", all.len());
        for (path, schema) in all {
            assert!(schema["type"].is_string(), "{path}: {schema}");
            for refused in ["$ref", "anyOf", "oneOf", "allOf", "nullable", "$schema", "title"] {
                assert!(schema.get(refused).is_none(), "{path} has {refused}");
            }
            let is_element = path.ends_with("[]");
            assert!(is_element || schema["description"].is_string(), "{path} is not described");
            assert_eq!(path == "status", !schema["default"].is_null(), "{path}: {schema}");
        }
        assert!(root["properties"]["status"]["required"].is_null(), "the default must be valid");
    }

    #[test]
    fn the_definition_in_the_repository_is_up_to_date() {
        let path = "crds/recoverystatuses.ananke.bstein.dev.yaml";
        let kept = include_str!("../../../crds/recoverystatuses.ananke.bstein.dev.yaml");
        let now = crd_yaml();
        assert!(kept == now, "{path} is not up to date: ananke crd > {path}\n{now}");
    }

    #[test]
    fn every_column_shows_a_field_that_the_schema_has() {
        let crd = crd();
        let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
        for column in COLUMNS {
            let plain = column.path.split("[?").next().unwrap_or_default();
            let mut at = root;
            for (depth, step) in plain.trim_start_matches('.').split('.').enumerate() {
                at = if depth == 0 { &at[step] } else { &at["properties"][step] };
            }
            assert!(at.is_object() || column.path.starts_with(".metadata"), "{}", column.path);
        }
    }
}

//! The JSON schema of the configuration, made from the table of keys.

use serde_json::{Map, Value, json};

use super::key::{Entry, Stage};
use super::keys::{GROUPS, KEYS};

/// The JSON schema (draft 2020-12), as `ananke config schema` prints it. Editors check with it
/// what a schema can say; `ananke config check` also knows bounds of durations, machines and files.
pub fn schema() -> String {
    let mut properties = Map::new();
    for key in KEYS.iter().filter(|key| key.group().is_none()) {
        properties.insert(key.path().to_owned(), property(*key));
    }
    for (group, about) in GROUPS {
        let inner: Map<String, Value> = KEYS
            .iter()
            .filter(|key| key.group() == Some(group))
            .map(|key| (key.name().to_owned(), property(*key)))
            .collect();
        let schema = json!({
            "description": about,
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": inner,
        });
        properties.insert((*group).to_owned(), schema);
    }
    properties["nodes"]["required"] = json!(["servers"]);
    properties["nodes"]["type"] = json!("object");
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of ananke",
        "type": "object",
        "additionalProperties": false,
        "required": ["nodes"],
        "anyOf": [{ "required": ["ssh_user"] }, { "required": ["ssh_config_file"] }],
        "properties": properties,
    });
    format!("{schema:#}\n")
}

fn property(key: &dyn Entry) -> Value {
    let mut schema = key.schema();
    let about = match key.stage() {
        Stage::Sample | Stage::Used => key.about().to_owned(),
        Stage::Later(missing) => {
            format!("{} Not used by this version yet: {missing}.", key.about())
        }
    };
    schema["description"] = Value::String(about);
    schema
}

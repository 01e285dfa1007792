//! `ananke explain files`: what lies in the state directory for people and other programs, with
//! the JSON schema of what programs read.

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use super::Summary;
use super::text::labelled;
use crate::model::runs::Runs;

/// A file, what it holds, and the key under which its content lies.
struct File {
    name: &'static str,
    holds: &'static str,
    key: &'static str,
    schema: Option<fn() -> Value>,
}

const FILES: [File; 6] = [
    File {
        name: "startup-progress.json",
        holds: "how far the way up is; written when a gate, a hold or a mark changes",
        key: "progress",
        schema: Some(schema::<Summary>),
    },
    File {
        name: "last-startup-report.json",
        holds: "how the last episode ended, or the last `ananke startup` without a daemon, with \
                every action",
        key: "report",
        schema: Some(schema::<Summary>),
    },
    File {
        name: "last-shutdown-report.json",
        holds: "how the last way down went, stage by stage; written when everything was down",
        key: "report",
        schema: None,
    },
    File {
        name: "runs.json",
        holds: "when each gate opened in each episode, and how long a way down took",
        key: "runs",
        schema: Some(schema::<Runs>),
    },
    File {
        name: "intent.json",
        holds: "what the cluster is wanted to be, by whom and why; `ananke intent` shows it",
        key: "intent",
        schema: None,
    },
    File {
        name: "ledger.jsonl",
        holds: "the truth: a record a line, made before anything is done; `ananke history` reads \
                it, and nothing else should",
        key: "record",
        schema: None,
    },
];

/// What there is to know of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAbout {
    /// Its name in the state directory.
    pub name: &'static str,
    /// What it is for.
    pub holds: &'static str,
    /// The key under which its content lies.
    pub key: &'static str,
    /// Whether programs may rely on its form.
    pub has_schema: bool,
}

/// All files.
pub fn files() -> Vec<FileAbout> {
    let about = |file: &File| FileAbout {
        name: file.name,
        holds: file.holds,
        key: file.key,
        has_schema: file.schema.is_some(),
    };
    FILES.iter().map(about).collect()
}

/// The list of the files, for people.
pub fn files_text(files: &[FileAbout]) -> String {
    let all = files.iter().map(|file| {
        let schema = if file.has_schema { "; has a schema" } else { "" };
        let lines = [
            file.name.to_owned(),
            labelled("  holds", file.holds),
            labelled("  content", &format!("under the key `{}`{schema}", file.key)),
        ];
        lines.join("\n")
    });
    let tail = "ananke explain files NAME prints the JSON schema of one".to_owned();
    all.chain([tail]).collect::<Vec<_>>().join("\n\n")
}

/// The JSON schema of a file. `None`: there is no such file, or it has no schema that anybody may
/// rely on.
pub fn schema_of(name: &str) -> Option<Value> {
    let file = FILES.iter().find(|file| file.name == name)?;
    let content = (file.schema?)();
    // The envelope is the same for all.
    Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": file.name,
        "description": file.holds,
        "type": "object",
        "required": ["schema", "writtenAt", "bootId", "cluster", "crc", file.key],
        "properties": {
            "schema": { "const": 1, "description": "The version of the envelope." },
            "writtenAt": { "type": "string", "format": "date-time" },
            "bootId": { "type": "string", "description": "The boot of ananke's host." },
            "cluster": { "type": "string" },
            "crc": { "type": "string", "description": "CRC-32 of the rest, keys sorted." },
            (file.key): content,
        },
    }))
}

fn schema<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_schema_that_names_every_field_of_its_content() {
        let record = crate::replay::samples::tick(1);
        let mut runs = Runs::default();
        runs.runs.push(crate::model::runs::Run::default());
        let summary = crate::report::summary(&record, &[]);
        let table = [
            ("startup-progress.json", "progress", serde_json::to_value(&summary)),
            ("last-startup-report.json", "report", serde_json::to_value(&summary)),
            ("runs.json", "runs", serde_json::to_value(&runs)),
        ];
        for (name, key, content) in table {
            let schema = schema_of(name).expect(name);
            let fields = &schema["properties"][key]["properties"];
            for (field, _) in content.expect(name).as_object().expect(name) {
                assert!(fields[field].is_object(), "{name}: {field} is not in {fields:#}");
            }
        }
        assert_eq!(schema_of("intent.json"), None);
        assert!(files_text(&files()).contains("runs.json"));
    }
}

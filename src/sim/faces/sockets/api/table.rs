//! Objects in the form in which they were asked for: as they are, as rows of a table, or only their
//! metadata.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::world::store::{Fault, Kind};

use super::columns;
use super::form::Form;
use super::route::Query;

/// How objects are to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    form: Form,
    /// What of the object goes into a row.
    include: Include,
    kind: &'static Kind,
}

#[derive(Debug, Clone, Copy)]
enum Include {
    None,
    Metadata,
    Object,
}

impl View {
    /// # Errors
    /// 400 for an `includeObject` that is none.
    pub(super) fn of(kind: &'static Kind, form: Form, query: &Query) -> Result<Self, Fault> {
        let include = match query.text("includeObject") {
            "" | "Metadata" => Include::Metadata,
            "None" => Include::None,
            "Object" => Include::Object,
            other => return Err(Fault::bad_request(format!("includeObject: {other:?}"))),
        };
        Ok(Self { form, include, kind })
    }

    /// One object.
    pub(super) fn one(&self, object: &Value, now: Timestamp) -> Value {
        self.event(object, now, true)
    }

    /// One object of a watch; a table says its columns only once.
    pub(super) fn event(&self, object: &Value, now: Timestamp, first: bool) -> Value {
        match self.form {
            Form::Plain | Form::Aggregated => object.clone(),
            Form::Metadata => metadata(object),
            Form::Table => {
                let version = &object["metadata"]["resourceVersion"];
                let rows = [self.row(object, now)];
                let columns = if first { self.columns() } else { Value::Null };
                table(version, &rows, &columns)
            }
        }
    }

    /// A list.
    pub(super) fn list<'a>(
        &self,
        objects: impl Iterator<Item = &'a Value>,
        revision: u64,
        now: Timestamp,
    ) -> Value {
        let version = json!(revision.to_string());
        match self.form {
            Form::Table => {
                let rows: Vec<Value> = objects.map(|object| self.row(object, now)).collect();
                table(&version, &rows, &self.columns())
            }
            Form::Metadata => json!({"kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
                "items": objects.map(metadata).collect::<Vec<_>>()}),
            Form::Plain | Form::Aggregated => json!({"kind": format!("{}List", self.kind.kind),
                "apiVersion": self.kind.api_version(), "metadata": {"resourceVersion": version},
                "items": objects.collect::<Vec<_>>()}),
        }
    }

    /// A bookmark: nothing but a revision.
    pub(super) fn bookmark(&self, revision: u64, initial_end: bool) -> Value {
        let mut meta = json!({"resourceVersion": revision.to_string()});
        if initial_end {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        match self.form {
            Form::Table => json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1",
                "metadata": meta, "columnDefinitions": [], "rows": []}),
            Form::Metadata => json!({"kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1", "metadata": meta}),
            Form::Plain | Form::Aggregated => json!({"kind": self.kind.kind,
                "apiVersion": self.kind.api_version(), "metadata": meta}),
        }
    }

    fn row(&self, object: &Value, now: Timestamp) -> Value {
        let columns = columns::of(self.kind);
        let cells: Vec<Value> = columns.iter().map(|it| it.value(object, now)).collect();
        let mut row = json!({"cells": cells});
        match self.include {
            Include::None => {}
            Include::Metadata => row["object"] = metadata(object),
            Include::Object => row["object"] = object.clone(),
        }
        row
    }

    fn columns(&self) -> Value {
        let columns = columns::of(self.kind).iter().map(|column| {
            let is_name = ["Name", "Attacher"].contains(&column.name);
            let format = if is_name { "name" } else { "" };
            json!({"name": column.name, "type": column.kind(), "format": format,
                "description": column.name, "priority": u8::from(column.wide)})
        });
        columns.collect()
    }
}

fn table(version: &Value, rows: &[Value], columns: &Value) -> Value {
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version}, "columnDefinitions": columns, "rows": rows})
}

fn metadata(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"]})
}

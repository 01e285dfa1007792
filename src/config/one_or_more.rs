//! A type of values: one, or a list of them.

use serde_json::{Value, json};

use super::kinds::{Kind, Reading};
use super::problem::{Code, Fault};
use super::tree::{At, Body, Node};

/// One value, or a list of them.
#[derive(Debug)]
pub(super) struct OneOrMore<K>(pub(super) K);

impl<K: Kind> Kind for OneOrMore<K> {
    type Out = Vec<At<K::Out>>;

    fn read(&self, node: &Node, to: &mut Reading<'_>) -> Option<Self::Out> {
        let read = |item: &Node, to: &mut Reading<'_>| {
            self.0.read(item, to).map(|value| At { at: item.at, value })
        };
        match &node.body {
            Body::List(items) if items.is_empty() => {
                let fault = Fault::error(Code::BadValue, "there is nothing in this list");
                to.faults.push(fault.at(node.at).help("remove the key, or write one"));
                None
            }
            Body::List(items) => Some(items.iter().filter_map(|item| read(item, to)).collect()),
            Body::Scalar { .. } | Body::Null | Body::Map(_) => {
                read(node, to).map(|value| vec![value])
            }
        }
    }

    fn schema(&self) -> Value {
        let one = self.0.schema();
        json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

//! A record: a map whose keys are known.

use std::collections::BTreeMap;

use super::kinds::{Reading, wrong_type};
use super::nearest::{nearest, quoted};
use super::problem::{Code, Fault};
use super::tree::{Body, Node, Pair};

/// The fields of a record, each by its name. What is not one of them is a fault.
pub(super) fn fields<'n>(
    node: &'n Node,
    names: &[&str],
    to: &mut Reading<'_>,
) -> Option<BTreeMap<&'n str, &'n Node>> {
    let pairs = match &node.body {
        Body::Map(pairs) => pairs,
        Body::Null => return Some(BTreeMap::new()),
        Body::Scalar { .. } | Body::List(_) => {
            wrong_type(node, "a map (`name: value`)", "something else", None, to);
            return None;
        }
    };
    let mut fields = BTreeMap::new();
    for Pair { key, value } in pairs {
        let name = key.value.as_str();
        if names.contains(&name) {
            fields.entry(name).or_insert(value);
            continue;
        }
        let fault =
            Fault::error(Code::UnknownKey, format!("there is no key {} here", quoted(name)));
        let help = match nearest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("what may stand here: {}", names.join(", ")),
        };
        to.faults.push(fault.at(key.at).help(help));
    }
    Some(fields)
}

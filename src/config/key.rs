//! One key of the table: its name, its type, its sentence.

use std::fmt;

use serde_json::Value;

use super::kinds::{Kind, Or, Reading, Written};
use super::tree::{At, Node};
use super::walk::Values;

/// What a key does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is used, and the example gives it a value.
    Sample,
    /// It is used; the example shows it as a comment.
    Used,
    /// It belongs to a part that is not built. The text says what does not happen.
    Later(&'static str),
}

/// A key with its type.
#[derive(Debug)]
pub(super) struct Key<K> {
    path: &'static str,
    about: &'static str,
    example: &'static str,
    stage: Stage,
    kind: K,
}

/// The key at `path` (`group.name` or `name`), with one sentence and a value for the example.
pub(super) const fn key<K>(
    path: &'static str,
    kind: K,
    about: &'static str,
    example: &'static str,
    stage: Stage,
) -> Key<K> {
    Key { path, about, example, stage, kind }
}

/// A key without its type, for the table.
pub(super) trait Entry: fmt::Debug + Sync {
    /// `group.name` or `name`.
    fn path(&self) -> &'static str;
    /// One plain sentence.
    fn about(&self) -> &'static str;
    /// A value as the file writes it.
    fn example(&self) -> &'static str;
    fn stage(&self) -> Stage;
    /// The default as the file writes it.
    fn default(&self) -> Option<String>;
    fn schema(&self) -> Value;
    /// Puts what is wrong with the node among the faults.
    fn check(&self, node: &Node, to: &mut Reading<'_>);

    /// The group, if the key is in one.
    fn group(&self) -> Option<&'static str> {
        self.path().split_once('.').map(|(group, _)| group)
    }

    /// The name within the group.
    fn name(&self) -> &'static str {
        self.path().split_once('.').map_or(self.path(), |(_, name)| name)
    }
}

impl<K: Kind> Entry for Key<K> {
    fn path(&self) -> &'static str {
        self.path
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn stage(&self) -> Stage {
        self.stage
    }

    fn default(&self) -> Option<String> {
        self.kind.default()
    }

    fn schema(&self) -> Value {
        self.kind.schema()
    }

    fn check(&self, node: &Node, to: &mut Reading<'_>) {
        self.kind.read(node, to);
    }
}

impl<K: Kind> Key<K> {
    /// The value that the file gives, with its place. None if it gives none or a bad one; of a
    /// list or a map the good part. What is bad was reported by the walk over the table.
    pub(super) fn given(&self, values: &Values<'_>) -> Option<At<K::Out>> {
        let node = values.node(self.path)?;
        let mut faults = Vec::new();
        let mut reading = Reading { home: values.home(), faults: &mut faults };
        self.kind.read(node, &mut reading).map(|value| At { at: node.at, value })
    }

    /// Whether the file has the key with a value that can't be read, or misspelt, so that nothing
    /// may be concluded from its absence.
    pub(super) fn broken(&self, values: &Values<'_>) -> bool {
        values.is_broken(self.path)
    }
}

impl<K: Kind, D: Written + Copy + Into<K::Out>> Key<Or<K, D>> {
    /// The value that the file gives, or the default.
    pub(super) fn get(&self, values: &Values<'_>) -> K::Out {
        self.given(values).map_or_else(|| self.kind.1.into(), |given| given.value)
    }
}

//! What the checks of objects share: what can be said of a whole kind, and of one object of it.

use std::collections::BTreeMap;

use crate::model::cluster::{ObjectPath, Objects};
use crate::model::facts::{BlindKind, Seen};
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// A value that is fresh, or the verdict that stands for everything that hangs on it: a kind that
/// the cluster does not serve is skipped, one that can't be seen is unknown.
pub(super) fn fresh<'a, T>(
    sit: &Situation<'_>,
    what: &str,
    seen: &'a Seen<T>,
) -> Result<&'a T, Verdict> {
    seen.fresh(sit.now, sit.policy.timing.fresh_for).map_err(|blind| match blind.kind {
        BlindKind::NotAsked => Verdict::skipped(blind.detail),
        BlindKind::NotYet
        | BlindKind::Unreachable
        | BlindKind::Refused
        | BlindKind::TimedOut
        | BlindKind::Identity
        | BlindKind::Denied
        | BlindKind::Garbled
        | BlindKind::Stale => Verdict::unknown(format!("{what}: {blind}")),
    })
}

/// The verdicts of several kinds, as one list.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    each: Vec<(Target, Verdict)>,
    /// What is said of kinds of which no object can be judged.
    kinds: Vec<Verdict>,
}

impl Verdicts {
    /// Judges every object of a kind that can be seen, and names those of a good day that are
    /// gone: with an empty datastore everything that is left would be good.
    pub(super) fn of<T>(
        &mut self,
        sit: &Situation<'_>,
        kind: &str,
        seen: &Objects<T>,
        judge: impl Fn(&ObjectPath, &T) -> Verdict,
    ) {
        match fresh(sit, kind, seen) {
            Ok(objects) => {
                let judged = objects
                    .iter()
                    .map(|(path, it)| (Target::Object(path.of_kind(kind)), judge(path, it)));
                self.each.extend(judged);
                self.gone(sit, kind, objects);
            }
            Err(Verdict::Skipped { why }) => {
                self.gone(sit, kind, &BTreeMap::<ObjectPath, T>::new());
                self.kinds.push(Verdict::Skipped { why });
            }
            Err(unknown) => self.kinds.push(unknown),
        }
    }

    fn gone<T>(&mut self, sit: &Situation<'_>, kind: &str, there: &BTreeMap<ObjectPath, T>) {
        if !sit.in_episode() {
            return;
        }
        let known = sit.durable.normal.flux.iter().filter(|name| name.kind == kind);
        let gone = known.filter(|name| !there.contains_key(&ObjectPath::of(name)));
        let why = "it was there on a good day, and is gone";
        self.each.extend(gone.map(|name| (Target::Object(name.clone()), Verdict::fail(why))));
    }

    /// The verdicts. `none` is said where there is nothing to judge.
    pub(super) fn or(mut self, none: &str) -> Vec<(Target, Verdict)> {
        let unknown = self.kinds.iter().find(|it| matches!(it, Verdict::Unknown { .. }));
        let about_all = unknown.cloned().or_else(|| {
            let skipped = self.kinds.into_iter().next();
            self.each.is_empty().then(|| skipped.unwrap_or_else(|| Verdict::skipped(none)))
        });
        self.each.extend(about_all.map(|verdict| (Target::Cluster, verdict)));
        self.each
    }
}

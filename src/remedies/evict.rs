//! What the remedies of both tiers share.

use super::Applies;
use crate::checks;
use crate::model::action::{Effect, PodTier};
use crate::model::situation::Situation;
use crate::model::verdict::Target;

/// The eviction of what is left of a tier on a node.
pub(super) fn applies(sit: &Situation<'_>, target: &Target, tier: PodTier) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    match checks::namespaces_on(sit, name, tier) {
        Ok(namespaces) if namespaces.is_empty() => Applies::No,
        Ok(namespaces) => {
            let overruled = checks::overruled(sit, name, tier, &namespaces);
            let node = name.clone();
            Applies::Yes(Effect::EvictPods { node, tier, namespaces, overruled })
        }
        Err(why) => Applies::Blind(why),
    }
}

/// Whether nothing of a tier is left on a node.
pub(super) fn is_gone(sit: &Situation<'_>, target: &Target, tier: PodTier) -> bool {
    let left = target.machine().map(|name| checks::namespaces_on(sit, name, tier));
    left.is_some_and(|left| left.is_ok_and(|namespaces| namespaces.is_empty()))
}

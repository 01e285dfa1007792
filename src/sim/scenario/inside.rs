//! The sentences about what befalls the inside of the cluster.

use crate::sim::deed::{Deed, Within};

use super::ast::Event;
use super::forms::{Form, form};

/// The git server, as the site calls it.
pub(super) const GIT: &str = "gitea";

#[expect(clippy::unnecessary_wraps, reason = "a form may fail to read its words")]
fn within(it: Within) -> Option<Event> {
    Some(Event::Deed(Deed::Inside(it)))
}

/// What befalls the inside of the cluster. A `<word>` is the name of a workload.
pub(super) static INSIDE: &[Form<Event>] = &[
    form("git is down", "The git server runs and answers nobody.", "git is down", |_| {
        within(Within::Mute { workload: GIT.to_owned(), on: true })
    }),
    form("git is up", "It answers again.", "git is up", |_| {
        within(Within::Mute { workload: GIT.to_owned(), on: false })
    }),
    form(
        "<word> answers nobody",
        "A workload runs and answers nobody.",
        "postgres answers nobody",
        |it| within(Within::Mute { workload: it.word()?, on: true }),
    ),
    form("<word> answers again", "Mended.", "postgres answers again", |it| {
        within(Within::Mute { workload: it.word()?, on: false })
    }),
    form(
        "nobody has the image of <word>",
        "No node has it any more; the next start must pull it.",
        "nobody has the image of gitea",
        |it| within(Within::ImageGone(it.word()?)),
    ),
    form("<word> scales <word> to <count>", "A person does.", "somebody scales gitea to 0", |it| {
        it.word()?;
        within(Within::Scaled { workload: it.word()?, replicas: it.number()? })
    }),
    form(
        "<word> deletes the pods of <word>",
        "A person does; new ones are made.",
        "somebody deletes the pods of source-controller",
        |it| {
            it.word()?;
            within(Within::PodsDeleted(it.word()?))
        },
    ),
    form(
        "<word> judges every pod",
        "A webhook of it has to be asked about each, and refuses while it is away.",
        "wiki judges every pod",
        |it| within(Within::Judges { workload: it.word()?, on: true }),
    ),
    form("<word> judges nothing", "Its webhook is gone.", "wiki judges nothing", |it| {
        within(Within::Judges { workload: it.word()?, on: false })
    }),
    form(
        "kustomization <word> fails",
        "What stands in git for it can't be built.",
        "kustomization flux-system fails",
        |it| within(Within::KustomizationFails { name: it.word()?, on: true }),
    ),
    form(
        "kustomization <word> can be applied",
        "Mended.",
        "kustomization flux-system can be applied",
        |it| within(Within::KustomizationFails { name: it.word()?, on: false }),
    ),
    form(
        "flux follows branch <word>",
        "Flux's source is on another branch than is expected, and git has that branch.",
        "flux follows branch experiment",
        |it| within(Within::FluxBranch(it.word()?)),
    ),
    form(
        "flux is suspended",
        "Somebody suspended its source and root.",
        "flux is suspended",
        |_| within(Within::FluxSuspended(true)),
    ),
    form("flux is resumed", "And resumed them.", "flux is resumed", |_| {
        within(Within::FluxSuspended(false))
    }),
    form(
        "the ingress forgets its routes",
        "Its pods are Ready and answer 404 to everybody until they start anew.",
        "the ingress forgets its routes",
        |_| within(Within::IngressForgets),
    ),
    form(
        "the vault needs its key",
        "From now on it is sealed after each start.",
        "the vault needs its key",
        |_| within(Within::VaultSeals(true)),
    ),
    form("the vault opens by itself", "As it did.", "the vault opens by itself", |_| {
        within(Within::VaultSeals(false))
    }),
    form(
        "<word> unseals the vault",
        "A person gives it the key.",
        "somebody unseals the vault",
        |it| {
            it.word()?;
            within(Within::VaultUnsealed)
        },
    ),
    form(
        "<word> rekeys the vault",
        "Its keys are others now; ananke's host has the old ones.",
        "somebody rekeys the vault",
        |it| {
            it.word()?;
            within(Within::VaultRekeyed)
        },
    ),
];

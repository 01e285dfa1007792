//! What will happen by itself, in order. What falls on the same millisecond happens in the order
//! of [`Event`], so that nothing depends on who was entered first.

use std::collections::BTreeSet;

use super::inside::Controller;
use crate::model::ids::MachineName;
use crate::model::time::Mono;

/// One thing that will happen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A battery is empty.
    UpsEmpty(String),
    /// Something happens on a machine.
    On(MachineName, Here),
    /// etcd's members have elected a leader.
    Elected,
    /// The holder of the control plane's leases could not renew them for too long.
    HolderGivesUp,
    /// A server takes over the control plane's leases.
    HolderFound,
    /// The node controller looks at the nodes.
    Monitor,
    /// The API begins or ceases to answer, in its turns.
    ApiTurns,
    /// Controllers see what clients of the API wrote.
    Written,
    /// The pod with this number has waited for the lease of its Flux controller.
    FluxLeads(u32),
    /// A Flux controller renews its lease.
    FluxRenews(Controller),
    /// Flux' source is due.
    Source,
    /// A Kustomization is due.
    Kustomization(String),
    /// A run of a Kustomization has fetched and applied.
    Applied(String),
    /// A run of a Kustomization looks whether what it applied is well.
    Health(String),
    /// The HelmRelease is due.
    Release,
}

/// What happens on a machine, and waits while the machine hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Here {
    /// The kernel starts.
    Kernel,
    /// sshd answers, and the units of the boot are started.
    Sshd,
    /// It boots in a loop, and loses itself now.
    LosesItself,
    /// An orderly shutdown is at its end.
    PoweredOff,
    /// The network tells the time.
    NetworkTime,
    /// The unit takes its next step; which one, its phase tells.
    UnitStep,
    /// The kubelet writes its node for the first time.
    KubeletRegisters,
    /// The kubelet has its network plugin.
    KubeletNetwork,
    /// The kubelet renews its lease.
    KubeletRenews,
    /// The kubelet looks whether its node's status is to be written.
    KubeletPosts,
    /// The container of the pod with this number takes its next step.
    Container(u32),
}

impl Here {
    /// Whether it ends with the kubelet.
    pub(super) const fn of_kubelet(self) -> bool {
        matches!(
            self,
            Self::KubeletRegisters
                | Self::KubeletNetwork
                | Self::KubeletRenews
                | Self::KubeletPosts
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Agenda(BTreeSet<(Mono, Event)>);

impl Agenda {
    pub(super) fn add(&mut self, at: Mono, event: Event) {
        self.0.insert((at, event));
    }

    pub(super) fn has(&self, event: &Event) -> bool {
        self.0.iter().any(|(_, it)| it == event)
    }

    pub(super) fn when(&self, event: &Event) -> Option<Mono> {
        self.0.iter().find(|(_, it)| it == event).map(|(at, _)| *at)
    }

    pub(super) fn cancel(&mut self, unwanted: impl Fn(&Event) -> bool) {
        self.0.retain(|(_, event)| !unwanted(event));
    }

    /// Takes out what is to happen on a machine, with its times.
    pub(super) fn take(&mut self, machine: &MachineName) -> Vec<(Mono, Here)> {
        let mut taken = Vec::new();
        self.0.retain(|(at, event)| {
            let here = if let Event::On(name, here) = event { Some((name, here)) } else { None };
            let here = here.filter(|(name, _)| *name == machine);
            taken.extend(here.map(|(_, here)| (*at, *here)));
            here.is_none()
        });
        taken
    }

    pub(super) fn next(&self) -> Option<Mono> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The next thing that happens no later than `to`.
    pub(super) fn pop(&mut self, to: Mono) -> Option<(Mono, Event)> {
        self.next().filter(|at| *at <= to)?;
        self.0.pop_first()
    }
}

//! The Kubernetes API: a link that knows whether it is up, watches whose staleness shows, and a
//! writer that touches nothing that is not ours.
//!
//! Nothing here decides. The link is probed with `/readyz`, endpoint by endpoint; while it is up
//! the nodes are watched and, on demand, their Leases read. What was seen keeps the time at which
//! it was seen: when the link goes down, facts stay and grow old, and the reader judges their age.

mod account;
mod acting;
mod board;
mod connect;
mod cordon;
mod discovery;
mod drain;
mod evict;
mod flux;
mod leases;
mod link;
mod loads;
mod looked;
mod nodes;
mod probe;
mod rbac;
mod read;
mod recovery_status;
mod shelves;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
mod watch;
mod wire;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::settings::KubeSettings;
use crate::model::action::{Effect, Expect};
use crate::model::cluster::ClusterFacts;
use crate::model::facts::ApiFacts;
use crate::model::ids::{Epoch, MachineName};
use crate::model::outcome::ActionResult;
use crate::model::time::{Moment, Span};

use acting::Terms;
use board::Board;
use connect::{Connect, Tls};
use link::Supervisor;

pub use account::{Desk, Put};
pub use connect::{KubeconfigFile, KubeconfigSource, KubeconfigText};
pub use cordon::{Change, Judgement, judge};
pub use discovery::is_looked_at;
pub use evict::{Doomed, Round, is_held as is_held_by_budget, unfit as unfit_to_evict};
pub use flux::FluxChange;
pub use loads::{LoadChange, delete_options, scaled};
pub use looked::{LOOKED, Looked, not_served};
pub use nodes::node as node_facts;
pub use probe::{Probe, Probes, Step, step as link_step, verdict as link_verdict};
pub use rbac::{Need, RBAC_NEEDS, Scope, rbac_yaml};
pub use read::path as object_path;
pub use recovery_status::{Applied, Unpublished};
pub use shelves::{Shelf, Shelves};
pub use write::LEASE_NAME;

/// How long `stop` waits for the supervisor, which only has to drop its connections.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The link to the Kubernetes API: supervisor, watches and writer.
pub struct KubeLink {
    board: Arc<Board>,
    settings: KubeSettings,
    owner: String,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
}

impl fmt::Debug for KubeLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeLink").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl KubeLink {
    /// Starts to look. Returns at once; must be called within a tokio runtime.
    ///
    /// `owner` is the name of this ananke host, written into our Lease. `clock` gives both clocks:
    /// the monotonic one dates every fact, the wall clock is written into our Lease for people.
    pub fn start(
        settings: KubeSettings,
        owner: &str,
        clock: impl Fn() -> Moment + Send + Sync + 'static,
        kubeconfig: impl KubeconfigSource,
    ) -> Self {
        Self::start_with(settings, owner, clock, kubeconfig, Tls)
    }

    fn start_with(
        settings: KubeSettings,
        owner: &str,
        clock: impl Fn() -> Moment + Send + Sync + 'static,
        kubeconfig: impl KubeconfigSource,
        connect: impl Connect,
    ) -> Self {
        let board = Arc::new(Board::new(clock));
        let stop = CancellationToken::new();
        let supervisor = Supervisor::new(Arc::clone(&board), settings.clone(), kubeconfig, connect);
        let supervisor = tokio::spawn(supervisor.run(stop.clone()));
        Self { board, settings, owner: owner.to_owned(), stop, supervisor }
    }

    /// The newest snapshot. Never waits.
    pub fn facts(&self) -> ApiFacts {
        self.board.facts()
    }

    /// What lives in the cluster, as it was last seen. Never waits.
    pub fn cluster(&self) -> ClusterFacts {
        self.board.cluster()
    }

    /// Wakes when a fact changed; a mere refresh of a fact's age wakes nobody. Carries no data.
    pub fn changed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.board.subscribe()
    }

    /// Says whose heartbeat is read. Only until it is proven: in steady state the set is empty and
    /// no Lease is read.
    pub fn watch_leases(&self, nodes: BTreeSet<MachineName>) {
        self.board.want_leases(nodes);
    }

    /// Several ananke hosts look after the cluster. The one that acts, under a number, renews the
    /// Lease from now on; all look at it, and write nothing while another one holds it.
    pub fn share(&self, epoch: Option<Epoch>) {
        let (namespace, owner) = (self.settings.namespace.clone(), self.owner.clone());
        self.board.share(Terms { namespace, owner, epoch });
    }

    /// Carries out an effect that goes through the API within `limit`; refuses any other. Never
    /// retries. Every precondition that `expect` names is checked.
    pub async fn perform(&self, effect: &Effect, expect: &Expect, limit: Span) -> ActionResult {
        write::perform(&self.board, &self.settings, &self.owner, effect, expect, limit).await
    }

    /// Ends all watches and closes all connections.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_LIMIT, &mut self.supervisor).await.is_err() {
            self.supervisor.abort();
        }
    }
}

impl Drop for KubeLink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

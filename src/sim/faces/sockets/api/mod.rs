//! The Kubernetes API of a simulated site, over HTTPS: one server for each server machine, all of
//! them before the same etcd.
//!
//! While a door is not ready, `/livez` and `/version` still answer, `/readyz` is 500 and
//! everything else 503. A silent one hangs where it is, and goes on when it is no longer silent.
//!
//! Bounded on purpose: the kinds of [`kinds::ALL`], discovery, tables, list and watch with
//! bookmarks and 410, create, replace, patch, apply, delete, the status and eviction subresources.
//! Anything else is an honest 404 or 405. There is one account, which may do everything; there is
//! no RBAC, no admission, no OpenAPI, no protobuf and no paging: a list comes whole. That suffices
//! for ananke and for a stock `kubectl get|describe|cordon|drain|label|taint|patch`; `kubectl
//! apply` needs `--validate=false`, since it would ask for OpenAPI.
//!
//! [`kinds::ALL`]: crate::sim::world::store::kinds::ALL

mod answer;
mod cells;
mod columns;
mod credentials;
mod discovery;
mod form;
mod listen;
mod route;
mod table;
mod watch;

use std::io;
use std::net::SocketAddr;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::model::ids::MachineName;
use crate::sim::faces::Stage;
use crate::sim::faces::sockets::port::Port;
use crate::sim::world::store::Store;
use crate::sim::world::{ApiDoor, KUBERNETES_VERSION};

pub use credentials::{Credentials, NoCredentials};

/// What the API servers need of the world.
pub trait Cluster: Clone + Send + Sync + 'static {
    /// How the server on this machine behaves now.
    fn door(&self, server: &MachineName) -> ApiDoor;
    /// Looks at etcd, with the wall clock of the servers.
    fn look<T>(&self, look: impl FnOnce(&Store, Timestamp) -> T) -> T;
    /// Writes, and wakes everybody who waits for a change.
    fn write<T>(&self, write: impl FnOnce(&mut Store, Timestamp) -> T) -> T;
    /// Wakes when etcd or a door may have changed. Carries no data.
    fn changed(&self) -> tokio::sync::watch::Receiver<u64>;
    /// What `/version` and the nodes show, for example `v1.34.1+k3s1`.
    fn version(&self) -> &'static str;
}

impl Cluster for Stage {
    fn door(&self, server: &MachineName) -> ApiDoor {
        self.with(|world| world.api_door(server))
    }

    fn look<T>(&self, look: impl FnOnce(&Store, Timestamp) -> T) -> T {
        self.with(|world| look(world.store(), world.wall()))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Store, Timestamp) -> T) -> T {
        self.touch(|world| {
            let now = world.wall();
            write(world.store_mut(), now)
        })
    }

    fn changed(&self) -> tokio::sync::watch::Receiver<u64> {
        Self::changed(self)
    }

    fn version(&self) -> &'static str {
        KUBERNETES_VERSION
    }
}

/// An API server. Dropped, it closes its port and every connection.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    kubeconfig: String,
    task: JoinHandle<()>,
}

impl ApiServer {
    /// Serves on a listener that is bound already. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// When the port can't be shared with ourselves, which is how it stays ours while connections
    /// to it are refused; or when no certificate can be made for the address.
    pub fn start(
        listener: std::net::TcpListener,
        server: MachineName,
        credentials: &Credentials,
        cluster: impl Cluster,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let tls = credentials.server(&server, address.ip()).map_err(io::Error::other)?;
        let port = Port::of(listener)?;
        let kubeconfig = credentials.kubeconfig(&[(server.clone(), address)]);
        let face = answer::Face { server, token: credentials.token().to_owned(), cluster };
        let task = tokio::spawn(listen::serve(port, tls, face));
        Ok(Self { address, kubeconfig, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig for this server alone, with everything in it. Holds a secret.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! The API servers of a world on a stage.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use jiff::Timestamp;
use tokio::sync::watch;

use super::api::{ApiServer, Cluster, Credentials, Door};
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::sim::faces::Stage;
use crate::sim::world::store::Store;
use crate::sim::world::{ApiDoor, KUBERNETES_VERSION};

impl Cluster for Stage {
    fn door(&self, server: &MachineName) -> Door {
        match self.with(|world| world.api_door(server)) {
            ApiDoor::Silent => Door::Silent,
            ApiDoor::Refused => Door::Refused,
            ApiDoor::NotReady => Door::NotReady,
            ApiDoor::Ready => Door::Ready,
        }
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

    fn changed(&self) -> watch::Receiver<u64> {
        Self::changed(self)
    }

    fn version(&self) -> &'static str {
        KUBERNETES_VERSION
    }
}

/// An API server for each server of the site, on the loopback. Dropped, they are gone.
#[derive(Debug)]
pub struct ApiServers {
    servers: Vec<(MachineName, ApiServer)>,
    kubeconfig: String,
}

impl ApiServers {
    /// Starts them. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// No port, or no certificate; nothing is left behind.
    pub fn open(stage: &Stage) -> io::Result<Self> {
        let site = stage.with(|world| world.site().clone());
        let credentials = Credentials::new(&site.cluster).map_err(io::Error::other)?;
        let named = site.machines.iter().filter(|(_, spec)| spec.role == Role::Server);
        let servers = named.map(|(name, _)| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let server = ApiServer::start(listener, name.clone(), &credentials, stage.clone())?;
            Ok((name.clone(), server))
        });
        let servers = servers.collect::<io::Result<Vec<_>>>()?;
        let at: Vec<_> =
            servers.iter().map(|(name, server)| (name.clone(), server.address())).collect();
        Ok(Self { kubeconfig: credentials.kubeconfig(&at), servers })
    }

    /// Their addresses, in order of their machines' names.
    pub fn endpoints(&self) -> Vec<String> {
        self.servers.iter().map(|(_, server)| format!("https://{}", server.address())).collect()
    }

    /// A kubeconfig with all of them. Holds a secret.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }
}

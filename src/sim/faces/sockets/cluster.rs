//! The API servers of a world on a stage.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use super::api::{ApiServer, Credentials};
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::sim::faces::Stage;

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

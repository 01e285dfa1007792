//! One machine: how to log in, and what is known about reaching it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::error::{SshError, Stage};
use super::identity::{Identity, IdentityError};
use super::known_hosts::HostName;
use super::session::{Endpoint, Session};
use crate::config::settings::SshTarget;
use crate::model::time::Span;

/// Commands at once on one machine. sshd allows 10 (`MaxSessions`, sshd_config(5)); the rest is
/// for people.
const COMMANDS: usize = 4;

/// One machine, and what is known about reaching it.
pub(super) struct Slot {
    pub(super) end: Endpoint,
    pub(super) line: tokio::sync::Mutex<Line>,
    /// Attempts to connect that came to an end.
    pub(super) attempts: AtomicU64,
    pub(super) commands: Semaphore,
    pub(super) silent: AtomicBool,
    /// Where its name led last time, for when the cluster's own DNS is down.
    resolved: Mutex<Vec<SocketAddr>>,
}

#[derive(Default)]
pub(super) struct Line {
    pub(super) session: Option<Arc<Session>>,
    pub(super) failed: Option<(Instant, SshError)>,
}

impl Slot {
    pub(super) fn new(
        name: &str,
        target: &SshTarget,
        keys: &BTreeMap<PathBuf, Identity>,
    ) -> Result<Self, SshError> {
        let identities: Vec<_> =
            target.identities.iter().filter_map(|file| keys.get(file).cloned()).collect();
        if identities.is_empty() {
            return Err(IdentityError::Missing { machine: name.to_owned() }.into());
        }
        let host = HostName::new(&target.address, target.port);
        let end = Endpoint { name: name.to_owned(), target: target.clone(), identities, host };
        Ok(Self {
            end,
            line: tokio::sync::Mutex::default(),
            attempts: AtomicU64::new(0),
            commands: Semaphore::new(COMMANDS),
            silent: AtomicBool::new(false),
            resolved: Mutex::default(),
        })
    }

    /// TCP, by an address that worked before if the name can't be looked up. Several addresses
    /// share what is left of the time, so that one that never answers leaves some to the next.
    pub(super) async fn connect(&self, limit: Span) -> Result<TcpStream, SshError> {
        let stage = Stage::Connect;
        let began = Instant::now();
        let addresses = self.resolve(limit).await;
        let addresses = addresses.map_err(|why| SshError::Unreachable { stage, why })?;
        let mut failed = SshError::TimedOut { stage, limit };
        for (tried, address) in addresses.iter().enumerate() {
            let rest = limit.to_std().saturating_sub(began.elapsed());
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match tokio::time::timeout(rest / left, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Only costs speed if it fails.
                    drop(stream.set_nodelay(true));
                    return Ok(stream);
                }
                Ok(Err(e)) => failed = SshError::Unreachable { stage, why: e.to_string() },
                Err(_) => failed = SshError::TimedOut { stage, limit },
            }
        }
        Err(failed)
    }

    async fn resolve(&self, limit: Span) -> Result<Vec<SocketAddr>, String> {
        let SshTarget { address, port, .. } = &self.end.target;
        let lookup = tokio::net::lookup_host((address.as_str(), *port));
        // Half of the time, so that an address from last time still has the other half.
        let why = match tokio::time::timeout(limit.to_std() / 2, lookup).await {
            Ok(Ok(found)) => {
                let found: Vec<_> = found.collect();
                self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&found);
                return Ok(found);
            }
            Ok(Err(e)) => format!("looking up {address}: {e}"),
            Err(_) => format!("looking up {address}: no answer"),
        };
        let last = self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if last.is_empty() { Err(why) } else { Ok(last) }
    }
}

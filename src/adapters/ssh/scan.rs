//! Which host keys a machine offers, for `ananke hosts scan`.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use russh::client;
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use tokio::io::{AsyncRead, AsyncWrite};

use super::cut::severable;
use super::error::{SshError, Stage};
use super::known_hosts::{ALGORITHMS, HostName, fingerprint};
use super::session::{client_config, handshake_error, within};
use crate::model::ids::MachineName;
use crate::model::time::Span;

/// Whose host keys are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doorway<'a> {
    /// A machine of the inventory, over the way that commands would take.
    Machine(&'a MachineName),
    /// The jump host, directly.
    JumpHost,
}

/// A host key that a machine has shown. Nobody has vouched for it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// The key itself, for [`accept`](super::known_hosts::accept).
    pub key: PublicKey,
    /// `ssh-ed25519`, for example.
    pub algorithm: String,
    /// SHA-256, as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows it on the machine.
    pub fingerprint: String,
    /// The line for known_hosts.
    pub line: String,
}

/// Every host key that a machine offers, ed25519 first, over connections that `connect` makes:
/// one for each type of key.
pub(super) async fn offered<S, F>(
    host: &HostName,
    limit: Span,
    connect: impl Fn() -> F,
) -> Result<Vec<HostKey>, SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Result<S, SshError>>,
{
    let one = |algorithm| async {
        let stream = connect().await?;
        within(Stage::Handshake, limit, shown(stream, algorithm)).await
    };
    let mut keys = Vec::new();
    let mut first_error = None;
    for result in futures::future::join_all(ALGORITHMS.map(one)).await {
        match result {
            Ok(key) => keys.push(host_key(host, key)),
            // It has no key of this one type; if it has none of all, this says what it has.
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error @ SshError::NoUsableHostKey { .. }) if keys.is_empty() => Err(error),
        // A key that could not be asked for must not look like one that is not there.
        Some(error) if !matches!(error, SshError::NoUsableHostKey { .. }) => Err(error),
        _ => Ok(keys),
    }
}

fn host_key(host: &HostName, key: PublicKey) -> HostKey {
    let text = key.to_openssh().unwrap_or_default();
    HostKey {
        algorithm: key.algorithm().to_string(),
        fingerprint: fingerprint(&key),
        line: format!("{host} {text}"),
        key,
    }
}

/// The key of one type that the server proves to have. The handshake is broken off there.
async fn shown<S>(stream: S, algorithm: Algorithm) -> Result<PublicKey, SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, _cut) = severable(stream);
    let seen = Arc::new(Mutex::new(None));
    let witness = Witness(Arc::clone(&seen));
    let ended = client::connect_stream(client_config(vec![algorithm]), stream, witness).await;
    let key = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (key, ended) {
        (Some(key), _) => Ok(key),
        (None, Err(error)) => Err(handshake_error(&error)),
        (None, Ok(_)) => Err(SshError::Garbled {
            stage: Stage::Handshake,
            why: "it never showed a host key".to_owned(),
        }),
    }
}

/// Takes the key down and goes no further.
struct Witness(Arc<Mutex<Option<PublicKey>>>);

impl client::Handler for Witness {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = shown {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        }
        Ok(false)
    }
}

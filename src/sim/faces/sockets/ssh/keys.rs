//! Keys of simulated machines. They protect nothing: the world behind them is a play, and its
//! ports are on the loopback only.

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{Algorithm, PrivateKey};
use sha2::{Digest, Sha256};

use crate::model::ids::MachineName;

/// The host key of a machine. The same name and generation give the same key, so that a
/// known_hosts file of yesterday is right today.
pub(super) fn host_key(
    cluster: &str,
    machine: &MachineName,
    generation: u32,
) -> russh::keys::ssh_key::Result<PrivateKey> {
    let seed = format!("ananke, simulated host key\n{cluster}\n{machine}\n{generation}");
    let pair = Ed25519Keypair::from_seed(&Sha256::digest(seed).into());
    PrivateKey::new(KeypairData::Ed25519(pair), format!("root@{machine}"))
}

/// A new key to log in with.
pub(super) fn login_key() -> russh::keys::ssh_key::Result<PrivateKey> {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)
}

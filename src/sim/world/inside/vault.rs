//! The site's vault: how it says that it stands, and what it makes of a key (Vault API,
//! `sys/seal-status` and `sys/unseal`).

use serde_json::{Value, json};

use super::super::World;
use super::asked::{Page, SILENT, nothing, until};
use super::{VAULT, Web, row};
use crate::model::ids::MachineName;
use crate::model::probe::Answer;
use crate::model::vault::{SEAL_STATUS, Seal, SealStatus, Taken, UNSEAL, VaultAsk};

/// The keys that the vault was given on its first day. It needs two of them.
pub const VAULT_KEYS: [&str; 3] = [
    "6d1f0b0f5a27c1f3c8b7e2a94d30516e77c02b8a19e4d5f6039a8c7b1e2f4d5c01",
    "93c4ae71d80f2b6415e9a7c35b0d8f126a4e7390cb58d1f2e6074b9a3c5d8e1f02",
    "28e7b5d9140c6f3a8b2e71d5c09f4a637be8125d90a3c6f4187b2e5d0c9a3f6e03",
];

/// How many keys it needs.
const NEEDS: usize = 2;

/// What it says to what it can't use. Its words are those of its barrier.
const REFUSED: &str = "cipher: message authentication failed";

impl World {
    /// How the vault says that it stands.
    pub(super) fn seal_status(&self) -> Value {
        let sealed = self.is_sealed();
        json!({
            "type": "shamir", "initialized": true, "sealed": sealed, "t": NEEDS,
            "n": VAULT_KEYS.len(), "progress": self.inside.faults.given.len(), "nonce": "",
            "version": "1.20.4", "migration": false, "recovery_seal": false, "storage_type": "file",
        })
    }

    fn is_sealed(&self) -> bool {
        let Some(vault) = row(VAULT) else { return false };
        self.pods.values().any(|pod| pod.workload == vault && pod.sealed)
    }

    /// What a question for the seal finds.
    pub(super) fn seal_asked(&self, ask: &VaultAsk, via: Option<&MachineName>) -> Answer {
        let (page, certificate_until) = match self.page_of(&ask.at_path(SEAL_STATUS), via) {
            Ok(Page { host, path, tls }) => (self.web(&host, &path), until(tls)),
            Err(why) => return nothing(why),
        };
        match page {
            Web::Silent => nothing(SILENT),
            Web::Answer { status, body, .. } => match Seal::read(status, body.as_bytes()) {
                Ok(seal) => Answer::Seal(SealStatus { seal, certificate_until }),
                Err(why) => nothing(&why),
            },
        }
    }

    /// What comes back to whoever gives the vault a key, by the way of a probe.
    ///
    /// # Errors
    /// Why nobody gets to it.
    pub fn key_given(
        &mut self,
        ask: &VaultAsk,
        via: Option<&MachineName>,
        key: &str,
    ) -> Result<Taken, &'static str> {
        let Page { host, path, .. } = self.page_of(&ask.at_path(UNSEAL), via)?;
        match self.put(&host, &path, json!({"key": key}).to_string().as_bytes()) {
            Web::Silent => Err(SILENT),
            Web::Answer { status, body, .. } => Ok(Taken::read(status, body.as_bytes())),
        }
    }

    /// The answer to a PUT through an open door. Only the vault takes any.
    pub fn put(&mut self, host: &str, path: &str, body: &[u8]) -> Web {
        if path != UNSEAL {
            return Web::text(405, "Method Not Allowed\n");
        }
        // Whoever says nothing of a seal there is not the vault, or is away.
        let said = self.web(host, SEAL_STATUS);
        if !matches!(&said, Web::Answer { status: 200, .. }) {
            return said;
        }
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let words = "'key' must be specified in request body as JSON, or 'reset' set to true";
        let taken = document["key"].as_str().ok_or(words).and_then(|key| self.take(key));
        match taken {
            Ok(()) => Web::json(200, &self.seal_status()),
            Err(words) => Web::json(400, &json!({"errors": [words]})),
        }
    }

    /// With as many keys as it needs it opens, or forgets them all.
    fn take(&mut self, key: &str) -> Result<(), &'static str> {
        if !self.is_sealed() {
            return Ok(());
        }
        let faults = &mut self.inside.faults;
        faults.given.insert(key.to_owned());
        if faults.given.len() < NEEDS {
            return Ok(());
        }
        let given = std::mem::take(&mut faults.given);
        let fits = |key: &String| VAULT_KEYS.contains(&key.as_str());
        if faults.rekeyed || !given.iter().all(fits) {
            return Err(REFUSED);
        }
        self.unseal();
        Ok(())
    }
}

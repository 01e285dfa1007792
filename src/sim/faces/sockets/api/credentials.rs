//! Who the servers are and who may ask them: an authority made at the start, a certificate for each
//! server, and one token.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;

use crate::model::ids::MachineName;

/// Random bytes of the token.
const TOKEN_BYTES: usize = 24;

/// No credentials can be made.
#[derive(Debug, thiserror::Error)]
pub enum NoCredentials {
    /// No certificate.
    #[error("no certificate can be made")]
    Certificate(#[from] rcgen::Error),
    /// TLS refuses what was made.
    #[error("TLS does not take the certificate")]
    Tls(#[from] rustls::Error),
    /// The system gives no random bytes.
    #[error("there is no randomness for a token")]
    Random,
}

/// What the API servers of one site share. Made anew for each site, and gone with it.
pub struct Credentials {
    cluster: String,
    authority: Issuer<'static, KeyPair>,
    certificate: String,
    token: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Makes an authority and a token for a cluster of this name.
    ///
    /// # Errors
    /// [`NoCredentials`]
    pub fn new(cluster: &str) -> Result<Self, NoCredentials> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{cluster} rehearsal"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let mut random = [0; TOKEN_BYTES];
        let filled = ring::default_provider().secure_random.fill(&mut random);
        filled.map_err(|_| NoCredentials::Random)?;
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let authority = Issuer::new(params, key);
        Ok(Self { cluster: cluster.to_owned(), authority, certificate, token })
    }

    /// The token that every server takes.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// TLS for one server. Its certificate names the address and nothing else, as a client expects
    /// that does not fall back to other names.
    pub(super) fn server(
        &self,
        server: &MachineName,
        address: IpAddr,
    ) -> Result<Arc<ServerConfig>, NoCredentials> {
        self.certified(server.as_str(), SanType::IpAddress(address))
    }

    /// TLS for the hosts behind the ingress, which have one certificate.
    pub(in crate::sim::faces::sockets) fn hosts(&self) -> Result<Arc<ServerConfig>, NoCredentials> {
        let hosts = format!("*.{}.example", self.cluster);
        let named = SanType::DnsName(hosts.as_str().try_into()?);
        self.certified(&hosts, named)
    }

    /// Who vouches for all of them, as PEM.
    pub(in crate::sim::faces::sockets) fn authority(&self) -> &str {
        &self.certificate
    }

    fn certified(&self, name: &str, named: SanType) -> Result<Arc<ServerConfig>, NoCredentials> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![named];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.authority)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A kubeconfig with a context for each server, named like it; the first one is current. JSON,
    /// which is YAML. Holds a secret.
    pub fn kubeconfig(&self, servers: &[(MachineName, SocketAddr)]) -> String {
        let authority = BASE64.encode(&self.certificate);
        let clusters = servers.iter().map(|(name, address)| {
            json!({"name": name, "cluster": {"server": format!("https://{address}"),
                "certificate-authority-data": authority}})
        });
        let contexts = servers.iter().map(
            |(name, _)| json!({"name": name, "context": {"cluster": name, "user": self.cluster}}),
        );
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "preferences": {},
            "current-context": servers.first().map(|(name, _)| name),
            "clusters": clusters.collect::<Vec<_>>(),
            "contexts": contexts.collect::<Vec<_>>(),
            "users": [{"name": self.cluster, "user": {"token": self.token}}],
        });
        format!("{config:#}\n")
    }
}

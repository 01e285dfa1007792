//! TLS to an upsd whose certificate is known byte for byte.
//!
//! upsd's certificates are made by hand and signed by nobody. What is pinned is the certificate
//! itself: neither its name nor its expiry is asked, because a certificate that runs out during an
//! outage must not blind the host that has to shut the cluster down.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::NutError;

/// A file with certificates has a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// Does the handshake on a connection whose server said `OK STARTTLS`.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    file: &Path,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, NutError> {
    let pinned = Arc::new(Pinned {
        certificates: read(file).await?,
        provider: Arc::new(rustls::crypto::ring::default_provider()),
        shown: Mutex::new(None),
    });
    let config = ClientConfig::builder_with_provider(Arc::clone(&pinned.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| NutError::Tls(std::io::Error::other(error)))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&pinned) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| NutError::Tls(std::io::Error::other(error)))?;
    let connector = TlsConnector::from(Arc::new(config));
    match timeout(limit, connector.connect(name, stream)).await {
        Err(_) => Err(NutError::Late { what: "TLS handshake" }),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(match pinned.stranger() {
            Some(shown) => NutError::Stranger { file: file.display().to_string(), shown },
            None => NutError::Tls(error),
        }),
    }
}

async fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, NutError> {
    let unusable = |why: String| NutError::Pin { file: file.display().to_string(), why };
    let mut text = Vec::new();
    let opened = tokio::fs::File::open(file).await.map_err(|error| unusable(error.to_string()))?;
    let bounded = opened.take(MAX_FILE).read_to_end(&mut text).await;
    bounded.map_err(|error| unusable(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unusable("there is no certificate in it (PEM)".to_owned())),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// Lets in who shows a pinned certificate and holds its key.
#[derive(Debug)]
struct Pinned {
    certificates: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    shown: Mutex<Option<String>>,
}

impl Pinned {
    /// The fingerprint of a certificate that was refused.
    fn stranger(&self) -> Option<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if self.certificates.iter().any(|pinned| pinned.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        let print = Sha256::digest(end_entity.as_ref());
        let print: Vec<_> = print.iter().map(|byte| format!("{byte:02X}")).collect();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(print.join(":"));
        Err(TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

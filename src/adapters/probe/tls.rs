//! Whose certificates are believed, and until when they are good.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connect::{Miss, Stream};
use crate::model::facts::BlindKind;

/// What TLS is spoken with.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// `None`: this host trusts nobody.
    verified: Option<Arc<ClientConfig>>,
    anybody: Arc<ClientConfig>,
}

impl Trust {
    /// The authorities of this host, and those of a file. What can't be read is logged: whoever
    /// shows a certificate of such an authority is then refused.
    pub(super) fn load(authorities: Option<&Path>) -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!("authorities of this host: {error}");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if let Some(file) = authorities {
            let read: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            match read {
                Ok(certificates) => {
                    roots.add_parsable_certificates(certificates);
                }
                Err(error) => tracing::warn!("{}: {error}", file.display()),
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .expect("ring speaks the versions that rustls does")
        };
        let verified = (!roots.is_empty())
            .then(|| Arc::new(builder().with_root_certificates(roots).with_no_client_auth()));
        let anybody = Arc::new(Anybody { provider: Arc::clone(&provider) });
        let anybody =
            builder().dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth();
        Self { verified, anybody: Arc::new(anybody) }
    }

    /// Speaks TLS with somebody of this name. `clock_is_right` says whether dates mean anything.
    pub(super) async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        host: &str,
        unverified: bool,
        clock_is_right: bool,
    ) -> Result<TlsStream<Box<dyn Stream>>, Miss> {
        let nobody = || Miss::blind(BlindKind::Identity, "this host trusts no authority at all");
        let config = match unverified {
            true => &self.anybody,
            false => self.verified.as_ref().ok_or_else(nobody)?,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Miss::blind(BlindKind::Garbled, format!("{host} is no name for TLS")))?;
        let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        connected.map_err(|error| {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
            if !clock_is_right && tls.is_some_and(is_about_time) {
                let why = format!("TLS: {error}; but nobody vouches for the clock of this host");
                return Miss::blind(BlindKind::Identity, why);
            }
            Miss::Nothing(format!("TLS: {error}"))
        })
    }
}

fn is_about_time(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

/// When the certificate of the other side ends. `None` if it shows none that can be read.
pub(super) fn until(stream: &TlsStream<Box<dyn Stream>>) -> Option<Timestamp> {
    let shown = stream.get_ref().1.peer_certificates()?.first()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(shown).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// Lets in whoever holds the key of the certificate that it shows.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
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

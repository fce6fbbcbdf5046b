//! A certificate for `localhost`, as programs and as rustls take it.

use std::sync::Arc;

use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// A certificate and its key.
pub struct Certificate(rcgen::CertifiedKey<rcgen::KeyPair>);

impl Default for Certificate {
    fn default() -> Self {
        Self(rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap())
    }
}

impl Certificate {
    /// Certificate and key in one file.
    pub fn pem(&self) -> String {
        self.0.cert.pem() + &self.0.signing_key.serialize_pem()
    }

    /// A server's side.
    pub fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.0.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        TlsAcceptor::from(Arc::new(config.with_single_cert(vec![self.0.cert.der().clone()], key).unwrap()))
    }

    /// A client's, which trusts no other.
    pub fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        TlsConnector::from(Arc::new(config.with_no_client_auth()))
    }
}

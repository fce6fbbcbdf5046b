//! Which servers the store consists of, by their URLs.
//!
//! The client crate has a type for each kind of store. They are told apart here, once, and what comes out is a
//! [`Client`] that only makes connections. Nothing is connected yet, so each error here is one of a setting.
//!
//! The client crate also has retries and timeouts of its own. They are set so that they never decide: each caller has a
//! deadline of its own, and counts what fails.

use redis::{IntoConnectionInfo, io::tcp::TcpSettings};

use crate::{error::BuildError, link::Client};

/// What stands beside the first URL.
pub(crate) enum Others {
    None,
    /// More servers of a Redis Cluster.
    #[cfg(feature = "cluster")]
    Cluster(Vec<String>),
    /// Those that know which server it is.
    #[cfg(feature = "sentinel")]
    Sentinels(Vec<String>),
}

/// All that is needed to find the servers.
pub(crate) struct Servers<'a> {
    pub(crate) url: &'a str,
    pub(crate) others: &'a Others,
    /// A certificate authority, as PEM.
    #[cfg(feature = "tls")]
    pub(crate) root: Option<&'a [u8]>,
}

impl Servers<'_> {
    pub(crate) fn client(&self) -> Result<Client, BuildError> {
        self.prepare_tls()?;
        match self.others {
            Others::None => self.one().map_err(|error| url(&error)),
            #[cfg(feature = "cluster")]
            Others::Cluster(urls) => self.cluster(urls).map_err(|error| url(&error)),
            #[cfg(feature = "sentinel")]
            Others::Sentinels(urls) => self.sentinels(urls).map_err(|error| url(&error)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn prepare_tls(&self) -> Result<(), BuildError> {
        if self.url.starts_with("rediss:") {
            return Err(BuildError::Setting("`rediss://` needs feature `tls` of portcullis-redis"));
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    fn prepare_tls(&self) -> Result<(), BuildError> {
        use tokio_rustls::rustls::{
            crypto::{CryptoProvider, ring},
            pki_types::{CertificateDer, pem::PemObject},
        };

        let is_certificate = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).any(|one| one.is_ok());
        if self.root.is_some_and(|root| !is_certificate(root)) {
            return Err(BuildError::Setting("the root certificate is not one in PEM"));
        }
        if self.url.starts_with("rediss:") && CryptoProvider::get_default().is_none() {
            // An error means that the application was quicker.
            let _ = ring::default_provider().install_default();
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    fn certificates(&self) -> Option<redis::TlsCertificates> {
        self.root.map(|root| redis::TlsCertificates { client_tls: None, root_cert: Some(root.to_vec()) })
    }

    fn one(&self) -> redis::RedisResult<Client> {
        let server = self.url.into_connection_info()?.set_tcp_settings(tcp());
        #[cfg(feature = "tls")]
        if let Some(certificates) = self.certificates() {
            return redis::Client::build_with_tls(server, certificates).map(|client| Client::One(Box::new(client)));
        }
        redis::Client::open(server).map(|client| Client::One(Box::new(client)))
    }

    /// What fails is asked again by the client crate, a few times and soon: those who wait have their own deadline.
    #[cfg(feature = "cluster")]
    fn cluster(&self, urls: &[String]) -> redis::RedisResult<Client> {
        use std::time::Duration;

        /// No read that waits for messages takes so long.
        const LONGEST: Duration = Duration::from_secs(60);

        let all = std::iter::once(self.url).chain(urls.iter().map(String::as_str));
        let client = redis::cluster::ClusterClient::builder(all);
        let client = client.retries(8).min_retry_wait(10).max_retry_wait(200).response_timeout(LONGEST);
        let client = client.tcp_settings(tcp());
        #[cfg(feature = "tls")]
        let client = match self.certificates() {
            Some(certificates) => client.certs(certificates),
            None => client,
        };
        client.build().map(|client| Client::Cluster(Box::new(client)))
    }

    #[cfg(feature = "sentinel")]
    fn sentinels(&self, urls: &[String]) -> redis::RedisResult<Client> {
        use std::sync::Arc;

        use redis::{
            ConnectionAddr, TlsMode,
            sentinel::{SentinelClientBuilder, SentinelServerType},
        };

        let service = self.url.into_connection_info()?;
        let (name, tls) = match service.addr() {
            ConnectionAddr::TcpTls { host, .. } => (host.clone(), true),
            ConnectionAddr::Tcp(name, _) => (name.clone(), false),
            other => (other.to_string(), false),
        };
        let sentinels = urls.iter().map(|one| one.as_str().into_connection_info()).collect::<Result<Vec<_>, _>>()?;
        let addresses = sentinels.iter().map(|one| one.addr().clone());
        let mut client = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?;
        let server = service.redis_settings();
        client = client.set_client_to_redis_db(server.db()).set_client_to_redis_tcp_settings(tcp());
        if let Some(username) = server.username() {
            client = client.set_client_to_redis_username(username);
        }
        if let Some(password) = server.password() {
            client = client.set_client_to_redis_password(password);
        }
        if tls {
            client = client.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        // All have the same user.
        if let Some(sentinel) = sentinels.first().map(redis::ConnectionInfo::redis_settings) {
            if let Some(username) = sentinel.username() {
                client = client.set_client_to_sentinel_username(username);
            }
            if let Some(password) = sentinel.password() {
                client = client.set_client_to_sentinel_password(password);
            }
        }
        #[cfg(feature = "tls")]
        if let Some(certificates) = self.certificates() {
            if tls {
                client = client.set_client_to_redis_certificates(certificates.clone());
            }
            if sentinels.iter().all(|one| matches!(one.addr(), ConnectionAddr::TcpTls { .. })) {
                client = client.set_client_to_sentinel_certificates(certificates);
            }
        }
        Ok(Client::Sentinel(Arc::new(tokio::sync::Mutex::new(client.build()?))))
    }
}

/// Without Nagle's algorithm: it holds a question back until the server has acknowledged the one before, which it does
/// with its answer, or after 40 ms. A connection carries the questions of many handshakes at once.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn url(error: &redis::RedisError) -> BuildError {
    BuildError::Url(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(others: &Others) -> Client {
        let url = "redis://127.0.0.1:1";
        let servers = Servers {
            url,
            others,
            #[cfg(feature = "tls")]
            root: None,
        };
        servers.client().unwrap()
    }

    #[test]
    fn no_question_waits_until_another_is_acknowledged() {
        let Client::One(client) = client(&Others::None) else { panic!("it is one server") };
        assert!(client.get_connection_info().tcp_settings().nodelay());
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn nor_in_a_redis_cluster() {
        let Client::Cluster(client) = client(&Others::Cluster(Vec::new())) else { panic!("it is a Redis Cluster") };
        // Its settings cannot be read in any other way.
        assert!(format!("{client:?}").contains("nodelay: true"));
    }
}

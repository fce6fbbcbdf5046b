//! Keys fetched over real TLS, on loopback.

use std::sync::Arc;

use portcullis_jwt::jwks::{Fetch, FetchError, HttpsFetch};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(include_bytes!("../keys/tls.cert.pem")).unwrap()
}

/// An issuer that answers every connection with the same text. Returns its URL.
async fn issuer(answer: &'static str) -> String {
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../keys/tls.key.pem")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate()], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust us ends here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).to_ascii_lowercase();
            assert!(request.starts_with("get /keys?v=1 http/1.1\r\n"), "{request}");
            assert!(request.contains(&format!("host: localhost:{port}\r\n")), "{request}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            // The client may have had enough before the end.
            let _ended = stream.shutdown().await;
        }
    });
    format!("https://localhost:{port}/keys?v=1")
}

fn trusting() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn fetch(answer: &'static str) -> Result<Vec<u8>, FetchError> {
    HttpsFetch::with_config(&issuer(answer).await, trusting()).unwrap().fetch(100).await
}

#[tokio::test]
async fn a_set_is_fetched() {
    let set = fetch("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}").await.unwrap();
    assert_eq!(set, b"{\"keys\":[]}");
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"k\r\n8\r\neys\":[]}\r\n0\r\n\r\n";
    assert_eq!(fetch(chunked).await.unwrap(), b"{\"keys\":[]}");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let redirect = fetch("HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(redirect, Err(FetchError::Status(302))), "{redirect:?}");
    let big = "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n\
               xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    let big = fetch(big).await;
    assert!(matches!(big, Err(FetchError::TooBig)), "{big:?}");
    for broken in ["", "not http", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"keys\""] {
        let outcome = fetch(broken).await;
        assert!(matches!(outcome, Err(FetchError::Failed(_))), "{broken}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let url = issuer("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}").await;
    let outcome = HttpsFetch::new(&url).unwrap().fetch(100).await;
    assert!(matches!(outcome, Err(FetchError::Failed(_))), "{outcome:?}");
}

#[test]
fn keys_come_from_https_and_nowhere_else() {
    for url in [
        "http://id.example/keys",
        "https://id.example:99999/keys",
        "https:///keys",
        "id.example/keys",
        "/keys",
        "file:///etc/passwd",
        "",
    ] {
        let error = HttpsFetch::new(url).unwrap_err().to_string();
        assert_eq!(error, format!("invalid URL {url:?}: keys come from https://host[:port]/path"));
    }
    let error = HttpsFetch::new("https://user:p@ssword@id.example/keys").unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(shown.contains("..@id.example/keys"), "{shown}");
        assert!(!shown.contains("ssword") && !shown.contains("user"), "{shown}");
    }
    for url in ["https://id.example", "https://id.example:8443/a?b", "https://192.0.2.1/"] {
        assert!(HttpsFetch::new(url).is_ok(), "{url}");
    }
}

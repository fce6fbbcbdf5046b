//! A server that speaks TLS.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use siege::audit::{Plan, Report, Verdict};
use tungstenite::handshake::derive_accept_key;

use crate::server::OWN;

/// Starts a server. Returns its address and its certificate.
fn start() -> (SocketAddr, PathBuf) {
    let certified = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let file = std::env::temp_dir().join(format!("siege-audit-{}.pem", std::process::id()));
    fs::write(&file, certified.cert.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certified.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certified.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let config = config.clone();
            thread::spawn(move || serve(stream, config));
        }
    });
    (address, file)
}

/// Admits its own page, and echoes.
fn serve(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut part = [0; 4096];
    let read = stream.read(&mut part)?;
    let head = String::from_utf8_lossy(&part[..read]).into_owned();
    if !head.contains(&format!("origin: {OWN}\r\n")) {
        return stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    }
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    write!(stream, "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {accept}\r\n\r\n")?;
    stream.flush()?;
    while stream.read(&mut part)? > 0 {
        stream.write_all(b"\x81\x05hello")?;
        stream.flush()?;
    }
    Ok(())
}

fn plan(address: SocketAddr, more: &[&str]) -> Plan {
    let url = format!("wss://localhost:{}/ws", address.port());
    let words = [&[url.as_str(), "--origin", OWN, "--only", "foreign page", "--only", "no encryption"], more].concat();
    Plan::parse(&words.into_iter().map(str::to_owned).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_certificate_is_trusted_if_its_file_is_given() {
    let (address, file) = start();
    let report = Report::of(plan(address, &["--ca", file.to_str().unwrap()]), |_| {}).unwrap();
    assert_eq!(report.count(Verdict::Stopped), 2, "{}", report.to_table());
    let error = Report::of(plan(address, &[]), |_| {}).unwrap_err();
    assert!(error.contains("TLS: invalid peer certificate"), "{error}");
}

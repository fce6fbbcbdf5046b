//! A proxy, as a child process with a configuration of its own.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{net::TcpStream, time::sleep};
use visitor::{own_address, own_port};

use crate::certificate::Certificate;

/// The proxy in front, and its protocols on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// nginx, without TLS on either side.
    Nginx,
    /// nginx, where TLS ends.
    NginxTlsInFront,
    /// nginx, which speaks TLS to the server.
    NginxTlsBehind,
    /// HAProxy, without TLS on either side.
    Haproxy,
    /// HAProxy, where TLS ends.
    HaproxyTlsInFront,
    /// HAProxy, which speaks TLS to the server.
    HaproxyTlsBehind,
    /// HAProxy, which speaks HTTP/2 to the server (RFC 8441).
    HaproxyHttp2Behind,
    /// HAProxy, which uses the PROXY protocol instead of HTTP.
    HaproxyTcp,
}

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    child: Child,
    folder: PathBuf,
    /// Where clients connect.
    pub address: SocketAddr,
}

impl Front {
    /// Whether clients speak TLS.
    pub fn has_tls(self) -> bool {
        matches!(self, Self::NginxTlsInFront | Self::HaproxyTlsInFront)
    }

    /// Whether the server speaks TLS.
    pub fn has_tls_behind(self) -> bool {
        matches!(self, Self::NginxTlsBehind | Self::HaproxyTlsBehind)
    }

    /// Starts it in front of a server.
    pub async fn start(self, server: SocketAddr, certificate: &Certificate) -> Proxy {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("portcullis-proxies-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("both.pem"), certificate.pem()).unwrap();
        let address = (own_address(), own_port()).into();
        let path = folder.display().to_string();
        let (program, text, arguments) = match self {
            Self::Nginx | Self::NginxTlsInFront | Self::NginxTlsBehind => {
                ("/usr/sbin/nginx", self.nginx(address, server, &path), vec!["-p", &path, "-c"])
            }
            _ => ("/usr/sbin/haproxy", self.haproxy(address, server, &path), vec!["-db", "-f"]),
        };
        let file = folder.join("configuration");
        fs::write(&file, text).unwrap();
        let child = Command::new(program).args(arguments).arg(&file).stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}, of Debian's package: {error}"));
        let mut proxy = Proxy { child, folder, address };
        proxy.listens().await;
        proxy
    }

    fn nginx(self, address: SocketAddr, server: SocketAddr, folder: &str) -> String {
        let tls = if self.has_tls() {
            format!("ssl; ssl_certificate {folder}/both.pem; ssl_certificate_key {folder}/both.pem")
        } else {
            String::new()
        };
        let scheme = if self.has_tls_behind() { "https" } else { "http" };
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
            .concat();
        format!(
            "daemon off; master_process off; pid {folder}/pid; error_log stderr;
             events {{}}
             http {{
                 access_log off;
                 {folders}
                 server {{
                     listen {address} {tls};
                     location / {{
                         proxy_pass {scheme}://{server};
                         proxy_http_version 1.1;
                         proxy_set_header Upgrade $http_upgrade;
                         proxy_set_header Connection \"upgrade\";
                         proxy_set_header Host $host;
                         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                         proxy_buffering off;
                     }}
                 }}
             }}"
        )
    }

    fn haproxy(self, address: SocketAddr, server: SocketAddr, folder: &str) -> String {
        let mode = if self == Self::HaproxyTcp { "mode tcp" } else { "mode http\n    option forwardfor" };
        let tls = if self.has_tls() { format!(" ssl crt {folder}/both.pem") } else { String::new() };
        let behind = match self {
            Self::HaproxyTlsBehind => " ssl verify none",
            Self::HaproxyHttp2Behind => " proto h2 ws h2",
            Self::HaproxyTcp => " send-proxy-v2",
            _ => "",
        };
        format!(
            "defaults\n    {mode}\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n    \
             timeout tunnel 1h\nfrontend in\n    bind {address}{tls}\n    default_backend out\nbackend out\n    \
             server chat {server}{behind}\n"
        )
    }
}

impl Proxy {
    /// Waits until it accepts connections, by polling: it does not report this.
    async fn listens(&mut self) {
        while TcpStream::connect(self.address).await.is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "the proxy has ended");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        let _gone_already = fs::remove_dir_all(&self.folder);
    }
}

//! Where keys and documents are fetched from: a URL, in the parts that a request needs.

use std::net::IpAddr;

use http::Uri;
use tokio_rustls::rustls::pki_types::ServerName;

/// `https://host[:port]/path`, or the same with `http`: whether that will do is for those who fetch to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Url {
    /// `None` if it has another scheme, no host, or a user.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => default_port(secure),
            _ => authority.port_u16()?,
        };
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        ServerName::try_from(host).ok()?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { secure, host: host.to_owned(), port, path })
    }

    /// Whether the host names this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// What a request's `Host` says.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// A URL, for an error: what stands before an `@` may be a password, which no log is to keep.
pub(super) fn without_user(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("..@{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, parts) in [
            ("https://id.example", Some((true, "id.example", 443, "/", "id.example"))),
            ("https://id.example:8443/a?b", Some((true, "id.example", 8443, "/a?b", "id.example:8443"))),
            ("HTTPS://id.example:443/", Some((true, "id.example", 443, "/", "id.example"))),
            ("http://localhost:8080/realms/a", Some((false, "localhost", 8080, "/realms/a", "localhost:8080"))),
            ("http://[::1]/a", Some((false, "::1", 80, "/a", "[::1]"))),
            ("https://[::1]:8443/a", Some((true, "::1", 8443, "/a", "[::1]:8443"))),
            ("https://192.0.2.1/", Some((true, "192.0.2.1", 443, "/", "192.0.2.1"))),
            ("https://id.example:99999/", None),
            ("https://id.example:/", None),
            ("https://user@id.example/", None),
            ("https://user:password@id.example/", None),
            ("https:///keys", None),
            ("https://a b/", None),
            ("https://-/", None),
            ("ftp://id.example/", None),
            ("id.example/keys", None),
            ("/keys", None),
            ("", None),
        ] {
            let read = Url::parse(url);
            let authority = read.as_ref().map(Url::authority);
            let read = read.as_ref().map(|url| (url.secure, url.host.as_str(), url.port, url.path.as_str()));
            let (read, expected) = (read.zip(authority.as_deref()), parts);
            let expected =
                expected.map(|(secure, host, port, path, authority)| ((secure, host, port, path), authority));
            assert_eq!(read, expected, "{url}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (host, loopback) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("127.0.0.1", true),
            ("127.255.0.9", true),
            ("[::1]", true),
            ("localhost.example", false),
            ("127.0.0.1.example", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("[::]", false),
            ("id.example", false),
        ] {
            assert_eq!(Url::parse(&format!("http://{host}:8080/")).unwrap().is_loopback(), loopback, "{host}");
        }
    }
}

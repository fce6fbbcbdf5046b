//! The server under attack: on this machine, or on a host that its operator has named twice.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use http::Uri;

/// A URL that may be attacked, and the address that its host had when the audit began.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) secure: bool,
    /// Without brackets.
    pub(super) host: String,
    /// As in the `Host` header.
    pub(super) authority: String,
    /// Path and query.
    pub(super) target: String,
    /// The only address that is connected to.
    pub(super) address: SocketAddr,
}

impl Scope {
    /// Parses a URL and looks up its host, once.
    ///
    /// # Errors
    ///
    /// A message for the user, if it is not a WebSocket URL, or its server is neither on loopback nor the host in
    /// `i_operate`.
    pub(super) fn of(
        url: &str,
        i_operate: Option<&str>,
        look_up: impl FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
    ) -> Result<Self, String> {
        let (secure, authority, target) = parse(url)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let here = is_loopback_name(&host);
        if let Some(named) = i_operate.filter(|named| !named.eq_ignore_ascii_case(&host)) {
            return Err(format!("--i-operate {named} is not the host of the URL, which is {host}"));
        }
        if !here && i_operate.is_none() {
            return Err(format!(
                "{host} is not on this machine's loopback: add --i-operate {host} if you operate that server"
            ));
        }
        let found = look_up(&host, port).map_err(|error| format!("{host} could not be looked up: {error}"))?;
        if here && !found.iter().all(|address| address.ip().to_canonical().is_loopback()) {
            return Err(format!("{host} does not resolve to this machine's loopback"));
        }
        // Most local servers listen only on IPv4, and `localhost` is both.
        let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
        let address = *address.ok_or_else(|| format!("{host} has no address"))?;
        Ok(Self { secure, host, authority: authority.to_string(), target, address })
    }

    /// Whether floods and bombs need `--with-load`.
    pub(super) fn is_elsewhere(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }

    /// The origin of a page on the same server.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let default = if self.secure { ":443" } else { ":80" };
        format!("{scheme}://{}", self.authority.strip_suffix(default).unwrap_or(&self.authority))
    }
}

/// Scheme, authority, and path with query.
fn parse(url: &str) -> Result<(bool, http::uri::Authority, String), String> {
    let wrong = |why: &str| format!("invalid URL {url:?}: {why}");
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    let secure = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        _ => return Err(wrong("the scheme is neither ws nor wss")),
    };
    let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?.clone();
    let after = authority.as_str().rsplit_once(authority.host()).map_or("", |(_, after)| after);
    if authority.as_str().contains('@') {
        return Err(wrong("it contains a user name"));
    }
    if !after.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(wrong("invalid port"));
    }
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok((secure, authority, if target.is_empty() { "/" } else { target }.to_owned()))
}

fn is_loopback_name(host: &str) -> bool {
    let literal = host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    literal || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resolves any host to this address.
    fn at(address: &'static str) -> impl FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>> {
        move |_, port| Ok(vec![SocketAddr::new(address.parse().expect("an address"), port)])
    }

    #[test]
    fn only_loopback_is_attacked_unless_its_operator_names_it() {
        for (url, i_operate, address, expected) in [
            ("ws://127.0.0.1:8080/ws", None, "127.0.0.1", Ok(false)),
            ("ws://[::1]:8080/ws", None, "::1", Ok(false)),
            ("ws://localhost/ws", None, "127.0.0.1", Ok(false)),
            ("ws://app.localhost/ws", None, "127.0.0.1", Ok(false)),
            ("ws://localhost/ws", None, "192.0.2.7", Err("does not resolve")),
            ("ws://192.0.2.7/ws", None, "192.0.2.7", Err("add --i-operate 192.0.2.7")),
            ("ws://10.0.0.7/ws", None, "10.0.0.7", Err("add --i-operate 10.0.0.7")),
            ("ws://0.0.0.0:80/ws", None, "0.0.0.0", Err("add --i-operate")),
            ("wss://example.com/ws", None, "127.0.0.1", Err("add --i-operate example.com")),
            ("wss://example.com/ws", Some("example.com"), "192.0.2.7", Ok(true)),
            ("wss://example.com/ws", Some("EXAMPLE.com"), "192.0.2.7", Ok(true)),
            ("wss://example.com/ws", Some("example.com"), "127.0.0.1", Ok(false)),
            ("wss://example.com/ws", Some("example.org"), "192.0.2.7", Err("is not the host of the URL")),
            ("wss://example.com/ws", Some("www.example.com"), "192.0.2.7", Err("is not the host of the URL")),
            ("ws://127.0.0.1/ws", Some("example.org"), "127.0.0.1", Err("is not the host of the URL")),
            ("ws://localhost/ws", Some("localhost"), "192.0.2.7", Err("does not resolve")),
        ] {
            match (Scope::of(url, i_operate, at(address)), expected) {
                (Ok(scope), Ok(elsewhere)) => assert_eq!(scope.is_elsewhere(), elsewhere, "{url}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{url}: {error}"),
                (got, _) => panic!("{url} {i_operate:?} at {address}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_host_that_may_not_be_attacked_is_not_looked_up() {
        for (url, i_operate) in [
            ("ws://example.com/", None),
            ("ws://example.com/", Some("example.org")),
            ("http://127.0.0.1/", None),
            ("ws:///ws", None),
            ("ws://127.0.0.1:99999/", None),
            ("ws://127.0.0.1:0/", None),
            ("ws://user@127.0.0.1/", None),
            ("127.0.0.1:80", None),
            ("", None),
        ] {
            let refused = Scope::of(url, i_operate, |_, _| panic!("{url} was looked up"));
            assert!(refused.is_err(), "{url}");
        }
    }

    #[test]
    fn a_host_is_looked_up_once_and_its_address_pinned() {
        let mut asked = 0;
        let scope = Scope::of("wss://example.com/a?b=c", Some("example.com"), |host, port| {
            asked += 1;
            assert_eq!((host, port), ("example.com", 443));
            Ok(["192.0.2.1:443", "192.0.2.2:443"].map(|address| address.parse().expect("an address")).to_vec())
        });
        let scope = scope.expect("it is operated");
        assert_eq!(asked, 1);
        assert_eq!(scope.address, "192.0.2.1:443".parse().expect("an address"));
        assert_eq!((scope.target.as_str(), scope.origin().as_str()), ("/a?b=c", "https://example.com"));
    }
}

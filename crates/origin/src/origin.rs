//! The strict parser. `Uri` and `Url` types accept userinfo, paths, backslashes and ports out of range.

use std::{error::Error, fmt, net::Ipv6Addr};

/// The origin of pages loaded from files in some browsers and web views. It has no host, so [`Origin`] cannot hold it.
pub(crate) const FILE: &str = "file://";

/// A web origin: scheme, host and port (RFC 6454, section 4), in lower case and without a default port.
///
/// ```
/// use portcullis_origin::Origin;
///
/// let origin = Origin::parse("HTTPS://App.Example.com:443")?;
/// assert_eq!(origin.to_string(), "https://app.example.com");
/// assert_eq!(origin.port(), None);
/// assert!(Origin::parse("https://user@app.example.com").is_err());
/// # Ok::<_, portcullis_origin::InvalidOrigin>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Parses `scheme://host[:port]` and nothing else.
    ///
    /// # Errors
    ///
    /// If `text` has another form; [`InvalidOrigin`] displays what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let fail = |why| InvalidOrigin::new(text.as_bytes(), why);
        let (scheme, authority) = text.split_once("://").ok_or_else(|| fail("it has no scheme"))?;
        check_scheme(scheme).map_err(fail)?;
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = parse_authority(authority).map_err(fail)?;
        let port = port.filter(|port| Some(*port) != default_port(&scheme));
        Ok(Self { scheme, host, port })
    }

    pub(crate) fn from_header(value: &[u8]) -> Result<Self, InvalidOrigin> {
        let text = str::from_utf8(value).map_err(|_| InvalidOrigin::new(value, "it is not ASCII"))?;
        Self::parse(text)
    }

    /// Whether this is how a browser writes it, letter by letter. A text that is not may be the same origin even so.
    pub(crate) fn is_written(&self, text: &str) -> bool {
        let rest = text.strip_prefix(&self.scheme).and_then(|rest| rest.strip_prefix("://"));
        let port = rest.and_then(|rest| rest.strip_prefix(&self.host));
        port.is_some_and(|port| match self.port {
            Some(_) => port.len() > 1 && *text == self.to_string(),
            None => port.is_empty(),
        })
    }

    /// Returns the scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host, in lower case; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, or `None` if it is the scheme's default.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn check_scheme(scheme: &str) -> Result<(), &'static str> {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(rest) {
        return Err("its scheme is not a scheme");
    }
    Ok(())
}

/// Parses `host[:port]`. The host is returned in lower case.
pub(crate) fn parse_authority(text: &str) -> Result<(String, Option<u16>), &'static str> {
    if !text.is_ascii() {
        return Err("a host that is not ASCII is written in punycode (xn--)");
    }
    if text.contains('@') {
        return Err("userinfo is not part of an origin");
    }
    if text.contains(['/', '?', '#', '\\']) {
        return Err("a path is not part of an origin");
    }
    let end = if text.starts_with('[') {
        text.find(']').map_or(0, |end| end + 1)
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(end);
    let host = canonical_host(host)?;
    let port = rest.strip_prefix(':').map(parse_port).transpose()?;
    if port.is_none() && !rest.is_empty() {
        return Err("its host is not a host");
    }
    Ok((host, port))
}

/// Returns the host in lower case, an IPv6 address in its canonical spelling: `[2001:0db8::1]` becomes `[2001:db8::1]`.
fn canonical_host(host: &str) -> Result<String, &'static str> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address = address.parse::<Ipv6Addr>().map_err(|_| "its host is not an IPv6 address")?;
        return Ok(format!("[{address}]"));
    }
    // A host with a trailing dot is a different origin, and not the same one spelled otherwise.
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if labels.split('.').all(is_label) { Ok(host.to_ascii_lowercase()) } else { Err("its host is not a host") }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let canonical = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let port = if canonical { text.parse().ok() } else { None };
    port.ok_or("its port is not a port")
}

/// An origin, host or scheme that could not be parsed. Displays the text, shortened and escaped, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigin {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl InvalidOrigin {
    pub(crate) fn new(text: &[u8], why: &'static str) -> Self {
        Self { what: "origin", text: printable(text), why }
    }

    /// For another part of the configuration, such as a host or a scheme.
    pub(crate) fn of(what: &'static str, text: &str, why: &'static str) -> Self {
        Self { what, text: printable(text.as_bytes()), why }
    }

    pub(crate) fn why(&self) -> &'static str {
        self.why
    }
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {} \"{}\": {}", self.what, self.text, self.why)
    }
}

impl Error for InvalidOrigin {}

/// How many characters of a peer's text are quoted at most.
const QUOTED: usize = 64;

/// Escapes what a peer sent to printable ASCII, and cuts it to [`QUOTED`] characters.
pub(crate) fn printable(text: &[u8]) -> String {
    let mut printable = String::new();
    for byte in text {
        let escaped = byte.escape_ascii();
        if printable.len() + escaped.len() > QUOTED {
            return printable + "...";
        }
        printable.extend(escaped.map(char::from));
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_in_one_way() {
        for text in ["https://app.example.com", "http://localhost:3000", "https://[::1]:8443", "app://host"] {
            let origin = Origin::parse(text).unwrap();
            assert!(origin.is_written(text), "{text}");
            for other in
                [&text.to_uppercase(), &format!("{text}."), &format!("{text}:443"), &format!("{text}0"), &text[1..]]
            {
                assert!(!origin.is_written(other), "{text}: {other}");
            }
        }
    }

    #[test]
    fn what_a_peer_sent_is_quoted_and_cut_between_escapes() {
        for (sent, quoted) in [
            ("x".repeat(64), "x".repeat(64)),
            ("x".repeat(65), "x".repeat(64) + "..."),
            ("\"".repeat(32), "\\\"".repeat(32)),
            ("x".to_owned() + &"\n".repeat(500), "x".to_owned() + &"\\n".repeat(31) + "..."),
            ("\u{e9}".repeat(9), "\\xc3\\xa9".repeat(8) + "..."),
        ] {
            assert_eq!(printable(sent.as_bytes()), quoted);
        }
    }
}

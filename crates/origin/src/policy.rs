//! The decision about a handshake, made from the head of the request alone.
//!
//! Absent, repeated, malformed, foreign and allowed are different outcomes. All values of `Origin` and `Host` are read,
//! because a proxy and a library may each look at a different one.

use std::{fmt, sync::Arc};

use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{COOKIE, HOST, ORIGIN},
    request::Parts,
};
use portcullis_core::{
    CloseCode, CloseFrame,
    csrf::FETCH_SITE,
    identity::TrustedPeer,
    refusal::{Kind, Refusal},
};

use crate::{
    origin::{FILE, Origin, default_port, parse_authority, printable},
    pattern::Origins,
};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

type Closure = Arc<dyn Fn(&Origin, &Parts) -> bool + Send + Sync>;

#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting, kept as it was said")]
pub(crate) struct Policy {
    pub(crate) list: Origins,
    pub(crate) same_origin: bool,
    /// Every origin is allowed.
    pub(crate) any: bool,
    pub(crate) null: bool,
    pub(crate) file: bool,
    pub(crate) allow_absent: bool,
    /// Takes precedence over `allow_absent`.
    pub(crate) deny_absent: bool,
    pub(crate) scheme: Option<String>,
    pub(crate) hosts: Option<Vec<(String, Option<u16>)>>,
    pub(crate) closures: Vec<Closure>,
}

impl Policy {
    pub(crate) fn admit(&self, parts: &Parts) -> Result<(), Refusal> {
        self.host_is_listed("handshake", parts)?;
        let mut values = parts.headers.get_all(ORIGIN).iter();
        let Some(value) = values.next() else {
            return self.absent(&parts.headers);
        };
        if values.next().is_some() {
            return Err(refuse(Kind::REPEATED_ORIGIN, "the request has more than one Origin header".into()));
        }
        if value == "null" {
            let allowed = self.null || self.any;
            return if allowed { Ok(()) } else { Err(not_allowed(Kind::NULL_ORIGIN, "null", "allow_null()")) };
        }
        if value == FILE {
            let allowed = self.file || self.any;
            return if allowed { Ok(()) } else { Err(not_allowed(Kind::FILE_ORIGIN, FILE, "allow_file()")) };
        }
        if value.to_str().is_ok_and(|text| self.list.allow_as_written(text)) {
            return Ok(());
        }
        let origin = Origin::from_header(value.as_bytes())
            .map_err(|error| refuse(Kind::INVALID_ORIGIN, format!("The handshake was refused: {error}.")))?;
        if self.allows(&origin, parts) {
            return Ok(());
        }
        let origin = printable(origin.to_string().as_bytes());
        Err(not_allowed(Kind::ORIGIN_NOT_ALLOWED, &origin, &format!("OriginLayer::new([\"{origin}\"])")))
    }

    pub(crate) fn allows(&self, origin: &Origin, parts: &Parts) -> bool {
        if self.any {
            return true;
        }
        let own = self.same_origin && !is_cross_site(&parts.headers) && self.is_own(origin, parts);
        own || self.list.allow(origin) || self.closures.iter().any(|allow| allow(origin, parts))
    }

    pub(crate) fn refuses_absent(&self, headers: &HeaderMap) -> bool {
        self.deny_absent || (!self.allow_absent && headers.contains_key(COOKIE))
    }

    fn absent(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let refused = self.refuses_absent(headers);
        if is_cross_site(headers) {
            let sentence = "The handshake was refused: it has no Origin header, and says that it is cross-site.";
            return Err(refuse(Kind::ABSENT_ORIGIN, sentence.into()));
        }
        if refused {
            let sentence = "The handshake was refused: it has no Origin header. Allow that with allow_absent().";
            return Err(refuse(Kind::ABSENT_ORIGIN, sentence.into()));
        }
        Ok(())
    }

    /// Checks the host, against DNS rebinding. `what` says in the message what the client sent.
    pub(crate) fn host_is_listed(&self, what: &str, parts: &Parts) -> Result<(), Refusal> {
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let Some((host, port)) = host(parts) else {
            return Err(refuse(
                Kind::HOST_NOT_ALLOWED,
                format!("The {what} was refused: it names no host, or several."),
            ));
        };
        if hosts.iter().any(|(listed, at)| *listed == host && (at.is_none() || *at == port)) {
            return Ok(());
        }
        let host = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let host = printable(host.as_bytes());
        let sentence =
            format!("The {what} was refused: host \"{host}\" is not allowed. Allow it with hosts([\"{host}\"]).");
        Err(refuse(Kind::HOST_NOT_ALLOWED, sentence))
    }

    pub(crate) fn is_own(&self, origin: &Origin, parts: &Parts) -> bool {
        let Some((host, port)) = host(parts) else { return false };
        let Some(scheme) = self.scheme(origin, parts) else { return false };
        let port = port.filter(|port| Some(*port) != default_port(&scheme));
        scheme == origin.scheme() && host == origin.host() && port == origin.port()
    }

    /// The scheme that the client used: the configured one, else that of a trusted peer's header, else the URI's, else
    /// the origin's own if it is http or https.
    fn scheme(&self, origin: &Origin, parts: &Parts) -> Option<String> {
        if let Some(scheme) = &self.scheme {
            return Some(scheme.clone());
        }
        let scheme = if trusts(parts) && parts.headers.contains_key(&FORWARDED_PROTO) {
            only(&parts.headers, &FORWARDED_PROTO)?
        } else {
            // A custom scheme is never the server's own, whatever the host: it has to be listed.
            let served = matches!(origin.scheme(), "http" | "https").then_some(origin.scheme());
            parts.uri.scheme_str().or(served)?
        };
        Some(http_scheme(scheme))
    }
}

/// Maps ws to http and wss to https: an origin has the scheme of the page, not that of the socket.
pub(crate) fn http_scheme(scheme: &str) -> String {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => "http".into(),
        "wss" => "https".into(),
        other => other.into(),
    }
}

fn host(parts: &Parts) -> Option<(String, Option<u16>)> {
    let text = if trusts(parts) && parts.headers.contains_key(&FORWARDED_HOST) {
        only(&parts.headers, &FORWARDED_HOST)?
    } else if let Some(authority) = parts.uri.authority() {
        authority.as_str()
    } else {
        only(&parts.headers, &HOST)?
    };
    parse_authority(text).ok()
}

fn trusts(parts: &Parts) -> bool {
    parts.extensions.get::<TrustedPeer>().is_some()
}

/// Returns the value of a header that must not be repeated.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get_all(FETCH_SITE).iter().any(|site| site == "cross-site")
}

fn not_allowed(kind: Kind, origin: &str, how: &str) -> Refusal {
    refuse(kind, format!("The handshake was refused: origin \"{origin}\" is not allowed. Allow it with {how}."))
}

fn refuse(kind: Kind, sentence: String) -> Refusal {
    let close = CloseFrame::new(CloseCode::FORBIDDEN, "origin not allowed");
    Refusal::new(kind, StatusCode::FORBIDDEN).with_close_frame(close).with_message(sentence).http_only()
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { list, same_origin, any, null, file, allow_absent, deny_absent, scheme, hosts, closures } = self;
        f.debug_struct("Policy")
            .field("list", list)
            .field("same_origin", same_origin)
            .field("any", any)
            .field("null", null)
            .field("file", file)
            .field("allow_absent", allow_absent)
            .field("deny_absent", deny_absent)
            .field("scheme", scheme)
            .field("hosts", hosts)
            .field("closures", &closures.len())
            .finish()
    }
}

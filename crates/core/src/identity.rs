//! The client's address and subject, passed between layers in request extensions.
//!
//! A layer that finds out who a client is does not know the layers that want to know it. It puts a value of one of
//! these types into the request's extensions, and layers inside read it there:
//!
//! - [`ClientIp`]: where the client is. [`TrustedPeer`]: its peer is one of your own proxies.
//! - [`Subject`]: who it is. [`NoSubject`]: why that is not known.
//! - [`OriginChecked`]: a foreign page would have been refused.
//!
//! An extension that is missing where a layer needs it is a mistake in the order of the layers. That is a 500 whose
//! reason is logged, and never a check that is skipped.

use std::{
    error::Error,
    fmt,
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use http::request::Parts;

use crate::{
    close::{CloseCode, CloseFrame, IntoClose},
    refusal::Refusal,
};

/// The client's IP address, as seen behind trusted proxies. Inserted by the layer that determines it.
///
/// This struct is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// Returns what identifies a client: an IPv4 address, or the first `ipv6_prefix` bits of an IPv6 address, because
    /// one client owns all addresses with the same prefix.
    ///
    /// An IPv4 address that arrives as an IPv6 address counts as the IPv4 address: a mapped one (`::ffff:192.0.2.1`),
    /// and one that a NAT64 translated with the well-known prefix (`64:ff9b::192.0.2.1`, RFC 6052), under which all of
    /// IPv4 would be a single /64. If your network translates with another prefix, insert the IPv4 address as
    /// `ClientIp` in a layer of your own.
    ///
    /// ```
    /// use portcullis_core::identity::ClientIp;
    ///
    /// let network = |address: &str| ClientIp(address.parse().unwrap()).network(64).to_string();
    /// assert_eq!(network("192.0.2.1"), "192.0.2.1");
    /// assert_eq!(network("2001:db8::1:2:3:4"), "2001:db8::");
    /// assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    /// ```
    pub fn network(self, ipv6_prefix: u8) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                if let Some(v4) = translated(address) {
                    return IpAddr::V4(v4);
                }
                let mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

/// Returns the IPv4 address in an IPv6 address with the well-known prefix of RFC 6052, section 2.1.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    const WELL_KNOWN: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    let [.., a, b, c, d] = address.octets();
    let v4 = Ipv4Addr::new(a, b, c, d);
    (address.to_bits() ^ WELL_KNOWN.to_bits() == u128::from(v4.to_bits())).then_some(v4)
}

/// Marks a request whose peer is a trusted proxy, so that its `X-Forwarded-*` headers can be trusted.
///
/// The layer that inserts it vouches that the peer is one of your own proxies.
///
/// ```
/// use http::Request;
/// use portcullis_core::identity::TrustedPeer;
///
/// // Where the server listens on a socket that only its own proxy can reach.
/// let (mut parts, ()) = Request::get("/ws").header("x-forwarded-proto", "https").body(())?.into_parts();
/// assert!(parts.extensions.get::<TrustedPeer>().is_none(), "by default the header proves nothing");
/// parts.extensions.insert(TrustedPeer);
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedPeer;

/// Marks a request whose origin was checked: it would have been refused if it were foreign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginChecked;

/// Implemented by layers that refuse foreign origins, and mark the request for the layers inside with
/// [`OriginChecked`].
///
/// It is required where a cookie authenticates a handshake, so that forgetting the check does not compile. Implement it
/// for a layer of your own that checks origins:
///
/// ```
/// use portcullis_core::identity::ChecksOrigin;
///
/// struct OwnOriginCheck;
/// impl ChecksOrigin for OwnOriginCheck {}
///
/// fn cookie(_checked_by: &impl ChecksOrigin) {} // as `JwtLayer::cookie` has it
/// cookie(&OwnOriginCheck);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not check origins",
    note = "a browser sends cookies along for any page: give the `OriginLayer` that stands outside of this layer"
)]
pub trait ChecksOrigin {}

/// The authenticated subject of a request or connection.
///
/// Any layer can set it with [`authenticate`], for example from a session cookie, mutual TLS or a login. A request and
/// its connection have one subject; layers that disagree are a wiring error.
///
/// A name is unique only among those of its issuer (OpenID Connect Core 1.0, section 5.7). With several issuers, issuer
/// and name together are the subject: two subjects with the same name and different issuers share no limit, and
/// revoking or disconnecting one does not affect the other.
///
/// ```
/// use portcullis_core::identity::Subject;
///
/// let alice = Subject::of_issuer("https://id.example.com", "alice");
/// assert_eq!((alice.issuer(), alice.as_str()), (Some("https://id.example.com"), "alice"));
/// assert_ne!(alice, Subject::of_issuer("https://accounts.example.net", "alice"));
/// assert_ne!(alice, Subject::new("alice"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    issuer: Option<Arc<str>>,
    name: Arc<str>,
}

impl Subject {
    /// Creates a subject from its name, where all names come from one issuer.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { issuer: None, name: name.into() }
    }

    /// Creates a subject from its issuer and its name.
    pub fn of_issuer(issuer: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { issuer: Some(issuer.into()), name: name.into() }
    }

    /// Returns the name without the issuer. With several issuers it does not identify the subject.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Encodes issuer and name so that no two subjects have the same encoding, as input for a keyed hash.
    ///
    /// ```
    /// use portcullis_core::identity::Subject;
    ///
    /// // Where one text ends and the other begins is a part of the encoding.
    /// let [one, other] = [Subject::of_issuer("ab", "c"), Subject::of_issuer("a", "bc")];
    /// assert_ne!(one.to_bytes(), other.to_bytes());
    /// assert_ne!(Subject::new("c").to_bytes(), Subject::of_issuer("", "c").to_bytes());
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let length = self.issuer.as_ref().map_or(0, |issuer| issuer.len() as u64 + 1);
        [&length.to_be_bytes(), issuer.as_bytes(), self.name.as_bytes()].concat()
    }

    /// Whether it is known to be the same without a look at the text: most often one is the other's clone.
    #[cfg(feature = "guard")]
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.name, &other.name) && self.issuer.is_none() && other.issuer.is_none()
    }

    /// Returns the issuer of the name, where there are several issuers.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// Why a request has no [`Subject`].
///
/// A layer that authenticates inserts it into the request's extensions when it admits a client without a subject, for
/// layers inside that count by subject; see [`LimitOwner`](crate::refusal::LimitOwner).
///
/// ```
/// use http::Request;
/// use portcullis_core::{identity::{ClientIp, NoSubject}, refusal::LimitOwner};
///
/// // A login that admits guests says so. Without that, a limit by subject inside takes it for missing.
/// let (mut parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(())?.into_parts();
/// assert_eq!(LimitOwner::of(&parts, 64, false).unwrap_err().kind(), "wiring");
/// parts.extensions.insert(NoSubject::Anonymous);
/// parts.extensions.insert(ClientIp([192, 0, 2, 1].into()));
/// assert_eq!(LimitOwner::of(&parts, 64, false).unwrap(), LimitOwner::Client([192, 0, 2, 1].into()));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoSubject {
    /// The client has not authenticated, and need not.
    Anonymous,
    /// The client authenticates with its first message; then `Connection::authenticate` is called.
    Awaited,
    /// The client's credentials are valid, but name no subject.
    Nameless,
}

/// In as few pieces as keep different subjects apart, since each costs a hasher a step.
impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        if let Some(issuer) = &self.issuer {
            issuer.hash(state);
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.issuer {
            None => f.debug_tuple("Subject").field(&self.name).finish(),
            Some(issuer) => f.debug_tuple("Subject").field(issuer).field(&self.name).finish(),
        }
    }
}

/// The error for a request or connection that has a different subject already. Rates and limits would otherwise count
/// two different subjects for one connection.
///
/// In a request, two layers disagree, which is a wiring error: as a [`Refusal`] this is a 500. On a live connection,
/// the client signed in as another subject than in its handshake: it is closed with 1008.
///
/// ```
/// use portcullis_core::{IntoClose, identity::AnotherSubject, refusal::Refusal};
///
/// assert_eq!(Refusal::from(AnotherSubject).status(), 500);
/// assert_eq!(AnotherSubject.into_close().to_string(), "1008 signed in as another subject already");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnotherSubject;

impl fmt::Display for AnotherSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signed in as another subject already")
    }
}

impl Error for AnotherSubject {}

impl IntoClose for AnotherSubject {
    fn into_close(self) -> CloseFrame {
        CloseFrame::new(CloseCode::POLICY_VIOLATION, self.to_string())
    }
}

impl From<AnotherSubject> for Refusal {
    fn from(_: AnotherSubject) -> Self {
        Self::misconfigured("two layers authenticate one request as different subjects")
    }
}

/// Sets the subject of a request, for a layer that authenticates. It is stored in the request's extensions;
/// `upgrade::intercept` and `upgrade::call` copy that of a handshake to the connection.
///
/// # Errors
///
/// [`AnotherSubject`] if a layer outside has set a different one, which stays.
///
/// ```
/// use http::Request;
/// use portcullis_core::identity::{AnotherSubject, Subject, authenticate};
///
/// let (mut parts, ()) = Request::new(()).into_parts();
/// let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
/// assert_eq!(authenticate(&mut parts, &alice), Ok(()));
/// assert_eq!(authenticate(&mut parts, &alice), Ok(()));
/// assert_eq!(authenticate(&mut parts, &bob), Err(AnotherSubject));
/// assert_eq!(parts.extensions.get(), Some(&alice));
/// ```
pub fn authenticate(parts: &mut Parts, subject: &Subject) -> Result<(), AnotherSubject> {
    let known = parts.extensions.get_or_insert_with(|| subject.clone());
    if known == subject { Ok(()) } else { Err(AnotherSubject) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_client() {
        for (one, other, prefix, same) in [
            ("192.0.2.1", "192.0.2.1", 64, true),
            ("192.0.2.1", "192.0.2.2", 64, false),
            ("192.0.2.1", "::ffff:192.0.2.1", 64, true),
            ("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", 64, false),
            ("64:ff9b::192.0.2.1", "192.0.2.1", 64, true),
            ("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.1", 0, true),
            ("64:ff9b::1:c000:201", "64:ff9b::1:c000:202", 64, true),
            ("64:ff9b:1::192.0.2.1", "64:ff9b:1::192.0.2.2", 64, true),
            ("64:ff9b::1:c000:201", "192.0.2.1", 64, false),
            ("2001:db8::1", "2001:db8::ffff:1", 64, true),
            ("2001:db8::1", "2001:db8:0:1::1", 64, false),
            ("2001:db8::1", "2001:db8:0:1::1", 48, true),
            ("2001:db8::1", "2001:db8::2", 128, false),
            ("2001:db8::1", "fe80::1", 0, true),
        ] {
            let of = |address: &str| ClientIp(address.parse().unwrap()).network(prefix);
            assert_eq!(of(one) == of(other), same, "{one} {other} {prefix}");
        }
    }

    #[test]
    fn a_subject_is_its_issuer_and_its_name() {
        let subjects = [
            Subject::new("alice"),
            Subject::of_issuer("a", "alice"),
            Subject::of_issuer("b", "alice"),
            Subject::of_issuer("", "alice"),
            Subject::of_issuer("a", "bob"),
            // Where one ends and the other begins counts.
            Subject::of_issuer("aa", "lice"),
            Subject::of_issuer("aalice", ""),
        ];
        let keys: HashSet<_> = subjects.iter().collect();
        assert_eq!(keys.len(), subjects.len());
        assert!(keys.contains(&Subject::of_issuer("a".to_owned(), "alice".to_owned())));
    }
}

//! Who is connected, as layers tell each other through request extensions.

use std::{fmt, net::IpAddr, sync::Arc};

/// The client's address, behind trusted proxies if there are any. Set by the layer that knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub IpAddr);

/// Marks a request whose peer is a trusted proxy, so that its `X-Forwarded-*` headers may be believed.
///
/// Whoever sets this states that the peer is a proxy of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedPeer;

/// Marks a request whose origin was checked, and would have been refused had it been a foreign one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginChecked;

/// A layer that checks origins and refuses foreign ones, and says so to those inside with [`OriginChecked`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not check origins",
    note = "a browser sends cookies along for any page: give the `OriginLayer` that stands outside of this layer"
)]
pub trait ChecksOrigin {}

/// The authenticated subject. Anybody may construct one: a session cookie, mutual TLS or a login layer can set it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// A subject by its name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.0).finish()
    }
}

//! The client that was refused, for observers.
//!
//! An observer shows who was refused, which a metric must not. Looking that up and keeping it costs allocations for
//! each refusal of a flood, so it is done only while an observer is attached.

use std::net::IpAddr;

use http::request::Parts;

#[cfg(feature = "observer")]
use crate::identity::ClientIp;
use crate::identity::Subject;

/// The client that sent the request, as far as it is known.
#[cfg_attr(not(feature = "observer"), allow(dead_code, reason = "there are no observers without that feature"))]
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<Subject>,
}

impl Asked {
    /// Looks nothing up unless an observer is attached.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        #[cfg(feature = "observer")]
        if crate::observe::is_attached() {
            let client = parts.extensions.get::<ClientIp>().map(|client| client.0);
            return Some(Self { client, subject: parts.extensions.get::<Subject>().cloned() });
        }
        let _ = parts;
        None
    }
}

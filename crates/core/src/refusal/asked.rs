//! Who was refused, for whoever looks on.

use std::net::IpAddr;

use http::request::Parts;

#[cfg(feature = "observer")]
use crate::identity::ClientIp;
use crate::identity::Subject;

/// Who asked, as far as it was known.
#[cfg_attr(not(feature = "observer"), allow(dead_code, reason = "nobody is told without that feature"))]
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<Subject>,
}

impl Asked {
    /// Nothing is looked up where nobody looks on.
    pub(crate) fn of(parts: &Parts) -> Option<Box<Self>> {
        #[cfg(feature = "observer")]
        if crate::observe::is_attached() {
            let client = parts.extensions.get::<ClientIp>().map(|client| client.0);
            return Some(Box::new(Self { client, subject: parts.extensions.get::<Subject>().cloned() }));
        }
        let _ = parts;
        None
    }
}

//! Whose connections a limit by subject counts together, where there is a subject and where there is none.
//!
//! Without this rule, one layer would let anonymous clients share a limit and the next refuse them, and a client that
//! signs out could have the limits of a subject twice. It stands in core because layers never depend on each other.

use std::net::IpAddr;

use http::request::Parts;

use super::{Kind, Refusal};
use crate::{
    close::{CloseCode, CloseFrame},
    identity::{ClientIp, NoSubject, Subject},
    observe,
};

const NO_IDENTITY: &str = "a limit per subject stands where no layer outside says who the client is, nor where: put the \
                           layer that authenticates outside of it, or a `ClientIpLayer`, by whose address clients \
                           without a subject are counted";
const NO_ADDR: &str = "a limit per subject stands where clients without a subject are let in, and no layer outside says \
                       where they are: put a `ClientIpLayer` outside of it, or refuse them with `require_subject`";
const NAMELESS: &str = "a limit per subject has refused a client whose credentials name no subject: put a \
                        `ClientIpLayer` outside of it, by whose address such clients are counted";

/// Whose limit a handshake counts against, where a layer counts by subject: one rule for all such layers.
///
/// - The connection's [`Subject`], where it is known.
/// - Clients without one share what a subject has for itself with others of the same address. They are never
///   preferred: what is full refuses them.
/// - A client that says who it is with its first message ([`NoSubject::Awaited`]) counts from then on.
///
/// ```
/// use http::Request;
/// use portcullis_core::{identity::{ClientIp, NoSubject, Subject}, refusal::LimitOwner};
///
/// let mut parts = Request::get("/ws").header("upgrade", "websocket").body(())?.into_parts().0;
/// assert_eq!(LimitOwner::of(&parts, 64, false).unwrap_err().status(), 500, "no layer outside");
/// parts.extensions.insert(ClientIp([192, 0, 2, 1].into()));
/// assert_eq!(LimitOwner::of(&parts, 64, false).unwrap(), LimitOwner::Client([192, 0, 2, 1].into()));
/// assert_eq!(LimitOwner::of(&parts, 64, true).unwrap_err().status(), 403, "a subject is required");
/// parts.extensions.insert(NoSubject::Awaited);
/// assert_eq!(LimitOwner::of(&parts, 64, true).unwrap(), LimitOwner::Awaited(Some([192, 0, 2, 1].into())));
/// parts.extensions.insert(Subject::new("alice"));
/// assert_eq!(LimitOwner::of(&parts, 64, true).unwrap(), LimitOwner::Subject(Subject::new("alice")));
/// # Ok::<_, http::Error>(())
/// ```
///
/// This enum is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitOwner {
    /// The connections of a subject.
    Subject(Subject),
    /// The connections of all clients without a subject at an address.
    Client(IpAddr),
    /// Unknown until the first message. If that yields no subject, the connection counts for this address, if it is
    /// known.
    Awaited(Option<IpAddr>),
}

impl LimitOwner {
    /// Returns whose limit a handshake counts against. `ipv6_prefix` is that of [`ClientIp::network`]. If a subject is
    /// `required`, clients without one are refused, except those that authenticate with their first message.
    ///
    /// # Errors
    ///
    /// 403 ([`Kind::SUBJECT_MISSING`]) for a client without the required subject, or whose credentials name none while
    /// its address is unknown as well. A wiring error if no layer outside could have determined a subject or an
    /// address, and for anonymous clients whose address is unknown.
    pub fn of(parts: &Parts, ipv6_prefix: u8, required: bool) -> Result<Self, Refusal> {
        if let Some(subject) = Self::known_subject(parts) {
            return Ok(Self::Subject(subject));
        }
        let client = parts.extensions.get::<ClientIp>().map(|client| client.network(ipv6_prefix));
        match (parts.extensions.get::<NoSubject>(), client) {
            (Some(NoSubject::Awaited), client) => Ok(Self::Awaited(client)),
            (None, None) => Err(Refusal::misconfigured(NO_IDENTITY)),
            _ if required => Err(missing()),
            (_, Some(client)) => Ok(Self::Client(client)),
            (Some(NoSubject::Anonymous), None) => Err(Refusal::misconfigured(NO_ADDR)),
            (Some(NoSubject::Nameless), None) => Err(nameless()),
        }
    }

    /// Returns the subject that the connection has, or that a layer has put into the request.
    pub fn known_subject(parts: &Parts) -> Option<Subject> {
        #[cfg(feature = "guard")]
        if let Some(subject) = parts.extensions.get::<crate::Connection>().and_then(crate::Connection::subject) {
            return Some(subject);
        }
        parts.extensions.get().cloned()
    }

    /// Returns the close frame for a connection whose first message named no subject, where that is not enough: a
    /// subject is `required`, or no address is known by which to count it.
    ///
    /// ```
    /// use portcullis_core::refusal::LimitOwner;
    ///
    /// let frame = LimitOwner::close_frame_without_subject(true);
    /// assert_eq!(frame.code().unwrap(), 3003);
    /// ```
    pub fn close_frame_without_subject(required: bool) -> CloseFrame {
        if !required {
            observe::warn_once(NAMELESS);
        }
        CloseFrame::new(CloseCode::FORBIDDEN, NOT_SIGNED_IN)
    }
}

const NOT_SIGNED_IN: &str = "not signed in";

fn missing() -> Refusal {
    let close = CloseFrame::new(CloseCode::FORBIDDEN, NOT_SIGNED_IN);
    Refusal::new(Kind::SUBJECT_MISSING, http::StatusCode::FORBIDDEN).with_close_frame(close).with_message(NOT_SIGNED_IN)
}

/// The client's credentials lack something, and yet the composition of the layers can be changed to admit it.
fn nameless() -> Refusal {
    observe::warn_once(NAMELESS);
    missing().with_message("the credentials name no subject")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_subject_is_counted_by_address_or_refused() {
        use NoSubject::{Anonymous, Awaited, Nameless};
        let address = IpAddr::from([192, 0, 2, 1]);
        let client = || Ok(LimitOwner::Client(address));
        let (wiring, missing) = (|| Err("wiring"), || Err("subject_missing"));
        for (why, known, optional, required) in [
            (None, true, client(), missing()),
            (None, false, wiring(), wiring()),
            (Some(Anonymous), true, client(), missing()),
            (Some(Anonymous), false, wiring(), missing()),
            (Some(Nameless), true, client(), missing()),
            (Some(Nameless), false, missing(), missing()),
            (Some(Awaited), true, Ok(LimitOwner::Awaited(Some(address))), Ok(LimitOwner::Awaited(Some(address)))),
            (Some(Awaited), false, Ok(LimitOwner::Awaited(None)), Ok(LimitOwner::Awaited(None))),
        ] {
            let mut parts = http::Request::new(()).into_parts().0;
            why.map(|why| parts.extensions.insert(why));
            known.then(|| parts.extensions.insert(ClientIp(address)));
            for (expected, require) in [(optional, false), (required, true)] {
                let found = LimitOwner::of(&parts, 64, require).map_err(|refusal| refusal.kind().as_str());
                assert_eq!(found, expected, "{why:?}, address {known}, required {require}");
                parts.extensions.insert(Subject::new("alice"));
                let named = LimitOwner::of(&parts, 64, require).unwrap();
                assert_eq!(named, LimitOwner::Subject(Subject::new("alice")));
                parts.extensions.remove::<Subject>();
            }
        }
    }
}

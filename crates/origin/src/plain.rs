//! The decision about requests that are not handshakes: whether a foreign page may have forged them.

use http::{HeaderValue, StatusCode, header::ORIGIN, request::Parts};
use portcullis_core::{
    csrf::{self, CsrfChecked},
    refusal::{Kind, Refusal},
};

use crate::{
    origin::{FILE, Origin, printable},
    policy::{Policy, is_cross_site},
};

impl Policy {
    /// Checks a request that is not a handshake. Returns a proof if it may change something and is allowed.
    pub(crate) fn admit_plain(&self, parts: &Parts) -> Result<Option<CsrfChecked>, Refusal> {
        self.host_is_listed("request", parts)?;
        csrf::check(parts, |parts| self.may_change(parts))
    }

    /// Decides whether pages of the request's origin may send requests that change something.
    fn may_change(&self, parts: &Parts) -> Result<(), Refusal> {
        let mut values = parts.headers.get_all(ORIGIN).iter();
        let Some(value) = values.next() else { return self.absent_of_plain(parts) };
        if values.next().is_some() {
            return Err(refuse(Kind::REPEATED_ORIGIN, "it has more than one Origin header"));
        }
        if self.allows_plain(value, parts)? {
            return Ok(());
        }
        let kind = match value.as_bytes() {
            b"null" => Kind::NULL_ORIGIN,
            value if value == FILE.as_bytes() => Kind::FILE_ORIGIN,
            _ => Kind::ORIGIN_NOT_ALLOWED,
        };
        Err(refuse(kind, &format!("origin \"{}\" is not allowed", printable(value.as_bytes()))))
    }

    /// The server's own origin is allowed in addition to those of handshakes. A browser that sends `Sec-Fetch-Site` was
    /// let in before this is asked.
    fn allows_plain(&self, value: &HeaderValue, parts: &Parts) -> Result<bool, Refusal> {
        if value == "null" {
            return Ok(self.null || self.any);
        }
        if value == FILE {
            return Ok(self.file || self.any);
        }
        let origin =
            Origin::from_header(value.as_bytes()).map_err(|error| refuse(Kind::INVALID_ORIGIN, &error.to_string()))?;
        let own = !is_cross_site(&parts.headers) && self.is_own(&origin, parts);
        Ok(own || self.allows(&origin, parts))
    }

    fn absent_of_plain(&self, parts: &Parts) -> Result<(), Refusal> {
        // A browser that sends `Sec-Fetch-Site` sends an `Origin` as well.
        if !self.refuses_absent(&parts.headers) && !parts.headers.contains_key(csrf::FETCH_SITE) {
            return Ok(());
        }
        Err(refuse(Kind::ABSENT_ORIGIN, "it has no Origin header"))
    }
}

fn refuse(kind: Kind, why: &str) -> Refusal {
    Refusal::new(kind, StatusCode::FORBIDDEN).with_message(format!("The request was refused: {why}.")).http_only()
}

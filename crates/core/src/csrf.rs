//! Detects requests that a foreign page may have forged (cross-site request forgery).
//!
//! A page of another site can make a browser send a `POST` to any server, with cookies and without a preflight. It
//! cannot set the headers `Sec-Fetch-Site` and `Origin`, with which the browser says where the request comes from.
//! [`check`] decides by these headers, and returns a proof on which layers inside can rely.
//!
//! **What this does not do**: check safe methods. A handler that changes something on a `GET` can be called by any
//! page, with the user's cookies.

use http::{HeaderMap, HeaderName, Method, request::Parts};

use crate::refusal::Refusal;

/// `Sec-Fetch-Site`, in which the browser says where a request comes from (Fetch Metadata, section 2.4).
pub const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Proves, in a request's extensions, that the request was not forged by a foreign page although its method is not
/// [safe](is_safe). Only [`check`] creates one.
///
/// ```
/// use http::Request;
/// use portcullis_core::csrf::{self, CsrfChecked};
///
/// // A layer inside, which trusts a session cookie on such requests only.
/// let trusts_cookies = |parts: &http::request::Parts| {
///     csrf::is_safe(&parts.method) || parts.extensions.get::<CsrfChecked>().is_some()
/// };
/// let (mut parts, ()) = Request::post("/transfer").header("sec-fetch-site", "same-origin").body(())?.into_parts();
/// assert!(!trusts_cookies(&parts), "it was not checked");
/// let proof = csrf::check(&parts, |_| Ok(())).unwrap().unwrap();
/// parts.extensions.insert(proof);
/// assert!(trusts_cookies(&parts));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsrfChecked(());

/// Returns true if a method changes nothing (RFC 9110, section 9.2.1): `GET`, `HEAD` or `OPTIONS`. `TRACE` is not
/// included, because it echoes headers that browsers hide from scripts.
///
/// ```
/// use http::Method;
/// use portcullis_core::csrf::is_safe;
///
/// assert!(is_safe(&Method::GET) && is_safe(&Method::HEAD) && is_safe(&Method::OPTIONS));
/// assert!(!is_safe(&Method::POST) && !is_safe(&Method::TRACE));
/// ```
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Checks a request that is not a handshake.
///
/// A request with a [safe](is_safe) method passes without a proof. One that comes from the same origin or directly from
/// the user, according to `Sec-Fetch-Site`, passes with a proof. For all others, including those without
/// `Sec-Fetch-Site`, `origin` decides by the `Origin` header.
///
/// ```
/// use http::{Request, StatusCode};
/// use portcullis_core::{csrf, refusal::Refusal};
///
/// let ask = |site: &str| {
///     let (parts, ()) = Request::post("/transfer").header("sec-fetch-site", site).body(()).unwrap().into_parts();
///     csrf::check(&parts, |_| Err(Refusal::new("foreign", StatusCode::FORBIDDEN)))
/// };
/// assert!(ask("same-origin").unwrap().is_some());
/// assert_eq!(ask("cross-site").unwrap_err().kind(), "foreign");
/// ```
///
/// # Errors
///
/// Returns the refusal that `origin` returns.
pub fn check(
    parts: &Parts,
    origin: impl FnOnce(&Parts) -> Result<(), Refusal>,
) -> Result<Option<CsrfChecked>, Refusal> {
    if is_safe(&parts.method) {
        return Ok(None);
    }
    if !is_own_page(&parts.headers) {
        origin(parts)?;
    }
    Ok(Some(CsrfChecked(())))
}

/// A repeated header was not sent by a browser.
fn is_own_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(FETCH_SITE).iter();
    let own = sites.next().is_some_and(|site| site == "same-origin" || site == "none");
    own && sites.next().is_none()
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::*;

    #[test]
    fn what_changes_something_comes_from_an_own_page_or_is_judged_by_its_origin() {
        const NONE: &[&str] = &[];
        for (method, sites, asked, proven) in [
            ("GET", &["cross-site"][..], false, false),
            ("HEAD", &["cross-site"], false, false),
            ("OPTIONS", &["cross-site"], false, false),
            ("POST", &["same-origin"], false, true),
            ("POST", &["none"], false, true),
            ("POST", &["same-site"], true, true),
            ("POST", &["cross-site"], true, true),
            ("POST", &["Same-Origin"], true, true),
            ("POST", &["same-origin", "cross-site"], true, true),
            ("POST", &["same-origin", "same-origin"], true, true),
            ("POST", NONE, true, true),
            ("TRACE", NONE, true, true),
            ("CONNECT", NONE, true, true),
            ("get", NONE, true, true),
            ("PROPFIND", NONE, true, true),
        ] {
            let mut request = Request::builder().method(method).uri("/");
            for site in sites {
                request = request.header("sec-fetch-site", *site);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let mut was_asked = false;
            let allowed = check(&parts, |_| {
                was_asked = true;
                Ok(())
            });
            assert_eq!((was_asked, allowed.unwrap().is_some()), (asked, proven), "{method} {sites:?}");
            let refused = check(&parts, |_| Err(Refusal::new("foreign", StatusCode::FORBIDDEN)));
            assert_eq!(refused.is_err(), asked, "{method} {sites:?}");
        }
    }
}

//! Requests that a foreign page may have forged.
//!
//! A page of another site can make a browser send a `POST` to any server, cookies included, without asking that server
//! first. It cannot choose the headers `Sec-Fetch-Site` and `Origin`, by which the browser says where the request comes
//! from. [`check`] judges requests by these, and returns a proof that a layer inside can rely on.

use http::{HeaderMap, HeaderName, Method, request::Parts};

use crate::refusal::Refusal;

/// `Sec-Fetch-Site`: where a request comes from, as its browser says (Fetch Metadata, section 2.4).
pub const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Proves that a request of a method that is not [safe](is_safe) was not forged by a foreign page, in the request's
/// extensions. Only [`check`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsrfChecked(());

/// Whether a method changes nothing (RFC 9110, section 9.2.1): `GET`, `HEAD` or `OPTIONS`. `TRACE` is not among them:
/// it echoes what a browser keeps from scripts.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Judges a request that is not a handshake. One of a [safe](is_safe) method passes, without a proof. So does any that
/// the browser says comes from the same origin, or from the user, with a proof. Of others, those without
/// `Sec-Fetch-Site` included, `origin` judges by the `Origin` header.
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
/// What `origin` returns.
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

/// A header that is repeated is not the browser's.
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

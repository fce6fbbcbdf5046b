//! Extractors for axum: present, absent, and a layer that is missing are three cases.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use portcullis_core::refusal::Refusal;

use crate::{
    admit::{Good, HandshakesOnly, cookie_not_enough, reads},
    claims::Claims,
    error::TokenError,
    session::Session,
};

/// Rejected with 500 if no `JwtLayer` with these claims is outside of the handler, or if the token comes with the first
/// message: then [`Session`] has the claims. With [`optional`](crate::JwtLayer::optional), an anonymous client is
/// rejected with 401; `Option<Claims<T>>` admits it. If that layer is for handshakes only, any other request is
/// rejected with 400.
impl<S, T> FromRequestParts<S> for Claims<T>
where
    S: Sync,
    T: Clone + Send + Sync + 'static,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        claims(parts)?.ok_or_else(|| TokenError::Missing.refusal().answering(parts))
    }
}

/// `None` for an anonymous client. An invalid token was refused by the layer.
impl<S, T> OptionalFromRequestParts<S> for Claims<T>
where
    S: Sync,
    T: Clone + Send + Sync + 'static,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        claims(parts)
    }
}

/// Rejected with 500 if no `JwtLayer` with these claims is outside of the handler, and with 400 if that layer is for
/// handshakes only and the request is not one.
///
/// A request that a cookie has authenticated for reading only is rejected with 403 if something inside of the layer has
/// changed its method to one other than `GET` and `HEAD`.
impl<S, T> FromRequestParts<S> for Session<T>
where
    S: Sync,
    T: Send + Sync + 'static,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let missing = "`Session` was extracted where no `JwtLayer` with these claims stands outside of the handler";
        session(parts, missing).cloned()
    }
}

fn claims<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<Option<Claims<T>>, Refusal> {
    let missing = "`Claims` was extracted where no `JwtLayer` with these claims stands outside of the handler";
    let session = session::<T>(parts, missing)?;
    if session.is_yet_to_begin() {
        return Err(Refusal::misconfigured(
            "`Claims` was extracted where the token comes with the first message: extract `Session`, which has the \
             claims when the upgrade has completed",
        ));
    }
    Ok(session.claims().map(|claims| Claims(T::clone(&claims))))
}

fn session<'a, T: Send + Sync + 'static>(parts: &'a Parts, missing: &'static str) -> Result<&'a Session<T>, Refusal> {
    let extensions = &parts.extensions;
    let Some(session) = extensions.get::<Session<T>>() else {
        let passed = extensions.get::<HandshakesOnly>().is_some();
        return Err(if passed {
            Refusal::missing_extension(parts, missing)
        } else {
            Refusal::misconfigured(missing).answering(parts)
        });
    };
    if session.good() == Good::ForReading && !reads(&parts.method) {
        return Err(cookie_not_enough().answering(parts));
    }
    Ok(session)
}

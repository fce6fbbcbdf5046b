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

/// Refused with a 500 where no `JwtLayer` of these claims stands outside, or where the token comes with the first
/// message: then [`Session`] has the claims. With [`optional`](crate::JwtLayer::optional), an anonymous client is
/// refused with a 401; `Option<Claims<T>>` lets it in. Where that layer is for handshakes alone, any other request is
/// refused with a 400.
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

/// `None` for an anonymous client. A bad token was refused before.
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

/// Refused with a 500 where no `JwtLayer` of these claims stands outside, and with a 400 where that layer is for
/// handshakes alone, and a request is not one.
///
/// What a cookie has authenticated for reading alone is refused with a 403 where something inside of the layer has
/// changed the method to another than `GET` and `HEAD`.
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

//! Detects a `CloseLayer` that is inside layers whose refusals it should render.
//!
//! A refusal by a layer outside of the `CloseLayer` reaches a browser as 1006 without a reason. That is easy to get
//! wrong and hard to notice, so the layers mark the handshake as it passes, and a warning is logged.

use http::request::Parts;

/// Which kinds of layers a handshake has passed so far.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    refusing: bool,
    rendering: bool,
}

/// Marks a handshake as having passed a layer that refuses handshakes.
///
/// [`refusal::call`](super::call) does this itself. Call it in a layer of your own that refuses handshakes with
/// `upgrade::call`, so that a `CloseLayer` inside of it, which cannot see these refusals, can warn.
///
/// ```
/// use http::{Request, StatusCode};
/// use portcullis_core::refusal::{Refusal, note_refusing};
///
/// /// The decision of a layer that stands on `upgrade::call`.
/// fn admit(parts: &mut http::request::Parts) -> Result<(), Refusal> {
///     note_refusing(parts); // whether or not it refuses this one
///     let member = parts.headers.contains_key("x-member");
///     if member { Ok(()) } else { Err(Refusal::new("not_a_member", StatusCode::FORBIDDEN)) }
/// }
/// let (mut parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(())?.into_parts();
/// assert_eq!(admit(&mut parts).unwrap_err().kind(), "not_a_member");
/// # Ok::<_, http::Error>(())
/// ```
pub fn note_refusing(parts: &mut Parts) {
    passed(parts).refusing = true;
}

/// Marks a handshake as having passed a layer that renders refusals, as `CloseLayer` does.
///
/// Returns true if that layer is in the right place: no layer outside of it refuses handshakes, or another layer
/// further outside renders those refusals.
///
/// ```
/// use http::Request;
/// use portcullis_core::refusal::{note_refusing, note_rendering};
///
/// let handshake = || Request::get("/").header("upgrade", "websocket").body(()).unwrap().into_parts().0;
/// let mut parts = handshake();
/// note_refusing(&mut parts);
/// assert!(!note_rendering(&mut parts), "refused before it could say so");
///
/// let mut parts = handshake();
/// assert!(note_rendering(&mut parts));
/// note_refusing(&mut parts);
/// assert!(note_rendering(&mut parts), "the outer one does it");
/// ```
pub fn note_rendering(parts: &mut Parts) -> bool {
    let passed = passed(parts);
    let outermost = !std::mem::replace(&mut passed.rendering, true);
    !(outermost && passed.refusing)
}

fn passed(parts: &mut Parts) -> &mut Passed {
    parts.extensions.get_or_insert_default()
}

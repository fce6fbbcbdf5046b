//! In which order layers stand that refuse handshakes, and the one that says refusals in another way.

use http::request::Parts;

/// What a handshake has come through so far.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    refusing: bool,
    rendering: bool,
}

/// Notes for the layers inside that a handshake has come through a layer that refuses some.
///
/// [`refusal::call`](super::call) notes it itself. A layer of your own that refuses handshakes behind `upgrade::call`
/// should note it, so that a `CloseLayer` inside of it can warn: it sees nothing of these refusals there.
pub fn note_refusing(parts: &mut Parts) {
    passed(parts).refusing = true;
}

/// Notes for the layers inside that a layer turns refusals into something else, as `CloseLayer` does. Returns whether
/// it stands where it should: no layer outside refuses handshakes, or another outside of that turns refusals already.
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

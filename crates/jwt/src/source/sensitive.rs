//! Headers that may hold a token, kept out of every `Debug`.

use http::{HeaderMap, HeaderName, header::Entry};

/// Before a header is read: one that is no token's may be let in all the same, behind a source that decided.
pub(super) fn hide(headers: &mut HeaderMap, name: HeaderName) {
    if let Entry::Occupied(mut values) = headers.entry(name) {
        for value in values.iter_mut() {
            value.set_sensitive(true);
        }
    }
}

//! Headers that may hold a token, kept out of every `Debug`.

use http::{HeaderMap, HeaderName, header::Entry};

/// Before a header is read: a header that holds no token may still pass, if another source has decided.
pub(super) fn hide(headers: &mut HeaderMap, name: HeaderName) {
    if let Entry::Occupied(mut values) = headers.entry(name) {
        for value in values.iter_mut() {
            value.set_sensitive(true);
        }
    }
}

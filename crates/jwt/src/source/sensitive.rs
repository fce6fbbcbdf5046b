//! Headers that may hold a token, kept out of every `Debug`.

use http::{
    HeaderMap, HeaderName,
    header::{Entry, HeaderValue, OccupiedEntry},
};

/// Before a header is read: a header that holds no token may still pass, if another source has decided.
pub(super) fn hide(headers: &mut HeaderMap, name: HeaderName) {
    if let Entry::Occupied(mut values) = headers.entry(name) {
        hide_all(&mut values);
    }
}

/// The same, of a header that was found.
pub(super) fn hide_all(values: &mut OccupiedEntry<'_, HeaderValue>) {
    for value in values.iter_mut() {
        value.set_sensitive(true);
    }
}

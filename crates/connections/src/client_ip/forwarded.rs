//! The addresses that proxies have forwarded for, nearest first.
//!
//! Everything here is written by the sender of the request, up to the last line, which the nearest proxy has appended
//! to. So the text is total to parse, is read from the right, and ends at the first entry that is not an address:
//!
//! | Line | Read from the right |
//! | --- | --- |
//! | `X-Forwarded-For: 1.1.1.1, 203.0.113.9` | `203.0.113.9`, then `1.1.1.1` |
//! | `X-Forwarded-For: unknown, 203.0.113.9:4711` | `203.0.113.9`, then an entry that ends the search |
//! | `Forwarded: for="[2001:db8::1]:4711";proto=https` | `2001:db8::1` |
//! | `Forwarded: for="a, for=203.0.113.9` | a quote that never ends: it does not hide the entry behind it |
//! | `Forwarded: for=1.1.1.1;for=2.2.2.2` | an entry with two addresses, which ends the search |

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The most hops that are looked at. No chain of your own proxies is longer.
const MOST: usize = 32;

/// Addresses of a header of comma-separated ones, such as `X-Forwarded-For`, from the right over all its lines. `None`
/// for a hop that is not an address.
pub(super) fn listed(headers: &HeaderMap, name: &HeaderName) -> Vec<Option<IpAddr>> {
    let lines: Vec<_> = headers.get_all(name).iter().map(text).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    hops.take(MOST).map(|hop| address(hop.trim())).collect()
}

/// Addresses of `Forwarded` (RFC 7239), from the right over all its lines.
pub(super) fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines: Vec<_> = headers.get_all(http::header::FORWARDED).iter().map(text).collect();
    lines.iter().rev().flat_map(|line| hops(line, ',')).take(MOST).map(element).collect()
}

/// What is not text is not an address, and what stands beside it may be one.
fn text(line: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(line.as_bytes())
}

/// What stands between separators outside of quotes, from the right: a client chooses how a line begins, and a quote
/// that it never closes must not hide what a proxy has appended.
fn hops(line: &str, separator: char) -> Vec<&str> {
    let (mut hops, mut end, mut quoted) = (Vec::new(), line.len(), false);
    for (at, character) in line.char_indices().rev() {
        match character {
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                hops.push(line[at + 1..end].trim());
                end = at;
            }
            _ => {}
        }
    }
    hops.push(line[..end].trim());
    hops
}

/// `for=192.0.2.1;proto=https`: exactly one `for`.
fn element(text: &str) -> Option<IpAddr> {
    // An escaped quote reads otherwise from the other side.
    if text.contains('\\') || text.matches('"').count() % 2 == 1 {
        return None;
    }
    let mut found = None;
    for pair in hops(text, ';') {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") && found.replace(address(unquoted(value.trim())?)?).is_some() {
            return None;
        }
    }
    found
}

fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|rest| !rest.contains(['"', '\\'])),
        None => (!value.contains('"')).then_some(value),
    }
}

/// An address, with or without a port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = text.parse().ok().or_else(|| bare?.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6));
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (HeaderName::from_static(name), line.parse().unwrap())).collect()
    }

    fn shown(found: Vec<Option<IpAddr>>) -> String {
        found.into_iter().map(|hop| hop.map_or("?".to_owned(), |hop| hop.to_string())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_are_read_from_the_right() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["192.0.2.1, 192.0.2.2"], "192.0.2.2 192.0.2.1"),
            (&["192.0.2.1,192.0.2.2", "192.0.2.3"], "192.0.2.3 192.0.2.2 192.0.2.1"),
            (&["192.0.2.1:8080"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["unknown, 192.0.2.1"], "192.0.2.1 ?"),
            (&["192.0.2.1, "], "? 192.0.2.1"),
            (&[""], "?"),
            (&["192.0.2.256"], "?"),
            (&["192.0.2.1 192.0.2.2"], "?"),
            (&["01.2.3.4"], "?"),
            (&["\", 198.51.100.7"], "198.51.100.7 ?"),
            (&[], ""),
        ] {
            let headers = headers("x-forwarded-for", lines);
            assert_eq!(shown(listed(&headers, &HeaderName::from_static("x-forwarded-for"))), expected, "{lines:?}");
        }
        let mut bytes = HeaderMap::new();
        bytes.insert("x-forwarded-for", HeaderValue::from_bytes(b"\xff, 198.51.100.7").unwrap());
        assert_eq!(shown(listed(&bytes, &HeaderName::from_static("x-forwarded-for"))), "198.51.100.7 ?");
        let long = headers("x-forwarded-for", &[&"192.0.2.1,".repeat(10_000)]);
        assert_eq!(listed(&long, &HeaderName::from_static("x-forwarded-for")).len(), MOST);
    }

    #[test]
    fn forwarded_is_read_strictly() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (&["For=192.0.2.1;proto=https;by=203.0.113.4"], "192.0.2.1"),
            (&["proto=https; for=192.0.2.1"], "192.0.2.1"),
            (&["for=192.0.2.1, for=192.0.2.2"], "192.0.2.2 192.0.2.1"),
            (&["for=192.0.2.1", "for=192.0.2.2"], "192.0.2.2 192.0.2.1"),
            (&["for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=\"192.0.2.1\""], "192.0.2.1"),
            (&["for=unknown"], "?"),
            (&["for=_hidden, for=192.0.2.1"], "192.0.2.1 ?"),
            (&["for=192.0.2.1;for=192.0.2.2"], "?"),
            (&["proto=https"], "?"),
            (&["for=\"192.0.2.1, for=192.0.2.2"], "192.0.2.2 ?"),
            (&["by=\"a,b;for=192.0.2.9\";for=192.0.2.1"], "192.0.2.1"),
            (&["by=\"\\\",for=192.0.2.9\";for=192.0.2.1"], "?"),
            (&["\", for=198.51.100.7"], "198.51.100.7 ?"),
            (&["for=\"1.1.1.1, for=198.51.100.7"], "198.51.100.7 ?"),
            (&["for"], "?"),
        ] {
            assert_eq!(shown(forwarded(&headers("forwarded", lines))), expected, "{lines:?}");
        }
    }
}

//! What proxies say of whom they forward, nearest first.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

/// Hops that are looked at: no chain of one's own is longer.
const MOST: usize = 32;

/// Addresses of a header of comma-separated ones, such as `X-Forwarded-For`, from the right over all its lines. `None`
/// for a hop that is no address.
pub(super) fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Option<IpAddr>> + use<'a> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    lines.into_iter().rev().flat_map(|line| hops(line, ',')).take(MOST).map(|hop| address(hop?))
}

/// Addresses of `Forwarded` (RFC 7239), from the right over all its lines.
pub(super) fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + use<'_> {
    let lines: Vec<&HeaderValue> = headers.get_all(http::header::FORWARDED).iter().collect();
    lines.into_iter().rev().flat_map(|line| hops(line, ',')).take(MOST).map(|hop| element(hop?))
}

/// What stands between separators outside of quotes, from the right. `None` where a line is not text.
fn hops(line: &HeaderValue, separator: char) -> Vec<Option<&str>> {
    let Ok(text) = line.to_str() else { return vec![None] };
    let (mut hops, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                hops.push(Some(text[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
    }
    // A quote that never ends may hide anything: nothing of such a line is believed.
    if quoted {
        return vec![None];
    }
    hops.push(Some(text[start..].trim()));
    hops.reverse();
    hops
}

/// `for=192.0.2.1;proto=https`: exactly one `for`.
fn element(text: &str) -> Option<IpAddr> {
    let line = HeaderValue::from_str(text).ok()?;
    let mut found = None;
    for pair in hops(&line, ';') {
        let (name, value) = pair?.split_once('=')?;
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

    fn shown(found: impl Iterator<Item = Option<IpAddr>>) -> String {
        found.map(|hop| hop.map_or("?".to_owned(), |hop| hop.to_string())).collect::<Vec<_>>().join(" ")
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
            (&[], ""),
        ] {
            let headers = headers("x-forwarded-for", lines);
            assert_eq!(shown(listed(&headers, &HeaderName::from_static("x-forwarded-for"))), expected, "{lines:?}");
        }
        let long = headers("x-forwarded-for", &[&"192.0.2.1,".repeat(10_000)]);
        assert_eq!(listed(&long, &HeaderName::from_static("x-forwarded-for")).count(), MOST);
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
            (&["for=\"192.0.2.1, for=192.0.2.2"], "?"),
            (&["by=\"a,b;for=192.0.2.9\";for=192.0.2.1"], "192.0.2.1"),
            (&["by=\"\\\",for=192.0.2.9\";for=192.0.2.1"], "192.0.2.1"),
            (&["for"], "?"),
        ] {
            assert_eq!(shown(forwarded(&headers("forwarded", lines))), expected, "{lines:?}");
        }
    }
}

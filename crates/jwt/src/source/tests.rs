//! Which token of a request is taken, and what is taken out so that nothing inside can log it.

use http::{HeaderValue, Request, Response, Version, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};
use portcullis_core::handshake::Subprotocol;

use super::{Source, Token, remove_credentials, take};
use crate::error::TokenError;

fn parts(uri: &str, headers: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::get(uri).version(Version::HTTP_11);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn ask(sources: &[Source], parts: &mut Parts) -> Result<Option<String>, TokenError> {
    let (taken, outcome) = take(sources, parts);
    outcome.map(|()| taken.token.map(|Token(token)| token))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what `ask` gives")]
fn some(token: &str) -> Result<Option<String>, TokenError> {
    Ok(Some(token.to_owned()))
}

fn cookie() -> Source {
    Source::Cookie("session".into())
}

#[test]
fn a_bearer_token_is_read_and_hidden() {
    for (value, found) in [
        ("Bearer abc", some("abc")),
        ("bearer abc", some("abc")),
        ("BEARER  abc ", some("abc")),
        ("Bearer ", some("")),
        ("Bearer", Ok(None)),
        ("Basic YWJj", Ok(None)),
        ("Bearerabc", Ok(None)),
    ] {
        let mut parts = parts("/", &[("authorization", value)]);
        assert_eq!(ask(&[Source::Bearer], &mut parts), found, "{value}");
        assert!(!format!("{parts:?}").contains("abc"));
    }
    let mut twice = parts("/", &[("authorization", "Bearer a"), ("authorization", "Bearer a")]);
    assert!(matches!(ask(&[Source::Bearer], &mut twice), Err(TokenError::Malformed(_))));
}

#[test]
fn a_cookie_is_read_from_however_many_headers() {
    let twice = Err(TokenError::Malformed("the cookie is there twice"));
    for (headers, found) in [
        (&["session=abc"][..], some("abc")),
        (&["a=b; session=abc; c=d"], some("abc")),
        (&["a=b", "session=abc"], some("abc")),
        (&["session=\"abc\""], some("abc")),
        (&["session=a=b"], some("a=b")),
        (&["xsession=abc; session2=abc; Session=abc"], Ok(None)),
        (&["session"], Ok(None)),
        (&[], Ok(None)),
        (&["session=abc; session=abd"], twice.clone()),
        (&["session=abc", "session=abc"], twice),
        (&["a=b; ; ;=; session = abc "], some("abc")),
    ] {
        let headers: Vec<_> = headers.iter().map(|value| ("cookie", *value)).collect();
        assert_eq!(ask(&[cookie()], &mut parts("/", &headers)), found, "{headers:?}");
    }
    let mut parts = parts("/", &[("cookie", "session=abc"), ("cookie", "other=abc")]);
    let (taken, _) = take(&[cookie()], &mut parts);
    assert!(taken.ambient);
    assert!(!format!("{parts:?}").contains("abc"));
}

/// Cookies in octets, as a client sends them.
fn octets(headers: &[&[u8]]) -> Parts {
    let mut parts = parts("/", &[]);
    for value in headers {
        parts.headers.append("cookie", HeaderValue::from_bytes(value).unwrap());
    }
    parts
}

#[test]
fn a_cookie_of_somebody_elses_locks_nobody_out() {
    let not_text = Err(TokenError::Malformed("the cookie is not text"));
    for (headers, found) in [
        (&["theme=grün; session=abc".as_bytes()][..], some("abc")),
        (&["session=abc; theme=grün".as_bytes()], some("abc")),
        (&[b"theme=gr\xfcn", b"session=abc"], some("abc")),
        (&[b"\xff\xfe; session=abc; gr\xfcn=x"], some("abc")),
        (&[b"theme=gr\xfcn"], Ok(None)),
        (&[b"s\xe9ssion=abc"], Ok(None)),
        (&[b"session=\xff"], not_text.clone()),
        (&["session=grün".as_bytes()], not_text),
    ] {
        assert_eq!(ask(&[cookie()], &mut octets(headers)), found, "{headers:?}");
    }
}

#[test]
fn credentials_are_removed_and_other_cookies_are_left_to_the_byte() {
    for (headers, left) in [
        (&[&b"session=abc"[..]][..], &[][..]),
        (&[b"a=b; session=abc; c=d"], &[&b"a=b; c=d"[..]]),
        (&[b"session=abc; c=d"], &[b"c=d"]),
        (&[b"a=b;session=abc"], &[b"a=b"]),
        (&[b"theme=gr\xfcn;  session=\"abc\" ;x=  y ;; z"], &[b"theme=gr\xfcn;x=  y ;; z"]),
        (&[b"a=b", b"session=abc", b"c=d"], &[b"a=b", b"c=d"]),
        (&[b"session=abc; session=abd; c=d"], &[b"c=d"]),
        (&[b" a=b ; xsession=abc; session"], &[b" a=b ; xsession=abc; session"]),
        (&[], &[]),
    ] {
        let mut parts = octets(headers);
        parts.headers.insert("authorization", HeaderValue::from_static("Bearer abc"));
        let _taken = take(&[cookie()], &mut parts);
        remove_credentials(&[cookie()], &mut parts);
        let found: Vec<&[u8]> = parts.headers.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(found, left, "{headers:?}");
        assert!(parts.headers.get_all("cookie").iter().all(HeaderValue::is_sensitive), "{headers:?}");
        assert!(parts.headers.contains_key("authorization"), "no source of this layer");
    }
    let mut bearer = parts("/", &[("authorization", "Bearer abc"), ("cookie", "session=abc")]);
    remove_credentials(&[Source::Bearer], &mut bearer);
    assert_eq!(bearer.headers.keys().collect::<Vec<_>>(), ["cookie"]);
}

#[test]
fn a_query_parameter_is_taken_out_and_others_are_left_to_the_byte() {
    let utf8 = Err(TokenError::Malformed("the token is not UTF-8"));
    let twice = Err(TokenError::Malformed("the query has the token twice"));
    for (uri, found, left) in [
        ("/ws?token=abc", some("abc"), "/ws"),
        ("/ws?a=%20&token=abc&&b=+&c", some("abc"), "/ws?a=%20&&b=+&c"),
        ("/ws?%74oken=abc", some("abc"), "/ws"),
        ("/ws?token=a%2Eb%C3%A9", some("a.bé"), "/ws"),
        ("/ws?token=a=b", some("a=b"), "/ws"),
        ("/ws?token", some(""), "/ws"),
        ("/ws?token=", some(""), "/ws"),
        ("/ws?Token=abc&tokens=abc", Ok(None), "/ws?Token=abc&tokens=abc"),
        ("/ws?", Ok(None), "/ws?"),
        ("/ws", Ok(None), "/ws"),
        ("/ws?token=%ff&x=y", utf8, "/ws?x=y"),
        ("/ws?token=a&token=b", twice.clone(), "/ws"),
        ("/ws?token=a&x=y&t%6Fken=a", twice, "/ws?x=y"),
        ("http://example.com/ws?token=abc&x", some("abc"), "http://example.com/ws?x"),
        ("http://example.com?token=abc", some("abc"), "http://example.com/"),
    ] {
        let mut parts = parts(uri, &[]);
        assert_eq!(ask(&[Source::Query("token".into())], &mut parts), found, "{uri}");
        assert_eq!(parts.uri, left, "{uri}");
    }
}

#[test]
fn a_pair_of_subprotocols_is_taken_out() {
    let twice = Err(TokenError::Malformed("the subprotocols have the token twice"));
    for (offers, found, left) in [
        (&["bearer, abc"][..], some("abc"), None),
        (&["bearer,abc, chat"], some("abc"), Some("chat")),
        (&["chat", "bearer", "abc"], some("abc"), Some("chat")),
        (&["v1, bearer, abc, v2"], some("abc"), Some("v1, v2")),
        (&["chat"], Ok(None), Some("chat")),
        (&["Bearer, abc"], Ok(None), Some("Bearer, abc")),
        (&["chat, bearer"], Err(TokenError::Malformed("no token behind the subprotocol")), Some("chat")),
        (&["bearer, abc, bearer, abd"], twice.clone(), None),
        (&["bearer, abc, abc"], twice.clone(), None),
        (&["abc, bearer, abc, chat"], twice, None),
        (&["bearer, bearer"], some("bearer"), None),
    ] {
        let headers: Vec<_> = offers.iter().map(|value| ("sec-websocket-protocol", *value)).collect();
        let mut parts = parts("/", &headers);
        assert_eq!(ask(&[Source::Subprotocol("bearer".into())], &mut parts), found, "{offers:?}");
        let shown = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().map(|value| value.to_str().unwrap());
        assert_eq!(shown.collect::<Vec<_>>().first().copied(), left, "{offers:?}");
    }
}

#[test]
fn a_prefixed_subprotocol_is_taken_out() {
    let (fine, other) = ("jwt.YWJj", "jwt.YWJk");
    let base64 = Err(TokenError::Malformed("the token in the subprotocol is not base64url"));
    let alone = Err(TokenError::Malformed("a subprotocol to select must be offered beside the token"));
    for (offer, found, left) in [
        (format!("{fine}, chat"), some("abc"), Some("chat")),
        (format!("chat, {fine}"), some("abc"), Some("chat")),
        (fine.to_owned(), alone, None),
        ("jwt.%%%, chat".to_owned(), base64.clone(), Some("chat")),
        ("jwt.YWJj=, chat".to_owned(), base64.clone(), Some("chat")),
        ("jwt._w, chat".to_owned(), base64, Some("chat")),
        (
            format!("{fine}, {other}, chat"),
            Err(TokenError::Malformed("the subprotocols have the token twice")),
            Some("chat"),
        ),
        ("chat".to_owned(), Ok(None), Some("chat")),
    ] {
        let mut parts = parts("/", &[("sec-websocket-protocol", &offer)]);
        assert_eq!(ask(&[Source::SubprotocolPrefix("jwt.".into())], &mut parts), found, "{offer}");
        let shown = parts.headers.get(SEC_WEBSOCKET_PROTOCOL).map(|value| value.to_str().unwrap());
        assert_eq!(shown, left, "{offer}");
    }
}

#[test]
fn the_first_source_that_has_a_token_decides_and_all_are_taken_out() {
    let sources = [Source::Bearer, Source::Query("token".into()), Source::Subprotocol("bearer".into()), cookie()];
    let headers =
        [("authorization", "Bearer one"), ("sec-websocket-protocol", "bearer, three"), ("cookie", "session=four")];
    let mut all = parts("/ws?token=two", &headers);
    assert_eq!(ask(&sources, &mut all), some("one"));
    assert_eq!(all.uri, "/ws");
    assert!(!all.headers.contains_key(SEC_WEBSOCKET_PROTOCOL));
    assert!(!take(&sources, &mut parts("/ws?token=two", &headers)).0.ambient);
    // A bad one is not mended by a good one further on.
    let mut bad = parts("/ws?token=%ff", &headers[1..]);
    assert_eq!(ask(&sources, &mut bad), Err(TokenError::Malformed("the token is not UTF-8")));
    assert!(!bad.headers.contains_key(SEC_WEBSOCKET_PROTOCOL));
    assert_eq!(ask(&sources, &mut parts("/ws", &headers[2..])), some("four"));
    assert_eq!(ask(&sources, &mut parts("/ws", &[])), Ok(None));
}

#[test]
fn what_is_no_tokens_is_not_shown_either_behind_a_source_that_decided() {
    for (source, name, values) in [
        (Source::Bearer, "authorization", ["Bearer secret", "Bearer secret"]),
        (cookie(), "cookie", ["session=secret", "session=secret"]),
        (cookie(), "cookie", ["session=secret", "\u{e9}"]),
        (Source::Subprotocol("bearer".into()), "sec-websocket-protocol", ["bearer, secret", "\u{e9}"]),
        (Source::SubprotocolPrefix("jwt.".into()), "sec-websocket-protocol", ["jwt.secret", "\u{e9}"]),
    ] {
        let mut parts = parts("/ws?token=abc", &values.map(|value| (name, value)));
        assert_eq!(ask(&[Source::Query("token".into()), source.clone()], &mut parts), some("abc"), "{source:?}");
        assert!(!format!("{parts:?}").contains("secret"), "{source:?} {parts:?}");
    }
}

#[test]
fn a_browser_is_told_a_subprotocol_that_is_no_token() {
    let protocol = |offer| parts("/", &[("sec-websocket-protocol", offer)]);
    let told = |source, offer, status| {
        let mut response = Response::builder().status(status).body(()).unwrap();
        take(&[source], &mut protocol(offer)).0.subprotocols.apply(&mut response);
        let named = response.extensions().get::<Subprotocol>().map(|Subprotocol(name)| name.clone());
        response.headers_mut().remove(SEC_WEBSOCKET_PROTOCOL).or(named)
    };
    let pair = |status| told(Source::Subprotocol("bearer".into()), "bearer, abc, chat", status);
    assert_eq!((pair(101).unwrap(), pair(401).unwrap()), ("bearer".parse().unwrap(), "bearer".parse().unwrap()));
    let prefixed = |status| told(Source::SubprotocolPrefix("jwt.".into()), "jwt.YWJj, chat", status);
    assert_eq!((prefixed(101), prefixed(401).unwrap()), (None, HeaderValue::from_static("chat")));
}

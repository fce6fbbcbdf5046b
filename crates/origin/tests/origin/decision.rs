//! The decision, row by row: headers in, admitted or the kind of the refusal.

use http::{HeaderValue, Request, request::Parts};
use portcullis_core::identity::TrustedPeer;
use portcullis_origin::{OriginLayer, Origins};

const OK: &str = "";
const NO: &str = "origin_not_allowed";
const BAD: &str = "invalid_origin";

fn parts(uri: &str, headers: &[(&str, &[u8])], trusted: bool) -> Parts {
    let mut request = Request::get(uri).body(()).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    if trusted {
        request.extensions_mut().insert(TrustedPeer);
    }
    request.into_parts().0
}

fn kind(layer: &OriginLayer, parts: &Parts) -> &'static str {
    layer.admit(parts).err().map_or(OK, |refusal| refusal.kind().as_str())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn listed_origins() {
    let layer = OriginLayer::new([
        "https://app.example.com",
        "http://localhost:3000",
        "https://*.example.net",
        "https://*.example.org:8443",
        "tauri://localhost",
        "chrome-extension://abcdefghijklmnop",
        "https://192.0.2.1",
        "https://[2001:db8::1]:444",
        "https://xn--bcher-kva.example",
    ])
    .unwrap();
    for (origin, expected) in [
        // Schemes.
        (&b"https://app.example.com"[..], OK),
        (b"http://app.example.com", NO),
        (b"wss://app.example.com", NO),
        (b"HTTPS://app.example.com", OK),
        (b"ftp://app.example.com", NO),
        (b"file://", "file_origin"),
        (b"file:///", BAD),
        (b"file://host", NO),
        (b"https//app.example.com", BAD),
        (b"https:app.example.com", BAD),
        (b"https:/app.example.com", BAD),
        (b"://app.example.com", BAD),
        (b"app.example.com", BAD),
        (b"//app.example.com", BAD),
        (b"1https://app.example.com", BAD),
        (b"ht tps://app.example.com", BAD),
        (b"javascript:alert(1)", BAD),
        (b"data:text/html,x", BAD),
        (b"about:blank", BAD),
        // Hosts and case.
        (b"https://APP.example.COM", OK),
        (b"https://example.com", NO),
        (b"https://evil.example", NO),
        (b"https://app.example.com.evil.net", NO),
        (b"https://evilapp.example.com", NO),
        (b"https://app.example.comevil.net", NO),
        (b"https://app-example.com", NO),
        (b"https://app.example", NO),
        (b"https://", BAD),
        (b"https://.", BAD),
        (b"https://..", BAD),
        (b"https://app..example.com", BAD),
        (b"https://.app.example.com", BAD),
        (b"https://app.example.com.", NO),
        (b"https://app.example.com..", BAD),
        (b"https://app_x.example.com", NO),
        (b"https://*.example.net", BAD),
        (b"https://*", BAD),
        // Ports.
        (b"https://app.example.com:443", OK),
        (b"https://app.example.com:80", NO),
        (b"https://app.example.com:8443", NO),
        (b"https://app.example.com:", BAD),
        (b"https://app.example.com:0", BAD),
        (b"https://app.example.com:0443", BAD),
        (b"https://app.example.com:+443", BAD),
        (b"https://app.example.com:-1", BAD),
        (b"https://app.example.com:65535", NO),
        (b"https://app.example.com:65536", BAD),
        (b"https://app.example.com:99999", BAD),
        (b"https://app.example.com:65979", BAD),
        (b"https://app.example.com:4a3", BAD),
        (b"https://app.example.com:443:443", BAD),
        (b"http://localhost:3000", OK),
        (b"http://localhost", NO),
        (b"http://localhost:80", NO),
        (b"http://localhost:3001", NO),
        // Userinfo.
        (b"https://app.example.com@evil.net", BAD),
        (b"https://user@app.example.com", BAD),
        (b"https://user:pw@app.example.com", BAD),
        (b"https://@app.example.com", BAD),
        (b"https://evil.net:443@app.example.com", BAD),
        // Paths, queries, backslashes, percent signs, blanks.
        (b"https://app.example.com/", BAD),
        (b"https://app.example.com/path", BAD),
        (b"https://evil.net/https://app.example.com", BAD),
        (b"https://app.example.com?x", BAD),
        (b"https://app.example.com#x", BAD),
        (b"https://evil.net#app.example.com", BAD),
        (b"https://app.example.com\\", BAD),
        (b"https://app.example.com\\@evil.net", BAD),
        (b"https:\\\\app.example.com", BAD),
        (b"https://app%2eexample.com", BAD),
        (b"https://%61pp.example.com", BAD),
        (b"https://app.example.com%00", BAD),
        (b"https://app.example.com ", BAD),
        (b" https://app.example.com", BAD),
        (b"https:// app.example.com", BAD),
        (b"https://app.example.com\t", BAD),
        (b"https://app.\texample.com", BAD),
        // Lists and empty values.
        (b"https://app.example.com, https://app.example.com", BAD),
        (b"https://app.example.com,https://evil.net", BAD),
        (b"https://app.example.com https://evil.net", BAD),
        (b"", BAD),
        (b" ", BAD),
        (b",", BAD),
        // Not ASCII, and punycode.
        (b"https://b\xc3\xbccher.example", BAD),
        (b"https://b\xfccher.example", BAD),
        (b"https://app.example.com\xff", BAD),
        (b"https://xn--bcher-kva.example", OK),
        (b"https://XN--BCHER-KVA.example", OK),
        (b"https://bcher-kva.example", NO),
        // null.
        (b"null", "null_origin"),
        (b"NULL", BAD),
        (b"Null", BAD),
        (b"null://", BAD),
        (b"https://null", NO),
        // Custom schemes.
        (b"tauri://localhost", OK),
        (b"tauri://localhost:80", NO),
        (b"tauri://evil", NO),
        (b"chrome-extension://abcdefghijklmnop", OK),
        (b"chrome-extension://ponmlkjihgfedcba", NO),
        (b"moz-extension://abcdefghijklmnop", NO),
        // Addresses.
        (b"https://192.0.2.1", OK),
        (b"https://192.0.2.1:443", OK),
        (b"https://192.0.2.10", NO),
        (b"https://192.0.2.01", NO),
        (b"https://3221225985", NO),
        (b"https://0xc0000201", NO),
        (b"https://[2001:db8::1]:444", OK),
        (b"https://[2001:DB8::1]:444", OK),
        (b"https://[2001:0db8:0::1]:444", OK),
        (b"https://[2001:db8::1]", NO),
        (b"https://[2001:db8::2]:444", NO),
        (b"https://2001:db8::1", BAD),
        (b"https://[2001:db8::1", BAD),
        (b"https://2001:db8::1]", BAD),
        (b"https://[::1%25lo]", BAD),
        (b"https://[]", BAD),
        (b"https://[app.example.com]", BAD),
        (b"https://[2001:db8::1]evil.net", BAD),
        // Wildcards against look-alikes.
        (b"https://a.example.net", OK),
        (b"https://a.b.example.net", OK),
        (b"https://A.EXAMPLE.NET:443", OK),
        (b"https://example.net", NO),
        (b"https://.example.net", BAD),
        (b"https://evilexample.net", NO),
        (b"https://a.evilexample.net", NO),
        (b"https://a.example.net.evil.com", NO),
        (b"https://a.example.net.", NO),
        (b"http://a.example.net", NO),
        (b"https://a.example.net:8443", NO),
        (b"https://a.example.org:8443", OK),
        (b"https://a.example.org", NO),
        (b"https://example.org:8443", NO),
    ] {
        let found = kind(&layer, &parts("/", &[("origin", origin)], false));
        assert_eq!(found, expected, "{}", origin.escape_ascii());
    }
}

type Row<'a> = (&'a str, &'a [(&'a str, &'a [u8])], bool, &'a str);

#[test]
fn same_origin() {
    let layer = OriginLayer::same_origin();
    let rows: &[Row<'_>] = &[
        ("/", &[("host", b"a.example"), ("origin", b"https://a.example")], false, OK),
        ("/", &[("host", b"a.example"), ("origin", b"http://a.example")], false, OK),
        ("/", &[("host", b"A.example"), ("origin", b"https://a.EXAMPLE")], false, OK),
        ("/", &[("host", b"a.example:443"), ("origin", b"https://a.example")], false, OK),
        ("/", &[("host", b"a.example"), ("origin", b"https://a.example:443")], false, OK),
        ("/", &[("host", b"a.example:80"), ("origin", b"https://a.example")], false, NO),
        ("/", &[("host", b"a.example:8080"), ("origin", b"http://a.example:8080")], false, OK),
        ("/", &[("host", b"a.example:8080"), ("origin", b"http://a.example")], false, NO),
        ("/", &[("host", b"a.example"), ("origin", b"http://a.example:8080")], false, NO),
        ("/", &[("host", b"a.example"), ("origin", b"https://b.example")], false, NO),
        ("/", &[("host", b"[::1]:80"), ("origin", b"http://[::1]")], false, OK),
        ("/", &[("origin", b"https://a.example")], false, NO),
        ("/", &[("host", b"a.example"), ("host", b"b.example"), ("origin", b"https://a.example")], false, NO),
        ("/", &[("host", b"a.example@b"), ("origin", b"https://a.example")], false, NO),
        // A custom scheme is nobody's own.
        ("/", &[("host", b"a.example"), ("origin", b"ftp://a.example")], false, NO),
        ("/", &[("host", b"a.example"), ("origin", b"tauri://a.example")], false, NO),
        // HTTP/2: the authority, whatever Host says.
        ("https://a.example/", &[("origin", b"https://a.example")], false, OK),
        ("https://a.example/", &[("origin", b"http://a.example")], false, NO),
        ("https://a.example/", &[("host", b"b.example"), ("origin", b"https://b.example")], false, NO),
        // Forwarded hosts.
        ("/", &[("host", b"in"), ("x-forwarded-host", b"a.example"), ("origin", b"https://a.example")], true, OK),
        ("/", &[("host", b"in"), ("x-forwarded-host", b"a.example"), ("origin", b"https://a.example")], false, NO),
        ("/", &[("host", b"in"), ("x-forwarded-host", b"a.example, b"), ("origin", b"https://a.example")], true, NO),
        ("/", &[("host", b"a.example"), ("x-forwarded-proto", b"https"), ("origin", b"http://a.example")], true, NO),
        ("/", &[("host", b"a.example"), ("x-forwarded-proto", b"wss"), ("origin", b"https://a.example")], true, OK),
        ("/", &[("host", b"a.example"), ("x-forwarded-proto", b"https"), ("origin", b"http://a.example")], false, OK),
        // Sec-Fetch-Site as an extra signal.
        ("/", &[("host", b"a"), ("sec-fetch-site", b"cross-site"), ("origin", b"https://a")], false, NO),
        ("/", &[("host", b"a"), ("sec-fetch-site", b"same-origin"), ("origin", b"https://a")], false, OK),
        // Repeated.
        ("/", &[("host", b"a"), ("origin", b"https://a"), ("origin", b"https://a")], false, "repeated_origin"),
    ];
    for (uri, headers, trusted, expected) in rows {
        assert_eq!(kind(&layer, &parts(uri, headers, *trusted)), *expected, "{uri} {headers:?} {trusted}");
    }
    let stated = OriginLayer::same_origin().scheme("wss").unwrap();
    let plain = parts("/", &[("host", b"a"), ("origin", b"http://a")], false);
    assert_eq!(kind(&stated, &plain), NO);
}

type Settings<'a> = (OriginLayer, &'a [(&'a str, &'a [u8])], &'a str);

#[test]
fn absent_origins_null_and_hosts() {
    let new = || OriginLayer::new(["https://a.example"]).unwrap();
    let local = || OriginLayer::new(["http://*.localhost:3000"]).unwrap();
    let absent = "absent_origin";
    let rows: &[Settings<'_>] = &[
        (new(), &[], OK),
        (new(), &[("cookie", b"id=1")], absent),
        (new(), &[("sec-fetch-site", b"cross-site")], absent),
        (new().allow_absent(), &[("cookie", b"id=1")], OK),
        (new().allow_absent(), &[("sec-fetch-site", b"cross-site")], absent),
        (new().deny_absent(), &[], absent),
        (new().deny_absent().allow_absent(), &[], absent),
        (new().allow_absent().deny_absent(), &[], absent),
        (new().deny_absent(), &[("origin", b"https://a.example")], OK),
        (new().allow_null(), &[("origin", b"null")], OK),
        (new().allow_null(), &[("origin", b"file://")], "file_origin"),
        (new().allow_file(), &[("origin", b"file://")], OK),
        (new().allow_file(), &[("origin", b"null")], "null_origin"),
        (new().allow_file(), &[("origin", b"file:///etc/passwd")], BAD),
        (OriginLayer::danger_any(), &[("origin", b"https://evil.example")], OK),
        (OriginLayer::danger_any(), &[("origin", b"null")], OK),
        (OriginLayer::danger_any(), &[("origin", b"file://")], OK),
        (OriginLayer::danger_any(), &[("origin", b"https://a/b")], BAD),
        (OriginLayer::danger_any(), &[("origin", b"https://a"), ("origin", b"https://a")], "repeated_origin"),
        (OriginLayer::danger_any(), &[("cookie", b"id=1")], absent),
        (OriginLayer::new([""; 0]).unwrap(), &[("origin", b"https://a.example")], NO),
        (new().hosts([""; 0]).unwrap(), &[("host", b"a.example")], "host_not_allowed"),
        (new().hosts(["a.example"]).unwrap(), &[("host", b"a.example:81"), ("origin", b"https://a.example")], OK),
        (
            new().hosts(["a.example"]).unwrap(),
            &[("host", b"evil"), ("origin", b"https://a.example")],
            "host_not_allowed",
        ),
        (new().hosts(["a.example:80"]).unwrap(), &[("host", b"a.example:81")], "host_not_allowed"),
        (new().hosts(["a.example"]).unwrap(), &[], "host_not_allowed"),
        (new().allow_if(|origin, _| origin.host() == "tenant.example"), &[("origin", b"https://tenant.example")], OK),
        (
            new().allow_if(|origin, _| origin.host() == "tenant.example").allow_if(|_, _| false),
            &[("origin", b"https://tenant.example")],
            OK,
        ),
        (new().hosts(["a.example"]).unwrap().hosts(["b.example"]).unwrap(), &[("host", b"a.example")], OK),
        (new().or_same_origin(), &[("host", b"own.example"), ("origin", b"https://own.example")], OK),
        (new().or_same_origin(), &[("host", b"own.example"), ("origin", b"https://a.example")], OK),
        (new().or_same_origin(), &[("host", b"own.example"), ("origin", b"https://evil.example")], NO),
        (local(), &[("origin", b"http://a.localhost:3000")], OK),
        (local(), &[("origin", b"http://a.b.localhost:3000")], OK),
        (local(), &[("origin", b"http://localhost:3000")], NO),
        (local(), &[("origin", b"http://a.localhost")], NO),
        (local(), &[("origin", b"http://evillocalhost:3000")], NO),
        (new().allow_if(|_, _| false), &[("origin", b"https://tenant.example")], NO),
    ];
    for (layer, headers, expected) in rows {
        assert_eq!(kind(layer, &parts("/", headers, false)), *expected, "{headers:?}");
    }
}

#[test]
fn wrong_patterns_say_what_is_wrong() {
    for (pattern, why) in [
        ("https://a.example/", "a path is not part of an origin"),
        ("https://a.example/b", "a path is not part of an origin"),
        ("a.example", "it has no scheme"),
        ("https://user@a.example", "userinfo is not part of an origin"),
        ("https://bücher.example", "a host that is not ASCII is written in punycode (xn--)"),
        ("https://a.example:99999", "its port is not a port"),
        ("null", "`null` is allowed with `allow_null`"),
        ("*", "all origins are allowed with `OriginLayer::danger_any`"),
        ("file://", "`file://` is allowed with `allow_file`"),
        ("ws://a.example", "an origin has the scheme of the page, which is `http` where the socket's is `ws`"),
        ("WSS://a.example", "an origin has the scheme of the page, which is `https` where the socket's is `wss`"),
        ("wss://*.example.com", "an origin has the scheme of the page, which is `https` where the socket's is `wss`"),
        ("https://*example.com", "a wildcard is one whole label at the front, as in https://*.example.com"),
        ("https://a.*.example.com", "a wildcard is one whole label at the front, as in https://*.example.com"),
        ("https://*.com", "a wildcard needs a domain of two labels at least"),
        ("https://*.0.2.1", "an address has no subdomains"),
        ("https://*.[::1]", "an address has no subdomains"),
        ("https://*.*.example.com", "its host is not a host"),
    ] {
        let error = OriginLayer::new([pattern]).unwrap_err().to_string();
        assert!(error.ends_with(why), "{pattern}: {error}");
    }
}

#[test]
fn wrong_hosts_and_schemes_say_what_is_wrong() {
    for scheme in ["htps", "", "https://", "ftp", "file", "https "] {
        let error = OriginLayer::same_origin().scheme(scheme).unwrap_err().to_string();
        assert_eq!(error, format!("invalid scheme {scheme:?}: a server is reached by https or http"));
    }
    for scheme in ["https", "HTTP", "wss", "ws"] {
        assert!(OriginLayer::same_origin().scheme(scheme).is_ok(), "{scheme}");
    }
    let error = OriginLayer::same_origin().hosts(["a.example/"]).unwrap_err().to_string();
    assert!(error.starts_with("invalid host \"a.example/\": "), "{error}");
}

#[test]
fn a_refused_host_is_named_and_how_to_allow_it() {
    let layer = OriginLayer::same_origin().hosts(["a.example"]).unwrap();
    let refusal = layer.admit(&parts("/", &[("host", b"evil.example:81")], false)).unwrap_err();
    let sentence = "The handshake was refused: host \"evil.example:81\" is not allowed. Allow it with hosts([\"evil.example:81\"]).";
    assert_eq!(refusal.message(), sentence);
}

#[test]
fn the_sentence_names_the_origin_and_echoes_no_control_characters() {
    let layer = OriginLayer::new(["https://a.example"]).unwrap();
    let refusal = layer.admit(&parts("/", &[("origin", b"https://evil.net")], false)).unwrap_err();
    assert!(refusal.message().contains("OriginLayer::new([\"https://evil.net\"])"), "{}", refusal.message());
    let long = [&b"https://a\tb\xff"[..], &[b'x'; 4000]].concat();
    let refusal = layer.admit(&parts("/", &[("origin", &long)], false)).unwrap_err();
    assert!(refusal.message().is_ascii() && !refusal.message().contains('\t') && refusal.message().len() < 300);
}

#[test]
fn a_list_can_be_replaced_while_it_is_used() {
    let list = Origins::new(["https://a.example"]).unwrap();
    let layer = OriginLayer::listed(list.clone());
    let b = parts("/", &[("origin", b"https://b.example")], false);
    assert_eq!(kind(&layer, &b), NO);
    assert!(list.replace(["https://b.example", "nonsense"]).is_err());
    assert_eq!(kind(&layer, &b), NO);
    list.replace(["https://b.example"]).unwrap();
    assert_eq!(kind(&layer, &b), OK);
}

//! Hostile `Origin` headers: none panics, and what is allowed is what was listed.
#![no_main]

use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use portcullis_origin::{OriginLayer, Origins};

fuzz_target!(|input: &[u8]| {
    let listed = ["https://app.example.com", "https://*.example.net", "http://localhost:3000", "tauri://localhost"];
    let layer = OriginLayer::new(listed).expect("the list is valid");
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let request = Request::get("/").header("upgrade", "websocket").header("origin", value);
    let Ok(request) = request.body(()) else { return };
    if layer.admit(&request.into_parts().0).is_ok() {
        let text = std::str::from_utf8(input).expect("what is allowed is ASCII").to_ascii_lowercase();
        let exact =
            ["https://app.example.com", "https://app.example.com:443", "http://localhost:3000", "tauri://localhost"];
        let below = text.strip_prefix("https://").and_then(|rest| rest.strip_suffix(":443").or(Some(rest)));
        let below = below.and_then(|host| host.strip_suffix(".example.net"));
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        assert!(exact.contains(&text.as_str()) || below.is_some_and(|names| names.split('.').all(label)), "{text}");
    }
    // Patterns come from the configuration, and must not panic either.
    if let Ok(pattern) = std::str::from_utf8(input) {
        let _valid_or_not = Origins::new([pattern]);
    }
});

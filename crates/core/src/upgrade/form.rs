//! The form that RFC 6455 requires of a handshake, beyond what makes a request one.
//!
//! A request that a proxy takes for a plain one must not become a connection behind it: the proxy would hand what its
//! client sends over that to others. And a key of sixteen bytes is what distinguishes a WebSocket client from a program
//! that can add headers, but not these (RFC 6455, section 1.3). Libraries are lax about both.
//!
//! | Header | Accepted | Refused with 400 |
//! | --- | --- | --- |
//! | `Connection` | `upgrade`, `keep-alive, Upgrade`, in one line or several | none, `close` |
//! | `Sec-WebSocket-Key` | one, of 24 characters that end with `==` | none, two, another length |
//!
//! Neither exists over HTTP/2, where an extended CONNECT is unmistakable.

use http::{
    HeaderMap, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY},
    request::Parts,
};

use crate::refusal::{Kind, Refusal};

/// Refuses a handshake that has not the `Connection` or the key that RFC 6455, section 4.2.1, requires. The other
/// conditions are left to the library that answers.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    // An extended CONNECT has neither header (RFC 8441, section 5).
    if parts.version >= Version::HTTP_2 {
        return Ok(());
    }
    if !asks_to_upgrade(&parts.headers) {
        return Err(malformed("`Connection` does not list `upgrade`"));
    }
    if !has_key(&parts.headers) {
        return Err(malformed("there is not one `Sec-WebSocket-Key` of 16 bytes in base64"));
    }
    Ok(())
}

fn malformed(sentence: &'static str) -> Refusal {
    Refusal::new(Kind::MALFORMED_HANDSHAKE, StatusCode::BAD_REQUEST).with_message(sentence)
}

/// A list of tokens, in one header or in several (RFC 9110, section 7.6.1).
fn asks_to_upgrade(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONNECTION).iter();
    let is_upgrade = |option: &[u8]| option.trim_ascii().eq_ignore_ascii_case(b"upgrade");
    // Most clients send it so, with nothing beside it.
    values.any(|value| value == "Upgrade" || value.as_bytes().split(|&byte| byte == b',').any(is_upgrade))
}

/// One header (RFC 6455, section 11.3.1), whose value is as long as sixteen bytes are in base64.
fn has_key(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (values.next(), values.next()) else { return false };
    let Some(digits) = key.as_bytes().strip_suffix(b"==") else { return false };
    digits.len() == 22 && digits.iter().all(|&byte| DIGITS[usize::from(byte)])
}

/// The bytes that are digits in base64.
const DIGITS: [bool; 256] = {
    let (mut digits, mut byte) = ([false; 256], 0_u8);
    while byte < 128 {
        digits[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        byte += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use http::{Method, Request};

    use super::*;

    const UPGRADE: (&str, &str) = ("connection", "Upgrade");
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");

    fn checked(headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = Request::get("/").header("upgrade", "websocket");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn connection_is_a_list_of_tokens() {
        for (values, passes) in [
            (&["upgrade"][..], true),
            (&["UPGRADE"], true),
            (&["keep-alive, Upgrade"], true),
            (&["keep-alive ,\tupgrade "], true),
            (&["keep-alive", "upgrade"], true),
            (&[], false),
            (&[""], false),
            (&["keep-alive"], false),
            (&["x-upgrade-x"], false),
            (&["upgrades"], false),
            (&["up grade"], false),
            (&["keep-alive upgrade"], false),
        ] {
            let mut headers = vec![KEY];
            headers.extend(values.iter().map(|value| ("connection", *value)));
            let refused = checked(&headers).err();
            assert_eq!(refused.is_none(), passes, "{values:?}");
            assert!(refused.is_none_or(|refusal| refusal.kind() == Kind::MALFORMED_HANDSHAKE), "{values:?}");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        for (keys, passes) in [
            (&["dGhlIHNhbXBsZSBub25jZQ=="][..], true),
            (&["////////////////////+w=="], true),
            // Bits that are decoded to nothing: some decoders refuse them, RFC 6455 does not.
            (&["AAAAAAAAAAAAAAAAAAAAAB=="], true),
            (&[], false),
            (&[""], false),
            (&["c2hvcnQ="], false),
            (&["dGhlIHNhbXBsZSBub25jZQ"], false),
            (&["dGhlIHNhbXBsZSBub25jZQ="], false),
            (&["dGhlIHNhbXBsZSBub25jZTE="], false),
            (&["dGhlIHNhbXBsZSBub25jZTE2"], false),
            (&["dGhlIHNhbXBs ZSBub25jZ=="], false),
            (&["dGhlIHNhbXBsZSBub25_ZQ=="], false),
            (&["========================"], false),
            (&["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="], false),
        ] {
            let mut headers = vec![UPGRADE];
            headers.extend(keys.iter().map(|key| ("sec-websocket-key", *key)));
            assert_eq!(checked(&headers).is_ok(), passes, "{keys:?}");
        }
    }

    #[test]
    fn an_extended_connect_has_neither() {
        let request = Request::builder().method(Method::CONNECT).uri("example.com:443");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.version = Version::HTTP_2;
        assert!(check(&parts).is_ok());
    }
}

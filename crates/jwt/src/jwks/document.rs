//! What an issuer's document says of its keys (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2), and what
//! of that is believed.

use serde::Deserialize;
use serde_json::Value;

use super::{fetch::FetchError, tenants, url::Url};

/// How much of a name is shown.
const SHOWN: usize = 200;

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Where the issuer's keys are. The document's issuer must be the expected one, to the letter (section 4.3; RFC 8414,
/// section 3.3): an issuer that could name another would have its keys trusted for that one.
pub(super) fn keys_at(document: &[u8], issuer: &str, address: &Url) -> Result<Url, FetchError> {
    let Document { issuer: said, jwks_uri } = serde_json::from_slice(document)
        .map_err(|_| FetchError::Document("it is not JSON, or has no `issuer` or no `jwks_uri`"))?;
    if said != issuer {
        return Err(FetchError::OtherIssuer(said.chars().take(SHOWN).collect()));
    }
    let url = Url::parse(&jwks_uri).ok_or(FetchError::Document("its `jwks_uri` is not a URL of http or https"))?;
    // What came over plain http came from this machine, or from where the user said.
    let plain = !address.secure && (url.is_loopback() || url.host.eq_ignore_ascii_case(&address.host));
    if url.secure || plain { Ok(url) } else { Err(FetchError::Document("its `jwks_uri` is not of https")) }
}

/// A set without the keys that are of other issuers, as Microsoft's say (`issuer`): one that is for personal accounts
/// signs nothing in the name of an organisation.
pub(super) fn of_issuer(set: Vec<u8>, issuer: &str) -> Vec<u8> {
    let Ok(mut read) = serde_json::from_slice::<Value>(&set) else { return set };
    let Some(keys) = read.get_mut("keys").and_then(Value::as_array_mut) else { return set };
    let published = keys.len();
    keys.retain(|key| key.get("issuer").and_then(Value::as_str).is_none_or(|of| is_for(of, issuer)));
    let others = published - keys.len();
    if others == 0 {
        return set;
    }
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "portcullis", issuer, keys = others, "keys of other issuers are left out");
    read.to_string().into_bytes()
}

/// A key of a pattern is for each issuer that fits, a key of one issuer for that one.
fn is_for(key: &str, issuer: &str) -> bool {
    key == issuer || tenants::fits(key, issuer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TENANT: &str = "https://login.example/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0";
    const OTHER: &str = "https://login.example/82229342-1101-4ab6-817b-70c0747630f3/v2.0";
    const PATTERN: &str = "https://login.example/{tenantid}/v2.0";

    fn read(document: &str, issuer: &str, address: &str) -> Result<String, String> {
        let address = Url::parse(address).unwrap();
        let url = keys_at(document.as_bytes(), issuer, &address).map_err(|error| error.to_string())?;
        Ok(format!("{} {}{}", url.secure, url.authority(), url.path))
    }

    #[test]
    fn a_document_is_of_its_issuer_to_the_letter() {
        let issuer = "https://id.example/a";
        for (said, same) in [
            ("https://id.example/a", true),
            ("https://id.example/a/", false),
            ("https://id.example/A", false),
            ("HTTPS://id.example/a", false),
            ("https://id.example:443/a", false),
            ("https://id.example/%61", false),
            ("https://evil.example/a", false),
            ("", false),
        ] {
            let document = json!({"issuer": said, "jwks_uri": "https://id.example/keys"}).to_string();
            let outcome = read(&document, issuer, "https://id.example/");
            let refused = || Err(format!("the document is of another issuer: {said:?}"));
            assert_eq!(outcome, if same { Ok("true id.example/keys".to_owned()) } else { refused() });
        }
        let long = json!({"issuer": "\n".repeat(10_000), "jwks_uri": "https://id.example/keys"}).to_string();
        let shown = read(&long, issuer, "https://id.example/").unwrap_err();
        assert!(shown.len() < 500 && !shown.contains('\n'), "{shown}");
    }

    #[test]
    fn keys_come_over_https_where_the_document_did() {
        let https = "https://id.example/document";
        let (local, named) = ("http://localhost:8080/document", "http://keycloak:8080/document");
        for (address, keys, taken) in [
            (https, "https://id.example/keys", true),
            (https, "https://elsewhere.example:8443/keys", true),
            (https, "http://id.example/keys", false),
            (https, "http://localhost/keys", false),
            (https, "ftp://id.example/keys", false),
            (https, "/keys", false),
            (https, "https://user:password@id.example/keys", false),
            (local, "http://localhost:8080/keys", true),
            (local, "http://127.0.0.1:9090/keys", true),
            (local, "https://id.example/keys", true),
            (local, "http://id.example/keys", false),
            (local, "http://10.0.0.1/keys", false),
            (named, "http://keycloak:8080/keys", true),
            (named, "http://localhost:8080/keys", true),
            (named, "http://id.example/keys", false),
        ] {
            let document = json!({"issuer": "a", "jwks_uri": keys}).to_string();
            assert_eq!(read(&document, "a", address).is_ok(), taken, "{address} {keys}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for document in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"issuer":"a"}"#,
            r#"{"jwks_uri":"https://id.example/keys"}"#,
            r#"{"issuer":["a"],"jwks_uri":"https://id.example/keys"}"#,
            r#"{"issuer":"a","jwks_uri":["https://id.example/keys"]}"#,
            r#"{"issuer":"b","issuer":"a","jwks_uri":"https://id.example/keys"}"#,
            r#"{"issuer":"a","jwks_uri":"https://id.example/keys","jwks_uri":"https://evil.example/keys"}"#,
        ] {
            let outcome = read(document, "a", "https://id.example/");
            assert!(outcome.unwrap_err().starts_with("the issuer's document cannot be used"), "{document}");
        }
    }

    #[test]
    fn keys_of_other_issuers_are_left_out() {
        for (issuer, key, taken) in [
            (TENANT, json!(TENANT), true),
            (TENANT, json!(PATTERN), true),
            (TENANT, json!(OTHER), false),
            (PATTERN, json!(PATTERN), true),
            (PATTERN, json!(TENANT), false),
            ("https://id.example", json!(PATTERN), false),
            (TENANT, json!(null), true),
        ] {
            let set = json!({"keys": [{"kid": "a", "issuer": key}, {"kid": "b"}]}).to_string().into_bytes();
            let left: Value = serde_json::from_slice(&of_issuer(set.clone(), issuer)).unwrap();
            let left: Vec<_> =
                left["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
            let expected: &[_] = if taken { &["a", "b"] } else { &["b"] };
            assert_eq!(left, expected, "{issuer} {key}");
        }
        for text in ["", "<html>", "[]", "{}", r#"{"keys":7}"#, r#"{"keys":[7]}"#, r#"{"keys":[{"issuer":["a"]}]}"#] {
            assert_eq!(of_issuer(text.into(), TENANT), text.as_bytes(), "for others to judge");
        }
    }
}

//! The body of an action: a small JSON document from the console's own page.

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use serde::de::DeserializeOwned;

use super::act::Failed;

/// The longest body, in bytes.
const MOST: usize = 4 * 1024;

/// Reads the body of a request whose content type is JSON: no form can send that, and a page of another site needs a
/// CORS preflight for it.
pub(crate) async fn read<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Failed>
where
    B: Body + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !is_json(headers) {
        return Err(Failed::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    match Limited::new(body, MOST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Failed::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"))
        }
        Err(_) => Err(Failed::new(StatusCode::BAD_REQUEST, "the body could not be read")),
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(body).map_err(|error| Failed::new(StatusCode::BAD_REQUEST, format!("invalid body: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let essence = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_that_a_form_can_send_are_not_json() {
        for (kinds, json) in [
            (&["application/json"][..], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&["text/plain"], false),
            (&["text/plain; application/json"], false),
            (&["application/x-www-form-urlencoded"], false),
            (&["multipart/form-data; boundary=application/json"], false),
            (&["application/json", "text/plain"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for kind in kinds {
                headers.append(CONTENT_TYPE, kind.parse().unwrap());
            }
            assert_eq!(is_json(&headers), json, "{kinds:?}");
        }
    }
}
